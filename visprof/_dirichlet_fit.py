"""The likelihood of a Dirichlet-multinomial and the steps up to its maximum, compiled.

What is asked of a count depends on it and on its item alone, and many users have the same: so
counts are given as the values that differ, with the item of each and how often it is there. A count
of 0 changes nothing, and is left out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from visprof._numba import njit

__all__ = ["alternate", "best_strength", "digamma_rise", "log_likelihood", "tallied"]

_GRID = 13  # strengths tried before the best is refined
_MAX_ITER = 500
_SURE_STEP = 1e-3  # of the logarithm of a strength: a step of Newton's that is sure to lead up
_SMALLEST_STEP = 1e-6  # of the logarithm of a strength
_TOLERANCE = 1e-10  # of shares and of the logarithm of the strength
_TINY = np.finfo(float).tiny


def tallied(
    groups: list[NDArray[np.float64]],
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Counts of groups of users, (n, k) each, as the functions here take them.

    Values that differ, with their item (items of all groups are numbered in a row) and how often
    each is there; then numbers of pins of a user that differ, and how many users have each.
    """
    columns = [column for counts in groups for column in counts.T]
    values, times = zip(*(np.unique(of, return_counts=True) for of in columns), strict=True)
    items = np.repeat(np.arange(len(columns)), [len(of) for of in values])
    values, times = np.concatenate(values), np.concatenate(times)
    some = values > 0
    totals, users = np.unique(
        np.concatenate([counts.sum(axis=1) for counts in groups]), return_counts=True
    )
    return values[some], items[some], times[some].astype(float), totals, users.astype(float)


@njit(error_model="numpy")
def _series(u):  # pragma: no cover  (compiled)
    """What log(x) - 1 / (2 x) has more than the digamma function of x, by u = 1 / x^2."""
    found = 0.0
    for of in (12.0, -32760 / 691, 132.0, -240.0, 252.0, -120.0, 12.0):
        found = (found + 1 / of) * u
    return found


@njit(error_model="numpy")
def digamma_rise(alpha, count):  # pragma: no cover  (compiled)
    r"""By how much the digamma function rises over a count: psi(alpha + n) - psi(alpha).

    The difference of two values of it would be lost where alpha is large. It is

    .. math:: \sum_{i < 8} \frac{n}{(\alpha + i)(\alpha + n + i)}

    and, from x = alpha + 8 to y = x + n, that of the asymptotic series, whose terms are small
    (Abramowitz & Stegun 1964, 6.3.18).
    """
    rise = 0.0
    for i in range(8):
        rise += count / ((alpha + i) * (alpha + count + i))
    x = alpha + 8
    y = x + count
    rise += math.log1p(count / x)
    rise += count / (2 * x * y)
    return rise + _series(1 / (x * x)) - _series(1 / (y * y))


@njit(error_model="numpy")
def _trigamma(alpha):  # pragma: no cover  (compiled)
    """Derivative of the digamma function, by the series (6.4.12) from alpha + 8 on."""
    found = 0.0
    for i in range(8):
        found += 1 / (alpha + i) ** 2
    x = alpha + 8
    u = 1 / (x * x)
    series = 0.0
    for of in (7 / 6, -691 / 2730, 5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6):
        series = (series + of) * u
    return found + 1 / x + u / 2 + series / x


@njit(cache=True, error_model="numpy")
def log_likelihood(
    values, items, times, totals, users, shares, log_strength
):  # pragma: no cover  (compiled)
    """Of all users, in nats."""
    strength, found = math.exp(log_strength), 0.0
    for m in range(len(values)):
        alpha = strength * shares[items[m]]
        found += times[m] * (math.lgamma(alpha + values[m]) - math.lgamma(alpha))
    for t in range(len(totals)):
        found -= users[t] * (math.lgamma(strength + totals[t]) - math.lgamma(strength))
    return found


@njit(error_model="numpy")
def _newton_step(
    values, items, times, totals, users, shares, log_strength, low, high
):  # pragma: no cover  (compiled)
    """A logarithm of the strength with which the likelihood is at least as high."""
    strength, slope, curvature = math.exp(log_strength), 0.0, 0.0
    for m in range(len(values)):
        share = shares[items[m]]
        alpha = strength * share
        slope += times[m] * share * digamma_rise(alpha, values[m])
        curvature += times[m] * share**2 * (_trigamma(alpha + values[m]) - _trigamma(alpha))
    for t in range(len(totals)):
        slope -= users[t] * digamma_rise(strength, totals[t])
        curvature -= users[t] * (_trigamma(strength + totals[t]) - _trigamma(strength))
    curvature = strength**2 * curvature + strength * slope  # of the logarithm
    slope *= strength
    step = -slope / curvature if curvature < 0 else math.copysign(1.0, slope)
    step = min(max(step, -2.0), 2.0)
    if curvature < 0 and abs(step) < _SURE_STEP:
        # so near the top the slope is exact where likelihoods differ by rounding alone, which
        # depends on the processor
        return min(max(log_strength + step, low), high)
    before = log_likelihood(values, items, times, totals, users, shares, log_strength)
    while abs(step) >= _SMALLEST_STEP:
        following = min(max(log_strength + step, low), high)
        if log_likelihood(values, items, times, totals, users, shares, following) > before:
            return following
        step /= 2
    return log_strength


@njit(cache=True, error_model="numpy")
def best_strength(
    values, items, times, totals, users, shares, low, high
):  # pragma: no cover  (compiled)
    """Best logarithm of the strength, from a grid of these ends, refined."""
    best, highest, step = low, -np.inf, (high - low) / (_GRID - 1)
    for place in range(_GRID):
        at = low + place * step if place < _GRID - 1 else high
        reached = log_likelihood(values, items, times, totals, users, shares, at)
        if reached > highest:
            best, highest = at, reached
    for _ in range(_MAX_ITER):
        before = best
        best = _newton_step(values, items, times, totals, users, shares, best, low, high)
        if abs(best - before) < _SMALLEST_STEP:
            break
    return best


@njit(cache=True, error_model="numpy")
def alternate(
    values, items, times, totals, users, shares, smoothing, log_strength, low, high
):  # pragma: no cover  (compiled)
    """Shares, logarithm of the strength, and by iteration the likelihood with the smoothing's."""
    objective = np.empty(_MAX_ITER)
    shares = shares.copy()
    for iteration in range(_MAX_ITER):
        before, log_before, strength = shares.copy(), log_strength, math.exp(log_strength)
        shares[:] = smoothing
        for m in range(len(values)):
            alpha = strength * before[items[m]]
            shares[items[m]] += times[m] * alpha * digamma_rise(alpha, values[m])
        total = 0.0
        for k in range(len(shares)):
            shares[k] = max(shares[k], _TINY)
            total += shares[k]
        log_prior, moved = 0.0, 0.0
        for k in range(len(shares)):
            shares[k] /= total
            log_prior += math.log(shares[k])
            moved = max(moved, abs(shares[k] - before[k]))
        log_strength = _newton_step(
            values, items, times, totals, users, shares, log_strength, low, high
        )
        objective[iteration] = smoothing * log_prior + log_likelihood(
            values, items, times, totals, users, shares, log_strength
        )
        # not by the objective: one iteration more or less, on another processor, would tell
        if max(moved, abs(log_strength - log_before)) < _TOLERANCE:
            break
    return shares, log_strength, objective[: iteration + 1]
