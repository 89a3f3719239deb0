"""Steps: does the profile beat simpler ones, and where does its gain come from?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from visprof import embedding, prediction
from visprof.steps.data import BoardSplit
from visprof.steps.leakage import SIMULATED_USERS, simulated_mrr
from visprof.steps.registry import step
from visprof.steps.user_ranking import (
    HalfProfiles,
    drawn_pins,
    halves,
    mean_profiles,
    mrr_columns,
    ranked,
)  # fmt: skip
from visprof.vocabulary import VisualVocabulary

__all__ = ["distance_table", "gain_ranks", "gain_sources", "pin_truth", "taste_worlds"]

TASTES = {
    "neither": (0.0, 0.0),
    "classes only": (1.0, 0.0),
    "styles only": (0.0, 1.0),
    "both": (1.0, 1.0),
}


@step
def distance_table(
    every_half_profiles: list[HalfProfiles], train_sizes: tuple[int, ...], seed: int
) -> pd.DataFrame:
    """MRR by distance, of each profile by those that suit it, at the most training pins.

    Columns profile, distance, mrr, low, high, estimate.
    """
    n_train = max(train_sizes)
    pairs = [
        (name, distance)
        for name, kind in every_half_profiles[0].kinds().items()
        for distance in kind.distances
    ]
    ranks = [
        np.column_stack(
            [1 / ranked(half, name, n_train, distance).middle for name, distance in pairs]
        )
        for half in every_half_profiles
    ]
    return pd.DataFrame(pairs, columns=["profile", "distance"]).assign(**mrr_columns(ranks, seed))


@step
def pin_truth(board_split: BoardSplit, data_folder: Path) -> pd.DataFrame | None:
    """Scene and style of all pins, the background's first; None where they are not known."""
    truth = data_folder / "boards" / "truth.csv"
    if not truth.exists():
        return None
    known = pd.read_csv(truth).set_index("image")
    images = [Path(image).relative_to(truth.parent).as_posix() for image in board_split.images]
    if not known.index.is_unique or not set(images) <= set(known.index):
        return None  # pictures were added to a simulated world
    return known.loc[images].reset_index(drop=True)


@step
def gain_ranks(
    pin_truth: pd.DataFrame | None,
    pin_features: embedding.Features | None,
    pin_embedding: np.ndarray,
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
    n_train, n_background = max(train_sizes), len(board_split.background)
    of_class = _class_means(pin_embedding[:n_background], scene[:n_background], scene.max() + 1)
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    first, last = prediction.split_pins(sample, n_train, n_test)
    rows = n_background + sample.index.to_numpy()
    parts = {name: np.eye(codes.max() + 1)[codes[rows]] for name, codes in known.items()}
    parts["embedding: mean of the class"] = of_class[scene[rows]]
    parts["embedding: what is left within the class"] = pin_embedding[rows] - of_class[scene[rows]]
    half = halves(parts, sample.reset_index(drop=True), {n_train: first}, last)
    pairs = {part: (half.train[part, n_train], half.test[part]) for part in parts}
    if len(known) > 1:
        both = prediction.join_profiles([pairs[name] for name in known])
        pairs = {"true classes and styles": both, **pairs}
    return {name: 1 / prediction.rank_users(*pair).middle for name, pair in pairs.items()}


@step
def gain_sources(every_gain_ranks: list[dict[str, np.ndarray]], seed: int) -> pd.DataFrame:
    """MRR by what a profile may know of a pin: columns profile, mrr, low, high, estimate."""
    names = list(every_gain_ranks[0])
    ranks = [np.column_stack([of[name] for name in names]) for of in every_gain_ranks]
    return pd.DataFrame({"profile": names, **mrr_columns(ranks, seed)})


def _codes(names: ArrayLike) -> np.ndarray:
    return pd.factorize(np.asarray(names), sort=True)[0]


def _class_means(embedded: np.ndarray, scene: np.ndarray, n_classes: int) -> np.ndarray:
    """Mean embedding of each class; of one that the background lacks, the mean of all."""
    means = np.tile(embedded.mean(axis=0), (n_classes, 1))
    means[np.unique(scene)] = mean_profiles(embedded, scene)
    return means


@step
def taste_worlds(
    board_split: BoardSplit,
    unfitted_vocabulary: VisualVocabulary,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> pd.DataFrame:
    """MRR in simulated worlds whose users have taste in classes, in styles, in both or neither.

    Columns taste, n_users, profile, mrr, low, high, estimate. There are as many users as in the
    study, at most 500.
    """
    n_users = min(SIMULATED_USERS, board_split.analysed["board"].nunique())
    rows = []
    for taste, (class_taste, style_taste) in TASTES.items():
        found = simulated_mrr(
            n_users, n_pins, n_test, max(train_sizes), unfitted_vocabulary, distance, seed,
            class_taste=class_taste, style_taste=style_taste,
        )  # fmt: skip
        for name, mrr in found.items():
            rows.append((taste, n_users, name, mrr.value, mrr.low, mrr.high, mrr))
    columns = ["taste", "n_users", "profile", "mrr", "low", "high", "estimate"]
    return pd.DataFrame(rows, columns=columns)
