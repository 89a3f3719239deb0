"""The Dirichlet-multinomial: counts of users whose shares differ, and its maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln, zeta

from visprof._lazy import lazily
from visprof.checks import (
    check_columns,
    check_finite,
    check_number,
    check_numbers,
    check_whole,
    listed,
    unmasked,
)
from visprof.ties import TIE

with lazily():
    from sklearn.utils import check_array

__all__ = [
    "WEAKEST", "DirichletMultinomial", "check_counts", "check_parameters", "count_chances",
    "expected_log_probability", "fit_dirichlet_multinomial", "fit_strength", "log_probability",
]  # fmt: skip

STRONGEST, WEAKEST = 1e-2, 1e6  # tastes: users who share nothing, and users who do not differ
_FIRST = np.arange(8.0)[:, None]  # terms of the digamma function's rise
_GRID = 13  # strengths tried before the best is refined
_MAX_ITER = 500
_SURE_STEP = 1e-3  # of the logarithm of a strength: a step of Newton's that is sure to lead up
_SMALLEST_STEP = 1e-6  # of the logarithm of a strength
_TOLERANCE = 1e-10  # of shares and of the logarithm of the strength
_MOST_PINS = 1e9  # of a user and item: of more, rounding hides how users differ
_LARGEST_SMOOTHING = 1e9


def log_probability(counts: ArrayLike, alpha: ArrayLike) -> NDArray[np.float64]:
    r"""Log probability of pins, in the order in which they came, by a Dirichlet-multinomial.

    .. math:: \log p(n) = \sum_k \log \frac{\Gamma(\alpha_k + n_k)}{\Gamma(\alpha_k)}
                          - \log \frac{\Gamma(A + N)}{\Gamma(A)}, \quad
              A = \sum_k \alpha_k, \; N = \sum_k n_k.

    The probability of the counts, in whatever order (``scipy.stats.dirichlet_multinomial``), has
    the multinomial coefficient besides; in ratios of two models it cancels.

    Parameters
    ----------
    counts : array-like of shape (n, k)
        Pins of each of n users by item; they may be tempered (see `session_weights`).
    alpha : array-like of shape (k,) or (n, k)
        Parameters, each above 0; those of a posterior are the prior's and a user's own counts.

    Returns
    -------
    ndarray of shape (n,)
        In nats.

    Raises
    ------
    ValueError
        If shapes do not match, a count is negative or not finite, or a parameter is not above 0, or
        too small or too large to compute with.

    Examples
    --------
    >>> log_probability([[2, 0]], [1.0, 1.0]).round(3)  # 1/2, then 2/3
    array([-1.099])
    """
    counts = check_counts(counts, "counts")
    alpha = check_parameters(alpha, "alpha")
    if alpha.shape not in (counts.shape, counts.shape[1:]):
        raise ValueError(
            f"alpha: expected shape {counts.shape[1:]} or {counts.shape}, got {alpha.shape}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # checked
        return check_finite(_log_probability(counts, alpha), "log probability of alpha")


def _log_probability(counts: NDArray, alpha: NDArray) -> NDArray[np.float64]:
    whole = alpha.sum(axis=-1)
    items = gammaln(alpha + counts) - gammaln(alpha)
    return items.sum(axis=-1) - (gammaln(whole + counts.sum(axis=-1)) - gammaln(whole))


@dataclass(frozen=True)
class DirichletMultinomial:
    """Strength and shares by maximum likelihood.

    Attributes
    ----------
    strength : float
        In pins: a user's own share of an item counts as much as the population's once the user has
        so many. `WEAKEST` where users do not differ by more than chance.
    shares : ndarray of shape (k,)
        The population's; they sum to 1.
    objective : ndarray of shape (n_iter,)
        Log likelihood, with the smoothing's part, after each iteration: it never falls.
    """

    strength: float
    shares: NDArray[np.float64]
    objective: NDArray[np.float64]

    @property
    def alpha(self) -> NDArray[np.float64]:
        """Parameters: the strength times the shares."""
        return self.strength * self.shares


def fit_strength(counts: Sequence[ArrayLike], shares: Sequence[ArrayLike]) -> float:
    """Strength of taste that several groups of users have in common, by maximum likelihood.

    Parameters
    ----------
    counts : sequence of array-like of shape (n, k)
        Pins by user and item; each group has users and items of its own.
    shares : sequence of array-like of shape (k,)
        The population's shares in each group, all above 0; they sum to 1.

    Returns
    -------
    float
        The best of a grid from 0.01 to `WEAKEST`, refined by Newton's method; each step is halved
        until the likelihood rises.

    Raises
    ------
    ValueError
        If a count is negative or not finite, shares are not above 0 or not those of the items, or
        there is no group or not as many shares; groups are numbered from 0.

    Examples
    --------
    >>> alike = [[5, 5], [6, 4], [4, 6], [5, 5]]
    >>> fit_strength([alike], [[0.5, 0.5]]) == WEAKEST  # they differ by less than chance
    True
    """
    if not len(counts) or len(counts) != len(shares):
        raise ValueError(
            f"counts and shares: expected one of each for each group, got {len(counts)} and "
            f"{len(shares)}"
        )
    groups = []
    for place, (of, share) in enumerate(zip(counts, shares, strict=True)):
        checked = check_counts(of, f"counts[{place}]")
        own = check_numbers(share, checked.shape[1], f"shares[{place}]")
        if not ((own > 0).all() and abs(own.sum() - 1) <= TIE * len(own)):
            raise ValueError(
                f"shares[{place}]: expected shares above 0 that sum to 1, got "
                f"{listed(own.tolist())}, of sum {own.sum():g}"
            )
        groups.append((_Counts.of(checked), own))
    return _best_strength(groups)


@dataclass(frozen=True)
class _Counts:
    """Counts by user and item, (n, k), with each of an item but once.

    What is asked of a count depends on it and on its item alone, and many users have the same.
    """

    values: NDArray[np.float64]  # that differ, (m,)
    items: NDArray[np.int64]  # of each value, (m,)
    places: NDArray[np.int64]  # of each count among the values, (n, k)

    @classmethod
    def of(cls, counts: NDArray) -> _Counts:
        items = np.broadcast_to(np.arange(counts.shape[1]), counts.shape)
        pairs = np.stack([items, counts], axis=-1).reshape(-1, 2)
        different, numbers = np.unique(pairs, axis=0, return_inverse=True)
        places = np.empty_like(counts, int)  # by rows or columns, as they are: sums round alike
        places[...] = numbers.reshape(counts.shape)
        return cls(different[:, 1], different[:, 0].astype(int), places)

    @cached_property
    def totals(self) -> _Counts:
        """Pins of each user, as the counts of one item."""
        return _Counts.of(self.values[self.places].sum(axis=1, keepdims=True))

    def gained(self, function: Callable[[NDArray], NDArray], alpha: NDArray) -> NDArray[np.float64]:
        """By how much a function rises from alpha (k,) to alpha and each count, (n, k)."""
        return (function(alpha[self.items] + self.values) - function(alpha)[self.items])[
            self.places
        ]

    def digamma_rise(self, alpha: NDArray) -> NDArray[np.float64]:
        """As `gained`, of the digamma function."""
        return _digamma_rise(alpha[self.items], self.values)[self.places]


_Groups = Sequence[tuple[_Counts, NDArray]]  # counts and shares of each


def _best_strength(groups: _Groups) -> float:
    grid = np.linspace(np.log(STRONGEST), np.log(WEAKEST), _GRID)
    reached = [_objective(groups, at) for at in grid]
    best = float(grid[int(np.argmax(reached))])
    for _ in range(_MAX_ITER):
        before, best = best, _newton_step(groups, best)
        if abs(best - before) < _SMALLEST_STEP:
            break
    return _strength(groups, best)


def _strength(groups: _Groups, log_strength: float) -> float:
    """The strength; `WEAKEST` where that is as likely, but for rounding."""
    reached = _objective(groups, log_strength)
    if _objective(groups, np.log(WEAKEST)) >= reached - TIE * max(1, abs(reached)):
        return WEAKEST
    return float(np.clip(np.exp(log_strength), STRONGEST, WEAKEST))


def _objective(groups: _Groups, log_strength: float) -> float:
    strength = np.exp(log_strength)
    return sum(float(_log_likelihoods(of, strength * shares).sum()) for of, shares in groups)


def _log_likelihoods(counts: _Counts, alpha: NDArray) -> NDArray[np.float64]:
    """As `_log_probability`, to the last bit."""
    of_totals = counts.totals.gained(gammaln, alpha.sum(keepdims=True))
    return counts.gained(gammaln, alpha).sum(axis=-1) - of_totals[:, 0]


def _newton_step(groups: _Groups, log_strength: float) -> float:
    """A logarithm of the strength with which the likelihood is at least as high."""
    strength = np.exp(log_strength)
    slope = curvature = 0.0
    for counts, shares in groups:
        alpha, totals, whole = strength * shares, counts.totals, np.array([strength])
        slope += float((counts.digamma_rise(alpha) @ shares).sum())
        slope -= float(totals.digamma_rise(whole).sum())
        curvature += float((counts.gained(_trigamma, alpha) @ shares**2).sum())
        curvature -= float(totals.gained(_trigamma, whole).sum())
    slope, curvature = strength * slope, strength**2 * curvature + strength * slope  # of the log
    step = -slope / curvature if curvature < 0 else np.sign(slope)
    step = float(np.clip(step, -2, 2))
    if curvature < 0 and abs(step) < _SURE_STEP:
        # so near the top the slope is exact where likelihoods differ by rounding alone, which
        # depends on the processor
        return float(np.clip(log_strength + step, np.log(STRONGEST), np.log(WEAKEST)))
    before = _objective(groups, log_strength)
    ends = np.log(STRONGEST), np.log(WEAKEST)
    while abs(step) >= _SMALLEST_STEP:
        following = float(np.clip(log_strength + step, *ends))
        if _objective(groups, following) > before:
            return following
        step /= 2
    return log_strength


def _trigamma(alpha: NDArray) -> NDArray[np.float64]:
    return zeta(2, alpha)


def _digamma_rise(alpha: NDArray, counts: NDArray) -> NDArray[np.float64]:
    r"""By how much the digamma function rises over counts: psi(alpha + n) - psi(alpha).

    The difference of two values of it would be lost where alpha is large. It is

    .. math:: \sum_{i < 8} \frac{n}{(\alpha + i)(\alpha + n + i)}

    and, from x = alpha + 8 to y = x + n, that of the asymptotic series, whose terms are small
    (Abramowitz & Stegun 1964, 6.3.18).
    """
    low, high = alpha, alpha + counts
    terms = counts / ((low + _FIRST) * (high + _FIRST))
    rise = terms[0]
    for term in terms[1:]:  # in this order on every processor
        rise += term
    x, y = low + 8, high + 8
    rise += np.log1p(counts / x)
    rise += counts / (2 * x * y)
    of_x, of_y = _series(1 / np.square([x, y]))
    return rise + of_x - of_y


def _series(u: NDArray) -> NDArray[np.float64]:
    """What log(x) - 1 / (2 x) has more than the digamma function of x, by u = 1 / x^2."""
    found = np.zeros_like(u)
    for of in (12.0, -32760 / 691, 132.0, -240.0, 252.0, -120.0, 12.0):
        found += 1 / of
        found *= u
    return found


def fit_dirichlet_multinomial(counts: ArrayLike, smoothing: float = 0.0) -> DirichletMultinomial:
    r"""Strength and shares of a Dirichlet-multinomial by maximum likelihood.

    Two steps in turn, of which neither lowers the likelihood: the shares by the fixed point of
    Minka (2000, "Estimating a Dirichlet distribution"), for a given strength A

    .. math:: \pi_k \propto \lambda + \sum_u A \pi_k
              \left(\psi(A \pi_k + n_{uk}) - \psi(A \pi_k)\right),

    and the strength by a step of Newton's, halved until the likelihood rises. With the smoothing
    :math:`\lambda` what rises is the likelihood times :math:`\prod_k \pi_k^\lambda`: an item that
    nobody of the background has keeps a share.

    Parameters
    ----------
    counts : array-like of shape (n, k)
        Pins by user and item. Users without pins say nothing.
    smoothing : float, default=0
        Pins that each item is given, in all.

    Returns
    -------
    DirichletMultinomial
        Until shares and the logarithm of the strength move by less than 1e-10, at most 500
        iterations. An item that
        nobody has gets the share 0 without smoothing.

    Raises
    ------
    ValueError
        If a count is negative or not finite, there is no pin at all and no smoothing, or the
        smoothing is negative or above 1e9.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users = rng.dirichlet([2.0, 4.0, 6.0], 500)  # of strength 12
    >>> found = fit_dirichlet_multinomial([rng.multinomial(100, user) for user in users])
    >>> f"{found.strength:.1f}", found.shares.round(2).tolist()
    ('12.2', [0.16, 0.33, 0.51])
    """
    counts = check_counts(counts, "counts")
    smoothing = check_number(smoothing, "smoothing", least=0, most=_LARGEST_SMOOTHING)
    counts = counts[counts.sum(axis=1) > 0]
    totals = counts.sum(axis=0)
    if not totals.sum() + smoothing:
        raise ValueError("counts: there is no pin, and no smoothing to take its place")
    there = totals + smoothing > 0
    shares = np.zeros(len(totals))
    shares[there], strength, objective = _alternate(counts[:, there], smoothing)
    return DirichletMultinomial(strength, shares, np.array(objective))


def _alternate(counts: NDArray, smoothing: float) -> tuple[NDArray, float, list[float]]:
    """Shares, strength and objectives of items that all have a pin, or are given one."""
    shares = counts.sum(axis=0) + smoothing
    shares /= shares.sum()
    if not len(counts) or len(shares) == 1:  # nobody, or nothing to choose
        return shares, WEAKEST, [smoothing * float(np.log(shares).sum())]
    users = _Counts.of(counts)
    log_strength = np.log(_best_strength([(users, shares)]))
    objective: list[float] = []
    for _ in range(_MAX_ITER):
        before = np.append(shares, log_strength)
        alpha = np.exp(log_strength) * shares
        shares = smoothing + (alpha * users.digamma_rise(alpha)).sum(axis=0)
        shares = np.maximum(shares, np.finfo(float).tiny)
        shares /= shares.sum()
        log_strength = _newton_step([(users, shares)], log_strength)
        log_likelihood = _objective([(users, shares)], log_strength)
        objective.append(log_likelihood + smoothing * float(np.log(shares).sum()))
        # not by the objective: one iteration more or less, on another processor, would tell
        if np.abs(np.append(shares, log_strength) - before).max() < _TOLERANCE:
            break
    return shares, _strength([(users, shares)], log_strength), objective


def count_chances(n_pins: int, alpha: float, strength: float) -> NDArray[np.float64]:
    """Chances that a user has 0, 1, ... or all of some pins of one item (beta-binomial).

    Parameters
    ----------
    n_pins : int
        At least 0.
    alpha, strength : float
        The item's parameter, and the sum of all.

    Returns
    -------
    ndarray of shape (n_pins + 1,)

    Raises
    ------
    TypeError
        If `n_pins` is no whole number, or a parameter none.
    ValueError
        If it is negative, or not 0 < alpha <= strength < infinity.

    Examples
    --------
    >>> count_chances(2, 1.0, 2.0).round(3).tolist()
    [0.333, 0.333, 0.333]
    """
    n_pins = check_whole(n_pins, "n_pins", 0)
    strength = check_number(strength, "strength", above=0)
    alpha = check_number(alpha, "alpha", above=0, most=strength)
    if alpha == strength:  # there is no other item
        return np.eye(n_pins + 1)[n_pins]
    numbers, other = np.arange(n_pins + 1), strength - alpha
    orders = gammaln(n_pins + 1) - gammaln(numbers + 1) - gammaln(n_pins - numbers + 1)
    logs = orders + betaln(numbers + alpha, n_pins - numbers + other) - betaln(alpha, other)
    return np.exp(logs)


def expected_log_probability(alpha: ArrayLike, n_pins: int) -> float:
    """Mean of `log_probability` over users of a Dirichlet-multinomial, exactly.

    Parameters
    ----------
    alpha : array-like of shape (k,)
        Parameters, each above 0.
    n_pins : int
        Pins of each user, at least 0.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    TypeError
        If `n_pins` is no whole number.
    ValueError
        If it is negative, the shape is another, or a parameter is not above 0.

    Examples
    --------
    >>> round(expected_log_probability([1.0, 1.0], 1), 3)  # of one pin: log(1/2)
    -0.693
    """
    alpha = check_parameters(alpha, "alpha")
    if alpha.ndim != 1:
        raise ValueError(f"alpha: expected shape (k,), got {alpha.shape}")
    numbers = np.arange(check_whole(n_pins, "n_pins", 0) + 1)
    strength = check_number(float(alpha.sum()), "sum of alpha", above=0)
    items = [
        float(count_chances(n_pins, float(of), max(strength, float(of))) @ rising)
        for of, rising in zip(alpha, gammaln(alpha[:, None] + numbers) - gammaln(alpha)[:, None],
                              strict=True)
    ]  # fmt: skip
    found = sum(items) - float(gammaln(strength + n_pins) - gammaln(strength))
    return float(check_finite(found, "log probability of alpha"))


def check_parameters(alpha: ArrayLike, name: str) -> NDArray[np.float64]:
    """Check parameters of a Dirichlet distribution, or a row of them for each of several.

    Parameters
    ----------
    alpha : array-like of shape (k,) or (n, k)
    name : str
        What they are, for messages.

    Returns
    -------
    ndarray of shape (k,) or (n, k), float64

    Raises
    ------
    TypeError
        If one is no number.
    ValueError
        If the shape is another, or one is not finite or not above 0.
    """
    array = check_columns(alpha, None, name)
    if not (array > 0).all():
        raise ValueError(f"{name}: expected finite parameters above 0, got {array.min()}")
    return array


def check_counts(counts: ArrayLike, name: str) -> NDArray[np.float64]:
    """Check numbers of pins, of users (rows) by item (columns).

    Parameters
    ----------
    counts : array-like of shape (n, k)
    name : str
        What they are, for messages.

    Returns
    -------
    ndarray of shape (n, k), float64

    Raises
    ------
    ValueError
        If the shape is another, or a number is negative, above 1e9 or not finite.
    """
    array = check_array(unmasked(counts), dtype=np.float64, order="C", input_name=name)
    if array.min() < 0:
        row = int(np.flatnonzero((array < 0).any(axis=1))[0])
        # in the words of scikit-learn, whose checks ask for them
        raise ValueError(f"{name}: Negative values in data, at row {row}; expected numbers of pins")
    if array.max() > _MOST_PINS:
        row = int(np.flatnonzero((array > _MOST_PINS).any(axis=1))[0])
        raise ValueError(
            f"{name}: expected numbers of pins of at most {_MOST_PINS:g}, got {array.max():g} at "
            f"row {row}; divide all by a thousand, say"
        )
    return array
