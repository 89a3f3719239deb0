"""How well an embedding retrieves pictures that carry the query's label (Table 1).

Every picture is a query once. The others are ranked by Euclidean distance to it; those with the
query's label are relevant. The query itself is removed by its index, so a duplicate of it counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof._numba import njit, over_threads
from visprof.checks import check_groups, check_whole
from visprof.scaling import near_one, scale_exponent, scaled
from visprof.ties import TIE

with lazily():
    from scipy.sparse import csr_array
    from sklearn.utils import check_array

__all__ = [
    "RankingMetrics",
    "held_out_classes",
    "random_mean_ap",
    "random_pr_area",
    "ranking_metrics",
]

_BLOCK_BYTES = 64 * 2**20  # one block of query-to-item products, or of curves
_CELLS_PER_POSITIVE = 32  # of the grid that counts items between positives
_DOUBT = 512  # a squared distance of so many units in the last place of a squared length


@dataclass(frozen=True)
class RankingMetrics:
    """Per-query and averaged quality of the rankings of `n` pictures.

    Attributes
    ----------
    average_precision : ndarray of shape (n,)
        Average precision of each query; NaN where no other picture has the query's label.
    mean_ap : float
        Mean of `average_precision` over the queries with a relevant picture.
    precision, recall : ndarray of shape (n - 1,)
        Precision and recall at cut-offs 1 to n - 1, averaged over the same queries.
    pr_area : float
        Area under the averaged curve, as the step sum over k of
        (recall[k] - recall[k - 1]) * precision[k].
    class_sizes : ndarray of int, shape (c,)
        Pictures of each class, in the order of the sorted labels.
    class_hits : sparse array of int, shape (c, n - 1)
        Relevant pictures found at each rank by all queries of a class; precision, recall and
        their area follow from it for any choice of classes.
    """

    average_precision: NDArray[np.float64]
    mean_ap: float
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    pr_area: float
    class_sizes: NDArray[np.int64]
    class_hits: csr_array

    def class_mean_ap(self, labels: ArrayLike) -> NDArray[np.float64]:
        """Mean average precision of each class, (c,); NaN for a class of one picture.

        Parameters
        ----------
        labels : array-like of shape (n,)
            Those that the pictures were ranked by.

        Raises
        ------
        ValueError
            If the sizes of their classes are others, or one is missing.
        TypeError
            If they are of several kinds.
        """
        codes = _class_codes(labels, len(self.average_precision))
        if not np.array_equal(np.bincount(codes), self.class_sizes):
            raise ValueError("labels: expected those that the pictures were ranked by, got others")
        return np.bincount(codes, self.average_precision) / self.class_sizes


def ranking_metrics(features: ArrayLike, labels: ArrayLike) -> RankingMetrics:
    """Rank all pictures against each one by Euclidean distance; score the full rankings.

    Pictures at equal distance from the query are retrieved as one block: each counts at the
    block's last rank. This is the step sum at distinct thresholds of
    :func:`sklearn.metrics.average_precision_score`, and makes the result independent of the
    order of the rows. Squared distances that differ by no more than a share of 1e-9
    (`visprof.ties.TIE`) are equal; float32 stays float32, so there only duplicated rows and
    features that are whole numbers or other short binary fractions tie for sure. Distances to
    pictures much nearer to the query than the query is to the middle of all, as where groups are
    far apart, would lose their digits in products of rows; such a query's are summed in double
    precision, difference by difference.
    The scale of the features does not matter.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Embeddings, one picture a row.
    labels : array-like of shape (n,)
        Class of each picture; any sortable type, none missing.

    Returns
    -------
    RankingMetrics
        Queries without a relevant picture have NaN and are left out of every average.

    Raises
    ------
    ValueError
        If `features` is not a finite 2-D array of at least two rows, or has magnitudes about
        300 orders apart; if `labels` does not match it or has missing values, or if no two pictures
        share a label.
    TypeError
        If labels are of several kinds, such as numbers and texts.

    Examples
    --------
    >>> found = ranking_metrics([[0.0], [1.0], [2.0], [9.0]], ["beach", "hills", "beach", "hills"])
    >>> found.average_precision.round(2)
    array([0.5 , 0.33, 0.5 , 0.5 ])
    >>> f"{found.mean_ap:.3f}"
    '0.458'
    """
    x = check_array(
        features, dtype=[np.float64, np.float32], order="C", ensure_min_samples=2,
        input_name="features",
    )  # fmt: skip
    codes = _class_codes(labels, len(x))
    n, n_relevant = len(x), np.bincount(codes)[codes] - 1
    scored = n_relevant > 0
    if not scored.any():
        raise ValueError(
            f"labels: all {n} labels differ, so no query has a relevant picture; "
            "pass labels of which at least two are equal"
        )
    if x.dtype == np.float64:
        near_1 = x = near_one(x, "features")
    else:
        near_1 = scaled(x, scale_exponent(x))  # small ones may vanish, but x is kept for them
    items, first, item_of, copies = _distinct_rows(_centred(near_1), x)
    half_norms = np.einsum("ij,ij->i", items, items) / 2
    members = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.concatenate([[0], np.cumsum(sizes)])

    average_precision = np.full(n, np.nan)
    hits = []
    queries = members[scored[members]]  # class by class
    block = max(1, _BLOCK_BYTES // (items.itemsize * len(items)))
    buffer = np.empty((min(block, len(queries)), len(items)), dtype=items.dtype)
    for start in range(0, len(queries), block):
        q = queries[start : start + block]
        products = np.matmul(items[item_of[q]], items.T, out=buffer[: len(q)])
        ranks = np.zeros((len(q), n_relevant[q].max()), dtype=np.int64)  # 0: no such positive
        classes = item_of, copies, codes, members, starts
        doubtful = np.zeros(len(q), np.bool_)
        over_threads(
            _rank_positives, len(q), products, half_norms, q, *classes, ranks, average_precision,
            doubtful,
        )  # fmt: skip
        if doubtful.any():
            _rank_exactly(x, first, np.flatnonzero(doubtful), q, classes, ranks, average_precision)
        hits.append(_count_hits(codes[q], ranks, n))

    counts, row, column = map(np.concatenate, zip(*hits, strict=True))
    class_hits = csr_array((counts, (row, column)), shape=(len(sizes), n - 1))
    precision = np.cumsum(class_hits.sum(axis=0)) / np.arange(1, n) / len(queries)
    recall = np.cumsum((1 / np.maximum(sizes - 1, 1)) @ class_hits) / len(queries)
    return RankingMetrics(
        average_precision=average_precision,
        mean_ap=float(np.nanmean(average_precision)),
        precision=precision,
        recall=recall,
        pr_area=float(precision @ np.diff(recall, prepend=0.0)),
        class_sizes=sizes,
        class_hits=class_hits,
    )


def _count_hits(
    classes: NDArray[np.int64], ranks: NDArray[np.int64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Hits of queries (m,) of neighbouring classes: their numbers, classes and ranks less 1."""
    first, n_classes = classes[0], classes[-1] - classes[0] + 1
    cells = (classes - first)[:, None] * n + ranks
    counts = np.bincount(cells.ravel(), minlength=n_classes * n).reshape(n_classes, n)[:, 1:]
    row, column = np.nonzero(counts)
    return counts[row, column], row + first, column


def held_out_classes(
    labels: ArrayLike, random_state: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Part the classes in halves at random: what is learned on some must find others, too.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Class of each picture.
    random_state : int
        Seed.

    Returns
    -------
    learned, held_out : ndarray of bool, shape (n,)
        Pictures of each half of the classes: all of one or of the other. Of an odd number of
        classes the first has one more.

    Raises
    ------
    ValueError
        If a label is missing, there are fewer than two classes, or the seed is negative.
    TypeError
        If labels are of several kinds, or the seed is no whole number.

    Examples
    --------
    >>> learned, held_out = held_out_classes(["sea", "sea", "hill", "lake", "town"], 0)
    >>> learned.tolist(), held_out.tolist()
    ([False, False, True, False, True], [True, True, False, True, False])
    """
    check_whole(random_state, "random_state", 0)
    names, codes = np.unique(check_groups(labels, None, "labels"), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"labels: expected at least 2 classes to part, got {len(names)}")
    held_out = np.random.default_rng(random_state).permutation(len(names)) < len(names) // 2
    return ~held_out[codes], held_out[codes]


def random_mean_ap(labels: ArrayLike) -> float:
    r"""Exact expected mean average precision of a random ranking.

    A query has N = n - 1 others, R of them relevant. Rank i holds a relevant one with
    probability R/N, and then 1 + (i - 1)(R - 1)/(N - 1) of the first i are expected to be
    relevant. Summed over i and divided by R:

    .. math:: E[AP] = \frac{1}{N} \left[ H_N + \frac{R - 1}{N - 1} (N - H_N) \right],
              \qquad H_N = \sum_{i=1}^{N} 1/i .

    Parameters
    ----------
    labels : array-like of shape (n,)
        Class of each picture. Only the sizes of the classes matter.

    Returns
    -------
    float
        Mean of E[AP] over the queries with a relevant picture.

    Raises
    ------
    ValueError
        If there are fewer than two labels, all of them differ, or one is missing.
    TypeError
        If labels are of several kinds.
    """
    sizes, n_others = _scored_sizes(labels)
    harmonic = np.sum(1 / np.arange(1, n_others + 1))
    share = (sizes - 2) / max(n_others - 1, 1)  # (R - 1) / (N - 1); 0 where N = 1
    expected = (harmonic + share * (n_others - harmonic)) / n_others
    return float(np.average(expected, weights=sizes))


def random_pr_area(labels: ArrayLike) -> float:
    r"""Area under the averaged curve that a random ranking has in expectation of its curves.

    At every rank k a query of a class of R relevant pictures has expected precision R/N and
    expected recall k/N, N = n - 1. The area under the averages is the mean of R/N over queries.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Class of each picture. Only the sizes of the classes matter.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are fewer than two labels, all of them differ, or one is missing.
    TypeError
        If labels are of several kinds.
    """
    sizes, n_others = _scored_sizes(labels)
    return float(np.average((sizes - 1) / n_others, weights=sizes))


def _class_codes(labels: ArrayLike, n: int | None = None) -> NDArray[np.int64]:
    return np.unique(check_groups(labels, n, "labels"), return_inverse=True)[1]


def _scored_sizes(labels: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Sizes of the classes with more than one picture, and the number n - 1 of others."""
    sizes = np.bincount(_class_codes(labels)).astype(float)
    n_others, sizes = sizes.sum() - 1, sizes[sizes > 1]
    if not len(sizes):
        raise ValueError(
            f"labels: got {n_others + 1:.0f} labels, all different; at least two must be equal"
        )
    return sizes, n_others


def _centred(x: NDArray) -> NDArray:
    """Shift the rows near the origin, lest |y|^2 - 2 x.y cancel for features far from it.

    The shift is a multiple of a power of two about as large as the spread, so whole numbers and
    other short fractions stay exact, and so do ties among their distances.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(x.var(axis=0, dtype=np.float64).mean()))
    unit = 2.0 ** np.floor(np.log2(spread)) if spread > 0 else 1.0
    return x - (np.rint(mean / unit) * unit).astype(x.dtype)


def _distinct_rows(
    centred: NDArray, x: NDArray
) -> tuple[NDArray, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct rows, centred; where each is first; the distinct row of each; their copies.

    A matrix product may round equal columns differently; equal rows are therefore multiplied
    once, which makes their distances to a query equal to the last bit. Rows that only centring
    makes equal are not.
    """
    # -0.0 becomes 0.0: bytes equal if values are
    centred = np.ascontiguousarray(centred) + centred.dtype.type(0)
    if len(np.unique(_as_bytes(centred[:, :4]))) == len(x):  # a few columns tell them apart
        return centred, np.arange(len(x)), np.arange(len(x)), np.ones(len(x), np.int32)
    _, first, inverse, copies = np.unique(
        _as_bytes(np.hstack([centred, x + x.dtype.type(0)])),
        return_index=True, return_inverse=True, return_counts=True,
    )  # fmt: skip
    return np.ascontiguousarray(centred[first]), first, inverse, copies.astype(np.int32)


def _as_bytes(x: NDArray) -> NDArray[np.void]:
    x = np.ascontiguousarray(x)
    return x.view(np.dtype((np.void, x.itemsize * x.shape[1])))[:, 0]


@njit(inline="always")
def _cell(value, low, scale, one, top):  # pragma: no cover  (compiled)
    """Grid cell, from 0 (below `low`) to `top`; never decreases with the value.

    Unsigned, so that Numba does not look for negative indices.
    """
    cell = (value - low) * scale + one
    cell = one - one if cell < one - one else cell
    return np.uint32(top if cell > top else cell)


@njit(inline="always")
def _gap(value, positives, first, last):  # pragma: no cover  (compiled)
    """Number of positives below `value`, which is between `first` and `last`."""
    while first < last:
        middle = (first + last) // 2
        if positives[middle] < value:
            first = middle + 1
        else:
            last = middle
    return first


def _rank_exactly(
    x: NDArray,
    first: NDArray[np.int64],
    rows: NDArray[np.int64],
    queries: NDArray[np.int64],
    classes: tuple[NDArray, ...],
    ranks: NDArray[np.int64],
    average_precision: NDArray[np.float64],
) -> None:
    """As `_rank_positives`, of rows of a block of queries, by distances summed term by term."""
    nothing, sure = np.zeros(len(first)), np.ones(1, np.bool_)

    def rank(begin: int, end: int) -> None:
        for row in rows[begin:end]:
            query, far = queries[row : row + 1], _exact_distances(x, queries[row], first)
            _rank_positives(
                0, 1, -far[np.newaxis], nothing, query, *classes, ranks[row : row + 1],
                average_precision, sure,
            )  # fmt: skip

    over_threads(rank, len(rows))


@njit(nogil=True, cache=True)
def _rank_positives(
    begin, stop, products, half_norms, queries, item_of, copies, codes, members, starts, ranks,
    average_precision, doubtful,
):  # fmt: skip  # pragma: no cover  (compiled)
    """Fill in the ranks of the positives of some queries, and the queries' average precision.

    But of those that are not to be doubtful, and are, nothing is filled in but that they are.
    """
    n_items = len(half_norms)
    far, cells = np.empty(n_items, half_norms.dtype), np.empty(n_items, np.uint32)
    compared = np.empty(n_items + 1, np.int32)
    for row in range(begin, stop):
        query = queries[row]
        own = item_of[query]
        for item in range(n_items):  # |x - y|^2 orders as |y|^2 / 2 - x.y for a given query x
            far[item] = half_norms[item] - products[row, item]
        member, last = starts[codes[query]], starts[codes[query] + 1]
        positives = np.empty(last - member - 1, far.dtype)
        p = 0
        while member < last:
            if members[member] != query:
                positives[p] = far[item_of[members[member]]]
                p += 1
            member += 1
        _sort(positives)
        if not doubtful[row]:
            doubtful[row] = _in_doubt(far, own, half_norms[own], positives[0], copies[own])
            if doubtful[row]:
                continue
        # the norm is what `far` lacks
        average_precision[query] = _rank(
            far, positives, half_norms[own], own, copies, cells, compared, ranks[row]
        )


@njit(inline="always")
def _sort(values):  # pragma: no cover  (compiled)
    """Shell's sort: numba's own takes ten times as long to compile."""
    gap = len(values)
    while gap > 1:
        gap = gap * 4 // 9 if gap > 2 else 1
        for i in range(gap, len(values)):
            value, place = values[i], i
            while place >= gap and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value


@njit(inline="always")
def _in_doubt(far, own, half_norm, nearest, n_copies):  # pragma: no cover  (compiled)
    """Whether rounding may decide the order of the nearest items, a positive among them.

    ``far`` is half the squared distance less ``half_norm``, and is rounded in its last places, so a
    distance that is small against the norm has few digits left.
    """
    ulp = np.finfo(far.dtype).eps
    limit = far[own] + _DOUBT * ulp * half_norm + np.finfo(far.dtype).tiny / ulp
    if nearest > limit:
        return False
    n_near = 0
    for item in range(len(far)):
        n_near += far[item] <= limit
    return n_near > 2 or (n_near == 2 and n_copies > 1)


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _exact_distances(x, query, first):  # pragma: no cover  (compiled)
    """Squared distances of items to the query; plain ones if the square of one vanishes."""
    distances = np.empty(len(first))
    for item in range(len(first)):
        other, total = first[item], 0.0
        for c in range(x.shape[1]):
            difference = np.float64(x[other, c]) - np.float64(x[query, c])
            total += difference * difference
        distances[item] = total
    for item in range(len(first)):
        if distances[item] < 1e-280 and _largest_difference(x, query, first[item]) > 0:
            break
    else:
        return distances
    for item in range(len(first)):
        other, total = first[item], 0.0
        exponent = math.frexp(_largest_difference(x, query, other))[1]
        for c in range(x.shape[1]):
            difference = np.float64(x[other, c]) - np.float64(x[query, c])
            total += math.ldexp(difference, -exponent) ** 2
        distances[item] = math.ldexp(math.sqrt(total), exponent)
    return distances


@njit
def _largest_difference(x, query, other):  # pragma: no cover  (compiled)
    largest = 0.0
    for c in range(x.shape[1]):
        largest = max(largest, abs(np.float64(x[other, c]) - np.float64(x[query, c])))
    return largest


@njit(inline="always")
def _rank(
    far, positives, norm, own, copies, cells, compared, ranks
):  # pragma: no cover  (compiled)
    """Fill `ranks` with the ranks of a query's sorted positives; return its average precision.

    ``cells`` and ``compared`` are room to work in.

    The positives p_0 <= p_1 <= ..., each moved up to where ties with it end, cut the line of
    distances; every item is dropped in the gap it falls in, and the cumulative counts are the
    ranks: no full sort is needed. Distances lack `norm`.
    """
    n_items, n_relevant = len(far), len(positives)
    ends = np.empty(n_relevant, positives.dtype)
    for p in range(n_relevant):
        ends[p] = positives[p] + TIE * (positives[p] + norm)
        if ends[p] < positives[p]:  # where rounding made a distance negative
            ends[p] = positives[p]
    # A grid over the positives' range: cells without a positive inside lie in one gap whole,
    # so their items need only be counted; the few others are compared one by one
    low, n_cells = ends[0], _CELLS_PER_POSITIVE * n_relevant
    extent = ends[-1] - low
    scale = far.dtype.type(n_cells / extent if extent > 1e-30 else 0.0)  # 0: one cell
    one, top = far.dtype.type(1), far.dtype.type(n_cells + 2)
    bounds, mixed = np.zeros(n_cells + 4, np.int32), np.zeros(n_cells + 4, np.int32)
    for p in range(n_relevant):
        bounds[_cell(ends[p], low, scale, one, top) + 1] += 1
    for cell in range(n_cells + 3):
        mixed[cell] = bounds[cell + 1] > 0
        bounds[cell + 1] += bounds[cell]
    for item in range(n_items):
        cells[item] = _cell(far[item], low, scale, one, top)
    # neighbours are added up apart, for a sum must wait for the one before in the same cell
    in_cell, n_compared = np.zeros(2 * (n_cells + 4), np.int32), 0
    for item in range(n_items):  # no branch, hence fast
        cell = cells[item]
        in_cell[2 * cell + (item & 1)] += copies[item]
        compared[n_compared] = item
        n_compared += mixed[cell]
    count = np.zeros(n_relevant + 1, np.int32)
    for cell in range(n_cells + 3):
        if not mixed[cell]:
            count[bounds[cell]] += in_cell[2 * cell] + in_cell[2 * cell + 1]
    for c in range(n_compared):
        item = compared[c]
        gap = _gap(far[item], ends, bounds[cells[item]], bounds[cells[item] + 1])
        count[gap] += copies[item]
    count[_gap(far[own], ends, 0, n_relevant)] -= 1  # the query itself

    total, rank, found = 0.0, 0, 0
    for p in range(n_relevant):
        rank += count[p]
        while found < n_relevant and positives[found] <= ends[p]:
            found += 1
        ranks[p] = rank
        total += found / rank
    return total / n_relevant
