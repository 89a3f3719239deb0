"""Steps: does the profile beat simpler ones, and where does its gain come from?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof import boards, rank_scores
from visprof._lazy import lazily
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

with lazily():
    from visprof import prediction

__all__ = [
    "distance_choice", "distance_numbers", "distance_ranks", "distance_table", "gain_numbers",
    "gain_ranks", "gain_sources", "profile_leads",
]  # fmt: skip

FIXED = "euclidean"  # the distance that suits every profile, and the paper's


@step
def profile_leads(mrr_table: pd.DataFrame, mrr_numbers: dict[str, Estimate]) -> pd.DataFrame:
    """MRR of the image profile less that of each other one, paired by user.

    Columns other, n_train, value, low, high, p, p_holm (adjusted for the numbers of training pins),
    estimate.
    """
    rows = []
    for row in mrr_table[mrr_table["profile"] != "image"].itertuples():
        key = f"mrr.image-{slug(row.profile)}.{row.n_train}"
        lead = mrr_numbers[key]
        rows.append({
            "other": row.profile, "n_train": row.n_train, "value": lead.value, "low": lead.low,
            "high": lead.high, "p": mrr_numbers[f"{key}.p"].value,
            "p_holm": mrr_numbers[f"{key}.p.holm"].value, "estimate": lead,
        })  # fmt: skip
    return pd.DataFrame(rows)


@step
def distance_ranks(
    train_test_profiles: TrainTestProfiles, train_sizes: tuple[int, ...]
) -> dict[tuple[str, str], np.ndarray]:
    """Reciprocal ranks by profile and distance that suits it, at the most training pins."""
    n_train = max(train_sizes)
    return {
        (name, distance): 1 / rank_by(train_test_profiles, name, n_train, distance).middle
        for name, kind in train_test_profiles.kinds().items()
        for distance in kind.distances
    }


@step
def distance_table(
    every_distance_ranks: list[dict[tuple[str, str], np.ndarray]], seed: int
) -> pd.DataFrame:
    """MRR by distance, of each profile by those that suit it, at the most training pins.

    Columns profile, distance, value, low, high, estimate.
    """
    pairs = list(every_distance_ranks[0])
    ranks = [np.column_stack([of[pair] for pair in pairs]) for of in every_distance_ranks]
    return pd.DataFrame(pairs, columns=["profile", "distance"]).assign(**mrr_columns(ranks, seed))


@step
def distance_choice(
    every_distance_ranks: list[dict[tuple[str, str], np.ndarray]], seed: int
) -> pd.DataFrame:
    """MRR of each profile by one distance for all, the Euclidean, and by its best.

    A user's distance is that which finds the others best, of each seed; so nobody's rank has a part
    in the choice that it is scored by. Columns profile, fixed, nested (estimates), lead (of the
    image profile under its own best distance, paired by user), chosen (the commonest distance) and
    share (of users and seeds for which it is chosen).
    """
    names = list(dict.fromkeys(name for name, _ in every_distance_ranks[0]))
    of_names = {
        name: [distance for other, distance in every_distance_ranks[0] if other == name]
        for name in names
    }
    nested, chosen = [], []
    for of in every_distance_ranks:
        scored = {
            name: rank_scores.nested_choice(np.column_stack([of[name, by] for by in distances]))
            for name, distances in of_names.items()
        }
        nested.append(np.column_stack([ranks for ranks, _ in scored.values()]))
        chosen.append([choice for _, choice in scored.values()])
    fixed = [np.column_stack([of[name, FIXED] for name in names]) for of in every_distance_ranks]
    image = names.index("image")
    leads = [ranks[:, [image]] - ranks for ranks in nested]
    columns = {
        key: mrr_columns(ranks, seed)["estimate"]
        for key, ranks in (("fixed", fixed), ("nested", nested), ("lead", leads))
    }
    counts = [
        np.bincount(np.concatenate(of), minlength=len(of_names[name]))
        for name, of in zip(names, zip(*chosen, strict=True), strict=True)
    ]
    commonest = [of_names[name][of.argmax()] for name, of in zip(names, counts, strict=True)]
    shares = [of.max() / of.sum() for of in counts]
    return pd.DataFrame({"profile": names, **columns, "chosen": commonest, "share": shares})


@step
def distance_numbers(
    distance_table: pd.DataFrame, distance_choice: pd.DataFrame
) -> dict[str, Estimate]:
    """MRR by profile and distance: keys such as ``distance.image.cosine``.

    By each profile's best distance ``distance.image.nested``, and what the image profile is then
    ahead of another ``distance.image-text.nested``.
    """
    numbers = {
        f"distance.{slug(row.profile)}.{row.distance}": row.estimate
        for row in distance_table.itertuples()
    }
    for row in distance_choice.itertuples():
        numbers[f"distance.{slug(row.profile)}.nested"] = row.nested
        if row.profile != "image":
            numbers[f"distance.image-{slug(row.profile)}.nested"] = row.lead
    return numbers


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
