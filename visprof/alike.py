"""How sure a profile is: its pins drawn again, and who is the most alike in each draw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_groups
from visprof.intervals import resample_counts
from visprof.profiles import distance_points
from visprof.scaling import scale_exponent, scaled

with lazily():
    from scipy.stats import rankdata
    from sklearn.utils import check_array

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
    TypeError
        If `n_resamples` is no whole number.
    ValueError
        If a value is not finite or negative, `n_resamples` is less than 1, or so many pins are of
        no cluster that a draw holds no others.
    """
    pins = check_array(
        assignments, dtype=np.float64, ensure_non_negative=True, input_name="assignments"
    )
    pins = scaled(pins, scale_exponent(pins))
    sums = resample_counts(len(pins), n_resamples, random_state) @ pins
    totals = sums.sum(axis=1, keepdims=True)
    if not totals.all():
        zero = int((pins.sum(axis=1) == 0).sum())
        raise ValueError(
            f"assignments: {zero} of a user's {len(pins)} pins are of no cluster (their rows are "
            "zero), and a draw holds no others: it has no profile. Leave these rows out"
        )
    return sums / totals


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
        User of each pin, by place: the index of a column is not looked at.
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
    TypeError
        If users have names of several kinds, or `n_resamples` is no whole number.
    ValueError
        If the user is unknown, there is no other, a pin's user is missing (the rows are named), a
        value is not finite or negative, a user has no pins but of no cluster, or the distance is
        unknown.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tastes = {"ann": [8, 1, 1], "ben": [7, 2, 1], "eva": [1, 1, 8]}
    >>> assignments = np.concatenate([rng.dirichlet(taste, 30) for taste in tastes.values()])
    >>> most_alike(assignments, np.repeat(list(tastes), 30), "ann")["user"].tolist()
    ['ben', 'eva']
    """
    pins = check_array(
        assignments,
        dtype=[np.float64, np.float32],
        ensure_non_negative=True,
        input_name="assignments",
    )
    of_pins = check_groups(users, len(pins), "users")
    pins = scaled(pins, scale_exponent(pins))
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
