"""Ties: numbers that differ by rounding alone are equal where they are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.checks import check_number

__all__ = ["TIE", "at_most", "exceeds"]

# Numbers that differ by no more than this share are equal where they are compared. Sums in double
# precision differ by some 1e-15 with the processor and the number of threads, and what depends on
# them by a hundred times that; numbers that really differ hardly ever do by as little as 1e-9.
TIE = 1e-9


def exceeds(values: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Whether values are greater than a threshold by more than rounding.

    A value within 1e-9 of the threshold, relative to it, is equal to it. So sums in another order
    (another processor, another number of threads) do not decide.

    Parameters
    ----------
    values : array-like
        Z, say.
    threshold : float

    Returns
    -------
    ndarray of bool
        Of the shape of `values`; a NaN does not exceed.

    Raises
    ------
    TypeError
        If the threshold is no number.
    ValueError
        If the threshold is NaN or infinite.

    Examples
    --------
    >>> exceeds([1.0, 1.0 + 1e-12, 1.1], 1.0)  # the second differs by rounding alone
    array([False, False,  True])
    """
    threshold = check_number(threshold, "threshold")
    return np.asarray(values) > threshold + TIE * abs(threshold)


def at_most(values: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Whether values are less than a level, or equal to it but for rounding.

    The counterpart of `exceeds`, for p-values.

    Parameters
    ----------
    values : array-like
        p, say.
    level : float
        Between 0 and 1.

    Returns
    -------
    ndarray of bool
        Of the shape of `values`; a NaN is not at most the level.

    Raises
    ------
    TypeError
        If the level is no number.
    ValueError
        If the level is out of range.
    """
    level = check_number(level, "level", above=0, below=1)
    return np.asarray(values) <= level * (1 + TIE)
