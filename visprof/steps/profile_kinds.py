"""Steps: kinds of profiles, each of a user's first pins and of the last ones (section VI-C)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import boards, profiles
from visprof._lazy import lazily
from visprof.blocks import Client
from visprof.steps.data import BoardSplit
from visprof.steps.registry import step

with lazily():
    from visprof import prediction

__all__ = [
    "PROFILES", "ProfileKind", "TrainTestProfiles", "drawn_pins", "mean_profiles", "rank_by",
    "rank_profiles", "split_profiles", "train_test_profiles",
]  # fmt: skip


@dataclass(frozen=True)
class ProfileKind:
    """A kind of profile: what it is the mean of, over a user's pins, and how two are compared.

    Several parts are put side by side, each with the same spread. `distances` are those that suit;
    if the study's is none of them, the first is taken. Some have a distance of their `own`,
    whatever the study's. `sees` is what it is made from.
    """

    parts: tuple[str, ...]
    distances: tuple[str, ...] = profiles.DISTANCES
    own: str = ""
    sees: str = "pixels"

    def usual(self, distance: str) -> str:
        """How two are compared in a study of this distance."""
        return self.own or (distance if distance in self.distances else self.distances[0])


# A mean of embeddings, or of what is left of anything, has signs; L*a*b* is made for the Euclidean
# distance, facts of files are in units of their spread, and whitening is made for the cosine.
SIGNED = ("euclidean", "cosine")
PROFILES = {
    "image": ProfileKind(("image",)),
    "mean embedding": ProfileKind(("embedding",), SIGNED),
    "whitened": ProfileKind(("whitened",), SIGNED, own="cosine"),
    "image less file facts": ProfileKind(("image less facts",), SIGNED),
    "mean embedding less file facts": ProfileKind(("embedding less facts",), SIGNED),
    "whitened less file facts": ProfileKind(("whitened less facts",), SIGNED, own="cosine"),
    "within-class residual": ProfileKind(("within class",), SIGNED),
    "palette": ProfileKind(("palette",), ("euclidean",)),
    "label histogram": ProfileKind(("labels",), sees="labels"),
    "probe histogram": ProfileKind(("probe",), sees="labels"),
    "text": ProfileKind(("text",), sees="captions"),
    "bag of words": ProfileKind(("words",), sees="captions"),
    "bag of words, tf-idf": ProfileKind(("weighted words",), SIGNED, sees="captions"),
    "sentences": ProfileKind(("sentences",), SIGNED, sees="captions"),
    "fused": ProfileKind(("image", "text"), sees="pixels and captions"),
    "file facts": ProfileKind(("facts",), ("euclidean",), sees="neither"),
}


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

    Or masks by any number: the last pins' profiles are made once for all of them.

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
    split: TrainTestProfiles,
    name: str,
    n_train: int,
    distance: str,
    client: Client | None = None,
) -> prediction.Ranks:
    """Ranks of all users' test profiles of one kind, as a study of this distance compares them."""
    return rank_by(split, name, n_train, PROFILES[name].usual(distance), client)


def rank_by(
    split: TrainTestProfiles,
    name: str,
    n_train: int,
    distance: str,
    client: Client | None = None,
) -> prediction.Ranks:
    """Ranks of all users' test profiles of one kind, by any distance."""
    kind = PROFILES[name]
    pairs = [(split.train[part, n_train], split.test[part]) for part in kind.parts]
    if len(pairs) > 1:
        return prediction.rank_users(*profiles.join_profiles(pairs, distance), client=client)
    return prediction.rank_users(*pairs[0], distance, client=client)


def drawn_pins(pins: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """So many pins of each board, in time order; the index holds their rows among all."""
    rows = boards.sample_pins(pins, n, random_state=seed)
    return pins.reset_index(drop=True).iloc[rows]


@step
def train_test_profiles(
    pin_parts: dict[str, np.ndarray],
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    seed: int,
) -> TrainTestProfiles:
    """Profiles of each user by the first and by the last of sampled pins (section VI-C)."""
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    splits = {n_train: boards.split_pins(sample, n_train, n_test) for n_train in train_sizes}
    train = {n_train: first for n_train, (first, _) in splits.items()}
    return split_profiles(pin_parts, sample, train, splits[train_sizes[0]][1])
