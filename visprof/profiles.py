"""From pins to users: a profile is the mean of the pins' assignments; and how profiles differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from visprof.checks import check_finite, check_groups, listed
from visprof.scaling import scale_exponent, scaled

__all__ = ["DISTANCES", "distance_points", "join_profiles", "user_profiles"]

DISTANCES = ("euclidean", "hellinger", "cosine")

_HEADROOM = 64  # bits: fewer than 2**64 numbers are added up


def user_profiles(
    assignments: ArrayLike, users: ArrayLike, counts: bool = False
) -> tuple[NDArray, NDArray[np.float64]]:
    """Sum the assignments of each user's pins, and by default scale the sum to 1 (Eq. 3).

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignment of each pin to the k visual words; rows usually sum to 1.
    users : array-like of shape (n,)
        User (or board) of each pin, in any order.
    counts : bool, default=False
        Return the plain sums, the counts y of Eq. 4, rather than profiles of unit sum.

    Returns
    -------
    user_labels : ndarray of shape (m,)
        The distinct users, sorted.
    profiles : ndarray of shape (m, k), float64
        Row i belongs to ``user_labels[i]``.

    Raises
    ------
    ValueError
        If the shapes do not match, a user is missing, a value or a sum is not finite, or a
        unit-sum profile is asked for and a value is negative or a user's sum is zero.
    TypeError
        If users are of several kinds, such as numbers and texts.

    Examples
    --------
    >>> users, profiles = user_profiles([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], ["ann", "ann", "ben"])
    >>> users.tolist()
    ['ann', 'ben']
    >>> profiles
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    pins = check_array(assignments, dtype=[np.float64, np.float32], input_name="assignments")
    labels, codes = np.unique(check_groups(users, len(pins), "users"), return_inverse=True)
    if np.any(np.diff(codes) < 0):
        order = np.argsort(codes, kind="stable")
        pins, codes = pins[order], codes[order]
    starts = np.searchsorted(codes, np.arange(len(labels)))
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(pins, starts, axis=0, dtype=np.float64)
    if counts:
        return labels, check_finite(sums, "sums of the assignments")
    if pins.min() < 0:
        raise ValueError(
            f"assignments: found a negative value ({pins.min()}); a profile of unit sum needs "
            "non-negative assignments"
        )
    with np.errstate(over="ignore"):
        totals = sums.sum(axis=1, keepdims=True)
    if not np.isfinite(totals).all():  # a profile is finite, though its sums are not
        huge = ~np.isfinite(totals[:, 0])
        sums[huge] = np.add.reduceat(np.ldexp(pins, -_HEADROOM), starts, axis=0)[huge]
        totals[huge] = sums[huge].sum(axis=1, keepdims=True)
    if np.any(totals == 0):
        raise ValueError(
            f"assignments: all zero for users {listed(labels[totals[:, 0] == 0].tolist())}; "
            "drop them or ask for counts=True"
        )
    return labels, sums / totals


def distance_points(profiles: ArrayLike, distance: str, name: str) -> NDArray:
    """Points whose Euclidean distances order as the distance asked for.

    Parameters
    ----------
    profiles : array-like of shape (n, k)
    distance : {"euclidean", "hellinger", "cosine"}
        Hellinger is the Euclidean distance of the square roots (rows should have unit sum); cosine
        is that of the rows scaled to unit length.
    name : str
        What errors call the profiles.

    Returns
    -------
    ndarray of shape (n, k)

    Raises
    ------
    ValueError
        If a value is not finite, the distance is unknown, or a row is negative (hellinger) or zero
        (cosine).
    """
    types = [np.float64, np.float32] if distance == "euclidean" else np.float64
    profiles = check_array(profiles, dtype=types, order="C", input_name=name)
    if distance == "euclidean":
        return profiles
    if distance == "hellinger":
        if profiles.min() < 0:
            raise ValueError(
                f"{name}: the hellinger distance needs values of at least 0, got {profiles.min()}"
            )
        return np.sqrt(profiles)
    if distance == "cosine":
        exponent = np.frexp(np.abs(profiles).max(axis=1, keepdims=True))[1]
        profiles = np.ldexp(profiles, -exponent)  # lest squares be 0 or infinite
        length = np.linalg.norm(profiles, axis=1, keepdims=True)
        if not length.all():
            raise ValueError(
                f"{name}: the cosine distance of a zero row is undefined "
                f"(rows {np.flatnonzero(length == 0)[:5].tolist()})"
            )
        return profiles / length
    raise ValueError(f"distance: expected one of {', '.join(DISTANCES)}, got {distance!r}")


def join_profiles(
    profiles: list[tuple[ArrayLike, ArrayLike]], distance: str = "euclidean"
) -> tuple[NDArray, NDArray]:
    """Put profiles of several kinds side by side, each with the same spread over users.

    A kind is divided by the root mean square distance of its train profiles from their mean, so
    every kind has the same say in a squared Euclidean distance, whatever its units. Only train
    profiles are looked at.

    Parameters
    ----------
    profiles : list of (train, test)
        Of each kind, arrays of shape (n, k); k may differ between kinds.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        Between profiles of one kind.

    Returns
    -------
    train, test : ndarray of shape (n, sum of k)
        Points whose squared Euclidean distance is the sum of the kinds' squared distances, each in
        units of its spread. A kind without spread is left as it is.

    Raises
    ------
    ValueError
        If there is no kind, as `distance_points`, or if a test profile is so far from the train
        profiles that it cannot be put in units of their spread.
    """
    if not profiles:
        raise ValueError("profiles: expected at least one pair (train, test), got none")
    joined = []
    for pair in profiles:
        train, test = (
            distance_points(side, distance, name)
            for side, name in zip(pair, ("train", "test"), strict=True)
        )
        exponent = scale_exponent(train)
        spread = np.sqrt(scaled(train, exponent).var(axis=0, dtype=np.float64).sum())
        if spread:
            with np.errstate(over="ignore"):  # checked below
                train, test = (scaled(side, exponent) / spread for side in (train, test))
        joined.append((train, check_finite(test, "test, in units of the spread of train")))
    train, test = (np.hstack(side) for side in zip(*joined, strict=True))
    return train, test
