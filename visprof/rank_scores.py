"""Scores of ranks: MRR (Eq. 8), recall and median with intervals, and tests of differences."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from visprof.checks import check_numbers, check_whole
from visprof.intervals import COVERAGE, median_draws, percentile_interval, resample_counts

__all__ = [
    "RECALL_AT", "holm", "mean_reciprocal_rank", "mrr_difference", "nested_choice", "random_mrr",
    "randomisation_test", "rank_scores", "reciprocal_rank_bounds", "subset_reciprocal_ranks",
]  # fmt: skip

RECALL_AT = (1, 5, 10)


def rank_scores(
    ranks: ArrayLike, n_resamples: int = 2000, random_state: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Score ranks: MRR (Eq. 8), recall at 1, 5 and 10, median, each with a bootstrap interval.

    Parameters
    ----------
    ranks : array-like of shape (n,) or (n, m)
        Ranks of n users, by m methods; they need not be whole.
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
    scores = {name: _means(value, times) for name, value in values.items()}
    draws = median_draws(ranks, times)
    scores["median rank"] = _with_intervals(np.median(ranks, axis=0), draws)
    return scores


def mean_reciprocal_rank(
    rr: ArrayLike, n_resamples: int = 2000, random_state: int = 0
) -> NDArray[np.float64]:
    """Mean reciprocal rank (Eq. 8) with a percentile bootstrap interval over users.

    Parameters
    ----------
    rr : array-like of shape (n,) or (n, m)
        Reciprocal ranks of n users, by m methods; they may be means over repetitions.
    n_resamples, random_state
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
    return _means(rr, resample_counts(len(rr), n_resamples, random_state))


def reciprocal_rank_bounds(ranks: ArrayLike, most: int, n: int) -> NDArray[np.float64]:
    """Least and largest reciprocal rank of each user where only the first ranks are known.

    As lists of each user's `most` nearest profiles give: of a user who is not in their own list, no
    more is known than that the rank is one of those beyond. Lists must be exact. One that lacks a
    profile that is nearer (an approximate index makes such) says less of a rank than it seems to.

    Parameters
    ----------
    ranks : array-like of shape (m,)
        From 1 to `most`; NaN where it is larger.
    most : int
        The last rank that is known; at most `n`.
    n : int
        Number of users who were ranked.

    Returns
    -------
    ndarray of shape (m, 2)
        Two columns for `mean_reciprocal_rank`: bounds of the mean, each with its interval.

    Raises
    ------
    TypeError
        If a rank is no number, or `most` or `n` is not whole.
    ValueError
        If there is no rank, one is neither NaN nor from 1 to `most`, one is NaN though all are
        known, or `most` is not from 1 to `n`.

    Examples
    --------
    >>> reciprocal_rank_bounds([1, 2, np.nan], most=4, n=10).tolist()
    [[1.0, 1.0], [0.5, 0.5], [0.1, 0.2]]
    """
    if check_whole(most, "most", 1) > check_whole(n, "n", 1):
        raise ValueError(f"most: expected 1 to n={n}, got {most}")
    ranks = np.asarray(ranks)
    if ranks.dtype.kind not in "iuf":
        raise TypeError(f"ranks: expected numbers, got an array of {ranks.dtype}")
    beyond = np.isnan(ranks)
    outside = ~beyond & ~((ranks >= 1) & (ranks <= most))
    if ranks.ndim != 1 or not len(ranks) or outside.any() or (most == n and beyond.any()):
        raise ValueError(
            f"ranks: expected shape (m,) with values from 1 to {most}"
            f"{', or NaN' if most < n else ''}; got shape {ranks.shape} with {outside.sum()} "
            f"values outside and {beyond.sum()} NaN"
        )
    return np.column_stack([1 / np.where(beyond, last, ranks) for last in (n, most + 1)])


def mrr_difference(
    rr_a: ArrayLike,
    rr_b: ArrayLike,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> NDArray[np.float64]:
    """MRR of one profile minus that of another, paired by user, with a bootstrap interval.

    Parameters
    ----------
    rr_a, rr_b : array-like of shape (n,) or (n, m)
        Reciprocal ranks of the same users; in m columns, m comparisons.
    n_resamples, random_state
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
    return _means(differences, resample_counts(len(differences), n_resamples, random_state))


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


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values of one family of tests (Holm 1979).

    To reject those that are at most a level then errs in any of them no more often than that level,
    however the tests depend on each other.

    Parameters
    ----------
    p_values : array-like of shape (m,)

    Returns
    -------
    ndarray of shape (m,)

    Raises
    ------
    TypeError
        If a value is no number.
    ValueError
        If there is none, or one is not between 0 and 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = check_numbers(p_values, None, "p_values")
    if not len(p_values) or not ((p_values >= 0) & (p_values <= 1)).all():
        raise ValueError(f"p_values: expected values between 0 and 1, got {p_values[:5].tolist()}")
    order = np.argsort(p_values, kind="stable")
    adjusted = np.arange(len(p_values), 0, -1) * p_values[order]
    found = np.empty_like(p_values)
    found[order] = np.minimum(np.maximum.accumulate(adjusted), 1)
    return found


def nested_choice(rr: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Score each user by the method that is best for the others.

    The best of several methods on the same users is too good: luck is picked, too. A method that is
    chosen without the user whom it is scored on has no such gain.

    Parameters
    ----------
    rr : array-like of shape (n, m)
        Reciprocal ranks of n users, at least 2, by m methods.

    Returns
    -------
    rr : ndarray of shape (n,)
        Each user's reciprocal rank by the method chosen for it.
    chosen : ndarray of int, shape (n,)
        That method: of the highest mean over the other users; the first if several are equal.

    Raises
    ------
    ValueError
        If there are fewer than two users, or a value is not in (0, 1].
    """
    rr = _checked(rr, "rr")
    if rr.ndim != 2 or len(rr) < 2:
        raise ValueError(f"rr: expected shape (n, m) of at least 2 users, got {rr.shape}")
    of_others = np.round(rr.sum(axis=0) - rr, 9)  # equal sums may differ in rounding
    chosen = of_others.argmax(axis=1)
    return rr[np.arange(len(rr)), chosen], chosen


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


def _with_intervals(values: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value, low, high of values (m,) or (), from draws (n_resamples, m) or (n_resamples,)."""
    if values.ndim == 0:
        return np.array([values, *percentile_interval(draws, COVERAGE)])
    ends = [percentile_interval(column, COVERAGE) for column in draws.T]
    return np.column_stack([values, ends])


def _means(values: NDArray[np.float64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    return _with_intervals(values.mean(axis=0), times @ values / len(values))
