"""An embedding laid out in the plane, and how far the plane can be trusted.

Every score is given for each point first; `mean_interval` sums them up. A point never counts as a
neighbour of its own: it is left out by its index, so its duplicates do count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.checks import (
    check_finite,
    check_groups,
    check_number,
    check_numbers,
    check_whole,
    listed,
)
from visprof.intervals import COVERAGE, percentile_interval, resample_counts
from visprof.scaling import near_one
from visprof.ties import TIE

with lazily():
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors
    from sklearn.utils import check_array

__all__ = [
    "chance_purity",
    "chance_trust",
    "label_purity",
    "largest_perplexity",
    "mean_interval",
    "nearest_neighbours",
    "neighbourhood",
    "preservation",
    "trust",
    "tsne_plane",
]

_BLOCK_MIB = 64  # of distances at a time
_ROUNDED = 2.0**-12  # of an affinity, and of the start's spread: what is left of t-SNE's input
_START = 2.0**-13  # the start's spread, about: openTSNE's is 1e-4
_LOST = 2.0**-20  # of a length: squares of distances as small keep less than 13 bits


# ---------------------------------------------------------------- the plane


def largest_perplexity(n: int) -> float:
    """Largest perplexity of t-SNE for `n` points: it looks at three times as many neighbours."""
    return (check_whole(n, "n", 1) - 1) / 3


def tsne_plane(
    features: ArrayLike, perplexity: float = 30.0, random_state: int = 0
) -> NDArray[np.float64]:
    """Lay out points in the plane by t-SNE, started from their first two principal components.

    The implementation is openTSNE (Poličar, Stražar and Zupan 2024) with its defaults, but exact
    nearest neighbours and one thread, so that the plane does not depend on the number of cores.
    The descent makes of a difference in the last place another plane, so affinities and start are
    rounded to some 12 bits, where the sums of all processors agree; from there on all is the same.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Embeddings, one point a row.
    perplexity : float, default=30
        At least 1, at most ``largest_perplexity(n)``.
    random_state : int, default=0
        Seed.

    Returns
    -------
    ndarray of shape (n, 2)
        Far distances in it, and the sizes of groups, carry no meaning.

    Raises
    ------
    TypeError
        If the perplexity is no number or the seed is not whole.
    ValueError
        If `features` is not a finite 2-D array of at least two columns that are not all constant,
        or a parameter is out of range.
    """
    # here, since it takes a second that others need not wait for
    with needs("book"):
        from openTSNE import TSNE, affinity, initialization

    x = check_array(
        features, dtype=np.float64, order="C", ensure_min_features=2, input_name="features"
    )
    x = near_one(x, "features")
    n, perplexity = len(x), check_number(perplexity, "perplexity")
    if check_whole(random_state, "random_state", 0) >= 2**32:
        raise ValueError(f"random_state: expected a seed below 2**32, got {random_state}")
    if not 1 <= perplexity <= largest_perplexity(n):
        raise ValueError(
            f"perplexity: got {perplexity:g} for {n} points; it must be at least 1 and at most "
            f"(n - 1) / 3 = {largest_perplexity(n):.1f}, so lower it or lay out more points"
        )
    if not np.ptp(x, axis=0).any():
        raise ValueError(f"features: all {n} rows are equal, so there is nothing to lay out")
    # more jobs wait for each other at every step, which takes longer on a busy machine
    settings = {"random_state": random_state, "n_jobs": 1}
    affinities = affinity.PerplexityBasedNN(x, perplexity, method="exact", **settings)
    affinities.P.sort_indices()
    mantissa, exponent = np.frexp(affinities.P.data)
    affinities.P.data = np.ldexp(np.rint(mantissa / _ROUNDED), exponent) * _ROUNDED
    start = initialization.pca(x, random_state=random_state, add_jitter=False)
    start = np.rint(start / (_START * _ROUNDED)) * (_START * _ROUNDED)
    rng = np.random.RandomState(random_state)
    start += rng.normal(0, 0.01 * _START, start.shape)  # or equal points would stay together
    plane = TSNE(**settings).fit(affinities=affinities, initialization=start)
    return check_finite(np.array(plane), "plane of the features")


# ---------------------------------------------------------------- neighbours


def neighbourhood(n: int) -> int:
    """Neighbours to look at on a map of `n` points: 10, or as many as `trust` is defined for."""
    return min(10, (check_whole(n, "n", 1) - 1) // 2)


def nearest_neighbours(points: ArrayLike, k: int) -> NDArray[np.int64]:
    """Rows of the nearest others of each point, by Euclidean distance.

    Parameters
    ----------
    points : array-like of shape (n, d)
        Points, one a row.
    k : int
        Neighbours of each, from 1 to n - 1.

    Returns
    -------
    ndarray of int, shape (n, k)
        The nearest first; of others at equal distance (within a share of 1e-9,
        `visprof.ties.TIE`) those of the first rows.

    Raises
    ------
    TypeError
        If `k` is not whole.
    ValueError
        If `points` is not a finite 2-D array, or `k` is out of range.
    """
    x = check_array(points, dtype=np.float64, ensure_min_samples=2, input_name="points")
    if not check_whole(k, "k", 0) or k >= len(x):
        raise ValueError(
            f"k: got {k} neighbours for {len(x)} points; each has {len(x) - 1} others at most"
        )
    x = near_one(x, "points")
    centred = x - x.mean(axis=0)  # distances are computed from squares, which cancel far from 0
    # without an argument, kneighbors leaves each point out by its index
    looked_at = min(k + 1, len(x) - 1)  # one more: it may tie with the last
    found = NearestNeighbors(n_neighbors=looked_at).fit(centred).kneighbors()
    distances, neighbours = found
    tied = (distances[:, 1:] <= distances[:, :-1] * (1 + TIE)).any(axis=1)
    in_doubt = _rows_in_doubt(distances, neighbours, 0, centred, _row_codes(x))
    for row in np.union1d(np.flatnonzero(tied), in_doubt):
        exact = _distances_to(x, row)
        exact[row] = np.inf
        order = np.argsort(exact, kind="stable")
        is_farther = exact[order[1:]] > exact[order[:-1]] * (1 + TIE)
        places = np.concatenate([[0], np.cumsum(is_farther)])  # the same for those that tie
        neighbours[row] = order[np.lexsort((order, places))][:looked_at]
    return neighbours[:, :k]


def _row_codes(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Numbers of the rows: equal where rows are."""
    rows = np.ascontiguousarray(x) + 0.0  # -0.0 becomes 0.0: bytes equal if values are
    return np.unique(rows.view(np.dtype((np.void, rows.strides[0])))[:, 0], return_inverse=True)[1]


def _rows_in_doubt(
    distances: NDArray[np.float64],
    columns: NDArray[np.int64],
    start: int,
    centred: NDArray[np.float64],
    codes: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rows with a distance too small, against their length, to be told from squares of lengths.

    Row i of `distances` has those of the point ``start + i`` to the points `columns`. Equal points
    are at no distance, and in no doubt.
    """
    lengths = np.linalg.norm(centred[start : start + len(distances)], axis=1, keepdims=True)
    row, place = np.nonzero(distances <= np.maximum(_LOST * lengths, 1e-140))
    other = columns[row, place] if columns.ndim == 2 else columns[place]
    return np.unique(row[codes[start + row] != codes[other]])


def _distances_to(x: NDArray[np.float64], row: int) -> NDArray[np.float64]:
    """Distances of all points to one, from differences: nothing cancels, overflows or vanishes."""
    differences = x - x[row]
    exponent = np.frexp(np.abs(differences).max(axis=1))[1]
    return np.ldexp(np.linalg.norm(np.ldexp(differences, -exponent[:, None]), axis=1), exponent)


def preservation(embedded: ArrayLike, planar: ArrayLike) -> NDArray[np.float64]:
    """Share of each point's neighbours in the embedding that are its neighbours in the plane too.

    By chance, in a random plane, it is k / (n - 1).

    Parameters
    ----------
    embedded, planar : array-like of int, shape (n, k)
        Neighbours of each point in the embedding and in the plane, from `nearest_neighbours`.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If the shapes differ, or a neighbour is not the number of a point.
    """
    embedded, planar = _checked(embedded, "embedded"), _checked(planar, "planar")
    if embedded.shape != planar.shape:
        raise ValueError(
            "embedded, planar: expected the same shape (n, k), got "
            f"{embedded.shape} and {planar.shape}"
        )
    return (embedded[:, :, None] == planar[:, None, :]).any(axis=2).mean(axis=1)


def trust(features: ArrayLike, planar: ArrayLike) -> NDArray[np.float64]:
    r"""Trustworthiness of each point's neighbourhood in the plane (Venna and Kaski 2001).

    A neighbour j of i in the plane costs what its rank r(i, j) by distance in the embedding
    exceeds k:

    .. math:: T_i = 1 - \frac{2}{k (2n - 3k - 1)} \sum_j \max(0, r(i, j) - k) .

    The mean over points is :func:`sklearn.manifold.trustworthiness`, in little memory.

    Parameters
    ----------
    features : array-like of shape (n, d)
        The embedding.
    planar : array-like of int, shape (n, k)
        Neighbours of each point in the plane, from `nearest_neighbours`; k below n / 2.

    Returns
    -------
    ndarray of shape (n,)
        1: all neighbours in the plane are the nearest in the embedding. A single point's can be
        negative; the mean is between 0 and 1.

    Raises
    ------
    ValueError
        If `features` is not a finite 2-D array, the shapes do not match, k is too large, or a
        neighbour is not the number of a point.

    Examples
    --------
    >>> features = np.random.default_rng(0).normal(size=(100, 5))
    >>> whole, cut = (nearest_neighbours(of, k=10) for of in (features, features[:, :2]))
    >>> float(trust(features, whole).mean())
    1.0
    >>> chance = chance_trust(100, 10)
    >>> bool(chance < trust(features, cut).mean() < 1)
    True
    """
    x = check_array(features, dtype=np.float64, input_name="features")
    n, shape = len(x), np.shape(planar)
    if len(shape) != 2 or shape[0] != n or not 1 <= shape[1] < n / 2:
        raise ValueError(
            f"planar: expected shape ({n}, k) with k from 1 to below {n / 2:g}, got {shape}"
        )
    planar, k = _checked(planar, "planar"), shape[1]
    x = near_one(x, "features")
    centred, codes, every = x - x.mean(axis=0), _row_codes(x), np.arange(n)

    def excess(distances: NDArray[np.float64], start: int) -> NDArray[np.int64]:
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf  # no point is its own neighbour
        for row in _rows_in_doubt(distances, every, start, centred, codes):
            distances[row] = _distances_to(x, start + row)
            distances[row, start + row] = np.inf
        neighbours = planar[start + rows]
        reach = np.take_along_axis(distances, neighbours, axis=1)
        reach = reach * (1 - TIE)  # others at equal distance are not nearer
        nearer = [np.count_nonzero(distances < at[:, None], axis=1) for at in reach.T]
        return np.maximum(0, np.stack(nearer) + 1 - k).sum(axis=0)

    blocks = pairwise_distances_chunked(centred, reduce_func=excess, working_memory=_BLOCK_MIB)
    return 1 - 2 / (k * (2 * n - 3 * k - 1)) * np.concatenate(list(blocks))


def chance_trust(n: int, k: int) -> float:
    """Expected trustworthiness of a random plane: near 1/2 for k far below `n`.

    The rank of a random neighbour is uniform over 1 to n - 1, so what exceeds `k` has the mean
    (n - 1 - k)(n - k) / (2 (n - 1)).

    Parameters
    ----------
    n, k : int
        Points, at least 3, and neighbours of each; k from 1 to below n / 2.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is out of range.
    """
    if check_whole(k, "k", 1) >= check_whole(n, "n", 3) / 2:
        raise ValueError(f"k: expected less than n / 2 = {n / 2:g}, got {k}")
    return 1 - (n - 1 - k) * (n - k) / ((n - 1) * (2 * n - 3 * k - 1))


def label_purity(neighbours: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Share of each point's neighbours that carry its own label.

    Parameters
    ----------
    neighbours : array-like of int, shape (n, k)
        From `nearest_neighbours`.
    labels : array-like of shape (n,)
        Label of each point.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If there is not one label for each point, one is missing, or a neighbour is not the number
        of another point.
    TypeError
        If labels are of several kinds, such as numbers and texts.
    """
    neighbours = _checked(neighbours, "neighbours")
    labels = check_groups(labels, len(neighbours), "labels")
    return (labels[neighbours] == labels[:, None]).mean(axis=1)


def chance_purity(labels: ArrayLike) -> float:
    """Expected label purity where labels are shuffled over the points, exactly.

    Each of a point's neighbours then carries its label with probability (m - 1) / (n - 1), with m
    points of that label; it does not depend on how many neighbours are looked at.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Label of each point, at least two.

    Raises
    ------
    ValueError
        If there are fewer than two labels, or one is missing.
    TypeError
        If labels are of several kinds.
    """
    _, sizes = np.unique(check_groups(labels, None, "labels"), return_counts=True)
    n = sizes.sum()
    if n < 2:
        raise ValueError(f"labels: expected at least two, got {n}")
    return float(sizes @ (sizes - 1) / (n * (n - 1)))


def _checked(neighbours: ArrayLike, name: str) -> NDArray[np.int64]:
    neighbours = np.asarray(neighbours)
    if neighbours.ndim != 2 or not neighbours.size or neighbours.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: expected whole numbers of shape (n, k), got {neighbours.dtype} of shape "
            f"{neighbours.shape}"
        )
    n = len(neighbours)
    rows = np.flatnonzero(((neighbours < 0) | (neighbours >= n)).any(axis=1))
    if len(rows):
        raise ValueError(
            f"{name}: expected numbers of points from 0 to {n - 1}, got others at row(s) "
            f"{listed(rows)}"
        )
    return neighbours


# ---------------------------------------------------------------- aggregates


def mean_interval(
    scores: ArrayLike,
    groups: ArrayLike,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> tuple[float, float, float]:
    """Mean of the scores with its percentile bootstrap interval, over groups.

    Points of a group (a board, a class) resemble each other, so groups, not points, are drawn with
    replacement. The map stays as it is: the interval says how much the mean depends on the groups
    that happen to be in it, not on the seed of the layout.

    Parameters
    ----------
    scores : array-like of shape (n,)
        A score of each point.
    groups : array-like of shape (n,)
        Group of each point; at least two differ.
    n_resamples : int, default=2000
        Number of bootstrap draws.
    random_state : int, default=0
        Seed.

    Returns
    -------
    mean, low, high : float

    Raises
    ------
    ValueError
        If the shapes differ, a score or group is missing or a score infinite, there are fewer than
        two groups, a parameter is out of range, or sums of scores overflow.
    TypeError
        If a parameter is no number, or not whole where things are counted, or groups are of several
        kinds.
    """
    scores = check_numbers(scores, None, "scores")
    groups = check_groups(groups, len(scores), "groups")
    names, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"groups: a bootstrap over groups needs at least two, got {len(names)}")
    with np.errstate(over="ignore"):
        check_finite(np.abs(scores).sum() * len(scores), "sums of scores")
    sums = np.bincount(codes, scores)
    times = resample_counts(len(names), n_resamples, random_state)
    low, high = percentile_interval((times @ sums) / (times @ sizes), COVERAGE)
    return float(scores.mean()), low, high
