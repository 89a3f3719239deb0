"""Steps: does the profile beat simpler ones, and where does its gain come from?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof import boards, prediction
from visprof.intervals import Estimate
from visprof.profiles import join_profiles
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.pin_parts import as_codes
from visprof.steps.profile_kinds import (
    TrainTestProfiles,
    drawn_pins,
    rank_by,
    split_profiles,
)
from visprof.steps.registry import step
from visprof.steps.user_ranking import mrr_columns, slug

__all__ = [
    "distance_numbers", "distance_table", "gain_numbers", "gain_ranks", "gain_sources",
    "profile_leads",
]  # fmt: skip


@step
def profile_leads(mrr_table: pd.DataFrame, mrr_numbers: dict[str, Estimate]) -> pd.DataFrame:
    """MRR of the image profile less that of each other one, paired by user.

    Columns other, n_train, value, low, high, p, estimate.
    """
    rows = []
    for row in mrr_table[mrr_table["profile"] != "image"].itertuples():
        key = f"mrr.image-{slug(row.profile)}.{row.n_train}"
        lead = mrr_numbers[key]
        rows.append({
            "other": row.profile, "n_train": row.n_train, "value": lead.value, "low": lead.low,
            "high": lead.high, "p": mrr_numbers[f"{key}.p"].value, "estimate": lead,
        })  # fmt: skip
    return pd.DataFrame(rows)


@step
def distance_table(
    every_train_test_profiles: list[TrainTestProfiles], train_sizes: tuple[int, ...], seed: int
) -> pd.DataFrame:
    """MRR by distance, of each profile by those that suit it, at the most training pins.

    Columns profile, distance, value, low, high, estimate.
    """
    n_train = max(train_sizes)
    pairs = [
        (name, distance)
        for name, kind in every_train_test_profiles[0].kinds().items()
        for distance in kind.distances
    ]
    ranks = [
        np.column_stack(
            [1 / rank_by(of, name, n_train, distance).middle for name, distance in pairs]
        )
        for of in every_train_test_profiles
    ]
    return pd.DataFrame(pairs, columns=["profile", "distance"]).assign(**mrr_columns(ranks, seed))


@step
def distance_numbers(distance_table: pd.DataFrame) -> dict[str, Estimate]:
    """MRR by profile and distance: keys such as ``distance.image.cosine``."""
    return {
        f"distance.{slug(row.profile)}.{row.distance}": row.estimate
        for row in distance_table.itertuples()
    }


@step
def gain_ranks(
    pin_truth: pd.DataFrame | None,
    pin_classes: np.ndarray,
    pin_embedding: PinArrays,
    within_class: np.ndarray,
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    seed: int,
) -> dict[str, np.ndarray]:
    """Reciprocal ranks of users by what a profile may know of a pin, at the most training pins.

    The embedding is cut in two: the mean of the pin's class over the background, and the rest,
    which varies within classes. True styles are known where true classes are.
    """
    known = {"likeliest classes": pin_classes}
    if pin_truth is not None:
        known = {"true classes": pin_classes, "true styles": as_codes(pin_truth["style"])}
    parts = {
        name: np.eye(codes.max() + 1)[board_split.arrays(codes).analysed]
        for name, codes in known.items()
    }
    parts["embedding: mean of the class"] = pin_embedding.analysed - within_class
    parts["embedding: what is left within the class"] = within_class
    n_train = max(train_sizes)
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    first, last = boards.split_pins(sample, n_train, n_test)
    profiles = split_profiles(parts, sample, {n_train: first}, last)
    pairs = {part: (profiles.train[part, n_train], profiles.test[part]) for part in parts}
    if len(known) > 1:
        both = join_profiles([pairs[name] for name in known])
        pairs = {"true classes and styles": both, **pairs}
    return {name: 1 / prediction.rank_users(*pair).middle for name, pair in pairs.items()}


@step
def gain_sources(every_gain_ranks: list[dict[str, np.ndarray]], seed: int) -> pd.DataFrame:
    """MRR by what a profile may know of a pin: columns profile, value, low, high, estimate."""
    names = list(every_gain_ranks[0])
    ranks = [np.column_stack([of[name] for name in names]) for of in every_gain_ranks]
    return pd.DataFrame({"profile": names, **mrr_columns(ranks, seed)})


@step
def gain_numbers(gain_sources: pd.DataFrame) -> dict[str, Estimate]:
    """MRR by what a profile may know: keys such as ``gain.true-classes``."""
    return {f"gain.{slug(row.profile)}": row.estimate for row in gain_sources.itertuples()}
