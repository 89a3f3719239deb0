"""Does a profile find the pictures its user collects next? Reciprocal ranks (Eq. 8)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from sklearn.utils import check_array

from visprof._numba import njit, prange
from visprof.checks import check_finite, check_table, check_whole
from visprof.intervals import median_draws, percentile_interval, resample_counts
from visprof.scaling import TIE, scale_exponent, scaled

__all__ = [
    "DISTANCES",
    "RECALL_AT",
    "Ranks",
    "distance_points",
    "join_profiles",
    "mean_reciprocal_rank",
    "mrr_difference",
    "random_mrr",
    "randomisation_test",
    "rank_scores",
    "rank_users",
    "reciprocal_ranks",
    "split_pins",
    "subset_reciprocal_ranks",
]

DISTANCES = ("euclidean", "hellinger", "cosine")
RECALL_AT = (1, 5, 10)

_ROWS, _COLUMNS = 512, 4096  # of one block of scores: 8 MB
_LOOK = 128  # columns counted at a time: where none is in doubt, none is looked at again


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
    no more than a share of 1e-9 (`visprof.scaling.TIE`) are equal. Very large and very small
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
    """
    return 1 / rank_users(train, test, distance).middle


def join_profiles(
    profiles: list[tuple[ArrayLike, ArrayLike]], distance: str = "euclidean"
) -> tuple[NDArray, NDArray]:
    """Put profiles of several kinds side by side, each with the same spread over users.

    A kind is divided by the root mean square distance of its train profiles from their mean, so
    every kind has the same say in a squared Euclidean distance, whatever its units. Only train
    profiles are looked at.

    Parameters
    ----------
    profiles : list of (train, test)
        Of each kind, arrays of shape (n, k); k may differ between kinds.
    distance : {"euclidean", "hellinger", "cosine"}, default="euclidean"
        Between profiles of one kind.

    Returns
    -------
    train, test : ndarray of shape (n, sum of k)
        Points whose squared Euclidean distance is the sum of the kinds' squared distances, each in
        units of its spread. A kind without spread is left as it is.

    Raises
    ------
    ValueError
        If there is no kind, as `rank_users`, or if a test profile is so far from the train
        profiles that it cannot be put in units of their spread.
    """
    if not profiles:
        raise ValueError("profiles: expected at least one pair (train, test), got none")
    joined = []
    for pair in profiles:
        train, test = (
            distance_points(side, distance, name)
            for side, name in zip(pair, ("train", "test"), strict=True)
        )
        exponent = scale_exponent(train)
        spread = np.sqrt(scaled(train, exponent).var(axis=0, dtype=np.float64).sum())
        if spread:
            with np.errstate(over="ignore"):  # checked below
                train, test = (scaled(side, exponent) / spread for side in (train, test))
        joined.append((train, check_finite(test, "test, in units of the spread of train")))
    train, test = (np.hstack(side) for side in zip(*joined, strict=True))
    return train, test


def rank_scores(
    ranks: ArrayLike, level: float = 0.95, n_resamples: int = 2000, random_state: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Score ranks: MRR (Eq. 8), recall at 1, 5 and 10, median, each with a bootstrap interval.

    Parameters
    ----------
    ranks : array-like of shape (n,) or (n, m)
        Ranks of n users, by m methods; they need not be whole.
    level : float, default=0.95
        Coverage of the percentile intervals over users, between 0 and 1.
    n_resamples : int, default=2000
        Number of bootstrap draws, shared by all scores and methods.
    random_state : int, default=0
        Seed.

    Returns
    -------
    dict of str to ndarray of shape (3,) or (m, 3)
        ``"mrr"``, ``"recall@1"``, ``"recall@5"``, ``"recall@10"`` (the share of users whose rank
        is at most so much) and ``"median rank"``: value, low, high.

    Raises
    ------
    ValueError
        If there are no ranks, one is less than 1 or not finite, or a parameter is out of range.
    TypeError
        If `n_resamples` is no whole number.
    """
    ranks = np.asarray(ranks, dtype=np.float64)
    if ranks.ndim not in (1, 2) or not ranks.size or not np.all((ranks >= 1) & (ranks < np.inf)):
        raise ValueError(
            "ranks: expected shape (n,) or (n, m) with finite values of at least 1, got shape "
            f"{ranks.shape} with {np.sum(~((ranks >= 1) & (ranks < np.inf)))} values outside"
        )
    times = resample_counts(len(ranks), n_resamples, random_state)
    values = {"mrr": 1 / ranks, **{f"recall@{k}": (ranks <= k).astype(float) for k in RECALL_AT}}
    scores = {name: _means(value, times, level) for name, value in values.items()}
    draws = median_draws(ranks, times)
    scores["median rank"] = _with_intervals(np.median(ranks, axis=0), draws, level)
    return scores


def mean_reciprocal_rank(
    rr: ArrayLike, level: float = 0.95, n_resamples: int = 2000, random_state: int = 0
) -> NDArray[np.float64]:
    """Mean reciprocal rank (Eq. 8) with a percentile bootstrap interval over users.

    Parameters
    ----------
    rr : array-like of shape (n,) or (n, m)
        Reciprocal ranks of n users, by m methods; they may be means over repetitions.
    level, n_resamples, random_state
        As in `rank_scores`, with the same draws.

    Returns
    -------
    ndarray of shape (3,) or (m, 3)
        MRR, low, high.

    Raises
    ------
    ValueError
        If there is no user, a value is not in (0, 1], or a parameter is out of range.
    """
    rr = _checked(rr, "rr")
    return _means(rr, resample_counts(len(rr), n_resamples, random_state), level)


def mrr_difference(
    rr_a: ArrayLike,
    rr_b: ArrayLike,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> NDArray[np.float64]:
    """MRR of one profile minus that of another, paired by user, with a bootstrap interval.

    Parameters
    ----------
    rr_a, rr_b : array-like of shape (n,) or (n, m)
        Reciprocal ranks of the same users; in m columns, m comparisons.
    level, n_resamples, random_state
        As in `rank_scores`.

    Returns
    -------
    ndarray of shape (3,) or (m, 3)
        Difference, low, high.

    Raises
    ------
    ValueError
        If the shapes differ, there is no user, a value is not in (0, 1], or a parameter is out of
        range.
    """
    differences = _paired(rr_a, rr_b)
    return _means(differences, resample_counts(len(differences), n_resamples, random_state), level)


def randomisation_test(
    rr_a: ArrayLike, rr_b: ArrayLike, n_permutations: int = 9999, random_state: int = 0
) -> NDArray[np.float64]:
    """Two-sided p-value of a difference in MRR: profiles swap their names user by user.

    If two profiles do equally well, each user's difference is as likely to have the other sign
    (Fisher's randomisation test; Smucker, Allan and Carterette 2007 for rankings).

    Parameters
    ----------
    rr_a, rr_b : array-like of shape (n,) or (n, m)
        Reciprocal ranks of the same users; in m columns, m comparisons.
    n_permutations : int, default=9999
        Number of random swaps, at least 1, the same for all comparisons.
    random_state : int, default=0
        Seed.

    Returns
    -------
    ndarray of shape () or (m,)
        Share of swaps, the observed one among them, whose mean difference is at least as far from
        0 as the observed: never 0.

    Raises
    ------
    TypeError
        If `n_permutations` is no whole number.
    ValueError
        As `mrr_difference`, or if `n_permutations` is less than 1.
    """
    differences = _paired(rr_a, rr_b)
    check_whole(n_permutations, "n_permutations", 1)
    observed = np.abs(differences.sum(axis=0)) * (1 - 1e-9)  # equal sums may differ in rounding
    rng = np.random.default_rng(random_state)
    as_far = np.ones_like(observed)
    for start in range(0, n_permutations, 1000):
        shape = min(1000, n_permutations - start), len(differences)
        signs = 2.0 * rng.integers(0, 2, shape, dtype=np.int8) - 1
        as_far += (np.abs(signs @ differences) >= observed).sum(axis=0)
    return as_far / (n_permutations + 1)


def _paired(rr_a: ArrayLike, rr_b: ArrayLike) -> NDArray[np.float64]:
    """Differences of reciprocal ranks of the same users."""
    rr_a, rr_b = _checked(rr_a, "rr_a"), _checked(rr_b, "rr_b")
    if rr_a.shape != rr_b.shape:
        raise ValueError(f"rr_a {rr_a.shape} and rr_b {rr_b.shape} must be of the same users")
    return rr_a - rr_b


def _checked(rr: ArrayLike, name: str) -> NDArray[np.float64]:
    rr = np.asarray(rr, dtype=np.float64)
    outside = ~((rr > 0) & (rr <= 1))
    if rr.ndim not in (1, 2) or not rr.size or outside.any():
        raise ValueError(
            f"{name}: expected shape (n,) or (n, m) with values in (0, 1], got shape {rr.shape} "
            f"with {outside.sum()} values outside"
        )
    return rr


def _with_intervals(
    values: NDArray[np.float64], draws: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Value, low, high of values (m,) or (), from draws (n_resamples, m) or (n_resamples,)."""
    if values.ndim == 0:
        return np.array([values, *percentile_interval(draws, level)])
    ends = [percentile_interval(column, level) for column in draws.T]
    return np.column_stack([values, ends])


def _means(
    values: NDArray[np.float64], times: NDArray[np.int64], level: float
) -> NDArray[np.float64]:
    return _with_intervals(values.mean(axis=0), times @ values / len(values), level)


def random_mrr(n: int) -> float:
    """Expected reciprocal rank among `n` users ranked at random: H_n / n.

    Parameters
    ----------
    n : int
        Number of users, at least 1.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If `n` is no whole number.
    ValueError
        If `n` is less than 1.

    Examples
    --------
    >>> round(random_mrr(3990), 4)
    0.0022
    """
    check_whole(n, "n", 1)
    return math.fsum(1 / rank for rank in range(1, n + 1)) / n


def subset_reciprocal_ranks(ranks: ArrayLike, size: int) -> NDArray[np.float64]:
    r"""Expected reciprocal rank of each user among fewer users, drawn at random.

    Of n users with r - 1 nearer ones, a random subset of m that holds the user has a hypergeometric
    number h of the nearer ones, and

    .. math:: E\left[\frac{1}{1 + h}\right]
              = \frac{n}{m\,r} \left(1 - \binom{n - r}{m} \Big/ \binom{n}{m}\right).

    For a middle rank that is not whole the gamma function takes the place of the factorials.

    Parameters
    ----------
    ranks : array-like of shape (n,)
        Ranks among all n users.
    size : int
        Users m of the subset, 1 to n.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    TypeError
        If `size` is no whole number.
    ValueError
        If a rank is not between 1 and n, or `size` is not.
    """
    ranks = np.asarray(ranks, dtype=np.float64)
    n = len(ranks) if ranks.ndim == 1 else 0
    if not n or not np.all((ranks >= 1) & (ranks <= n)):
        raise ValueError(
            f"ranks: expected shape (n,) with values from 1 to n, got shape {ranks.shape}"
        )
    if check_whole(size, "size", 1) > n:
        raise ValueError(f"size: expected 1 to {n} users, got {size}")
    left = n - ranks - size + 1  # of the gamma function: at most 0 where no subset avoids them all
    avoids = left > 0
    met = np.ones(n)  # the probability that the subset holds one of the r nearest
    met[avoids] = -np.expm1(
        gammaln(n - ranks[avoids] + 1) - gammaln(left[avoids])
        - gammaln(n + 1) + gammaln(n - size + 1)
    )  # fmt: skip
    return np.minimum(n / (size * ranks) * met, 1)  # rounding may exceed 1


def split_pins(
    pins: pd.DataFrame, n_train: int, n_test: int, keep_batches: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The first `n_train` and the last `n_test` pins of each board, in time.

    Parameters
    ----------
    pins : DataFrame with columns board, time
        Rows sorted by board and, within each, by time. The index is not looked at.
    n_train, n_test : int
        Numbers of pins, at least 1.
    keep_batches : bool, default=False
        Pins of equal time were added as one batch and may stand in any order. If True, those of
        the first pins that share the time of the board's first test pin are left out, so that the
        two sides lie on either side of a moment. The board then has fewer training pins, or none.

    Returns
    -------
    train_mask, test_mask : ndarray of bool, shape (len(pins),)
        Disjoint; by place of the row.

    Raises
    ------
    TypeError
        If a number of pins is not whole, or boards have names of several kinds.
    ValueError
        If a column is not there, a board or time is missing (the rows are named), the rows are not
        sorted, a number is less than 1, or a board has fewer than ``n_train + n_test`` pins (the
        boards are named).
    """
    pins = check_table(pins, "pins", "board", ["time"])
    check_whole(n_train, "n_train", 1)
    check_whole(n_test, "n_test", 1)
    same_board = (pins["board"] == pins["board"].shift())[1:]
    in_time = (pins["time"] >= pins["time"].shift())[1:]
    if (~same_board).sum() + 1 > pins["board"].nunique() or not in_time[same_board].all():
        raise ValueError("pins: rows must be sorted by board, then time: sort_values first")
    groups = pins.groupby("board", sort=False, observed=True)
    sizes = groups.size()
    short = sizes[sizes < n_train + n_test]
    if len(short):
        named = ", ".join(f"{board!r} ({size})" for board, size in short.head(10).items())
        more = f" and {len(short) - 10} more" if len(short) > 10 else ""
        raise ValueError(
            f"pins: boards with fewer than n_train + n_test = {n_train + n_test} pins: "
            f"{named}{more}; drop them or ask for fewer"
        )
    train = groups.cumcount().to_numpy() < n_train
    test = groups.cumcount(ascending=False).to_numpy() < n_test
    if keep_batches:
        first_test = pins["time"].where(test).groupby(pins["board"].to_numpy()).transform("min")
        train &= (pins["time"] < first_test).to_numpy()
    return train, test


def distance_points(profiles: ArrayLike, distance: str, name: str) -> NDArray:
    """Points whose Euclidean distances order as the distance asked for.

    Parameters
    ----------
    profiles : array-like of shape (n, k)
    distance : {"euclidean", "hellinger", "cosine"}
        As for `rank_users`.
    name : str
        What errors call the profiles.

    Returns
    -------
    ndarray of shape (n, k)

    Raises
    ------
    ValueError
        If a value is not finite, the distance is unknown, or a row is negative (hellinger) or zero
        (cosine).
    """
    types = [np.float64, np.float32] if distance == "euclidean" else np.float64
    profiles = check_array(profiles, dtype=types, order="C", input_name=name)
    if distance == "euclidean":
        return profiles
    if distance == "hellinger":
        if profiles.min() < 0:
            raise ValueError(
                f"{name}: the hellinger distance needs values of at least 0, got {profiles.min()}"
            )
        return np.sqrt(profiles)
    if distance == "cosine":
        exponent = np.frexp(np.abs(profiles).max(axis=1, keepdims=True))[1]
        profiles = np.ldexp(profiles, -exponent)  # lest squares be 0 or infinite
        length = np.linalg.norm(profiles, axis=1, keepdims=True)
        if not length.all():
            raise ValueError(
                f"{name}: the cosine distance of a zero row is undefined "
                f"(rows {np.flatnonzero(length == 0)[:5].tolist()})"
            )
        return profiles / length
    raise ValueError(f"distance: expected one of {', '.join(DISTANCES)}, got {distance!r}")


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
