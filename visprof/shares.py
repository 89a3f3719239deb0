"""Shares of pairs of users, and of other things that are or are not so, with their intervals.

Pairs that share a user are dependent, so none of the intervals takes pairs for independent draws
unless they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.checks import check_number, check_numbers, check_pairs, check_whole
from visprof.intervals import COVERAGE, Estimate, resample_counts
from visprof.ties import exceeds

with lazily():
    from scipy import stats
    from scipy.spatial.distance import squareform

__all__ = ["pair_share_draws", "sampled_share", "share_over_seeds", "wilson_interval"]


def pair_share_draws(
    values: ArrayLike,
    n_users: int,
    threshold: float,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of pairs of users above a threshold, and the same of bootstrap draws of users.

    A user is in many pairs, so users, not pairs, are drawn with replacement; pairs of a user with
    its own copy are left out. The draws are the same for all seeds, as
    :func:`visprof.intervals.estimate_over_seeds` expects.

    Parameters
    ----------
    values : array-like of shape (n (n - 1) / 2,) or (S, n (n - 1) / 2)
        One value a pair, as :func:`visprof.logodds.pairwise_max_z` orders them, by seed if there
        are several.
    n_users : int
        Number of users n.
    threshold : float
        Counted are values greater than it (see :func:`visprof.ties.exceeds`).
    n_resamples : int, default=2000
        Number b of bootstrap draws.
    random_state : int, default=0
        Seed.

    Returns
    -------
    shares : ndarray of shape (S,)
    draws : ndarray of shape (b, S)
        Without draws of one user alone, which have no pair: fewer than b with few users.

    Raises
    ------
    TypeError
        If a parameter is no number, or not whole where things are counted.
    ValueError
        If the number of values does not fit `n_users`, a value is NaN or infinite, or a parameter
        is out of range.
    """
    n_users = check_whole(n_users, "n_users", 2)
    n_pairs = n_users * (n_users - 1) // 2
    rows = []
    for name, row in _by_seed(values, "values").items():
        rows.append(check_numbers(row, None, name))
        if len(row) != n_pairs:
            raise ValueError(
                f"{name}: expected shape (n (n - 1) / 2,) with n_users={n_users}, got {row.shape}"
            )
    threshold = check_number(threshold, "threshold")
    times = resample_counts(n_users, n_resamples, random_state).astype(float)
    pairs = n_users**2 - np.einsum("bi,bi->b", times, times)
    times, pairs = times[pairs > 0], pairs[pairs > 0]  # two users may be drawn as one, twice
    shares, draws = np.empty(len(rows)), np.empty((len(times), len(rows)))
    for seed, row in enumerate(rows):
        above = exceeds(row, threshold)
        shares[seed] = above.mean()
        counted = np.einsum("bi,bi->b", times @ squareform(above).astype(float), times)
        draws[:, seed] = counted / pairs
    return shares, draws


def sampled_share(
    chosen: ArrayLike, pairs: ArrayLike, *, alone: ArrayLike | None = None
) -> Estimate:
    r"""Share of chosen pairs in a sample of pairs, with an interval for users, pairs and seeds.

    Pairs that share a user are dependent: the variance is the dyadic-robust one (Aronow, Samii
    and Assenova 2015), the sum of the products of residuals over all pairs of pairs that share a
    user. It accounts for sampling users and pairs, not for uncertainty in each pair's own decision.
    With several seeds, a pair's value is the share of seeds that choose it, and the variance of the
    mean of the S seeds' shares, :math:`s^2 / S`, is added.
    The interval is Wilson's for as many independent pairs as would have that variance, and never
    for more than the sample has.

    Parameters
    ----------
    chosen : array-like of bool, shape (m,) or (S, m)
        Whether each pair is chosen (significant, say), by seed if there are several.
    pairs : array-like of int, shape (m, 2)
        Its users.
    alone : array-like of bool, shape (S, m), optional
        What each seed alone would choose, where `chosen` (m,) is the choice of all together, by a
        test of their mean, say. The variance between seeds is taken from these.

    Returns
    -------
    Estimate
        Without `n` and `unit`. `sd_units` is for the draw of users and pairs; `by_seed` has the
        share and interval of each seed alone.

    Raises
    ------
    ValueError
        If shapes do not match, there is no pair or one of a user with itself, or a value of
        `chosen` is missing or neither true nor false.
    """
    pairs = check_pairs(pairs)
    chosen, alone = (
        np.stack(
            [_checked_choices(row, len(pairs), of) for of, row in _by_seed(given, name).items()]
        )
        for given, name in ((chosen, "chosen"), (chosen if alone is None else alone, "alone"))
    )
    users, codes = np.unique(pairs, return_inverse=True)
    codes, n_pairs = codes.ravel(), len(pairs)

    def variance(values: NDArray) -> float:
        residuals = values - values.mean()
        by_user = np.bincount(codes, np.repeat(residuals, 2))
        # a user's residuals multiply out to all pairs of pairs with that user; a pair has two
        # users, so its own square is counted twice
        return max(0.0, float(by_user @ by_user - residuals @ residuals)) / n_pairs**2

    def interval(share: float, variance: float) -> tuple[float, float]:
        if share in (0, 1):  # nothing is known of the dependence; disjoint pairs have none
            return wilson_interval(share, len(users) / 2)
        return wilson_interval(share, _effective_number(share, variance, n_pairs))

    shares = alone.mean(axis=1)
    share, of_units = float(chosen.mean()), variance(chosen.mean(axis=0))
    of_seeds = float(shares.var(ddof=1)) / len(shares) if len(shares) > 1 else None
    return Estimate(
        share,
        *interval(share, of_units + (of_seeds or 0)),
        sd_units=float(np.sqrt(of_units)),
        sd_seeds=None if of_seeds is None else float(np.sqrt(of_seeds)),
        by_seed=tuple(
            (float(own), *interval(own, variance(row)))
            for own, row in zip(shares, alone, strict=True)
        ),
    )


def share_over_seeds(chosen: Sequence[ArrayLike]) -> Estimate:
    r"""Share of chosen pairs where each seed has pairs of its own, and all are independent.

    The share is that of all pairs together. By seed shares vary as those of independent draws,
    and as seeds differ: by :math:`\tau^2`, what the variance between seeds has more than the
    binomial, if anything. The interval is Wilson's for as many independent pairs as would have the
    variance of both.

    Parameters
    ----------
    chosen : sequence of S array-likes of bool, shape (m_s,)
        Whether each pair of a seed is chosen.

    Returns
    -------
    Estimate
        Without `n` and `unit`. `sd_units` is for the draw of pairs; `by_seed` has the share of each
        seed's pairs and Wilson's interval.

    Raises
    ------
    ValueError
        If there is no seed or a seed has no pair, or a value is missing or neither true nor false.
    """
    if not len(chosen):
        raise ValueError("chosen: expected the pairs of at least one seed")
    rows = [_checked_choices(row, None, f"chosen[{seed}]") for seed, row in enumerate(chosen)]
    shares, sizes = np.array([row.mean() for row in rows]), np.array([len(row) for row in rows])
    n_pairs = int(sizes.sum())
    share = float(sum(row.sum() for row in rows) / n_pairs)
    of_units = share * (1 - share) / n_pairs
    of_seeds = None
    if len(rows) > 1:
        excess = max(0.0, shares.var(ddof=1) - np.mean(share * (1 - share) / sizes))
        of_seeds = float(excess * np.sum((sizes / n_pairs) ** 2))
    n = _effective_number(share, of_units + (of_seeds or 0), n_pairs)
    return Estimate(
        share,
        *wilson_interval(share, n),
        sd_units=float(np.sqrt(of_units)),
        sd_seeds=None if of_seeds is None else float(np.sqrt(of_seeds)),
        by_seed=tuple(
            (float(own), *wilson_interval(own, size))
            for own, size in zip(shares, sizes, strict=True)
        ),
    )


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """Score interval of a share of independent draws (Wilson 1927), of 95 % coverage.

    Parameters
    ----------
    share : float
        From 0 to 1.
    n : float
        How many draws it is of, above 0; it need not be whole.

    Returns
    -------
    low, high : float

    Raises
    ------
    TypeError
        If a parameter is no number.
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> low, high = wilson_interval(0.5, 100)
    >>> f"{low:.2f} to {high:.2f}"
    '0.40 to 0.60'
    """
    share = check_number(share, "share", least=0, most=1)
    n = check_number(n, "n", above=0)
    z2 = stats.norm.ppf(0.5 + COVERAGE / 2) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    arm = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return float(max(0, middle - arm)), float(min(1, middle + arm))


def _effective_number(share: float, variance: float, most: int) -> float:
    """How many independent pairs give a share of such a variance, at most so many."""
    return min(most, share * (1 - share) / variance) if variance > 0 else most


def _by_seed(values: ArrayLike, name: str) -> dict[str, ArrayLike]:
    """Rows by name, one a seed; a single row has no number."""
    values = np.asanyarray(values)
    if values.ndim != 2:
        return {name: values}
    if not len(values):
        raise ValueError(f"{name}: expected a row for each seed, got shape {values.shape}")
    return {f"{name}[{seed}]": row for seed, row in enumerate(values)}


def _checked_choices(values: ArrayLike, n: int | None, name: str) -> NDArray[np.float64]:
    chosen = check_numbers(values, n, name)
    wrong = np.flatnonzero((chosen != 0) & (chosen != 1))
    if len(wrong):
        raise ValueError(
            f"{name}: expected true or false (1 or 0) of each pair, got {chosen[wrong[0]]:g} at "
            f"row {wrong[0]}, and {len(wrong)} such value(s) in all"
        )
    return chosen
