"""Bootstrap intervals: what the modules that draw units with replacement share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visprof.checks import check_whole

__all__ = ["percentile_interval", "resample_counts"]


def resample_counts(n: int, n_resamples: int, random_state: int) -> NDArray[np.int64]:
    """Draw `n` of `n` units with replacement, many times.

    Parameters
    ----------
    n : int
        Number of units.
    n_resamples : int
        Number of draws.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of int, shape (n_resamples, n)
        How often each unit is in each draw; rows sum to `n`.

    Raises
    ------
    TypeError
        If `n_resamples` is no whole number.
    ValueError
        If `n_resamples` is less than 1.
    """
    check_whole(n_resamples, "n_resamples", 1)
    rng = np.random.default_rng(random_state)
    return rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)


def percentile_interval(draws: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Percentile interval of bootstrap draws (Efron and Tibshirani 1993, chapter 13).

    Parameters
    ----------
    draws : ndarray
        One value a draw.
    level : float
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
