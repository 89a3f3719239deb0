"""Steps: how much of the MRR is of batches, and of how the data were drawn?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import boards
from visprof._lazy import lazily
from visprof.intervals import Estimate
from visprof.steps.assignments import fit_vocabulary
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.profile_kinds import drawn_pins, rank_profiles, split_profiles
from visprof.steps.registry import step
from visprof.steps.user_ranking import mrr_columns, slug

with lazily():
    from visprof.vocabulary import VisualVocabulary

__all__ = [
    "BatchEffect", "BatchSplits", "batch_effect", "batch_numbers", "batch_ranks", "batch_splits",
    "redrawn_mrr", "repeated_mrr",
]  # fmt: skip

SPLIT_PARTS = ("image", "text", "embedding", "facts")  # of the profiles that are compared


@dataclass(frozen=True)
class BatchEffect:
    """What batches of equal times, or of one day, do to the MRR.

    `table` has the columns split, profile, value, low, high, estimate, for the same users; `n_tied`
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
    pin_sessions: np.ndarray | None,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    n_repeats: int,
    seed: int,
) -> dict[str, BatchSplits]:
    """Splits with and without a batch, or a day, on both sides, at the most training pins.

    By what is kept whole: "batches", pins of one time, and "days", where these tell sessions. Such
    a split learns from fewer pins; so it is set beside one from which as many are left out at
    random (the mean of some draws).
    """
    n_train = max(train_sizes)
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    first, last = boards.split_pins(sample, n_train, n_test)
    kept = {"batches": boards.split_pins(sample, n_train, n_test, keep_batches=True)[0]}
    if pin_sessions is not None:
        kept["days"] = boards.split_pins(sample, n_train, n_test, keep_days=True)[0]
    seeds = range(seed, seed + max(1, n_repeats))
    return {
        name: _compared_splits(sample, first, last, whole, f"{name} kept whole", seeds)
        for name, whole in kept.items()
    }


def _compared_splits(
    sample: pd.DataFrame,
    first: np.ndarray,
    last: np.ndarray,
    whole: np.ndarray,
    rule: str,
    seeds: range,
) -> BatchSplits:
    """A rule's training pins `whole` beside all `first` ones, of the boards that keep some."""
    names = sample["board"].to_numpy()
    boards_left, kept = np.unique(names[whole], return_counts=True)
    n_boards, n_train = len(np.unique(names)), int(first[names == names[0]].sum())
    compared = np.isin(names, boards_left)
    sample, names = sample[compared], names[compared]
    first, last, whole = first[compared], last[compared], whole[compared]
    return BatchSplits(
        sample,
        {
            "by number": [first],
            "by number, fewer training pins": [_fewer(first, whole, names, of) for of in seeds],
            rule: [whole],
        },
        last,
        n_boards,
        int(n_boards - (kept == n_train).sum()),
        float(kept.mean()) if len(kept) else 0.0,
    )


def _fewer(first: np.ndarray, whole: np.ndarray, boards: np.ndarray, seed: int) -> np.ndarray:
    """As many random ones of each board's first pins as `whole` has."""
    rng = np.random.default_rng(seed)
    order = pd.Series(np.where(first, rng.random(len(first)), np.inf))
    place = order.groupby(boards).rank()
    return (place <= pd.Series(whole).groupby(boards).transform("sum")).to_numpy()


@step
def batch_ranks(
    plain_parts: dict[str, np.ndarray],
    batch_splits: dict[str, BatchSplits],
    distance: str,
) -> dict[str, dict[tuple[str, str], np.ndarray]]:
    """Reciprocal ranks of users by what is kept whole, split and profile.

    None by a rule that leaves fewer than two boards.
    """
    parts = {part: plain_parts[part] for part in SPLIT_PARTS if part in plain_parts}
    return {
        name: _split_ranks(parts, splits, distance) if splits.sample["board"].nunique() > 1 else {}
        for name, splits in batch_splits.items()
    }


def _split_ranks(
    parts: dict[str, np.ndarray], splits: BatchSplits, distance: str
) -> dict[tuple[str, str], np.ndarray]:
    """Reciprocal ranks of users by split and profile, means over its masks."""
    by_number = [(split, mask) for split, masks in splits.train.items() for mask in masks]
    masks = {number: mask for number, (_, mask) in enumerate(by_number)}
    profiles = split_profiles(parts, splits.sample, masks, splits.test)
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for number, (split, _) in enumerate(by_number):
        for name in profiles.kinds():
            found.setdefault((split, name), []).append(
                1 / rank_profiles(profiles, name, number, distance).middle
            )
    return {key: np.mean(ranks, axis=0) for key, ranks in found.items()}


@step
def batch_effect(
    every_batch_ranks: list[dict[str, dict[tuple[str, str], np.ndarray]]],
    batch_splits: dict[str, BatchSplits],
    seed: int,
) -> dict[str, BatchEffect]:
    """MRR where no batch, or no day, is on both sides of the split, at the most training pins."""
    return {
        name: _effect([of[name] for of in every_batch_ranks], splits, seed)
        for name, splits in batch_splits.items()
    }


def _effect(
    every_ranks: list[dict[tuple[str, str], np.ndarray]], splits: BatchSplits, seed: int
) -> BatchEffect:
    keys = list(every_ranks[0])
    table = pd.DataFrame(keys, columns=["split", "profile"])
    if keys:
        ranks = [np.column_stack([of[key] for key in keys]) for of in every_ranks]
        table = table.assign(**mrr_columns(ranks, seed))
    n_left = splits.sample["board"].nunique()
    return BatchEffect(table, splits.n_boards, splits.n_tied, n_left, splits.n_train)


@step
def batch_numbers(batch_effect: dict[str, BatchEffect]) -> dict[str, Estimate]:
    """MRR by split and profile: ``batches.by-number.image``, ``whole-days.by-number.image``."""
    return {
        f"{prefix}.{slug(row.split)}.{slug(row.profile)}": row.estimate
        for name, prefix in (("batches", "batches"), ("days", "whole-days"))
        if name in batch_effect
        for row in batch_effect[name].table.itertuples()
    }


@step
def repeated_mrr(
    pin_embedding: PinArrays,
    board_split: BoardSplit,
    vocabulary_settings: VisualVocabulary,
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

    Columns redrawn, repeat, profile, value, at the most training pins; no rows if `n_repeats` is 0.
    The background is drawn anew from the boards that the study has embedded: if it is "rest" or
    "all", these are the background itself, and it stays. What the algorithm draws stays that of the
    first start.
    """
    n_train = max(train_sizes)
    of_all = pin_embedding.stacked()
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
                    vocabulary_settings, of_all[background["embedded"]]
                )
            sample = drawn_pins(analysed, n_pins, of_pins).reset_index(drop=True)
            embedded = of_all[sample["embedded"]]
            assigned = words[of_boards].transform(embedded)
            first, last = boards.split_pins(sample, n_train, n_test)
            parts = {"image": assigned, "embedding": embedded}
            profiles = split_profiles(parts, sample, {n_train: first}, last)
            for name in profiles.kinds():
                mrr = (1 / rank_profiles(profiles, name, n_train, distance).middle).mean()
                rows.append((redrawn, repeat, name, float(mrr)))
    return pd.DataFrame(rows, columns=["redrawn", "repeat", "profile", "value"])


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


@step
def redrawn_mrr(
    repeated_mrr: pd.DataFrame, mrr_numbers: dict[str, Estimate], train_sizes: tuple[int, ...]
) -> pd.DataFrame:
    """How far the MRR depends on what is drawn, at the most training pins.

    Columns redrawn, profile, times, value (mean), least, most. What the algorithm draws is drawn
    anew by the seeds of the study.
    """
    rows = [
        ("what the algorithm draws", name, [value for value, *_ in number.by_seed])
        for name in ("image", "mean embedding")
        for number in [mrr_numbers[f"mrr.{slug(name)}.{max(train_sizes)}"]]
    ]
    for (redrawn, name), of in repeated_mrr.groupby(["redrawn", "profile"], sort=False):
        rows.append((redrawn, name, list(of["value"])))
    return pd.DataFrame(
        [
            (redrawn, name, len(values), np.mean(values), min(values), max(values))
            for redrawn, name, values in rows
        ],
        columns=["redrawn", "profile", "times", "value", "least", "most"],
    )
