"""Steps: kinds of profiles, each of a user's first pins and of the last ones (section VI-C)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax

from visprof import boards, embedding, palette, prediction, profiles
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.registry import step, variant

__all__ = [
    "PROFILES", "ProfileKind", "TrainTestProfiles", "drawn_pins", "mean_profiles", "no_palettes",
    "palettes", "rank_profiles", "split_profiles", "train_test_profiles",
]  # fmt: skip


@dataclass(frozen=True)
class ProfileKind:
    """A kind of profile: what it is the mean of, over a user's pins, and how two are compared.

    Several parts are put side by side, each with the same spread. `distances` are those that suit;
    if the study's is none of them, the first is taken.
    """

    parts: tuple[str, ...]
    distances: tuple[str, ...] = profiles.DISTANCES


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


@variant("palettes", drawn=False)
def no_palettes(board_split: BoardSplit) -> None:
    """There is no picture that has colours."""


@dataclass(frozen=True)
class TrainTestProfiles:
    """Profiles of users by their first pins (training) and by their last pins (test).

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


def split_profiles(
    parts: dict[str, np.ndarray],
    sample: pd.DataFrame,
    train: dict[int, np.ndarray],
    test: np.ndarray,
) -> TrainTestProfiles:
    """Profiles of sampled pins' first and last ones, by masks for each number of first pins.

    A part has the rows of the table that `sample` was drawn from; its index finds them.
    """
    users, rows = sample["board"].to_numpy(), sample.index.to_numpy()
    return TrainTestProfiles(
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


def rank_profiles(
    split: TrainTestProfiles, name: str, n_train: int, distance: str
) -> prediction.Ranks:
    """Ranks of all users' test profiles of one kind."""
    kind = PROFILES[name]
    distance = distance if distance in kind.distances else kind.distances[0]
    pairs = [(split.train[part, n_train], split.test[part]) for part in kind.parts]
    if len(pairs) > 1:
        return prediction.rank_users(*profiles.join_profiles(pairs, distance))
    return prediction.rank_users(*pairs[0], distance)


def drawn_pins(pins: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """So many pins of each board, in time order; the index holds their rows among all."""
    rows = boards.sample_pins(pins, n, random_state=seed)
    return pins.reset_index(drop=True).iloc[rows]


@step
def train_test_profiles(
    assignments: PinArrays,
    text_assignments: PinArrays | None,
    pin_embedding: PinArrays,
    pin_features: embedding.Features | None,
    palettes: np.ndarray | None,
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    seed: int,
) -> TrainTestProfiles:
    """Profiles of each user by the first and by the last of sampled pins (section VI-C)."""
    parts = {"image": assignments.analysed, "embedding": pin_embedding.analysed}
    if text_assignments is not None:
        parts["text"] = text_assignments.analysed
    if pin_features is not None:
        outputs = board_split.arrays(pin_features.outputs).analysed
        parts["labels"] = softmax(np.float64(outputs), axis=1)
    if palettes is not None:
        parts["palette"] = palettes
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    splits = {n_train: boards.split_pins(sample, n_train, n_test) for n_train in train_sizes}
    train = {n_train: first for n_train, (first, _) in splits.items()}
    return split_profiles(parts, sample, train, splits[train_sizes[0]][1])
