"""Sessions and pins by user, and how they are dealt between two users."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._numba import njit, prange
from visprof._random import GOLDEN, mixed
from visprof.checks import check_groups
from visprof.profiles import user_profiles

__all__ = [
    "add_rows", "deal", "dealt_units", "group_codes", "reached_distances", "session_codes",
    "shuffled_max_z",
]  # fmt: skip

_HALF = np.uint64(32)  # of the bits of a random number
_TRIES = 20  # shuffles of sessions, of which the one that keeps the numbers of pins best is taken


def group_codes(groups: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    """Numbers of groups of n pins, in sorted order."""
    return np.unique(check_groups(groups, n, name), return_inverse=True)[1]


def session_codes(
    users: ArrayLike, sessions: ArrayLike, n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Session of each of n pins, from 0 by user and name, and the user of each session, from 0.

    The same name with two users means two sessions.
    """
    owners, names = group_codes(users, n, "users"), group_codes(sessions, n, "sessions")
    n_names = names.max() + 1
    own, codes = np.unique(owners * n_names + names, return_inverse=True)
    return codes, own // n_names


def dealt_units(
    pins: NDArray, users: ArrayLike, sessions: ArrayLike | None
) -> tuple[NDArray, NDArray[np.int64], NDArray[np.int64]]:
    """What is dealt, pins or sums of sessions, by user; their sizes; and where users start."""
    if sessions is None:
        owners = group_codes(users, len(pins), "users")
        if np.any(np.diff(owners) < 0):
            order = np.argsort(owners, kind="stable")
            pins, owners = pins[order], owners[order]
        sizes = np.ones(len(pins), np.int64)
    else:
        codes, owners = session_codes(users, sessions, len(pins))
        sizes = np.bincount(codes)
        pins = user_profiles(pins, codes, counts=True)[1]
    return pins, sizes, np.searchsorted(owners, np.arange(owners[-1] + 2))


@njit
def deal(order, sizes, n_pins, state, chosen):  # pragma: no cover  (compiled)
    """Draw units, at least one, with as many pins as asked for, or nearly: the best of some tries.

    Shuffles ``order``, writes ``chosen``; returns how many are chosen and the state of the stream.
    """
    n_chosen, nearest = 0, np.int64(2**62)
    for _ in range(_TRIES):
        place, n_dealt = 0, np.int64(0)
        while n_dealt < n_pins:
            state += GOLDEN
            n_left = np.uint64(len(order) - place)
            other = place + np.int64((mixed(state) >> _HALF) * n_left >> _HALF)
            order[place], order[other] = order[other], order[place]
            n_before = n_dealt
            n_dealt += sizes[order[place]]
            place += 1
        if place > 1 and n_pins - n_before <= n_dealt - n_pins:  # nearer without the last one
            n_dealt = n_before
            place -= 1
        if abs(n_dealt - n_pins) < nearest:
            n_chosen, nearest = place, abs(n_dealt - n_pins)
            for unit in range(place):
                chosen[unit] = order[unit]
        if nearest == 0:
            break
    return n_chosen, state


@njit
def add_rows(total, units, rows):  # pragma: no cover  (compiled)
    """Add rows, four at a time, for the total is then read and written a quarter as often."""
    whole = len(rows) - len(rows) % 4
    for r in range(0, whole, 4):
        a, b, c, d = units[rows[r]], units[rows[r + 1]], units[rows[r + 2]], units[rows[r + 3]]
        for k in range(len(total)):
            total[k] += (np.float64(a[k]) + b[k]) + (np.float64(c[k]) + d[k])
    for r in range(whole, len(rows)):
        a = units[rows[r]]
        for k in range(len(total)):
            total[k] += a[k]


@njit
def _units_of(starts, i, j):  # pragma: no cover  (compiled)
    """Units of two users."""
    n_first, n_second = starts[i + 1] - starts[i], starts[j + 1] - starts[j]
    units = np.empty(n_first + n_second, np.int64)
    for unit in range(n_first):
        units[unit] = starts[i] + unit
    for unit in range(n_second):
        units[n_first + unit] = starts[j] + unit
    return units


@njit
def _n_pins(sizes, starts, user):  # pragma: no cover  (compiled)
    n = np.int64(0)
    for unit in range(starts[user], starts[user + 1]):
        n += sizes[unit]
    return n


@njit(parallel=True, cache=True)
def reached_distances(
    units, sizes, starts, pairs, cuts, seeds, n_permutations
):  # pragma: no cover  (compiled)
    """How many deals of each pair reach its cut, and how many part the sessions as the data do."""
    reached, alike = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    for pair in prange(len(pairs)):
        reached[pair], alike[pair] = _reached_by_pair(
            units, sizes, starts, pairs[pair, 0], pairs[pair, 1], cuts[pair], seeds[pair],
            n_permutations,
        )  # fmt: skip
    return reached, alike


@njit
def _reached_by_pair(
    units, sizes, starts, i, j, cut, state, n_permutations
):  # pragma: no cover  (compiled)
    """How many deals of two users reach a cut, and how many part the sessions as the data do."""
    order, first, n_first = _units_of(starts, i, j), starts[i], starts[i + 1] - starts[i]
    both, n_both, squared_sizes = np.zeros(units.shape[1]), np.int64(0), np.int64(0)
    add_rows(both, units, order)
    for unit in order:
        n_both += sizes[unit]
        squared_sizes += sizes[unit] ** 2
    # who gets the smaller part does not matter: the distance is the same
    n_pins = min(_n_pins(sizes, starts, i), _n_pins(sizes, starts, j))
    chosen, dealt = np.empty_like(order), np.empty_like(both)
    reached, alike = 0, 0
    for _ in range(n_permutations):
        n_chosen, state = deal(order, sizes, n_pins, state, chosen)
        for k in range(len(dealt)):
            dealt[k] = 0
        add_rows(dealt, units, chosen[:n_chosen])
        n_dealt, squared, n_own = np.int64(0), np.int64(0), 0
        for unit in chosen[:n_chosen]:
            n_dealt += sizes[unit]
            squared += sizes[unit] ** 2
            n_own += first <= unit < first + n_first
        n_rest = n_both - n_dealt
        spread = squared / n_dealt**2 + (squared_sizes - squared) / n_rest**2
        mean, total = 1 / n_both, 0.0
        for k in range(len(both)):
            # the part's distance from the mean of both, of which the rest's is a multiple
            total += (dealt[k] / n_dealt - both[k] * mean) ** 2
        reached += total * (n_both / n_rest) ** 2 >= cut * spread
        same = n_own == n_first and n_chosen == n_first
        alike += same or (n_own == 0 and n_chosen == len(order) - n_first)
    return reached, alike


@njit(parallel=True, cache=True)
def shuffled_max_z(
    units, sizes, starts, pairs, prior, four_term, seeds, n_permutations
):  # pragma: no cover  (compiled)
    """Largest absolute z-score of each pair in each permutation, (m, n_permutations)."""
    max_z = np.empty((len(pairs), n_permutations))
    for pair in prange(len(pairs)):
        _max_z_of_pair(
            units, sizes, starts, pairs[pair, 0], pairs[pair, 1], prior, four_term, seeds[pair],
            max_z[pair],
        )  # fmt: skip
    return max_z


@njit
def _max_z_of_pair(
    units, sizes, starts, i, j, prior, four_term, state, max_z
):  # pragma: no cover  (compiled)
    """Fill in the largest absolute z-score of two users in each permutation."""
    order, both = _units_of(starts, i, j), np.empty_like(prior)
    for c in range(len(prior)):
        both[c] = 2 * prior[c]
    add_rows(both, units, order)
    total = both.sum()
    # who gets the smaller part does not matter: z changes no more than its sign
    n_pins = min(_n_pins(sizes, starts, i), _n_pins(sizes, starts, j))
    chosen, given, bounds = np.empty_like(order), np.empty_like(prior), np.empty_like(prior)
    for permutation in range(len(max_z)):
        n_chosen, state = deal(order, sizes, n_pins, state, chosen)
        for c in range(len(prior)):
            given[c] = prior[c]
        add_rows(given, units, chosen[:n_chosen])
        max_z[permutation] = _largest_z(given, both, total, four_term, bounds)


@njit(error_model="numpy")
def _largest_z(a, both, total, four_term, bounds):  # pragma: no cover  (compiled)
    r"""Largest absolute z-score of ``a`` and ``both - a``; ``total`` is the sum of both.

    Both have the prior in them. With :math:`r = p / q` the ratio of the odds and v the variance,
    :math:`z^2 = \log^2 r / v`. As :math:`\log^2 r \le (p - q)^2 / (p q)`, logarithms are taken
    only of clusters whose bound exceeds the largest found, beginning at the largest bound.
    """
    sum_a = a.sum()
    sum_b = total - sum_a
    for c in range(len(a)):
        b = both[c] - a[c]
        a_rest, b_rest = sum_a - a[c], sum_b - b
        spread = (a[c] + b) * a_rest * b_rest  # v p q
        if four_term:
            spread += (a_rest + b_rest) * a[c] * b
        difference = a[c] * b_rest - b * a_rest
        # neither count nor prior, but for rounding: z = 0
        bounds[c] = difference * difference / spread if (a[c] > 0) & (b > 0) else 0.0
    first = 0
    for c in range(1, len(a)):
        if bounds[c] > bounds[first]:
            first = c
    largest = 0.0
    for place in range(-1, len(a)):
        c = first if place < 0 else place
        if bounds[c] <= largest:
            continue
        b = both[c] - a[c]
        a_rest, b_rest = sum_a - a[c], sum_b - b
        variance = 1 / a[c] + 1 / b
        if four_term:
            variance += 1 / a_rest + 1 / b_rest
        squared = np.log(a[c] * b_rest / (b * a_rest)) ** 2 / variance
        if squared > largest:
            largest = squared
    return np.sqrt(largest)
