r"""Are two users' visual words different? Log-odds with a background prior (Eqs. 4-7).

The statistic of Monroe, Colaresi and Quinn, "Fightin' Words" (Political Analysis, 2008): for
user i with counts y_i and a prior of alpha times the background's counts g,

.. math::
    \delta_k = \log\frac{y_i(k) + \alpha g(k)}{n_i + \alpha G - y_i(k) - \alpha g(k)} -
               \log\frac{y_j(k) + \alpha g(k)}{n_j + \alpha G - y_j(k) - \alpha g(k)}

where n is the sum of y and G that of g (Eq. 4), the variance is approximately

.. math:: \sigma^2_k \approx \frac{1}{y_i(k) + \alpha g(k)} + \frac{1}{y_j(k) + \alpha g(k)}

(Eq. 5, "two-term"; "four-term" adds the reciprocals of the two denominators above, Monroe's full
form, which is better calibrated for large clusters), and z is delta over sigma (Eq. 6).
A cluster in which a user has neither count nor prior carries no evidence: z = 0 there, which is
the limit of Eq. 6 as y(k) + alpha g(k) goes to 0.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._numba import njit, over_threads
from visprof.blocks import Client, map_blocks
from visprof.checks import check_finite, check_number, check_whole, listed

__all__ = [
    "log_odds_z", "logits_and_variances", "pair_users", "pairwise_max_z", "prior_weight",
]  # fmt: skip

_VARIANCES = ("two-term", "four-term")
_HEADROOM = 64  # bits: fewer than 2**64 counts are added up


def log_odds_z(
    y_i: ArrayLike,
    y_j: ArrayLike,
    background: ArrayLike,
    alpha: float | None = None,
    variance: str = "two-term",
    *,
    prior_pins: float | None = None,
) -> NDArray[np.float64]:
    """z-score of every cluster for one pair of users (Eqs. 4-6).

    Positive where i has more of the cluster than j; swapping the users flips the sign exactly.

    Parameters
    ----------
    y_i, y_j : array-like of shape (k,)
        Counts of the two users: sums of the (soft) assignments of their pins.
    background : array-like of shape (k,)
        Counts g of the background.
    alpha : float, optional
        Weight of the prior; positive.
    variance : {"two-term", "four-term"}, default="two-term"
        Eq. 5 or Monroe's full form.
    prior_pins : float, optional
        In the place of alpha, how many pins the prior weighs as much as; see :func:`prior_weight`.

    Returns
    -------
    ndarray of shape (k,)

    Raises
    ------
    ValueError
        If shapes differ, a count is negative or not finite, a user has none, alpha is not
        positive, a count with its prior overflows, or all mass of a user and the background is in
        one cluster, where the log-odds are undefined.
    TypeError
        If alpha or prior_pins is no number, or not exactly one of them is given.
    """
    alpha = prior_weight(background, alpha, prior_pins)
    for name, y in (("y_i", y_i), ("y_j", y_j)):
        if np.ndim(y) != 1:
            raise ValueError(f"{name}: expected shape (k,), got {np.shape(y)}")
    if np.shape(y_i) != np.shape(y_j):
        raise ValueError(f"y_i {np.shape(y_i)} and y_j {np.shape(y_j)} must have one shape (k,)")
    for name, y in (("y_i", y_i), ("y_j", y_j)):
        if not _checked_counts(y, name).any():
            raise ValueError(f"{name}: all counts are zero; leave out users without pins")
    logit, spread = logits_and_variances(np.stack([y_i, y_j]), background, alpha, variance)
    return (logit[0] - logit[1]) / np.sqrt(spread[0] + spread[1])


def pairwise_max_z(
    counts: ArrayLike,
    background: ArrayLike,
    alpha: float | None = None,
    variance: str = "two-term",
    *,
    prior_pins: float | None = None,
    client: Client | None = None,
) -> NDArray[np.float64]:
    """Largest absolute z-score over clusters, for every pair of users (Eq. 7).

    Parameters
    ----------
    counts : array-like of shape (n, k)
        Counts of n >= 2 users.
    background : array-like of shape (k,)
        Counts g of the background.
    alpha : float, optional
        Weight of the prior; positive.
    variance : {"two-term", "four-term"}, default="two-term"
        Eq. 5 or Monroe's full form.
    prior_pins : float, optional
        In the place of alpha, how many pins the prior weighs as much as; see :func:`prior_weight`.
    client : distributed.Client, optional
        Of the cluster that does it, in tiles of pairs; see :func:`visprof.blocks.map_blocks`.

    Returns
    -------
    ndarray of shape (n (n - 1) / 2,)
        In the order of :func:`scipy.spatial.distance.pdist`.

    Raises
    ------
    ValueError
        As :func:`log_odds_z`, or with fewer than two users.
    TypeError
        As :func:`log_odds_z`.
    """
    alpha = prior_weight(background, alpha, prior_pins)
    if np.ndim(counts) != 2 or len(counts) < 2:
        raise ValueError(f"counts: expected shape (n, k) with n >= 2 users, got {np.shape(counts)}")
    empty = np.flatnonzero(~np.any(counts, axis=1))
    if len(empty):
        raise ValueError(
            f"counts: all zero for the users in rows {listed(empty)}; leave out users without pins"
        )
    return _pairwise_max(*logits_and_variances(counts, background, alpha, variance), client)


def prior_weight(
    background: ArrayLike, alpha: float | None = None, prior_pins: float | None = None
) -> float:
    r"""Weight alpha of the prior, as it is or from how many pins the prior weighs as much as.

    The prior adds :math:`\alpha g(k)` to a user's count of cluster k, :math:`\alpha G` in all. As a
    pin counts as 1, that is as many pins: a prior of 20 pins draws a user of 20 half-way to the
    background, however many pins the background has.

    Parameters
    ----------
    background : array-like of shape (k,)
        Counts g of the background.
    alpha, prior_pins : float
        Exactly one of the two; positive.

    Returns
    -------
    float
        `alpha`, or `prior_pins` / G.

    Raises
    ------
    TypeError
        If both or none are given, or the one is no number.
    ValueError
        If it is not positive, or the background has no counts, or some that are negative or not
        finite.

    Examples
    --------
    >>> prior_weight([30.0, 50.0, 20.0], prior_pins=20)
    0.2
    """
    if alpha is None and prior_pins is None:
        raise TypeError(
            "alpha: expected a finite number above 0, or prior_pins: expected a finite number of "
            "pins that the prior weighs as much as (20, say); got neither"
        )
    if alpha is not None and prior_pins is not None:
        raise TypeError(
            f"alpha and prior_pins: expected one of the two, got {alpha!r} and {prior_pins!r}"
        )
    if prior_pins is None:
        return check_number(alpha, "alpha", above=0)
    prior_pins = check_number(prior_pins, "prior_pins", above=0)
    with np.errstate(over="ignore"):
        total = check_finite(_checked_counts(background, "background").sum(), "sum of background")
    if total == 0:
        raise ValueError("background: all counts are zero; the prior needs some mass")
    return check_number(
        prior_pins / float(total), f"prior_pins={prior_pins:g} / {total:g}", above=0
    )


def pair_users(places: ArrayLike, n_users: int) -> NDArray[np.int64]:
    """Users of pairs, by their places in the order of `pairwise_max_z`.

    Parameters
    ----------
    places : array-like of int, shape (m,)
        From 0 to n (n - 1) / 2 - 1.
    n_users : int
        Number of users n, at least 2.

    Returns
    -------
    ndarray of int, shape (m, 2)
        The smaller number first.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a place is out of range, or there are fewer than two users.
    """
    n_users = check_whole(n_users, "n_users", 2)
    places, n_pairs = np.asarray(places), n_users * (n_users - 1) // 2
    if places.ndim != 1 or (len(places) and places.dtype.kind not in "iu"):
        raise TypeError(
            f"places: expected whole numbers of shape (m,), got {places.dtype} of shape "
            f"{places.shape}"
        )
    wrong = (places < 0) | (places >= n_pairs)
    if wrong.any():
        raise ValueError(
            f"places: expected 0 to {n_pairs - 1}, for n_users={n_users}, got "
            f"{listed(places[wrong])}"
        )
    places, starts = places.astype(np.int64), _pair_starts(np.arange(n_users - 1), n_users)
    i = np.searchsorted(starts, places, side="right") - 1
    return np.stack([i, places - starts[i] + i + 1], axis=1)


def logits_and_variances(
    counts: ArrayLike, background: ArrayLike, alpha: float, variance: str = "two-term"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each user's own part of Eqs. 4 and 5, of which every pair is a difference and a sum.

    Parameters
    ----------
    counts : array-like of shape (n, k)
    background : array-like of shape (k,)
    alpha : float
    variance : {"two-term", "four-term"}, default="two-term"

    Returns
    -------
    logit, variance : ndarray of shape (n, k)
        Where a user has neither count nor prior: 0 and infinity, so that z = 0.

    Raises
    ------
    ValueError
        See :func:`log_odds_z`.
    """
    counts = _checked_counts(counts, "counts")
    background = _checked_counts(background, "background")
    if background.shape != counts.shape[1:]:
        raise ValueError(
            f"background: expected shape ({counts.shape[1]},), one count a cluster, "
            f"got {background.shape}"
        )
    if background.sum() == 0:
        raise ValueError("background: all counts are zero; the prior needs some mass")
    alpha = check_number(alpha, "alpha", above=0)
    if variance not in _VARIANCES:
        raise ValueError(f"variance: expected one of {_VARIANCES}, got {variance!r}")
    with np.errstate(over="ignore"):
        inside = check_finite(
            counts + alpha * background, f"counts + alpha * background, alpha={alpha:g}"
        )
    # numbers near the largest there is are added up in smaller units, by a power of two
    unit = _HEADROOM if inside.max() > 2.0 ** (1023 - _HEADROOM) else 0
    outside = _sum_of_others(np.ldexp(inside, -unit) if unit else inside)
    if not outside.all():
        user = int(np.argmin(outside.min(axis=1)))
        raise ValueError(
            f"counts: the log-odds are undefined, for all mass of user {user} and of the "
            f"background is in one of the {counts.shape[1]} cluster(s); use more clusters or a "
            "background that covers at least two"
        )
    empty = inside == 0
    inside[empty] = 1.0
    with np.errstate(over="ignore", under="ignore"):
        odds = inside / outside
        spread = 1 / inside
        if variance == "four-term":
            spread += np.ldexp(1 / outside, -unit)
    if unit or odds.min() < np.finfo(float).tiny or odds.max() == np.inf:
        logit = np.log(inside) - (np.log(outside) + unit * np.log(2))
    else:
        logit = np.log(odds)
    logit[empty], spread[empty] = 0.0, np.inf
    return logit, spread


def _checked_counts(counts: ArrayLike, name: str) -> NDArray[np.float64]:
    counts = np.asarray(counts, dtype=np.float64)
    if counts.size == 0 or not np.isfinite(counts).all() or counts.min() < 0:
        raise ValueError(
            f"{name}: expected finite counts, none negative, got shape {counts.shape} with "
            f"{np.isnan(counts).sum()} NaN, {np.isinf(counts).sum()} infinite and "
            f"{(counts < 0).sum()} negative"
        )
    return counts


def _sum_of_others(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row sum without the entry itself: additions only, so no cancellation near zero."""
    others = np.zeros_like(a)
    np.cumsum(a[:, :-1], axis=1, out=others[:, 1:])
    others[:, :-1] += np.cumsum(a[:, :0:-1], axis=1)[:, ::-1]
    return others


# Infinite variances are in use, so "ninf" must stay out of the fast-math flags.
_FAST_MATH = {"nnan", "nsz", "arcp", "contract", "reassoc"}
_TILE = 64  # users: two tiles' logits and variances fit a core's cache
_BLOCK = 2**20  # pairs of one block, or so


def _pairwise_max(logit: NDArray, variance: NDArray, client: Client | None) -> NDArray[np.float64]:
    exponent = 0
    if variance.min() <= 2.0**-900:  # squares of z would overflow: variances in larger units
        exponent = 200
        with np.errstate(over="ignore"):
            variance = np.ldexp(variance, exponent)
    starts = _pair_starts(np.arange(len(logit) + 1), len(logit))
    blocks = _row_blocks(starts)
    found = map_blocks(partial(_max_of_rows, logit, variance), blocks, client)
    max_z = np.empty(starts[-1])
    for (first, end), of_rows in zip(blocks, found, strict=True):
        max_z[starts[first] : starts[end]] = of_rows
    return np.ldexp(max_z, exponent // 2, out=max_z) if exponent else max_z


def _pair_starts(users: NDArray[np.int64], n_users: int) -> NDArray[np.int64]:
    """Place of the first pair of each user with later ones."""
    return users * (n_users - 1) - users * (users - 1) // 2


def _row_blocks(starts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First user and end of each block of whole tiles: blocks have about as many pairs."""
    tops = np.arange(0, len(starts) - 1, _TILE)
    n_blocks = max(1, round(starts[-1] / _BLOCK))
    even = starts[-1] * np.arange(n_blocks) / n_blocks
    firsts = tops[np.unique(np.searchsorted(starts[tops], even, side="right") - 1)].tolist()
    return list(pairwise([*firsts, len(starts) - 1]))


def _max_of_rows(logit: NDArray, variance: NDArray, rows: tuple[int, int]) -> NDArray[np.float64]:
    """Z of the users of a block with all later ones."""
    first, end = rows[0] // _TILE, -(-rows[1] // _TILE)
    # the tiles on and above the diagonal: about equal work for every thread
    above, left = np.triu_indices(end - first, 0, -(-len(logit) // _TILE) - first)
    start, stop = _pair_starts(np.array(rows), len(logit))
    max_z = np.empty(stop - start)
    above, left = above + first, left + first
    over_threads(_tiled_max, len(above), logit, variance, above, left, start, max_z)
    return max_z


@njit(nogil=True, cache=True, fastmath=_FAST_MATH)
def _tiled_max(
    begin, stop, logit, variance, tile_rows, tile_columns, start, max_z
):  # pragma: no cover  (compiled)
    """Largest z of the pairs of some tiles."""
    n, k = logit.shape
    for tile in range(begin, stop):
        top, left = tile_rows[tile] * _TILE, tile_columns[tile] * _TILE
        for i in range(top, min(n, top + _TILE)):
            offset = i * (n - 1) - i * (i - 1) // 2 - i - 1 - start
            for j in range(max(i + 1, left), min(n, left + _TILE)):
                largest = 0.0
                for c in range(k):
                    delta = logit[i, c] - logit[j, c]
                    largest = max(largest, delta * delta / (variance[i, c] + variance[j, c]))
                max_z[offset + j] = np.sqrt(largest)
