"""Does a profile find the pictures its user collects next? Reciprocal ranks (Eq. 8)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from visprof.intervals import percentile_interval, resample_counts

__all__ = [
    "mean_reciprocal_rank",
    "mrr_difference",
    "random_mrr",
    "reciprocal_ranks",
    "split_pins",
]

_DISTANCES = ("euclidean", "hellinger", "cosine")


def reciprocal_ranks(
    train: ArrayLike, test: ArrayLike, distance: str = "euclidean"
) -> NDArray[np.float64]:
    """Rank every user's test profile by its distance to the user's train profile.

    Tied test profiles share the mean of their ranks (mid-rank). Every distance is summed in the
    same order, so equal test rows tie to the last bit.

    Parameters
    ----------
    train, test : array-like of shape (n, k)
        Profiles; row i of both belongs to user i.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        The paper's is Euclidean. Hellinger is the Euclidean distance of the square roots (rows
        should have unit sum); cosine is that of the rows scaled to unit length.

    Returns
    -------
    ndarray of shape (n,)
        1 / rank of user i's own test row among all n.

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite, the distance is unknown, or a row is
        negative (hellinger) or zero (cosine).
    """
    points = []
    for name, profiles in (("train", train), ("test", test)):
        checked = check_array(profiles, dtype=np.float64, order="C", input_name=name)
        points.append(_embedded(checked, distance, name))
    if points[0].shape != points[1].shape:
        raise ValueError(
            f"train {points[0].shape} and test {points[1].shape} must have one shape (n, k): "
            "row i of both belongs to user i"
        )
    return 1 / _mid_ranks(*points)


def mean_reciprocal_rank(
    rr: ArrayLike, level: float = 0.95, n_resamples: int = 2000, random_state: int = 0
) -> tuple[float, float, float]:
    """Mean reciprocal rank (Eq. 8) with a percentile bootstrap interval over users.

    Parameters
    ----------
    rr : array-like of shape (n,)
        Reciprocal ranks.
    level : float, default=0.95
        Coverage, between 0 and 1.
    n_resamples : int, default=2000
        Number of bootstrap draws.
    random_state : int, default=0
        Seed.

    Returns
    -------
    mrr, low, high : float

    Raises
    ------
    ValueError
        If `rr` is empty, not 1-D or not in (0, 1], or a parameter is out of range.
    """
    return _mean_interval(_checked_ranks(rr, "rr"), level, n_resamples, random_state)


def mrr_difference(
    rr_a: ArrayLike,
    rr_b: ArrayLike,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> tuple[float, float, float]:
    """MRR of one profile minus that of another, paired by user, with a bootstrap interval.

    Parameters
    ----------
    rr_a, rr_b : array-like of shape (n,)
        Reciprocal ranks of the same users.
    level, n_resamples, random_state
        As in :func:`mean_reciprocal_rank`.

    Returns
    -------
    difference, low, high : float

    Raises
    ------
    ValueError
        As :func:`mean_reciprocal_rank`, or if the shapes differ.
    """
    rr_a, rr_b = _checked_ranks(rr_a, "rr_a"), _checked_ranks(rr_b, "rr_b")
    if rr_a.shape != rr_b.shape:
        raise ValueError(f"rr_a {rr_a.shape} and rr_b {rr_b.shape} must be of the same users")
    return _mean_interval(rr_a - rr_b, level, n_resamples, random_state)


def _checked_ranks(rr: ArrayLike, name: str) -> NDArray[np.float64]:
    rr = np.asarray(rr, dtype=np.float64)
    if rr.ndim != 1 or not len(rr) or not np.all((rr > 0) & (rr <= 1)):
        raise ValueError(
            f"{name}: expected shape (n,) with values in (0, 1], got shape {rr.shape} with "
            f"{np.sum(~((rr > 0) & (rr <= 1)))} values outside"
        )
    return rr


def _mean_interval(
    values: NDArray[np.float64], level: float, n_resamples: int, random_state: int
) -> tuple[float, float, float]:
    """Mean and percentile bootstrap interval over users."""
    n = len(values)
    times = resample_counts(n, n_resamples, random_state)
    return float(values.mean()), *percentile_interval(times @ values / n, level)


def random_mrr(n: int) -> float:
    """Expected reciprocal rank among `n` users ranked at random: H_n / n.

    Parameters
    ----------
    n : int
        Number of users, at least 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `n` is less than 1.

    Examples
    --------
    >>> round(random_mrr(3990), 4)
    0.0022
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1 user, got {n}")
    return math.fsum(1 / rank for rank in range(1, n + 1)) / n


def split_pins(
    pins: pd.DataFrame, n_train: int, n_test: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The first `n_train` and the last `n_test` pins of each board, in time.

    Parameters
    ----------
    pins : DataFrame with columns board, time
        Rows sorted by board and, within each, by time.
    n_train, n_test : int
        Numbers of pins, at least 1.

    Returns
    -------
    train_mask, test_mask : ndarray of bool, shape (len(pins),)
        Disjoint.

    Raises
    ------
    ValueError
        If a column is missing, the rows are not sorted, a number is less than 1, or a board has
        fewer than ``n_train + n_test`` pins (the boards are named).
    """
    missing = {"board", "time"} - set(pins.columns)
    if missing:
        raise ValueError(f"pins: no column {sorted(missing)} among {list(pins.columns)}")
    if n_train < 1 or n_test < 1:
        raise ValueError(f"n_train and n_test: expected at least 1, got {n_train} and {n_test}")
    if pins[["board", "time"]].isna().any(axis=None):
        raise ValueError("pins: board or time is missing in some rows; drop them")
    same_board = (pins["board"] == pins["board"].shift())[1:]
    in_time = (pins["time"] >= pins["time"].shift())[1:]
    if (~same_board).sum() + 1 > pins["board"].nunique() or not in_time[same_board].all():
        raise ValueError("pins: rows must be sorted by board, then time: sort_values first")
    groups = pins.groupby("board", sort=False, observed=True)
    sizes = groups.size()
    short = sizes[sizes < n_train + n_test]
    if len(short):
        named = ", ".join(f"{board!r} ({size})" for board, size in short.head(10).items())
        more = f" and {len(short) - 10} more" if len(short) > 10 else ""
        raise ValueError(
            f"pins: boards with fewer than n_train + n_test = {n_train + n_test} pins: "
            f"{named}{more}; drop them or ask for fewer"
        )
    from_start = groups.cumcount().to_numpy()
    from_end = groups.cumcount(ascending=False).to_numpy()
    return from_start < n_train, from_end < n_test


def _embedded(profiles: NDArray[np.float64], distance: str, name: str) -> NDArray[np.float64]:
    """Points whose Euclidean distances order as the distance asked for."""
    if distance == "euclidean":
        return profiles
    if distance == "hellinger":
        if profiles.min() < 0:
            raise ValueError(
                f"{name}: the hellinger distance needs values of at least 0, got {profiles.min()}"
            )
        return np.sqrt(profiles)
    if distance == "cosine":
        length = np.linalg.norm(profiles, axis=1, keepdims=True)
        if not length.all():
            raise ValueError(
                f"{name}: the cosine distance of a zero row is undefined "
                f"(rows {np.flatnonzero(length == 0)[:5].tolist()})"
            )
        return profiles / length
    raise ValueError(f"distance: expected one of {_DISTANCES}, got {distance!r}")


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _mid_ranks(train, test):  # pragma: no cover  (compiled)
    n, k = train.shape
    ranks = np.empty(n)
    for i in prange(n):
        squared = np.empty(n)
        for j in range(n):
            total = 0.0
            for c in range(k):
                total += (train[i, c] - test[j, c]) ** 2
            squared[j] = total
        nearer, tied = 0, 0
        for j in range(n):
            nearer += squared[j] < squared[i]
            tied += squared[j] == squared[i]
        ranks[i] = nearer + (tied + 1) / 2  # `tied` counts i itself
    return ranks
