"""How many deals of two users' pins reach what the data have: the largest z, and the distance.

Both are made of the sums over one user's part of a deal, in each cluster, so one deal serves all
vocabularies and both statistics.
"""

from __future__ import annotations

import numpy as np

from visprof._deals import deal
from visprof._numba import njit, over_threads

__all__ = ["reached_by_deals"]

# Sums of any of four units, of which there are 16, are looked up: a deal adds a quarter as many
# rows. The table of about so many numbers, of four times four units at least, stays in a core's
# first cache, and the sums of a block of deals in its second. Blocks grow from the fewest deals,
# since what is dealt beyond a stop is wasted.
_TABLE = 2**13
_FEWEST, _MOST = 64, 256


def reached_by_deals(
    units, sizes, starts, pairs, ends, priors, z_units, four_term, cuts, far, seeds, n_deals, most
):
    """How many deals of each pair reach its cuts, and how many were looked at for that.

    Of a statistic that `most` deals have reached no more are looked at.

    Parameters
    ----------
    units : (n_units, K), float64
        What is dealt, by user; columns of the vocabularies stand side by side.
    sizes, starts : (n_units,) and (n_users + 1,)
        Pins of each, and where users start.
    pairs, seeds : (m, 2) and (m,)
    ends : (S,)
        Column after the last of each vocabulary.
    priors, z_units : (K,) and (S,)
        The prior's part of each count; and what z is to be multiplied by.
    four_term : bool
    cuts : (m, c, 1 + S)
        Of the mean over vocabularies of the largest z, and of each; no z is asked for if c = 0.
    far : (m,)
        Cut of the studentised distance; NaN: it is not asked for.
    n_deals, most : int

    Returns
    -------
    reached, seen : (m, c, 1 + S) and (m, 1 + S)
        Of z: deals that reach it, and deals looked at.
    apart, seen_apart : (m, 2)
        Deals that reach the distance, and those that part units as the data do.
    """
    m = len(pairs)
    reached, seen = np.zeros(cuts.shape, np.int64), np.full((m, cuts.shape[2]), n_deals)
    apart, seen_apart = np.zeros((m, 2), np.int64), np.full((m, 2), n_deals)

    def fill(begin: int, end: int) -> None:
        for pair in range(begin, end):
            _reached_by_pair(
                units, sizes, starts, *pairs[pair], ends, priors, z_units, four_term, cuts[pair],
                far[pair], seeds[pair], n_deals, most, reached[pair], seen[pair], apart[pair],
                seen_apart[pair],
            )  # fmt: skip

    over_threads(fill, m)
    return reached, seen, apart, seen_apart


@njit(nogil=True, cache=True, error_model="numpy")
def _reached_by_pair(
    units, sizes, starts, i, j, ends, priors, z_units, four_term, cuts, far, state, n_deals, most,
    reached, seen, apart, seen_apart,
):  # fmt: skip  # pragma: no cover  (compiled)
    """Fill in what `reached_by_deals` says of two users."""
    n_first = starts[i + 1] - starts[i]
    n_both_units = n_first + starts[j + 1] - starts[j]
    rows = np.empty(n_both_units, np.int64)  # of the units of both
    own_sizes, order = np.empty(n_both_units, np.int64), np.empty(n_both_units, np.int64)
    n_both, squared_sizes, n_of_first = np.int64(0), np.int64(0), np.int64(0)
    for unit in range(n_both_units):
        rows[unit] = starts[i] + unit if unit < n_first else starts[j] + unit - n_first
        own_sizes[unit], order[unit] = sizes[rows[unit]], unit
        n_both += own_sizes[unit]
        squared_sizes += own_sizes[unit] ** 2
        if unit < n_first:
            n_of_first += own_sizes[unit]
    # who gets the smaller part does not matter: z changes no more than its sign, the distance not
    n_pins = min(n_of_first, n_both - n_of_first)
    n_vocabularies, widest = len(ends), 0
    for v in range(n_vocabularies):
        widest = max(widest, ends[v] - (ends[v - 1] if v else 0))
    chosen = np.empty(n_both_units, np.int64)
    codes = np.empty((_MOST, -(-n_both_units // 4)), np.uint8)
    dealt = np.empty((_MOST, widest))
    table = np.empty((max(4, _TABLE // (64 * widest) * 4), 16, widest))
    both, given, bounds = np.empty(widest), np.empty(widest), np.empty(widest)
    n_dealt, spreads = np.empty(_MOST, np.int64), np.empty(_MOST)
    squares, mean_z = np.empty(_MOST), np.empty(_MOST)
    by_z = len(cuts) > 0
    open_z, n_open_z = np.empty(1 + n_vocabularies, np.bool_), (1 + n_vocabularies) * by_z
    for v in range(1 + n_vocabularies):
        open_z[v] = by_z
    by_distance = not np.isnan(far)
    open_far, open_alike = by_distance, by_distance
    n_done = 0
    while n_done < n_deals and (n_open_z or open_far or open_alike):
        n_block = min(n_deals - n_done, max(_FEWEST, min(n_done, _MOST)))
        for b in range(n_block):
            n_chosen, state = deal(order, own_sizes, n_pins, state, chosen)
            for group in range(codes.shape[1]):
                codes[b, group] = 0
            squares[b], mean_z[b] = 0.0, 0.0
            n_dealt[b], squared, n_own = 0, np.int64(0), 0
            for place in range(n_chosen):
                unit = chosen[place]
                codes[b, unit // 4] |= np.uint8(1 << unit % 4)
                n_dealt[b] += own_sizes[unit]
                squared += own_sizes[unit] ** 2
                n_own += unit < n_first
            n_rest = n_both - n_dealt[b]
            if open_alike:
                same = n_own == n_first and n_chosen == n_first
                apart[1] += same or (n_own == 0 and n_chosen == n_both_units - n_first)
                if apart[1] == most:
                    seen_apart[1], open_alike = n_done + b + 1, False
            # of the distance in units of that from the mean of both, of which the other part's is
            # a multiple
            spread = squared / n_dealt[b] ** 2 + (squared_sizes - squared) / n_rest**2
            spreads[b] = spread * (n_rest / n_both) ** 2
        for v in range(n_vocabularies):
            first = ends[v - 1] if v else 0
            n_columns = ends[v] - first
            ask_z = open_z[0] or open_z[1 + v]
            if not (ask_z or open_far):
                continue
            _add_dealt(units, rows, first, n_columns, codes, n_block, table, dealt)
            _add_all(units, rows, first, n_columns, both)
            if open_far:
                for b in range(n_block):
                    squares[b] += _squared(dealt[b], both, n_columns, n_dealt[b], n_both)
            if ask_z:
                total = 0.0
                for k in range(n_columns):
                    both[k] += 2 * priors[first + k]
                    total += both[k]
                for b in range(n_block):
                    for k in range(n_columns):
                        given[k] = priors[first + k] + dealt[b, k]
                    z = _largest_z(given, both, n_columns, total, four_term, bounds) * z_units[v]
                    mean_z[b] += z / n_vocabularies
                    if open_z[1 + v]:
                        for c in range(len(cuts)):
                            reached[c, 1 + v] += z >= cuts[c, 1 + v]
                        if reached[0, 1 + v] == most:
                            seen[1 + v], open_z[1 + v] = n_done + b + 1, False
                            n_open_z -= 1
        for b in range(n_block):
            if open_z[0]:
                for c in range(len(cuts)):
                    reached[c, 0] += mean_z[b] >= cuts[c, 0]
                if reached[0, 0] == most:
                    seen[0], open_z[0] = n_done + b + 1, False
                    n_open_z -= 1
            if open_far:
                apart[0] += squares[b] >= far * spreads[b]
                if apart[0] == most:
                    seen_apart[0], open_far = n_done + b + 1, False
        n_done += n_block


@njit(inline="always")
def _add_all(units, rows, first, n_columns, both):  # pragma: no cover  (compiled)
    """Sums over all rows, in some columns."""
    for k in range(n_columns):
        both[k] = 0
    for row in rows:
        for k in range(n_columns):
            both[k] += units[row, first + k]


@njit(inline="always")
def _add_dealt(
    units, rows, first, n_columns, codes, n_block, table, dealt
):  # pragma: no cover  (compiled)
    """Sums over the rows of each deal, in some columns: codes say which of four are dealt."""
    for b in range(n_block):
        for k in range(n_columns):
            dealt[b, k] = 0
    n_groups = codes.shape[1]
    for start in range(0, n_groups, len(table)):
        n_here = min(len(table), n_groups - start)
        for group in range(n_here):
            sums = table[group]
            for k in range(n_columns):
                sums[0, k] = 0
            for bit in range(4):
                unit = 4 * (start + group) + bit
                for code in range(1 << bit):
                    if unit < len(rows):
                        row = units[rows[unit]]
                        for k in range(n_columns):
                            sums[(1 << bit) + code, k] = sums[code, k] + row[first + k]
        for b in range(n_block):
            total, code = dealt[b], codes[b, start:]
            whole = n_here - n_here % 4
            for g in range(0, whole, 4):
                p, q = table[g, code[g]], table[g + 1, code[g + 1]]
                r, s = table[g + 2, code[g + 2]], table[g + 3, code[g + 3]]
                for k in range(n_columns):
                    total[k] += (p[k] + q[k]) + (r[k] + s[k])
            for g in range(whole, n_here):
                p = table[g, code[g]]
                for k in range(n_columns):
                    total[k] += p[k]


@njit(inline="always")
def _squared(dealt, both, n_columns, n_dealt, n_both):  # pragma: no cover  (compiled)
    """Squared distance of a part's mean from that of both, in some columns."""
    part, whole = 1 / n_dealt, 1 / n_both
    a, b, c, d = 0.0, 0.0, 0.0, 0.0  # four sums, since each addition waits for the one before
    even = n_columns - n_columns % 4
    for k in range(0, even, 4):
        a += (dealt[k] * part - both[k] * whole) ** 2
        b += (dealt[k + 1] * part - both[k + 1] * whole) ** 2
        c += (dealt[k + 2] * part - both[k + 2] * whole) ** 2
        d += (dealt[k + 3] * part - both[k + 3] * whole) ** 2
    for k in range(even, n_columns):
        a += (dealt[k] * part - both[k] * whole) ** 2
    return (a + b) + (c + d)


@njit(inline="always")
def _largest_z(a, both, n_columns, total, four_term, bounds):  # pragma: no cover  (compiled)
    r"""Largest absolute z-score of ``a`` and ``both - a``; ``total`` is the sum of both.

    Both have the prior in them. With :math:`r = p / q` the ratio of the odds and v the variance,
    :math:`z^2 = \log^2 r / v`. As :math:`\log^2 r \le (p - q)^2 / (p q)`, logarithms are taken
    only of clusters whose bound exceeds the largest found, beginning at the largest bound.
    """
    p, q, r, s = 0.0, 0.0, 0.0, 0.0
    whole = n_columns - n_columns % 4
    for c in range(0, whole, 4):
        p += a[c]
        q += a[c + 1]
        r += a[c + 2]
        s += a[c + 3]
    for c in range(whole, n_columns):
        p += a[c]
    sum_a = (p + q) + (r + s)
    sum_b = total - sum_a
    for c in range(n_columns):
        b = both[c] - a[c]
        a_rest, b_rest = sum_a - a[c], sum_b - b
        spread = (a[c] + b) * a_rest * b_rest  # v p q
        if four_term:
            spread += (a_rest + b_rest) * a[c] * b
        difference = a[c] * b_rest - b * a_rest
        # neither count nor prior, but for rounding: z = 0
        bounds[c] = difference * difference / spread if (a[c] > 0) & (b > 0) else 0.0
    first = 0
    for c in range(1, n_columns):
        if bounds[c] > bounds[first]:
            first = c
    largest = 0.0
    for place in range(-1, n_columns):
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
