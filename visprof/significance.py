"""What the largest z-score looks like when nothing is different: permutation nulls."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import squareform
from sklearn.utils import check_array

from visprof.intervals import percentile_interval, resample_counts
from visprof.logodds import log_odds_z, logits_and_variances
from visprof.profiles import user_profiles

__all__ = ["dealt_counts", "max_z_pvalue", "share_of_pairs"]

_BLOCK_PERMUTATIONS = 1024
_TOLERANCE = 1e-9  # rounding of z, so that permutations equal to the data count as equal


def dealt_counts(
    assignments: ArrayLike, users: ArrayLike, random_state: int
) -> NDArray[np.float64]:
    """Counts of users to whom the same pins are dealt at random: the null of Figure 5.

    Each user keeps their number of pins.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignments of the pins.
    users : array-like of shape (n,)
        User of each pin.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of shape (m, k)
        Sums of the dealt assignments; rows in sorted order of the users.

    Raises
    ------
    ValueError
        See :func:`visprof.profiles.user_profiles`.
    """
    dealt = np.random.default_rng(random_state).permutation(np.asarray(users))
    return user_profiles(assignments, dealt, counts=True)[1]


def share_of_pairs(
    values: ArrayLike,
    n_users: int,
    threshold: float,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> tuple[float, float, float]:
    """Share of pairs of users above a threshold, with a bootstrap interval over users.

    A user is in many pairs, so users, not pairs, are drawn with replacement; pairs of a user with
    its own copy are left out.

    Parameters
    ----------
    values : array-like of shape (n (n - 1) / 2,)
        One value a pair, as :func:`visprof.logodds.pairwise_max_z` orders them.
    n_users : int
        Number of users n.
    threshold : float
        Counted are values greater than it.
    level : float, default=0.95
        Coverage, between 0 and 1.
    n_resamples : int, default=2000
        Number of bootstrap draws.
    random_state : int, default=0
        Seed.

    Returns
    -------
    share, low, high : float

    Raises
    ------
    ValueError
        If the number of values does not fit `n_users`, or a parameter is out of range.
    """
    above = np.asarray(values) > threshold
    if above.shape != (n_users * (n_users - 1) // 2,) or n_users < 2:
        raise ValueError(
            f"values: expected shape (n (n - 1) / 2,) with n_users={n_users} >= 2, "
            f"got {above.shape}"
        )
    times = resample_counts(n_users, n_resamples, random_state).astype(float)
    counted = np.einsum("bi,bi->b", times @ squareform(above).astype(float), times)
    pairs = n_users**2 - np.einsum("bi,bi->b", times, times)
    shares = counted[pairs > 0] / pairs[pairs > 0]  # two users may be drawn as one, twice
    return float(above.mean()), *percentile_interval(shares, level)


def max_z_pvalue(
    assign_i: ArrayLike,
    assign_j: ArrayLike,
    background: ArrayLike,
    alpha: float,
    n_permutations: int = 999,
    variance: str = "two-term",
    random_state: int = 0,
) -> tuple[float, float]:
    """Permutation test of the largest absolute z-score of one pair of users.

    The pins of both are shuffled between them; as the maximum over clusters is taken in every
    permutation, the p-value is adjusted for the number of clusters (maxT, Westfall and Young
    1993). It is (1 + #{permuted >= observed}) / (1 + n_permutations), so never 0 (Phipson and
    Smyth 2010).

    Parameters
    ----------
    assign_i : array-like of shape (n_i, k)
        Soft assignments of the pins of the first user.
    assign_j : array-like of shape (n_j, k)
        The same of the second user.
    background : array-like of shape (k,)
        Counts of the background.
    alpha : float
        Weight of the prior.
    n_permutations : int, default=999
        Number of random shuffles.
    variance : {"two-term", "four-term"}, default="two-term"
        See :func:`visprof.logodds.log_odds_z`.
    random_state : int, default=0
        Seed.

    Returns
    -------
    max_z, p_value : float

    Raises
    ------
    ValueError
        If the users have different numbers of clusters, n_permutations is less than 1, or as
        :func:`visprof.logodds.log_odds_z`.
    """
    pins_i = check_array(assign_i, dtype=np.float64, input_name="assign_i")
    pins_j = check_array(assign_j, dtype=np.float64, input_name="assign_j")
    if pins_i.shape[1] != pins_j.shape[1]:
        raise ValueError(
            f"assign_i {pins_i.shape} and assign_j {pins_j.shape} must have equally many columns"
        )
    if n_permutations < 1:
        raise ValueError(f"n_permutations: expected at least 1, got {n_permutations}")
    for name, pins in (("assign_i", pins_i), ("assign_j", pins_j)):
        if pins.min() < 0:
            raise ValueError(f"{name}: expected no negative assignment, got {pins.min()}")
    z = log_odds_z(pins_i.sum(axis=0), pins_j.sum(axis=0), background, alpha, variance)
    observed = float(np.abs(z).max())

    pooled = np.concatenate([pins_i, pins_j])
    dealt_to_i = np.arange(len(pooled)) < len(pins_i)
    rng = np.random.default_rng(random_state)
    n_reached = 0
    for start in range(0, n_permutations, _BLOCK_PERMUTATIONS):
        n_block = min(_BLOCK_PERMUTATIONS, n_permutations - start)
        selected = rng.permuted(np.tile(dealt_to_i, (n_block, 1)), axis=1)
        logit_i, variance_i = logits_and_variances(selected @ pooled, background, alpha, variance)
        logit_j, variance_j = logits_and_variances(~selected @ pooled, background, alpha, variance)
        permuted = np.max(np.abs(logit_i - logit_j) / np.sqrt(variance_i + variance_j), axis=1)
        n_reached += int(np.sum(permuted >= observed - _TOLERANCE * (1 + observed)))
    return observed, (1 + n_reached) / (1 + n_permutations)
