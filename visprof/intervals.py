"""Numbers with intervals, by bootstrap or jackknife over units (users, say), and seeds."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

from visprof._lazy import lazily
from visprof.checks import (
    check_columns,
    check_draws,
    check_finite,
    check_number,
    check_numbers,
    check_whole,
)

with lazily():
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from scipy.special import stdtrit

    from visprof._quantile import quantiles

__all__ = [
    "COVERAGE", "Estimate", "estimate_over_seeds", "jackknife_over_seeds", "mean_draws",
    "mean_over_seeds", "median_draws", "percentile_interval", "resample_counts",
]  # fmt: skip

COVERAGE = 0.95  # of every interval of the book
_MOST_KEPT = 2**18  # numbers of bootstrap draws that are kept for who asks for the same


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, where it has one.

    Parameters
    ----------
    value : float
        The point estimate; a mean over seeds where there are several.
    low, high : float, optional
        Ends of its interval, which covers the draw of units and of seeds.
    n : int, optional
        How many units (users, pairs, pictures; see `unit`) it rests on.
    unit : str
        What `n` counts.
    sd_units, sd_seeds : float, optional
        The two parts of its standard error: from the draw of units, and from that of seeds.
    by_seed : tuple of (value, low, high)
        What each seed gives alone, its interval over units only.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    sd_units: float | None = None
    sd_seeds: float | None = None
    by_seed: tuple[tuple[float, float, float], ...] = ()

    def interval(self, spec: str) -> str:
        """Ends of the interval, each by the format `spec`; empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:{spec}} to {self.high:{spec}}"

    def __format__(self, spec: str) -> str:
        """Value and interval, each by the format `spec`: ``0.134 (0.120 to 0.148)``."""
        interval = self.interval(spec)
        return format(self.value, spec) + (f" ({interval})" if interval else "")

    def of(self, n: int, unit: str) -> Estimate:
        """Return the same number, resting on so many units."""
        return dataclasses.replace(self, n=n, unit=unit)

    def of_seed(self, seed: int) -> Estimate:
        """Return what a seed gives alone; the number itself where it is not kept by seed."""
        if seed >= len(self.by_seed):
            return self
        return Estimate(*self.by_seed[seed], n=self.n, unit=self.unit)


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
    if n * n_resamples > _MOST_KEPT:
        return _resampled.__wrapped__(n, n_resamples, random_state)
    return _resampled(n, n_resamples, random_state).copy()


@functools.lru_cache(maxsize=16)
def _resampled(n: int, n_resamples: int, random_state: int) -> NDArray[np.int64]:
    """The draws; a simulation asks for the same again and again."""
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
        low, high = quantiles(draws, [(1 - level) / 2, (1 + level) / 2])
    check_finite([low, high], "quantiles of the draws")
    return low, high


def mean_draws(values: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
    """Means of bootstrap draws.

    Parameters
    ----------
    values : array-like of shape (n,) or (n, m)
        A value, or m, of each unit.
    times : array-like of int, shape (b, n)
        How often each unit is in each draw, from `resample_counts`.

    Returns
    -------
    ndarray of shape (b,) or (b, m)

    Raises
    ------
    TypeError
        If a value is no number.
    ValueError
        If shapes do not match, a value is missing or not finite, or a row of `times` is no draw.
    """
    values = check_columns(values, None, "values")
    return check_draws(times, len(values), "times") @ values / len(values)


def median_draws(values: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
    """Medians of bootstrap draws.

    Parameters
    ----------
    values : array-like of shape (n,) or (n, m)
        A value, or m, of each unit.
    times : array-like of int, shape (b, n)
        As of `mean_draws`.

    Returns
    -------
    ndarray of shape (b,) or (b, m)

    Raises
    ------
    TypeError
        If a value is no number.
    ValueError
        If shapes do not match, a value is missing or not finite, or a row of `times` is no draw.
    """
    values = check_columns(values, None, "values")
    n = len(values)
    times = check_draws(times, n, "times")
    draws = []
    for column in values.reshape(n, -1).T:
        order = np.argsort(column)
        # how many of the n units drawn are at most as large as each
        drawn = np.cumsum(times[:, order], axis=1, dtype=np.int32)
        lower, upper = ((drawn <= place).sum(axis=1) for place in ((n - 1) // 2, n // 2))
        draws.append((column[order][lower] + column[order][upper]) / 2)
    return np.array(draws).T if values.ndim == 2 else draws[0]


def estimate_over_seeds(values: ArrayLike, draws: ArrayLike, random_state: int = 0) -> Estimate:
    r"""Mean over seeds, with an interval for both the draw of units and that of seeds.

    Bootstrap over both (Owen 2007): each draw of the units goes with a draw of the seeds. Of S
    seeds drawn with replacement the mean varies by :math:`(S - 1) / S` of what it does between
    samples of S seeds, so that deviations of the seeds' weights are stretched by
    :math:`\sqrt{S / (S - 1)}`.

    Parameters
    ----------
    values : array-like of shape (S,)
        The number as each seed gives it.
    draws : array-like of shape (b, S)
        The same of bootstrap draws of the units. Where units are the same for all seeds, so must
        the draws be.
    random_state : int, default=0
        Seed of the draw of seeds.

    Returns
    -------
    Estimate
        Without `n` and `unit`. With one seed, the interval covers the draw of units alone, and
        there is no `sd_seeds`.

    Raises
    ------
    TypeError
        If a parameter is no number.
    ValueError
        If shapes do not match, a value is missing or not finite, or a parameter is out of range.
    """
    values, draws = check_numbers(values, None, "values"), check_columns(draws, None, "draws")
    check_whole(random_state, "random_state", 0)
    if draws.ndim != 2 or draws.shape[1] != len(values):
        raise ValueError(
            f"draws: expected shape (b, {len(values)}), a column a seed, got {draws.shape}"
        )
    b, n_seeds = draws.shape
    by_seed = tuple(
        (float(value), *percentile_interval(column, COVERAGE))
        for value, column in zip(values, draws.T, strict=True)
    )
    value, sd_units = float(values.mean()), float(draws.mean(axis=1).std())
    if n_seeds == 1:
        return Estimate(value, *by_seed[0][1:], sd_units=sd_units, by_seed=by_seed)
    # a stream of its own: units are drawn with the same seed
    rng = np.random.default_rng([random_state, n_seeds])
    times = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=b)
    weights = 1 + (times - 1) * np.sqrt(n_seeds / (n_seeds - 1))
    means = np.clip((weights * draws).mean(axis=1), draws.min(), draws.max())
    low, high = percentile_interval(means, COVERAGE)
    sd_seeds = float(values.std(ddof=1) / np.sqrt(n_seeds))
    return Estimate(value, low, high, sd_units=sd_units, sd_seeds=sd_seeds, by_seed=by_seed)


def jackknife_over_seeds(values: ArrayLike, left_out: ArrayLike) -> Estimate:
    r"""Mean over seeds, with a t interval for few units, by jackknife, and for seeds.

    Quantiles of bootstrap draws of few units lie too close together; here the jackknife gives the
    variance :math:`v_n` of the mean over seeds (Efron and Tibshirani 1993, chapter 11), that of
    the S seeds is :math:`v_S = s^2 / S`, and Student's t has the degrees of freedom of their sum,
    :math:`(v_n + v_S)^2 / (v_n^2 / (n - 1) + v_S^2 / (S - 1))` (Satterthwaite 1946). For a mean of
    the units' own values and one seed, this is the usual t interval.

    Parameters
    ----------
    values : array-like of shape (S,)
        The number as each seed gives it.
    left_out : array-like of shape (n, S), n > 1
        The same without each of the n units in turn.

    Returns
    -------
    Estimate
        Without `n` and `unit`. With one seed, the interval covers the draw of units alone, and
        there is no `sd_seeds`.

    Raises
    ------
    TypeError
        If a value is no number.
    ValueError
        If shapes do not match, there are fewer than two units, or a value is missing or not finite.
    """
    values, left_out = (
        check_numbers(values, None, "values"),
        check_columns(left_out, None, "left_out"),
    )
    if left_out.ndim != 2 or left_out.shape[1] != len(values) or len(left_out) < 2:
        raise ValueError(
            f"left_out: expected shape (n, {len(values)}) with n > 1, a column a seed, got "
            f"{left_out.shape}"
        )
    n, n_seeds = left_out.shape

    def interval(value: float, of_units: float, of_seeds: float = 0.0) -> tuple[float, float]:
        variance = of_units + of_seeds
        if variance == 0:
            return value, value
        # seeds without a variance of their own have no part in the degrees of freedom
        parts = of_units**2 / (n - 1) + (of_seeds**2 / (n_seeds - 1) if of_seeds else 0)
        arm = stdtrit(variance**2 / parts, 0.5 + COVERAGE / 2) * np.sqrt(variance)
        return float(value - arm), float(value + arm)

    by_seed = tuple(
        (float(value), *interval(float(value), _jackknife_variance(column)))
        for value, column in zip(values, left_out.T, strict=True)
    )
    value, of_units = float(values.mean()), _jackknife_variance(left_out.mean(axis=1))
    of_seeds = float(values.var(ddof=1)) / n_seeds if n_seeds > 1 else None
    return Estimate(
        value,
        *interval(value, of_units, of_seeds or 0.0),
        sd_units=float(np.sqrt(of_units)),
        sd_seeds=None if of_seeds is None else float(np.sqrt(of_seeds)),
        by_seed=by_seed,
    )


def _jackknife_variance(left_out: NDArray) -> float:
    return float((len(left_out) - 1) * left_out.var())


def mean_over_seeds(
    values: ArrayLike,
    unit: str,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> list[Estimate]:
    """Means over units and seeds, each with an interval for both (see `estimate_over_seeds`).

    Parameters
    ----------
    values : array-like of shape (S, n, m)
        A value of each of n units by each of S seeds, for m numbers. The same draws of units serve
        all, so differences of numbers are paired.
    unit : str
        What the units are, such as "users".
    n_resamples : int, default=2000
        Number of bootstrap draws.
    random_state : int, default=0
        Seed of the draws.

    Returns
    -------
    list of Estimate, length m

    Raises
    ------
    TypeError
        If a parameter is no number, or not whole where things are counted.
    ValueError
        If there is no unit, seed or number, a value is not finite, or a parameter is out of range.

    Examples
    --------
    >>> by_seed = np.array([[1.0, 0.5, 1.0, 0.2], [1.0, 1.0, 0.5, 0.25]])  # of four users
    >>> (mrr,) = mean_over_seeds(by_seed[:, :, None], unit="users")
    >>> f"{mrr.value:.3f}", mrr.low < mrr.value < mrr.high, mrr.n
    ('0.681', True, 4)
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 3 or not values.size:
        raise ValueError(f"values: expected shape (S, n, m), none of them 0, got {values.shape}")
    n = values.shape[1]
    times = resample_counts(n, n_resamples, random_state)
    draws = np.stack([mean_draws(of, times) for of in values], axis=1)  # (b, S, m)
    return [
        estimate_over_seeds(mean, draw, random_state).of(n, unit)
        for mean, draw in zip(values.mean(axis=1).T, draws.transpose(2, 0, 1), strict=True)
    ]
