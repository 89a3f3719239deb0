"""Steps: does the profile find a user's next pins (Figure 6)?"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from visprof import boards, rank_scores
from visprof.blocks import Client
from visprof.digests import digest
from visprof.intervals import (
    Estimate,
    estimate_over_seeds,
    mean_over_seeds,
    median_draws,
    resample_counts,
)
from visprof.steps.data import BoardSplit, Pins
from visprof.steps.profile_kinds import TrainTestProfiles, drawn_pins, rank_profiles
from visprof.steps.registry import step

__all__ = [
    "IN_FIGURE_6", "by_user", "figure_6", "mrr_by_users", "mrr_columns", "mrr_numbers", "mrr_table",
    "rank_counts", "reciprocal_ranks", "slug", "user_values", "with_most_pins",
]  # fmt: skip

# the paper's, the mean that they are to beat, and what knows no pixel
IN_FIGURE_6 = ("image", "text", "mean embedding", "file facts")


@step
def reciprocal_ranks(
    train_test_profiles: TrainTestProfiles,
    train_sizes: tuple[int, ...],
    distance: str,
    client: Client | None = None,
) -> pd.DataFrame:
    """Rank of each user by profile and training pins.

    Columns profile, n_train, user, rank (the middle one of ties), reciprocal_rank, and the ranks
    optimistic and pessimistic.
    """
    tables = []
    for name in train_test_profiles.kinds():
        for n_train in train_sizes:
            ranks = rank_profiles(train_test_profiles, name, n_train, distance, client)
            columns = {"profile": name, "n_train": n_train, "user": train_test_profiles.users}
            found = {"rank": ranks.middle, "reciprocal_rank": 1 / ranks.middle}
            bounds = {"optimistic": ranks.optimistic, "pessimistic": ranks.pessimistic}
            tables.append(pd.DataFrame({**columns, **found, **bounds}))
    return pd.concat(tables, ignore_index=True)


def by_user(every_reciprocal_ranks: list[pd.DataFrame], column: str) -> tuple[list, np.ndarray]:
    """Profiles with their numbers of training pins, m; and a column by seed, user and these."""
    first = every_reciprocal_ranks[0]
    keys = list(first[["profile", "n_train"]].drop_duplicates().itertuples(index=False, name=None))
    return keys, np.stack(
        [
            table.pivot(index="user", columns=["profile", "n_train"], values=column)[keys]
            for table in every_reciprocal_ranks
        ]
    )


def with_most_pins(every_reciprocal_ranks: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Ranks by the most training pins."""
    most = every_reciprocal_ranks[0]["n_train"].max()
    return [table[table["n_train"] == most] for table in every_reciprocal_ranks]


def mrr_columns(ranks: list[np.ndarray] | np.ndarray, seed: int) -> dict[str, list]:
    """Columns value, low, high, estimate of a table, from reciprocal ranks by seed, (S, n, m)."""
    found = mean_over_seeds(ranks, "users", random_state=seed)
    return {
        "value": [estimate.value for estimate in found],
        "low": [estimate.low for estimate in found],
        "high": [estimate.high for estimate in found],
        "estimate": found,
    }


@step
def mrr_table(every_reciprocal_ranks: list[pd.DataFrame], seed: int) -> pd.DataFrame:
    """Figure 6: columns profile, n_train, value, low, high, estimate."""
    keys, ranks = by_user(every_reciprocal_ranks, "reciprocal_rank")
    return pd.DataFrame(keys, columns=["profile", "n_train"]).assign(**mrr_columns(ranks, seed))


@step
def figure_6(mrr_table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `mrr_table` that Figure 6 shows."""
    return mrr_table[mrr_table["profile"].isin(IN_FIGURE_6)].reset_index(drop=True)


@step
def rank_counts(every_reciprocal_ranks: list[pd.DataFrame]) -> pd.DataFrame:
    """How often each rank is reached, over users and seeds: all that an MRR depends on.

    Columns profile, n_train, rank, times.
    """
    keys = ["profile", "n_train", "rank"]
    ranks = pd.concat(every_reciprocal_ranks)
    return ranks.groupby(keys, sort=False).size().reset_index(name="times")


@step
def mrr_numbers(
    every_reciprocal_ranks: list[pd.DataFrame], mrr_table: pd.DataFrame, seed: int
) -> dict[str, Estimate]:
    """Figure 6 in numbers, with the image profile's lead over each other one, paired by user.

    Keys ``mrr.random``, ``mrr.text.50``, ``mrr.image-text.50`` (difference), its p-value
    ``mrr.image-text.50.p`` (of reciprocal ranks averaged over seeds) and that adjusted for the
    numbers of training pins that a profile is compared at, ``mrr.image-text.50.p.holm``; at the
    most training pins also ``recall@1.text.50``, ``median-rank.text.50``, and with ties broken for
    or against a user ``mrr.text.50.optimistic`` and ``.pessimistic``.
    """
    keys, ranks = by_user(every_reciprocal_ranks, "reciprocal_rank")
    n, unit = ranks.shape[1], "users"
    numbers = {"mrr.random": Estimate(rank_scores.random_mrr(n), n=n, unit=unit)}
    for (name, n_train), estimate in zip(keys, mrr_table["estimate"], strict=True):
        numbers[f"mrr.{slug(name)}.{n_train}"] = estimate

    others = [place for place, (name, _) in enumerate(keys) if name != "image"]
    image = [keys.index(("image", keys[place][1])) for place in others]
    leads = mean_over_seeds(ranks[..., image] - ranks[..., others], unit, random_state=seed)
    usual = ranks.mean(axis=0)
    chances = rank_scores.randomisation_test(usual[:, image], usual[:, others], random_state=seed)
    for place, lead, chance in zip(others, leads, chances, strict=True):
        name, n_train = keys[place]
        key = f"mrr.image-{slug(name)}.{n_train}"
        numbers[key] = lead
        numbers[f"{key}.p"] = Estimate(float(chance), n=n, unit=unit)
    for name in dict.fromkeys(keys[place][0] for place in others):
        family = [f"mrr.image-{slug(name)}.{n_train}.p" for of, n_train in keys if of == name]
        adjusted = rank_scores.holm([numbers[key].value for key in family])
        for key, chance in zip(family, adjusted, strict=True):
            numbers[f"{key}.holm"] = Estimate(float(chance), n=n, unit=unit)

    most = with_most_pins(every_reciprocal_ranks)
    keys, ranks = by_user(most, "rank")
    scores = {f"recall@{k}": mean_over_seeds(ranks <= k, unit, random_state=seed)
              for k in rank_scores.RECALL_AT}  # fmt: skip
    scores["median rank"] = _median_ranks(ranks, seed)
    for score, estimates in scores.items():
        for (name, n_train), estimate in zip(keys, estimates, strict=True):
            numbers[f"{slug(score)}.{slug(name)}.{n_train}"] = estimate
    for bound in ("optimistic", "pessimistic"):
        values = (1 / by_user(most, bound)[1]).mean(axis=(0, 1))
        for (name, n_train), value in zip(keys, values, strict=True):
            numbers[f"mrr.{slug(name)}.{n_train}.{bound}"] = Estimate(float(value), n=n, unit=unit)
    return numbers


@step
def user_values(
    every_reciprocal_ranks: list[pd.DataFrame],
    board_split: BoardSplit,
    pins: Pins,
    picture_contents: np.ndarray,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    session_rule: str,
    seed: int,
) -> pd.DataFrame:
    """What `mrr_numbers` are means of, user by user (see `visprof.results.users`)."""
    analysed = board_split.analysed
    owners = analysed["board"].to_numpy()
    sessions = boards.sessions(owners, analysed["time"].to_numpy(), session_rule)
    n_sessions = pd.Series(sessions).groupby(owners).nunique()

    sample = drawn_pins(analysed, n_pins, seed)
    _, held_out = boards.split_pins(sample, max(train_sizes), n_test)
    pin = ["board", "image", "time"]
    contents = pins.readable[pin].assign(content=picture_contents).drop_duplicates(pin)
    shown = sample.loc[held_out, pin].merge(contents, how="left", on=pin, validate="m:1")
    told = shown["content"].str.decode("ascii") + " " + shown["time"].astype(str)
    digests = told.groupby(shown["board"].to_numpy()).agg(lambda texts: digest(*sorted(texts)))

    by_seed = [table.assign(seed=of) for of, table in enumerate(every_reciprocal_ranks, start=1)]
    values = pd.concat(by_seed, ignore_index=True)
    return pd.DataFrame(
        {
            "profile": values["profile"].map({of: slug(of) for of in values["profile"].unique()}),
            "n_train": values["n_train"],
            "seed": values["seed"],
            "user": values["user"],
            "sessions": values["user"].map(n_sessions),
            "held_out": values["user"].map(digests),
            "rank": values["rank"],
            "reciprocal_rank": values["reciprocal_rank"],
            # of the user's own test profile, were it any of those that are ranked
            "p": values["pessimistic"] / len(n_sessions),
        }
    )


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
    """Expected MRR with fewer users, drawn at random, of the profiles of Figure 6.

    At the most training pins. Columns profile, n_users, value, low, high; the profile "random" is
    exact.
    """
    keys, ranks = by_user(with_most_pins(every_reciprocal_ranks), "rank")
    places = [place for place, (name, _) in enumerate(keys) if name in IN_FIGURE_6]
    keys, ranks = [keys[place] for place in places], ranks[..., places]
    n_seeds, n, m = ranks.shape
    of_seeds = ranks.transpose(1, 0, 2).reshape(n, -1)
    tables = []
    sizes = np.geomspace(min(10, max(2, n // 2)), n, 12).round().astype(int)
    for size in np.unique(sizes).tolist():
        expected = [rank_scores.subset_reciprocal_ranks(column, size) for column in of_seeds.T]
        scores = mrr_columns(np.reshape(expected, (n_seeds, m, n)).swapaxes(1, 2), seed)
        tables.append(
            pd.DataFrame({"profile": [name for name, _ in keys], "n_users": size, **scores})
        )
        random = rank_scores.random_mrr(size)
        exact = dict.fromkeys(("value", "low", "high"), random)
        tables.append(pd.DataFrame([{"profile": "random", "n_users": size, **exact}]))
    columns = ["profile", "n_users", "value", "low", "high"]
    return pd.concat([table[columns] for table in tables], ignore_index=True)
