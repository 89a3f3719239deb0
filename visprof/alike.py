"""How sure a profile is: its pins drawn again, and who is the most alike in each draw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.utils import check_array

from visprof.intervals import resample_counts
from visprof.prediction import distance_points

__all__ = ["most_alike", "resampled_profiles"]


def resampled_profiles(
    assignments: ArrayLike, n_resamples: int = 1000, random_state: int = 0
) -> NDArray[np.float64]:
    """Profiles of one user whose pins are drawn again, with replacement.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignments of the user's pins; none is negative.
    n_resamples : int
        Number of draws.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of shape (n_resamples, k)
        Rows sum to 1.

    Raises
    ------
    ValueError
        If a value is not finite or negative, or `n_resamples` is less than 1.
    """
    pins = check_array(
        assignments, dtype=np.float64, ensure_non_negative=True, input_name="assignments"
    )
    sums = resample_counts(len(pins), n_resamples, random_state) @ pins
    return sums / sums.sum(axis=1, keepdims=True)


def most_alike(
    assignments: ArrayLike,
    users: ArrayLike,
    user: str,
    distance: str = "euclidean",
    n_resamples: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Order all other users by the distance of their profiles to one user's, and say how surely.

    The pins of every user are drawn again; in each draw the others are ranked anew. Drawing adds
    noise to a profile, the more the fewer pins it has, so users with few pins look farther away.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignments of all users' pins.
    users : array-like of shape (n,)
        User of each pin.
    user : str
        The one to whom others are compared.
    distance : {"euclidean", "hellinger", "cosine"}
        Between profiles of unit sum; Hellinger without its factor of the root of 1/2.
    n_resamples : int
        Number of draws.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        A row for each other user, the most alike first: user, distance, nearest (share of the
        draws in which no other is nearer), low, high (ends of the 95 % interval of the rank).

    Raises
    ------
    ValueError
        If the user is unknown, there is no other, or the distance is unknown.
    """
    pins, of_pins = np.asarray(assignments), np.asarray(users)
    others = [name for name in np.unique(of_pins) if name != user]
    if user not in of_pins or not others:
        raise ValueError(
            f"user: expected one of at least 2 users ({', '.join(map(str, others[:5]))}, ...), "
            f"got {user!r}"
        )
    seeds = np.random.default_rng(random_state).integers(2**31, size=len(others) + 1)

    def placed(name: str, seed: int) -> Iterator[NDArray]:
        of_user = pins[of_pins == name]
        drawn = resampled_profiles(of_user, n_resamples, int(seed))
        total = of_user.sum(axis=0, dtype=float)
        profile = total[None] / total.sum()
        return (distance_points(of, distance, "assignments") for of in (profile, drawn))

    own, own_drawn = placed(user, seeds[-1])
    distances, drawn_distances = np.empty(len(others)), np.empty((len(others), n_resamples))
    for row, (name, seed) in enumerate(zip(others, seeds, strict=False)):
        profile, drawn = placed(name, seed)
        distances[row] = np.linalg.norm(profile - own)
        drawn_distances[row] = np.linalg.norm(drawn - own_drawn, axis=1)
    ranks = rankdata(drawn_distances, method="min", axis=0)
    low, high = np.quantile(ranks, [0.025, 0.975], axis=1, method="inverted_cdf").astype(int)
    table = pd.DataFrame(
        {
            "user": others,
            "distance": distances,
            "nearest": (ranks == 1).mean(axis=1),
            "low": low,
            "high": high,
        }
    )
    return table.sort_values("distance", kind="stable", ignore_index=True)
