"""From pins to users: a user's profile is the mean of the pins' visual-word assignments."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from visprof.checks import check_finite, check_groups, listed

__all__ = ["user_profiles"]

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
