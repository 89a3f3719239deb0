"""Bootstrap intervals: what the modules that draw units with replacement share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.checks import check_finite, check_number, check_numbers, check_whole

__all__ = ["percentile_interval", "resample_counts"]


def resample_counts(n: int, n_resamples: int, random_state: int) -> NDArray[np.int64]:
    """Draw `n` of `n` units with replacement, many times.

    Parameters
    ----------
    n : int
        Number of units, at least 1.
    n_resamples : int
        Number of draws, at least 1.
    random_state : int
        Seed, at least 0.

    Returns
    -------
    ndarray of int, shape (n_resamples, n)
        How often each unit is in each draw; rows sum to `n`.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is less than its least.
    """
    n, n_resamples = check_whole(n, "n", 1), check_whole(n_resamples, "n_resamples", 1)
    check_whole(random_state, "random_state", 0)
    rng = np.random.default_rng(random_state)
    return rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)


def percentile_interval(draws: ArrayLike, level: float) -> tuple[float, float]:
    """Percentile interval of bootstrap draws (Efron and Tibshirani 1993, chapter 13).

    Parameters
    ----------
    draws : array-like of shape (b,)
        One value a draw.
    level : float
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : float

    Raises
    ------
    TypeError
        If `level` is no number.
    ValueError
        If `level` is not between 0 and 1, there is no draw, or one is NaN or infinite, or
        too large to interpolate.
    """
    draws, level = (
        check_numbers(draws, None, "draws"),
        check_number(level, "level", above=0, below=1),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    check_finite([low, high], "quantiles of the draws")
    return float(low), float(high)
