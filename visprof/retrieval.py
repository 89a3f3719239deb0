"""How well an embedding retrieves pictures that carry the query's label (Table 1).

Every picture is a query once. The others are ranked by Euclidean distance to it; those with the
query's label are relevant. The query itself is removed by its index, so a duplicate of it counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from visprof.intervals import percentile_interval, resample_counts

__all__ = [
    "RankingMetrics",
    "mean_ap_difference_interval",
    "mean_ap_interval",
    "random_mean_ap",
    "ranking_metrics",
]

_BLOCK_BYTES = 64 * 2**20  # one block of query-to-item products


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
    """

    average_precision: NDArray[np.float64]
    mean_ap: float
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    pr_area: float


def ranking_metrics(features: ArrayLike, labels: ArrayLike) -> RankingMetrics:
    """Rank all pictures against each one by Euclidean distance; score the full rankings.

    Pictures at equal distance from the query are retrieved as one block: each counts at the
    block's last rank. This is the step sum at distinct thresholds of
    :func:`sklearn.metrics.average_precision_score`, and makes the result independent of the
    order of the rows. Duplicated rows tie exactly, and so do equal distances between features
    that are whole numbers or other short binary fractions; other distances are compared at the
    precision of `features` (float32 stays float32).

    Parameters
    ----------
    features : array-like of shape (n, d)
        Embeddings, one picture a row.
    labels : array-like of shape (n,)
        Class of each picture; any sortable type.

    Returns
    -------
    RankingMetrics
        Queries without a relevant picture have NaN and are left out of every average.

    Raises
    ------
    ValueError
        If `features` is not a finite 2-D array of at least two rows or too large to square, if
        `labels` does not match it, or if no two pictures share a label.
    """
    x = check_array(
        features, dtype=[np.float64, np.float32], ensure_min_samples=2, input_name="features"
    )
    codes = _class_codes(labels, len(x))
    n, n_relevant = len(x), np.bincount(codes)[codes] - 1
    scored = n_relevant > 0
    if not scored.any():
        raise ValueError(
            f"labels: all {n} labels differ, so no query has a relevant picture; "
            "pass labels of which at least two are equal"
        )
    items, item_of, copies = _distinct_rows(_centred(x))
    half_norms = np.einsum("ij,ij->i", items, items) / 2
    if not np.isfinite(4 * half_norms.max()):
        raise ValueError(
            f"features: squared distances overflow {x.dtype}; scale the features down "
            f"(largest magnitude {np.abs(x).max():.3g})"
        )
    members = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes))])

    average_precision = np.full(n, np.nan)
    hits, recalled = np.zeros(n), np.zeros(n)  # index = rank; rank 0 stands for "no positive"
    queries = np.flatnonzero(scored)
    block = max(1, _BLOCK_BYTES // (items.itemsize * len(items)))
    buffer = np.empty((min(block, len(queries)), len(items)), dtype=items.dtype)
    for first in range(0, len(queries), block):
        q = queries[first : first + block]
        products = np.matmul(items[item_of[q]], items.T, out=buffer[: len(q)])
        ranks = np.zeros((len(q), n_relevant[q].max()), dtype=np.int64)
        average_precision[q] = _rank_positives(
            products, half_norms, q, item_of, copies, codes, members, starts, ranks
        )
        weight = np.broadcast_to(1 / n_relevant[q][:, None], ranks.shape)
        hits += np.bincount(ranks.ravel(), minlength=n)
        recalled += np.bincount(ranks.ravel(), weights=weight.ravel(), minlength=n)

    precision = np.cumsum(hits[1:]) / np.arange(1, n) / len(queries)
    recall = np.cumsum(recalled[1:]) / len(queries)
    return RankingMetrics(
        average_precision=average_precision,
        mean_ap=float(np.nanmean(average_precision)),
        precision=precision,
        recall=recall,
        pr_area=float(precision @ np.diff(recall, prepend=0.0)),
    )


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
        If there are fewer than two labels or all of them differ.
    """
    sizes = np.bincount(_class_codes(labels)).astype(float)
    n_others, sizes = sizes.sum() - 1, sizes[sizes > 1]
    if not len(sizes):
        raise ValueError(
            f"labels: got {n_others + 1:.0f} labels, all different; at least two must be equal"
        )
    harmonic = np.sum(1 / np.arange(1, n_others + 1))
    share = (sizes - 2) / max(n_others - 1, 1)  # (R - 1) / (N - 1); 0 where N = 1
    expected = (harmonic + share * (n_others - harmonic)) / n_others
    return float(np.average(expected, weights=sizes))


def mean_ap_interval(
    average_precision: ArrayLike,
    labels: ArrayLike,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean average precision, over classes.

    Queries of one class share their relevant pictures, so classes, not queries, are drawn with
    replacement (a cluster bootstrap).

    Parameters
    ----------
    average_precision : array-like of shape (n,)
        As in :class:`RankingMetrics`; NaN entries are left out.
    labels : array-like of shape (n,)
        Class of each query.
    level : float, default=0.95
        Coverage, between 0 and 1.
    n_resamples : int, default=2000
        Number of bootstrap draws.
    random_state : int, default=0
        Seed.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If shapes differ, fewer than two classes have a score, or a parameter is out of range.
    """
    ap = _scores(average_precision, "average_precision")
    means = _class_bootstrap(ap[:, None], labels, n_resamples, random_state)[:, 0]
    return percentile_interval(means, level)


def mean_ap_difference_interval(
    ap_a: ArrayLike,
    ap_b: ArrayLike,
    labels: ArrayLike,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> tuple[float, float, float]:
    """Paired bootstrap of mAP(a) - mAP(b): both on the same draws of classes.

    Parameters
    ----------
    ap_a, ap_b : array-like of shape (n,)
        Average precision of the same queries under two embeddings.
    labels : array-like of shape (n,)
        Class of each query.
    level, n_resamples, random_state
        As in :func:`mean_ap_interval`.

    Returns
    -------
    difference, low, high : float
        The observed difference and its interval.

    Raises
    ------
    ValueError
        As :func:`mean_ap_interval`, or if a query is scored under one embedding only.
    """
    a, b = _scores(ap_a, "ap_a"), _scores(ap_b, "ap_b")
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        raise ValueError(
            f"ap_a {a.shape} and ap_b {b.shape} must score the same queries "
            "(equal shapes, NaN at the same places)"
        )
    means = _class_bootstrap(np.stack([a, b], axis=1), labels, n_resamples, random_state)
    low, high = percentile_interval(means[:, 0] - means[:, 1], level)
    return float(np.nanmean(a) - np.nanmean(b)), low, high


def _class_codes(labels: ArrayLike, n: int | None = None) -> NDArray[np.int64]:
    labels = np.asarray(labels)
    if labels.ndim != 1 or (n is not None and len(labels) != n):
        expected = "(n,)" if n is None else f"({n},), one for each row"
        raise ValueError(f"labels: expected shape {expected}, got {labels.shape}")
    return np.unique(labels, return_inverse=True)[1]


def _scores(average_precision: ArrayLike, name: str) -> NDArray[np.float64]:
    ap = np.asarray(average_precision, dtype=np.float64)
    if ap.ndim != 1:
        raise ValueError(f"{name}: expected shape (n,), got {ap.shape}")
    return ap


def _class_bootstrap(
    scores: NDArray[np.float64], labels: ArrayLike, n_resamples: int, random_state: int
) -> NDArray[np.float64]:
    """Means (n_resamples, m) of the columns of `scores` (n, m) over resampled classes."""
    codes = _class_codes(labels, len(scores))
    scored = ~np.isnan(scores).any(axis=1)
    codes = np.unique(codes[scored], return_inverse=True)[1]
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        raise ValueError(
            f"labels: {len(sizes)} class(es) with a score; a bootstrap over classes needs two"
        )
    sums = np.stack([np.bincount(codes, column[scored]) for column in scores.T], axis=1)
    times = resample_counts(len(sizes), n_resamples, random_state)
    return (times @ sums) / (times @ sizes)[:, None]


def _centred(x: NDArray) -> NDArray:
    """Shift the rows near the origin, lest |y|^2 - 2 x.y cancel for features far from it.

    The shift is a multiple of a power of two about as large as the spread, so whole numbers and
    other short fractions stay exact, and so do ties among their distances.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(x.var(axis=0, dtype=np.float64).mean()))
    unit = 2.0 ** np.floor(np.log2(spread)) if spread > 0 else 1.0
    return x - (np.rint(mean / unit) * unit).astype(x.dtype)


def _distinct_rows(x: NDArray) -> tuple[NDArray, NDArray[np.int64], NDArray[np.int64]]:
    """Distinct rows, the distinct row of each row, and the number of copies of each.

    A matrix product may round equal columns differently; equal rows are therefore multiplied
    once, which makes their distances to a query equal to the last bit.
    """
    x = np.ascontiguousarray(x) + x.dtype.type(0)  # -0.0 becomes 0.0: bytes equal if values are
    rows = x.view(np.dtype((np.void, x.itemsize * x.shape[1])))[:, 0]
    _, first, inverse, copies = np.unique(
        rows, return_index=True, return_inverse=True, return_counts=True
    )
    return np.ascontiguousarray(x[first]), inverse, copies


@njit(inline="always")
def _cell(value, low, scale, one, top):  # pragma: no cover  (compiled)
    """Grid cell, from 0 (below `low`) to `top`; never decreases with the value."""
    cell = (value - low) * scale + one
    return np.int32(min(max(cell, one - one), top))


@njit(parallel=True, cache=True)
def _rank_positives(
    products, half_norms, queries, item_of, copies, codes, members, starts, ranks
):  # pragma: no cover  (compiled)
    """Fill `ranks` with the rank of each query's positives; return average precisions.

    The sorted positives p_0 <= p_1 <= ... cut the line of distances; every item is dropped in
    the gap it falls in, and the cumulative counts are the ranks: no full sort is needed.
    """
    n_queries, n_items = products.shape
    average_precision = np.empty(n_queries)
    for row in prange(n_queries):
        query = queries[row]
        start, stop = starts[codes[query]], starts[codes[query] + 1]
        n_relevant = stop - start - 1
        # |x - y|^2 orders as |y|^2 / 2 - x.y for a given query x
        far = half_norms - products[row]
        positives = np.empty(n_relevant, dtype=far.dtype)
        p = 0
        for m in range(start, stop):
            if members[m] != query:
                positives[p] = far[item_of[members[m]]]
                p += 1
        positives.sort()

        # A grid over the positives' range brackets each item's gap, mostly to a single one
        low, n_cells = positives[0], 8 * n_relevant
        extent = positives[-1] - low
        scale = far.dtype.type(n_cells / extent if extent > 1e-30 else 0.0)  # 0: one cell
        one, top = far.dtype.type(1), far.dtype.type(n_cells + 2)
        bounds = np.zeros(n_cells + 4, dtype=np.int32)
        for p in range(n_relevant):
            bounds[_cell(positives[p], low, scale, one, top) + 1] += 1
        bounds = np.cumsum(bounds)
        cells = np.empty(n_items, dtype=np.int32)
        for item in range(n_items):
            cells[item] = _cell(far[item], low, scale, one, top)
        count = np.zeros(n_relevant + 1, dtype=np.int64)
        for item in range(n_items):
            gap, end = bounds[cells[item]], bounds[cells[item] + 1]
            while gap < end:
                middle = (gap + end) // 2
                if positives[middle] < far[item]:
                    gap = middle + 1
                else:
                    end = middle
            count[gap] += copies[item]
            if item == item_of[query]:
                count[gap] -= 1  # the query itself

        total, rank = 0.0, 0
        p = 0
        while p < n_relevant:
            rank += count[p]
            tied = p + 1  # one past the positives that share this distance
            while tied < n_relevant and positives[tied] == positives[p]:
                tied += 1
            for t in range(p, tied):
                ranks[row, t] = rank
            total += (tied - p) * tied / rank
            p = tied
        average_precision[row] = total / n_relevant
    return average_precision
