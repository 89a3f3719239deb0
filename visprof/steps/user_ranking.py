"""Steps: does the profile find a user's next pins (Figure 6)?"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax

from visprof import boards, embedding, palette, prediction, profiles
from visprof.intervals import (
    Estimate,
    estimate_over_seeds,
    mean_over_seeds,
    median_draws,
    resample_counts,
)
from visprof.steps.assignments import Assignments, fit_vocabulary
from visprof.steps.data import BoardSplit
from visprof.steps.registry import step
from visprof.vocabulary import VisualVocabulary

__all__ = [
    "PROFILES", "BatchEffect", "BatchSplits", "HalfProfiles", "ProfileKind", "batch_effect",
    "batch_ranks", "batch_splits", "drawn_pins", "half_profiles", "halves", "mean_profiles",
    "mrr_by_users", "mrr_columns", "mrr_numbers", "mrr_table", "palettes", "ranked",
    "reciprocal_ranks", "repeated_mrr", "slug", "unfitted_vocabulary",
]  # fmt: skip


@dataclass(frozen=True)
class ProfileKind:
    """A kind of profile: what it is the mean of, over a user's pins, and how two are compared.

    Several parts are put side by side, each with the same spread. `distances` are those that suit;
    if the study's is none of them, the first is taken.
    """

    parts: tuple[str, ...]
    distances: tuple[str, ...] = prediction.DISTANCES


# A mean of embeddings has signs, and L*a*b* is made for the Euclidean distance.
PROFILES = {
    "image": ProfileKind(("image",)),
    "text": ProfileKind(("text",)),
    "fused": ProfileKind(("image", "text")),
    "mean embedding": ProfileKind(("embedding",), ("euclidean", "cosine")),
    "label histogram": ProfileKind(("labels",)),
    "palette": ProfileKind(("palette",), ("euclidean",)),
}


@step
def palettes(board_split: BoardSplit) -> np.ndarray | None:
    """Mean and spread of the colours of each analysed pin's picture, (n_analysed, 6)."""
    return palette.picture_palettes(list(board_split.analysed["image"]))


@dataclass(frozen=True)
class HalfProfiles:
    """Profiles of users by their first pins, by their last pins, and what they are means of.

    `train` goes by part and number of pins, `test` by part; rows stand for `users`.
    """

    users: np.ndarray
    train: dict[tuple[str, int], np.ndarray]
    test: dict[str, np.ndarray]

    def kinds(self) -> dict[str, ProfileKind]:
        """Kinds of profiles whose parts are all there."""
        return {name: kind for name, kind in PROFILES.items() if set(kind.parts) <= set(self.test)}


def mean_profiles(features: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Mean of each user's rows, users sorted: Eq. 3 where rows are assignments."""
    _, sums = profiles.user_profiles(features, users, counts=True)
    return sums / np.unique(users, return_counts=True)[1][:, None]


def halves(
    parts: dict[str, np.ndarray],
    sample: pd.DataFrame,
    train: dict[int, np.ndarray],
    test: np.ndarray,
) -> HalfProfiles:
    """Profiles of sampled pins' first and last ones, by masks for each number of first pins.

    A part has the rows of the table that `sample` was drawn from; its index finds them.
    """
    users, rows = sample["board"].to_numpy(), sample.index.to_numpy()
    return HalfProfiles(
        np.unique(users),
        {
            (part, n_train): mean_profiles(features[rows[first]], users[first])
            for part, features in parts.items()
            for n_train, first in train.items()
        },
        {
            part: mean_profiles(features[rows[test]], users[test])
            for part, features in parts.items()
        },
    )


def ranked(half_profiles: HalfProfiles, name: str, n_train: int, distance: str) -> prediction.Ranks:
    """Ranks of all users' test profiles of one kind."""
    kind = PROFILES[name]
    distance = distance if distance in kind.distances else kind.distances[0]
    pairs = [(half_profiles.train[part, n_train], half_profiles.test[part]) for part in kind.parts]
    if len(pairs) > 1:
        return prediction.rank_users(*prediction.join_profiles(pairs, distance))
    return prediction.rank_users(*pairs[0], distance)


def drawn_pins(pins: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """So many pins of each board, in time order; the index holds their rows among all."""
    rows = boards.sample_pins(pins, n, random_state=seed)
    return pins.reset_index(drop=True).iloc[rows]


@step
def half_profiles(
    assignments: Assignments,
    text_assignments: Assignments | None,
    pin_embedding: np.ndarray,
    pin_features: embedding.Features | None,
    palettes: np.ndarray | None,
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    seed: int,
) -> HalfProfiles:
    """Profiles of each user by the first and by the last of sampled pins (section VI-C)."""
    n_background = len(board_split.background)
    parts = {"image": assignments.analysed, "embedding": pin_embedding[n_background:]}
    if text_assignments is not None:
        parts["text"] = text_assignments.analysed
    if pin_features is not None:
        parts["labels"] = softmax(np.float64(pin_features.outputs[n_background:]), axis=1)
    if palettes is not None:
        parts["palette"] = palettes
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    splits = {n_train: prediction.split_pins(sample, n_train, n_test) for n_train in train_sizes}
    train = {n_train: first for n_train, (first, _) in splits.items()}
    return halves(parts, sample, train, splits[train_sizes[0]][1])


@step
def reciprocal_ranks(
    half_profiles: HalfProfiles, train_sizes: tuple[int, ...], distance: str
) -> pd.DataFrame:
    """Rank of each user by profile and training pins.

    Columns profile, n_train, user, rank (the middle one of ties), reciprocal_rank, and the ranks
    optimistic and pessimistic.
    """
    tables = []
    for name in half_profiles.kinds():
        for n_train in train_sizes:
            ranks = ranked(half_profiles, name, n_train, distance)
            columns = {"profile": name, "n_train": n_train, "user": half_profiles.users}
            found = {"rank": ranks.middle, "reciprocal_rank": 1 / ranks.middle}
            bounds = {"optimistic": ranks.optimistic, "pessimistic": ranks.pessimistic}
            tables.append(pd.DataFrame({**columns, **found, **bounds}))
    return pd.concat(tables, ignore_index=True)


def _by_user(every_reciprocal_ranks: list[pd.DataFrame], column: str) -> tuple[list, np.ndarray]:
    """Profiles with their numbers of training pins, m; and a column by seed, user and these."""
    first = every_reciprocal_ranks[0]
    keys = list(first[["profile", "n_train"]].drop_duplicates().itertuples(index=False, name=None))
    return keys, np.stack(
        [
            table.pivot(index="user", columns=["profile", "n_train"], values=column)[keys]
            for table in every_reciprocal_ranks
        ]
    )


def _with_most_pins(every_reciprocal_ranks: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Ranks by the most training pins."""
    most = every_reciprocal_ranks[0]["n_train"].max()
    return [table[table["n_train"] == most] for table in every_reciprocal_ranks]


def mrr_columns(ranks: list[np.ndarray] | np.ndarray, seed: int) -> dict[str, list]:
    """Columns mrr, low, high, estimate of a table, from reciprocal ranks by seed, (S, n, m)."""
    found = mean_over_seeds(ranks, "users", random_state=seed)
    return {
        "mrr": [estimate.value for estimate in found],
        "low": [estimate.low for estimate in found],
        "high": [estimate.high for estimate in found],
        "estimate": found,
    }


@step
def mrr_table(every_reciprocal_ranks: list[pd.DataFrame], seed: int) -> pd.DataFrame:
    """Figure 6: columns profile, n_train, mrr, low, high, estimate."""
    keys, ranks = _by_user(every_reciprocal_ranks, "reciprocal_rank")
    return pd.DataFrame(keys, columns=["profile", "n_train"]).assign(**mrr_columns(ranks, seed))


@step
def mrr_numbers(
    every_reciprocal_ranks: list[pd.DataFrame], mrr_table: pd.DataFrame, seed: int
) -> dict[str, Estimate]:
    """Figure 6 in numbers, with the image profile's lead over each other one, paired by user.

    Keys ``mrr.random``, ``mrr.text.50``, ``mrr.image-text.50`` (difference) and its p-value
    ``mrr.image-text.50.p`` (of reciprocal ranks averaged over seeds); at the most training pins
    also ``recall@1.text.50``, ``median-rank.text.50``, and with ties broken for or against a user
    ``mrr.text.50.optimistic`` and ``.pessimistic``.
    """
    keys, ranks = _by_user(every_reciprocal_ranks, "reciprocal_rank")
    n, unit = ranks.shape[1], "users"
    numbers = {"mrr.random": Estimate(prediction.random_mrr(n), n=n, unit=unit)}
    for (name, n_train), estimate in zip(keys, mrr_table["estimate"], strict=True):
        numbers[f"mrr.{slug(name)}.{n_train}"] = estimate

    others = [place for place, (name, _) in enumerate(keys) if name != "image"]
    image = [keys.index(("image", keys[place][1])) for place in others]
    leads = mean_over_seeds(ranks[..., image] - ranks[..., others], unit, random_state=seed)
    usual = ranks.mean(axis=0)
    chances = prediction.randomisation_test(usual[:, image], usual[:, others], random_state=seed)
    for place, lead, chance in zip(others, leads, chances, strict=True):
        name, n_train = keys[place]
        key = f"mrr.image-{slug(name)}.{n_train}"
        numbers[key] = lead
        numbers[f"{key}.p"] = Estimate(float(chance), n=n, unit=unit)

    most = _with_most_pins(every_reciprocal_ranks)
    keys, ranks = _by_user(most, "rank")
    scores = {f"recall@{k}": mean_over_seeds(ranks <= k, unit, random_state=seed)
              for k in prediction.RECALL_AT}  # fmt: skip
    scores["median rank"] = _median_ranks(ranks, seed)
    for score, estimates in scores.items():
        for (name, n_train), estimate in zip(keys, estimates, strict=True):
            numbers[f"{slug(score)}.{slug(name)}.{n_train}"] = estimate
    for bound in ("optimistic", "pessimistic"):
        values = (1 / _by_user(most, bound)[1]).mean(axis=(0, 1))
        for (name, n_train), value in zip(keys, values, strict=True):
            numbers[f"mrr.{slug(name)}.{n_train}.{bound}"] = Estimate(float(value), n=n, unit=unit)
    return numbers


def _median_ranks(ranks: np.ndarray, seed: int) -> list[Estimate]:
    """Median over users, mean over seeds, of ranks (S, n, m)."""
    n = ranks.shape[1]
    times = resample_counts(n, 2000, seed)
    draws = np.stack([median_draws(of, times) for of in ranks])  # (S, b, m)
    return [
        estimate_over_seeds(values, draw.T, random_state=seed).of(n, "users")
        for values, draw in zip(np.median(ranks, axis=1).T, draws.transpose(2, 0, 1), strict=True)
    ]


def slug(text: str) -> str:
    """Name of a profile, score or rule as a part of a key."""
    return re.sub(r"[^\w@]+", "-", text)


@step
def mrr_by_users(every_reciprocal_ranks: list[pd.DataFrame], seed: int) -> pd.DataFrame:
    """Expected MRR with fewer users, drawn at random, at the most training pins.

    Columns profile, n_users, mrr, low, high; the profile "random" is exact.
    """
    keys, ranks = _by_user(_with_most_pins(every_reciprocal_ranks), "rank")
    n_seeds, n, m = ranks.shape
    of_seeds = ranks.transpose(1, 0, 2).reshape(n, -1)
    tables = []
    sizes = np.geomspace(min(10, max(2, n // 2)), n, 12).round().astype(int)
    for size in np.unique(sizes).tolist():
        expected = [prediction.subset_reciprocal_ranks(column, size) for column in of_seeds.T]
        scores = mrr_columns(np.reshape(expected, (n_seeds, m, n)).swapaxes(1, 2), seed)
        tables.append(
            pd.DataFrame({"profile": [name for name, _ in keys], "n_users": size, **scores})
        )
        random = prediction.random_mrr(size)
        exact = {"profile": "random", "n_users": size, "mrr": random, "low": random, "high": random}
        tables.append(pd.DataFrame([exact]))
    columns = ["profile", "n_users", "mrr", "low", "high"]
    return pd.concat([table[columns] for table in tables], ignore_index=True)


@dataclass(frozen=True)
class BatchEffect:
    """What batches of equal times do to the MRR.

    `table` has the columns split, profile, mrr, low, high, estimate, for the same users; `n_tied`
    boards of `n_boards` have a batch on both sides of the split, `n_left` keep a training pin
    without it, and `n_train` is the mean number of training pins that these keep.
    """

    table: pd.DataFrame
    n_boards: int
    n_tied: int
    n_left: int
    n_train: float


@dataclass(frozen=True)
class BatchSplits:
    """Sampled pins, and which of them are learnt from by each rule, which are to be found.

    `train` has masks by rule, several where the mean over them is taken. Boards without a training
    pin by every rule are left out; `n_boards` of them there were, `n_tied` with a batch on both
    sides, and `n_train` is the mean number of training pins where batches are kept whole.
    """

    sample: pd.DataFrame
    train: dict[str, list[np.ndarray]]
    test: np.ndarray
    n_boards: int
    n_tied: int
    n_train: float


@step
def batch_splits(
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    n_repeats: int,
    seed: int,
) -> BatchSplits:
    """Splits with and without a batch on both sides, at the most training pins.

    A split that keeps batches whole learns from fewer pins; so it is set beside one from which
    as many are left out at random (the mean of some draws).
    """
    n_train = max(train_sizes)
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    names = sample["board"].to_numpy()
    first, last = prediction.split_pins(sample, n_train, n_test)
    whole, _ = prediction.split_pins(sample, n_train, n_test, keep_batches=True)
    boards_left, kept = np.unique(names[whole], return_counts=True)
    n_boards = len(np.unique(names))
    compared = np.isin(names, boards_left)
    sample, names = sample[compared], names[compared]
    first, last, whole = first[compared], last[compared], whole[compared]
    fewer = [_fewer(first, whole, names, seed + repeat) for repeat in range(max(1, n_repeats))]
    return BatchSplits(
        sample,
        {
            "by number": [first],
            "by number, fewer training pins": fewer,
            "batches kept whole": [whole],
        },
        last,
        n_boards,
        int(n_boards - (kept == n_train).sum()),
        float(kept.mean()) if len(kept) else 0.0,
    )


@step
def batch_ranks(
    assignments: Assignments,
    text_assignments: Assignments | None,
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    batch_splits: BatchSplits,
    distance: str,
) -> dict[tuple[str, str], np.ndarray]:
    """Reciprocal ranks of users by split and profile; none if fewer than two boards are left."""
    splits = batch_splits
    if splits.sample["board"].nunique() < 2:
        return {}
    parts = {
        "image": assignments.analysed,
        "embedding": pin_embedding[len(board_split.background) :],
    }
    if text_assignments is not None:
        parts["text"] = text_assignments.analysed
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for split, masks in splits.train.items():
        for mask in masks:
            half = halves(parts, splits.sample, {0: mask}, splits.test)
            for name in half.kinds():
                found.setdefault((split, name), []).append(
                    1 / ranked(half, name, 0, distance).middle
                )
    return {key: np.mean(ranks, axis=0) for key, ranks in found.items()}


@step
def batch_effect(
    every_batch_ranks: list[dict[tuple[str, str], np.ndarray]],
    batch_splits: BatchSplits,
    seed: int,
) -> BatchEffect:
    """MRR where no batch is on both sides of the split, at the most training pins."""
    splits = batch_splits
    keys = list(every_batch_ranks[0])
    table = pd.DataFrame(keys, columns=["split", "profile"])
    if keys:
        ranks = [np.column_stack([of[key] for key in keys]) for of in every_batch_ranks]
        table = table.assign(**mrr_columns(ranks, seed))
    n_left = splits.sample["board"].nunique()
    return BatchEffect(table, splits.n_boards, splits.n_tied, n_left, splits.n_train)


def _fewer(first: np.ndarray, whole: np.ndarray, boards: np.ndarray, seed: int) -> np.ndarray:
    """As many random ones of each board's first pins as `whole` has."""
    rng = np.random.default_rng(seed)
    order = pd.Series(np.where(first, rng.random(len(first)), np.inf))
    place = order.groupby(boards).rank()
    return (place <= pd.Series(whole).groupby(boards).transform("sum")).to_numpy()


@step
def unfitted_vocabulary(
    n_clusters: int, bandwidth: float, normalised: bool, sigma: str, seed: int
) -> VisualVocabulary:
    """The study's vocabulary before it has seen any picture, to be fitted to others."""
    return VisualVocabulary(n_clusters, bandwidth, normalised, sigma, random_state=seed)


@step
def repeated_mrr(
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    unfitted_vocabulary: VisualVocabulary,
    background_source: str,
    n_background: int,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    n_repeats: int,
    seed: int,
) -> pd.DataFrame:
    """MRR where the data are drawn anew: the sample of pins, and with it the background's boards.

    Columns redrawn, repeat, profile, mrr, at the most training pins; no rows if `n_repeats` is 0.
    The background is drawn anew from the boards that the study has embedded: if it is "rest" or
    "all", these are the background itself, and it stays. What the algorithm draws stays that of the
    first start.
    """
    n_train = max(train_sizes)
    words: dict[int, VisualVocabulary] = {}  # by the seed of the background
    rows = []
    for repeat in range(n_repeats):
        of_pins = seed + repeat
        for redrawn, of_boards in {
            "sample of pins": seed,
            "sample of pins and background": of_pins,
        }.items():
            background, analysed = _redrawn_split(
                board_split, n_background, background_source, of_boards
            )
            if of_boards not in words:
                words[of_boards] = fit_vocabulary(
                    unfitted_vocabulary, pin_embedding[background["embedded"]]
                )
            sample = drawn_pins(analysed, n_pins, of_pins).reset_index(drop=True)
            embedded = pin_embedding[sample["embedded"]]
            assigned = words[of_boards].transform(embedded)
            first, last = prediction.split_pins(sample, n_train, n_test)
            parts = {"image": assigned, "embedding": embedded}
            half = halves(parts, sample, {n_train: first}, last)
            for name in half.kinds():
                mrr = (1 / ranked(half, name, n_train, distance).middle).mean()
                rows.append((redrawn, repeat, name, float(mrr)))
    return pd.DataFrame(rows, columns=["redrawn", "repeat", "profile", "mrr"])


def _redrawn_split(
    split: BoardSplit, n_background: int, source: str, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Background and analysed pins with a column of their rows in the embedding."""
    pins = pd.concat([split.background, split.analysed], ignore_index=True)
    pins["embedded"] = np.arange(len(pins))
    if source == "all":  # there is nothing to draw from
        return pins.iloc[: len(split.background)], pins.iloc[len(split.background) :]
    kept = pins if source == "active" else pins.iloc[len(split.background) :]
    return boards.background_split(pins, kept, n_background, source, random_state=seed)
