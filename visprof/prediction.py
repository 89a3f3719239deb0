"""Does a profile find the pictures its user collects next? Ranks of users (Eq. 8) and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._numba import njit, over_threads
from visprof.blocks import Client, map_blocks, slices
from visprof.checks import check_groups
from visprof.profiles import distance_points, user_profiles, whiten
from visprof.scaling import scale_exponent, scaled
from visprof.ties import TIE

__all__ = ["Ranks", "preference_auc", "rank_users", "reciprocal_ranks", "whitened_profiles"]

_ROWS, _COLUMNS = 512, 4096  # of scores at a time: 8 MB
_BLOCK = 4 * _ROWS  # rows of one block
_WORTH_A_THREAD = 2**19  # scores, so that counting in them takes longer than to begin a thread
_LOOK = 128  # columns counted at a time: blocks without an ambiguous distance are skipped
_NOTHING = 1e-28  # squared distance, by the squared length of a profile, that rounding leaves of 0


@dataclass(frozen=True)
class Ranks:
    """Rank of each user's own test profile among all, by how ties are broken.

    Attributes
    ----------
    optimistic, pessimistic : ndarray of int, shape (n,)
        The first and the last of the ranks that the user's own test profile shares with those at
        equal distance.
    """

    optimistic: NDArray[np.int64]
    pessimistic: NDArray[np.int64]

    @property
    def middle(self) -> NDArray[np.float64]:
        """Mean of the shared ranks, (n,): the expected rank if ties are broken at random."""
        return (self.optimistic + self.pessimistic) / 2


def rank_users(
    train: ArrayLike,
    test: ArrayLike,
    distance: str = "euclidean",
    *,
    others: ArrayLike | None = None,
    client: Client | None = None,
) -> Ranks:
    r"""Rank every user's test profile by its distance to the user's train profile.

    No matrix of all users by all is kept. Blocks of :math:`\|v_j\|^2/2 - t_i \cdot v_j`, which
    order as the distances of the test profiles :math:`v_j` to :math:`t_i`, are computed in single
    precision; where that cannot tell two distances apart, by the bound on its rounding error
    (Higham 2002, section 3.1), both are summed again in double precision, term by term. So the
    ranks are those of a plain loop in double precision, in which squared distances that differ by
    no more than a share of 1e-9 (`visprof.ties.TIE`) are equal. Very large and very small
    profiles are ranked in a unit of their size (see `visprof.scaling`).

    What it takes grows with the users who are ranked, times those among whom. Of very many users,
    rank a sample, each among all: their mean reciprocal rank is without bias, and its interval over
    users (:func:`visprof.rank_scores.mean_reciprocal_rank`) says how sure it is.

    Parameters
    ----------
    train, test : array-like of shape (n, k)
        Profiles of at least 2 users; row i of both belongs to user i (by place: the index of a
        table is not looked at). float32 stays float32 for the Euclidean distance.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        The paper's is Euclidean. Hellinger is the Euclidean distance of the square roots (rows
        should have unit sum); cosine is that of the rows scaled to unit length.
    others : array-like of shape (m, k), optional
        Test profiles of users who are not ranked, but among whom the n are; m may be 0.
    client : distributed.Client, optional
        Of the cluster that does it, in blocks of users; see :func:`visprof.blocks.map_blocks`.

    Returns
    -------
    Ranks

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer than 2 users, a value is not finite, the distance is
        unknown, or a row is negative (hellinger) or zero (cosine).

    Examples
    --------
    >>> train, test = np.array([[0.0], [5.0], [9.0]]), np.array([[1.0], [8.0], [7.0]])
    >>> rank_users(train, test).middle.tolist()
    [1.0, 2.0, 2.0]
    >>> rank_users(train[:1], test[:1], others=test[1:]).middle.tolist()
    [1.0]
    """
    train, test = distance_points(train, distance, "train"), distance_points(test, distance, "test")
    if train.shape != test.shape:
        raise ValueError(
            f"train {train.shape} and test {test.shape} must have one shape (n, k): row i of both "
            "belongs to user i"
        )
    if others is not None and len(others):
        others = distance_points(others, distance, "others")
        if others.shape[1] != test.shape[1]:
            raise ValueError(f"others {others.shape} and test {test.shape} differ in columns")
        test = np.concatenate([test, others])
    if len(test) < 2:
        raise ValueError("train and test: expected at least 2 users to rank, got 1")
    exponent = scale_exponent(train, test)
    train, test = scaled(train, exponent), scaled(test, exponent)
    origin = test.mean(axis=0)  # near the data, so squares do not cancel
    a, b = train - origin, test - origin
    scale = max(np.abs(a).max(), np.abs(b).max()) or 1.0
    a, b = ((points / scale).astype(np.float32) for points in (a, b))
    points = _Points.of(a, b, train, test)
    counts = map_blocks(partial(_count_rows, points), slices(len(train), _BLOCK), client)
    nearer, tied = np.concatenate(list(counts), axis=-1)
    return Ranks(nearer + 1, nearer + tied)  # a user's own test profile is one of the tied


def reciprocal_ranks(
    train: ArrayLike, test: ArrayLike, distance: str = "euclidean"
) -> NDArray[np.float64]:
    """Rank every user's test profile among all; tied ones share the mean of their ranks.

    Parameters
    ----------
    train, test, distance
        As for `rank_users`.

    Returns
    -------
    ndarray of shape (n,)
        1 / rank of user i's own test row among all n.

    Raises
    ------
    ValueError
        As `rank_users`.

    Examples
    --------
    >>> train = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]
    >>> test = [[0.1, 0.9], [0.4, 0.6], [0.5, 0.5]]
    >>> reciprocal_ranks(train, test)
    array([1. , 0.5, 1. ])
    """
    return 1 / rank_users(train, test, distance).middle


def whitened_profiles(
    pins: ArrayLike, users: ArrayLike, background: ArrayLike, n_components: int
) -> NDArray[np.float64]:
    """Mean of each user's pins in principal components of the background, of unit variance there.

    Compared by cosine (``rank_users(..., distance="cosine")``). It is what the back end of speaker
    verification does with embeddings: directions in which all pictures vary say no more of a user
    than those in which few do.

    Parameters
    ----------
    pins : array-like of shape (n, d)
        Embeddings.
    users : array-like of shape (n,)
        User of each pin.
    background : array-like of shape (b, d)
        Embeddings of other users' pins, from which the components are learned.
    n_components : int
        How many components, those of the largest variance.

    Returns
    -------
    ndarray of shape (m, n_components)
        Rows in sorted order of the users, columns as of `visprof.profiles.whiten`.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a user is missing, the background varies in
        fewer directions than n_components, or the last component's variance is that of the next.
    TypeError
        If n_components is not whole, or users are of several kinds.

    Examples
    --------
    >>> background = [[0, 0], [0, 1], [9, 0], [9, 1]]
    >>> profiles = whitened_profiles([[9, 1], [9, 0], [0, 1]], ["a", "b", "a"], background, 2)
    >>> profiles.tolist()
    [[0.0, 1.0], [1.0, -1.0]]
    """
    whitened = whiten(pins, background, n_components)
    if (n_found := whitened.shape[1]) < n_components:
        raise ValueError(
            f"n_components: the background of {len(background)} rows varies in {n_found} "
            f"directions, got {n_components}; take fewer or a larger background"
        )
    sums = user_profiles(whitened, users, counts=True)[1]
    return sums / np.unique(users, return_counts=True)[1][:, np.newaxis]


def preference_auc(
    profiles: ArrayLike,
    pictures: ArrayLike,
    users: ArrayLike,
    strata: ArrayLike | None = None,
    distance: str = "euclidean",
) -> NDArray[np.float64]:
    """Is a user's profile nearer to their held-out pictures than to those of others?

    The probability that a picture of the user's own is nearer to the profile than one of another
    user's (the area under the ROC curve); at equal distance it counts one half, so that random
    distances give 1/2. Squared distances that differ by no more than a share of 1e-9
    (`visprof.ties.TIE`) are equal.

    Facts of the file (its size, its format, the month) tell users apart without a pixel. Given
    strata of these, each picture is compared with others' of the same stratum only, and each that
    has any weighs the same.

    Parameters
    ----------
    profiles : array-like of shape (m, k)
        Of each user, by other pictures; rows in sorted order of the users.
    pictures : array-like of shape (n, k)
        Assignments or embeddings of held-out pictures of all users.
    users : array-like of shape (n,)
        Whose each picture is.
    strata : array-like of shape (n,), optional
        Stratum of each picture.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        As for `rank_users`.

    Returns
    -------
    ndarray of shape (m,)
        From 0 to 1; NaN for a user of whose pictures none is in a stratum with another user's.

    Raises
    ------
    ValueError
        If shapes do not match, there is not a profile for each user, or are fewer than 2, a user or
        stratum is missing, or as `rank_users`.
    TypeError
        If users or strata are of several kinds.

    Examples
    --------
    >>> pictures = [[0.1], [0.6], [0.8], [0.9]]
    >>> preference_auc([[0.0], [1.0]], pictures, ["a", "a", "b", "b"]).tolist()
    [1.0, 1.0]
    """
    points = distance_points(profiles, distance, "profiles").astype(np.float64, copy=False)
    pictures = distance_points(pictures, distance, "pictures").astype(np.float64, copy=False)
    labels, owners = np.unique(check_groups(users, len(pictures), "users"), return_inverse=True)
    if points.shape != (len(labels), pictures.shape[1]):
        raise ValueError(
            f"profiles: expected shape {(len(labels), pictures.shape[1])}, one of each user of the "
            f"pictures, got {points.shape}"
        )
    if len(labels) < 2:
        raise ValueError("users: expected pictures of at least 2, got 1")
    blocks = np.zeros(len(pictures), np.int64)
    if strata is not None:
        blocks = np.unique(check_groups(strata, len(pictures), "strata"), return_inverse=True)[1]
    order = np.argsort(blocks, kind="stable")
    starts = np.searchsorted(blocks[order], np.arange(blocks.max() + 2))
    exponent = scale_exponent(points, pictures)
    points, pictures = scaled(points, exponent), scaled(pictures, exponent)
    auc = np.empty(len(labels))
    over_threads(
        _preference, len(labels), points, pictures[order], owners[order], blocks[order], starts,
        auc,
    )  # fmt: skip
    return auc


@dataclass(frozen=True)
class _Points:
    """Profiles in single precision, near the origin, and as they are; and what both give."""

    a: NDArray[np.float32]  # of training, less the origin
    b: NDArray[np.float32]  # of test: those of the same users first
    train: NDArray
    test: NDArray
    length: NDArray[np.float64]  # of a
    half: NDArray[np.float64]  # of the squared length of b
    own: NDArray[np.float32]  # score of the own test profile

    @classmethod
    def of(cls, a: NDArray, b: NDArray, train: NDArray, test: NDArray) -> _Points:
        dots = np.einsum("ij,ij->i", a, b[: len(a)], dtype=np.float64)
        length = np.sqrt(np.einsum("ij,ij->i", a, a, dtype=np.float64))
        half = np.einsum("ij,ij->i", b, b, dtype=np.float64) / 2
        own = (half[: len(a)] - dots).astype(np.float32)
        return cls(a, b, train, test, length, half, own)


def _count_rows(points: _Points, block: slice) -> NDArray[np.int64]:
    """How many test profiles are nearer than the own one, and tied with it, (2, m), of a block."""
    n, k = points.b.shape
    half, length = points.half, points.length
    # k for the sum of k products, 16 for rounding of the points and of what is added to it
    unit = (k + 16) * np.finfo(np.float32).eps / 2
    nearer, tied = counts = np.zeros((2, block.stop - block.start), np.int64)
    scores = np.empty((_ROWS, _COLUMNS), np.float32)
    for start in range(block.start, block.stop, _ROWS):
        rows = slice(start, min(start + _ROWS, block.stop))
        of_block = slice(rows.start - block.start, rows.stop - block.start)
        longest = length[rows].max()
        own_error = (length[rows] * np.sqrt(2 * half[rows]) + half[rows]).max()
        own_tie = TIE * np.square(length[rows] + np.sqrt(2 * half[rows])).max() / 2
        for first in range(0, n, _COLUMNS):
            columns = slice(first, min(first + _COLUMNS, n))
            shape = rows.stop - start, columns.stop - first
            products = scores.ravel()[: shape[0] * shape[1]].reshape(shape)
            np.matmul(points.a[rows], points.b[columns].T, out=products)
            error = unit * (longest * np.sqrt(2 * half[columns]) + half[columns] + own_error)
            error += own_tie + 1e-30  # of products too small for single precision
            high, low = half[columns] + error, half[columns] - error
            over_threads(
                _count_nearer, len(products), products, high.astype(np.float32),
                low.astype(np.float32), points.own[rows], points.train[rows], points.test[rows],
                points.test[columns], nearer[of_block], tied[of_block],
                least=_WORTH_A_THREAD // len(high),
            )  # fmt: skip
    return counts


@njit(nogil=True, cache=True)
def _preference(
    begin, stop, profiles, pictures, owners, blocks, starts, auc
):  # pragma: no cover  (compiled)
    """AUC of some users, of pictures that stand by block."""
    for user in range(begin, stop):
        auc[user] = _auc(user, profiles[user], pictures, owners, blocks, starts)


@njit(inline="always")
def _auc(user, profile, pictures, owners, blocks, starts):  # pragma: no cover  (compiled)
    """AUC of a user."""
    far = np.empty(len(pictures))
    _squared_distances(profile, pictures, far)
    total, n_compared = 0.0, 0
    for own in range(len(owners)):
        if owners[own] != user:
            continue
        low, high = far[own] - TIE * far[own], far[own] + TIE * far[own]
        farther, n_others = 0, 0  # one not nearer counts one half, and one farther the other
        for row in range(starts[blocks[own]], starts[blocks[own] + 1]):
            other = owners[row] != user
            n_others += other
            farther += other * ((far[row] >= low) + (far[row] > high))
        if n_others:
            total += farther / (2 * n_others)
            n_compared += 1
    return total / n_compared if n_compared else np.nan


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _count_nearer(
    begin, stop, products, high, low, own, train, own_test, test, nearer, tied
):  # pragma: no cover  (compiled)
    """Count test profiles nearer than the own one, and tied ones, in rows of a block of scores."""
    squares, origin = np.empty(test.shape[1]), np.zeros(test.shape[1])
    for i in range(begin, stop):
        counts = _count_row(
            products[i], high, low, own[i], train[i], own_test[i], test, origin, squares
        )
        nearer[i] += counts[0]
        tied[i] += counts[1]


@njit(inline="always")
def _count_row(
    products, high, low, own, train, own_test, test, origin, squares
):  # pragma: no cover  (compiled)
    """Test profiles that are nearer to a user than the own one, and tied ones.

    ``origin`` is a profile of zeros, ``squares`` room to work in.
    """
    n, nearer, tied = len(products), 0, 0
    for first in range(0, n, _LOOK):
        columns = range(first, min(first + _LOOK, n))
        surely, perhaps = np.float32(0), np.float32(0)  # counts; floats let the loop vectorise
        for j in columns:
            surely += np.float32(high[j] - products[j] < own)
            perhaps += np.float32(low[j] - products[j] <= own)
        nearer += np.int64(surely)
        if perhaps > surely:
            # a distance below is one of 0, but for rounding
            nothing = _NOTHING * _squared_distance(train, origin, squares)
            limit = max(nothing, _squared_distance(train, own_test, squares))
            for j in columns:
                sure = high[j] - products[j] < own
                if not sure and low[j] - products[j] <= own:
                    squared = max(nothing, _squared_distance(train, test[j], squares))
                    if abs(squared - limit) <= TIE * limit:
                        tied += 1
                    else:
                        nearer += squared < limit
    return nearer, tied


@njit
def _squared_distance(x, y, squares):  # pragma: no cover  (compiled)
    """As a plain loop sums it: squares are stored, lest the compiler fuse square and sum."""
    for c in range(x.shape[0]):
        squares[c] = (np.float64(x[c]) - np.float64(y[c])) ** 2
    total = 0.0
    for square in squares:
        total += square
    return total


@njit(inline="always")
def _squared_distances(x, rows, found):  # pragma: no cover  (compiled)
    """As `_squared_distance`, of four rows at a time: each sum waits for its own additions only."""
    n_columns, whole = rows.shape[1], len(rows) - len(rows) % 4
    squares = np.empty((4, n_columns))
    for first in range(0, whole, 4):
        for row in range(4):
            for c in range(n_columns):
                squares[row, c] = (np.float64(x[c]) - np.float64(rows[first + row, c])) ** 2
        p, q, r, s = 0.0, 0.0, 0.0, 0.0
        for c in range(n_columns):
            p += squares[0, c]
            q += squares[1, c]
            r += squares[2, c]
            s += squares[3, c]
        found[first], found[first + 1], found[first + 2], found[first + 3] = p, q, r, s
    for row in range(whole, len(rows)):
        found[row] = _squared_distance(x, rows[row], squares[0])
