"""The Dirichlet-multinomial: counts of users whose shares differ, and its maximum likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln

from visprof._lazy import lazily
from visprof.checks import (
    check_columns,
    check_finite,
    check_matrix,
    check_number,
    check_numbers,
    check_whole,
    listed,
)
from visprof.ties import TIE

with lazily():
    from visprof import _dirichlet_fit

__all__ = [
    "WEAKEST", "DirichletMultinomial", "check_counts", "check_parameters", "count_chances",
    "expected_log_probability", "fit_dirichlet_multinomial", "fit_strength", "log_probability",
]  # fmt: skip

STRONGEST, WEAKEST = 1e-2, 1e6  # tastes: users who share nothing, and users who do not differ
_ENDS = float(np.log(STRONGEST)), float(np.log(WEAKEST))
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
        groups.append((checked, own))
    tallies = _dirichlet_fit.tallied([of for of, _ in groups])
    of_all = np.concatenate([own for _, own in groups])
    return _strength(tallies, of_all, _dirichlet_fit.best_strength(*tallies, of_all, *_ENDS))


def _strength(tallies: tuple[NDArray, ...], shares: NDArray, log_strength: float) -> float:
    """The strength; `WEAKEST` where that is as likely, but for rounding."""
    reached, weakest = (
        _dirichlet_fit.log_likelihood(*tallies, shares, at) for at in (log_strength, _ENDS[1])
    )
    if weakest >= reached - TIE * max(1, abs(reached)):
        return WEAKEST
    return float(np.clip(np.exp(log_strength), STRONGEST, WEAKEST))


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


def _alternate(counts: NDArray, smoothing: float) -> tuple[NDArray, float, ArrayLike]:
    """Shares, strength and objectives of items that all have a pin, or are given one."""
    shares = counts.sum(axis=0) + smoothing
    shares /= shares.sum()
    if not len(counts) or len(shares) == 1:  # nobody, or nothing to choose
        return shares, WEAKEST, [smoothing * float(np.log(shares).sum())]
    tallies = _dirichlet_fit.tallied([counts])
    log_strength = _dirichlet_fit.best_strength(*tallies, shares, *_ENDS)
    log_strength = np.log(_strength(tallies, shares, log_strength))
    shares, log_strength, objective = _dirichlet_fit.alternate(
        *tallies, shares, smoothing, log_strength, *_ENDS
    )
    return shares, _strength(tallies, shares, log_strength), objective


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
    array = check_matrix(counts, name, double=True)
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
