"""Does a profile find the pictures its user collects next? Ranks of users (Eq. 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._numba import njit, prange
from visprof.profiles import distance_points
from visprof.scaling import scale_exponent, scaled
from visprof.ties import TIE

__all__ = ["Ranks", "rank_users", "reciprocal_ranks"]


_ROWS, _COLUMNS = 512, 4096  # of one block of scores: 8 MB
_LOOK = 128  # columns counted at a time: blocks without an ambiguous distance are skipped


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


def rank_users(train: ArrayLike, test: ArrayLike, distance: str = "euclidean") -> Ranks:
    r"""Rank every user's test profile by its distance to the user's train profile.

    No matrix of all users by all is kept. Blocks of :math:`\|v_j\|^2/2 - t_i \cdot v_j`, which
    order as the distances of the test profiles :math:`v_j` to :math:`t_i`, are computed in single
    precision; where that cannot tell two distances apart, by the bound on its rounding error
    (Higham 2002, section 3.1), both are summed again in double precision, term by term. So the
    ranks are those of a plain loop in double precision, in which squared distances that differ by
    no more than a share of 1e-9 (`visprof.ties.TIE`) are equal. Very large and very small
    profiles are ranked in a unit of their size (see `visprof.scaling`).

    Parameters
    ----------
    train, test : array-like of shape (n, k)
        Profiles of at least 2 users; row i of both belongs to user i (by place: the index of a
        table is not looked at). float32 stays float32 for the Euclidean distance.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        The paper's is Euclidean. Hellinger is the Euclidean distance of the square roots (rows
        should have unit sum); cosine is that of the rows scaled to unit length.

    Returns
    -------
    Ranks

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer than 2 users, a value is not finite, the distance is
        unknown, or a row is negative (hellinger) or zero (cosine).
    """
    train, test = distance_points(train, distance, "train"), distance_points(test, distance, "test")
    if train.shape != test.shape:
        raise ValueError(
            f"train {train.shape} and test {test.shape} must have one shape (n, k): row i of both "
            "belongs to user i"
        )
    n, k = train.shape
    if n < 2:
        raise ValueError("train and test: expected at least 2 users to rank, got 1")
    exponent = scale_exponent(train, test)
    train, test = scaled(train, exponent), scaled(test, exponent)
    origin = test.mean(axis=0)  # near the data, so squares do not cancel
    a, b = train - origin, test - origin
    scale = max(np.abs(a).max(), np.abs(b).max()) or 1.0
    a, b = ((points / scale).astype(np.float32) for points in (a, b))
    dots = np.einsum("ij,ij->i", a, b, dtype=np.float64)
    length = np.sqrt(np.einsum("ij,ij->i", a, a, dtype=np.float64))
    half = np.einsum("ij,ij->i", b, b, dtype=np.float64) / 2
    own = (half - dots).astype(np.float32)
    # k for the sum of k products, 16 for rounding of the points and of what is added to it
    unit = (k + 16) * np.finfo(np.float32).eps / 2
    nearer, tied = np.zeros((2, n), np.int64)
    scores = np.empty((_ROWS, _COLUMNS), np.float32)
    for start in range(0, n, _ROWS):
        rows = slice(start, min(start + _ROWS, n))
        longest = length[rows].max()
        own_error = (length[rows] * np.sqrt(2 * half[rows]) + half[rows]).max()
        own_tie = TIE * np.square(length[rows] + np.sqrt(2 * half[rows])).max() / 2
        for first in range(0, n, _COLUMNS):
            columns = slice(first, min(first + _COLUMNS, n))
            shape = rows.stop - start, columns.stop - first
            products = scores.ravel()[: shape[0] * shape[1]].reshape(shape)
            np.matmul(a[rows], b[columns].T, out=products)
            error = unit * (longest * np.sqrt(2 * half[columns]) + half[columns] + own_error)
            error += own_tie + 1e-30  # of products too small for single precision
            high, low = half[columns] + error, half[columns] - error
            _count_nearer(
                products, high.astype(np.float32), low.astype(np.float32), own[rows],
                train[rows], test[rows], test[columns], nearer[rows], tied[rows],
            )  # fmt: skip
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


@njit(parallel=True, cache=True, fastmath={"reassoc"})
def _count_nearer(
    products, high, low, own, train, own_test, test, nearer, tied
):  # pragma: no cover  (compiled)
    """Count test profiles nearer than the own one, and tied ones, in a block of scores."""
    n = products.shape[1]
    for i in prange(products.shape[0]):
        for first in range(0, n, _LOOK):
            columns = range(first, min(first + _LOOK, n))
            surely, perhaps = np.float32(0), np.float32(0)  # counts; floats let the loop vectorise
            for j in columns:
                surely += np.float32(high[j] - products[i, j] < own[i])
                perhaps += np.float32(low[j] - products[i, j] <= own[i])
            nearer[i] += np.int64(surely)
            if perhaps > surely:
                squares = np.empty(train.shape[1])
                limit = _squared_distance(train[i], own_test[i], squares)
                for j in columns:
                    sure = high[j] - products[i, j] < own[i]
                    if not sure and low[j] - products[i, j] <= own[i]:
                        squared = _squared_distance(train[i], test[j], squares)
                        if abs(squared - limit) <= TIE * limit:
                            tied[i] += 1
                        else:
                            nearer[i] += squared < limit


@njit(cache=True)
def _squared_distance(x, y, squares):  # pragma: no cover  (compiled)
    """As a plain loop sums it: squares are stored, lest the compiler fuse square and sum."""
    for c in range(x.shape[0]):
        squares[c] = (np.float64(x[c]) - np.float64(y[c])) ** 2
    total = 0.0
    for square in squares:
        total += square
    return total
