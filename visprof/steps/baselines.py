"""Steps: does the profile beat simpler ones, and where does its gain come from?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from visprof import boards, embedding, prediction
from visprof.intervals import Estimate
from visprof.profiles import join_profiles
from visprof.sources import vectors
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.profile_kinds import (
    TrainTestProfiles,
    drawn_pins,
    mean_profiles,
    rank_profiles,
    split_profiles,
)
from visprof.steps.registry import step, variant
from visprof.steps.user_ranking import mrr_columns, slug

__all__ = [
    "distance_numbers", "distance_table", "gain_numbers", "gain_ranks", "gain_sources",
    "pin_truth", "profile_leads", "vector_truth",
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
            [1 / rank_profiles(of, name, n_train, distance).middle for name, distance in pairs]
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
def pin_truth(
    board_split: BoardSplit, data_folder: Path, boards_folder: str
) -> pd.DataFrame | None:
    """Scene and style of all pins, the background's first; None where they are not known."""
    truth = data_folder / boards_folder / "truth.csv"
    if not truth.exists():
        return None
    known = pd.read_csv(truth).set_index("image")
    images = [Path(image).relative_to(truth.parent).as_posix() for image in board_split.images]
    if not known.index.is_unique or not set(images) <= set(known.index):
        return None  # pictures were added to a simulated world
    return known.loc[images].reset_index(drop=True)


@variant("pin_truth", drawn=False)
def vector_truth(board_split: BoardSplit, vector_world: dict[str, float]) -> pd.DataFrame:
    """Scene and style of all pins, the background's first, by number."""
    rows = pd.concat([board_split.background["row"], board_split.analysed["row"]]).to_numpy()
    world = vectors.simulate_embeddings(**vector_world)
    return pd.DataFrame({"scene": world.labels[rows], "style": world.styles[rows]})


@step
def gain_ranks(
    pin_truth: pd.DataFrame | None,
    pin_features: embedding.Features | None,
    pin_embedding: PinArrays,
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    seed: int,
) -> dict[str, np.ndarray]:
    """Reciprocal ranks of users by what a profile may know of a pin, at the most training pins.

    The embedding is cut in two: the mean of the pin's class over the background, and the rest,
    which varies within classes. Classes are true ones where they are known, as true styles are;
    else each pin has the class that the CNN finds likeliest.
    """
    if pin_truth is not None:
        scene, style = (_codes(pin_truth[column]) for column in ("scene", "style"))
        known = {"true classes": scene, "true styles": style}
    else:
        scene = _codes(pin_features.outputs.argmax(axis=1))
        known = {"likeliest classes": scene}
    n_train, scenes = max(train_sizes), board_split.arrays(scene)
    of_class = _class_means(pin_embedding.background, scenes.background, scene.max() + 1)
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    first, last = boards.split_pins(sample, n_train, n_test)
    rows = sample.index.to_numpy()
    parts = {
        name: np.eye(codes.max() + 1)[board_split.arrays(codes).analysed[rows]]
        for name, codes in known.items()
    }
    explained = of_class[scenes.analysed[rows]]
    parts["embedding: mean of the class"] = explained
    parts["embedding: what is left within the class"] = pin_embedding.analysed[rows] - explained
    profiles = split_profiles(parts, sample.reset_index(drop=True), {n_train: first}, last)
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


def _codes(names: ArrayLike) -> np.ndarray:
    return pd.factorize(np.asarray(names), sort=True)[0]


def _class_means(embedded: np.ndarray, scene: np.ndarray, n_classes: int) -> np.ndarray:
    """Mean embedding of each class; of one that the background lacks, the mean of all."""
    means = np.tile(embedded.mean(axis=0), (n_classes, 1))
    means[np.unique(scene)] = mean_profiles(embedded, scene)
    return means
