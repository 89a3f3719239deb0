"""What the largest z-score looks like when nothing is different: permutation nulls."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.spatial.distance import squareform
from sklearn.utils import check_array

from visprof._numba import njit, prange
from visprof._random import GOLDEN, mixed
from visprof.checks import (
    check_finite,
    check_groups,
    check_number,
    check_numbers,
    check_whole,
    listed,
)
from visprof.intervals import percentile_interval, resample_counts
from visprof.logodds import logits_and_variances, pair_users
from visprof.profiles import user_profiles
from visprof.scaling import scale_exponent, scaled

__all__ = [
    "dealt_counts", "max_z_pvalue", "max_z_pvalues", "sample_pairs", "sampled_share",
    "share_of_pairs",
]  # fmt: skip

_HALF = np.uint64(32)  # of the bits of a random number
_TRIES = 20  # shuffles of sessions, of which the one that keeps the numbers of pins best is taken
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
    ValueError, TypeError
        See :func:`visprof.profiles.user_profiles`, or if the seed is no whole number >= 0.
    """
    check_whole(random_state, "random_state", 0)
    users = check_groups(users, len(assignments), "users")  # by row, before they are dealt
    dealt = np.random.default_rng(random_state).permutation(users)
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
    TypeError
        If a parameter is no number, or not whole where things are counted.
    ValueError
        If the number of values does not fit `n_users`, a value is NaN or infinite, or a parameter
        is out of range.
    """
    n_users = check_whole(n_users, "n_users", 2)
    values = check_numbers(values, None, "values")
    if len(values) != n_users * (n_users - 1) // 2:
        raise ValueError(
            f"values: expected shape (n (n - 1) / 2,) with n_users={n_users}, got {values.shape}"
        )
    above = values > check_number(threshold, "threshold")
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
    *,
    sessions_i: ArrayLike | None = None,
    sessions_j: ArrayLike | None = None,
) -> tuple[float, float]:
    """Permutation test of the largest absolute z-score of one pair of users.

    See :func:`max_z_pvalues`, which tests many pairs at once.

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
    sessions_i, sessions_j : array-like of shape (n_i,) and (n_j,), optional
        Session of each pin; sessions are shuffled whole. Without them, pins are.

    Returns
    -------
    max_z, p_value : float

    Raises
    ------
    ValueError, TypeError
        If the users have different numbers of clusters, only one has sessions, or as
        :func:`max_z_pvalues`.
    """
    pins_i = _checked_pins(assign_i, "assign_i")
    pins_j = _checked_pins(assign_j, "assign_j")
    if pins_i.shape[1] != pins_j.shape[1]:
        raise ValueError(
            f"assign_i {pins_i.shape} and assign_j {pins_j.shape} must have equally many columns"
        )
    if (sessions_i is None) != (sessions_j is None):
        raise ValueError("sessions_i and sessions_j: pass both, or neither to shuffle pins")
    sessions = None
    if sessions_i is not None:  # by number: names of the two may be of different kinds
        sessions = np.concatenate(
            [
                _codes(sessions_i, len(pins_i), "sessions_i"),
                _codes(sessions_j, len(pins_j), "sessions_j"),
            ]
        )
    max_z, p_value = max_z_pvalues(
        np.concatenate([pins_i, pins_j]),
        np.repeat([0, 1], [len(pins_i), len(pins_j)]),
        [[0, 1]],
        background,
        alpha,
        n_permutations,
        variance,
        random_state,
        sessions=sessions,
    )
    return float(max_z[0]), float(p_value[0])


def max_z_pvalues(
    assignments: ArrayLike,
    users: ArrayLike,
    pairs: ArrayLike,
    background: ArrayLike,
    alpha: float,
    n_permutations: int = 999,
    variance: str = "two-term",
    random_state: int = 0,
    *,
    sessions: ArrayLike | None = None,
    ties: str = "count",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Permutation tests of the largest absolute z-score of pairs of users.

    The pins of both are shuffled between them, and each keeps their number. As the maximum over
    clusters is taken in every permutation, the p-value is adjusted for the number of clusters
    (maxT, Westfall and Young 1993). It is (1 + #{permuted >= observed}) / (1 + n_permutations),
    so never 0 (Phipson and Smyth 2010).

    Where pins come in sessions, pins of one session are alike, whoever collects them, and the test
    holds its level only if sessions are shuffled whole. Each user then keeps their number of pins
    as nearly as the best of 20 shuffles allows. (Where sessions end at random and each user has a
    fixed number of pins, all orders of the sessions in which one ends there are equally likely.) A
    user whose pins are nearly all of one session cannot differ significantly.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignments of all users' pins.
    users : array-like of shape (n,)
        User of each pin.
    pairs : array-like of int, shape (m, 2)
        Pairs to test, by place among the sorted users (see :func:`sample_pairs`).
    background : array-like of shape (k,)
        Counts of the background, of which at least two are positive.
    alpha : float
        Weight of the prior; positive.
    n_permutations : int, default=999
        Number of random shuffles of each pair.
    variance : {"two-term", "four-term"}, default="two-term"
        See :func:`visprof.logodds.log_odds_z`.
    random_state : int, default=0
        Seed; the result does not depend on the number of threads.
    sessions : array-like of shape (n,), optional
        Session of each pin; the same name with two users means two sessions.
    ties : {"count", "random"}, default="count"
        With hard assignments many permutations equal the data. Counted, they make the test hold
        its level with room to spare; ranked at random, exactly, but p depends on the draw.

    Returns
    -------
    max_z, p_values : ndarray of shape (m,)

    Raises
    ------
    ValueError
        If shapes do not match, an assignment is negative or not finite, a user or session is
        missing, a pair is not of two users, the background is in fewer than two clusters,
        n_permutations is less than 1, or as :func:`visprof.logodds.log_odds_z`.
    TypeError
        If n_permutations or the seed is not whole, or users or sessions are of several kinds.
    """
    pins = _checked_pins(assignments, "assignments")
    if ties not in ("count", "random"):
        raise ValueError(f"ties: expected 'count' or 'random', got {ties!r}")
    n_permutations = check_whole(n_permutations, "n_permutations", 1)
    check_whole(random_state, "random_state", 0)
    names, counts = user_profiles(pins, users, counts=True)
    pairs = _checked_pairs(pairs)
    wrong = (pairs < 0).any(axis=1) | (pairs >= len(names)).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"pairs: expected users of the {len(names)} from 0 to {len(names) - 1}, "
            f"got {listed(pairs[wrong].tolist())}"
        )
    logit, spread = logits_and_variances(counts, background, alpha, variance)
    background = np.asarray(background, np.float64)
    prior = float(alpha) * background
    if np.count_nonzero(background) < 2:
        raise ValueError(
            "background: expected mass in at least two clusters, or some shuffle may leave the "
            f"log-odds undefined; got {np.count_nonzero(background)} of {len(background)}"
        )
    i, j = pairs.T
    max_z = np.max(np.abs(logit[i] - logit[j]) / np.sqrt(spread[i] + spread[j]), axis=1)
    check_finite(max_z, "z-scores")

    units, sizes, starts = _units(pins, users, sessions)
    # Counts and prior 4**h times smaller make all z-scores 2**h times smaller, and none of the
    # products in the search for them overflows
    half = -(-scale_exponent(units, prior) // 2)
    largest = counts.max(axis=1)[pairs].max(axis=1)
    # beside a prior 2**54 times as large they change nothing
    largest = np.minimum(largest + prior.max(), np.ldexp(largest, 54))
    if half:
        units, prior = scaled(units.astype(np.float64), 2 * half), scaled(prior, 2 * half)
    seeds = np.random.SeedSequence(random_state).generate_state(len(pairs), np.uint64)

    def reached(cuts: NDArray[np.float64]) -> NDArray[np.int64]:
        return _count_reached(
            units, sizes, starts, pairs, prior, scaled(cuts, half), variance == "four-term", seeds,
            n_permutations,
        )  # fmt: skip

    rounding = np.maximum(
        _TOLERANCE * (min(1.0, 2.0**half) + max_z),
        16 * np.finfo(float).eps * np.sqrt(largest),  # more only where counts drown in the prior
    )
    n_reached = reached(max_z - rounding)
    if ties == "random":
        rng = np.random.default_rng(random_state)
        n_reached = rng.integers(reached(max_z + rounding), n_reached, endpoint=True)
    return max_z, (1 + n_reached) / (1 + n_permutations)


def sample_pairs(n_users: int, n_pairs: int, random_state: int) -> NDArray[np.int64]:
    """Draw pairs of users at random, without replacement.

    Parameters
    ----------
    n_users : int
        Number of users, at least 2.
    n_pairs : int
        How many pairs, at least 1; where there are no more, all are taken.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of int, shape (m, 2)
        In the order of :func:`scipy.spatial.distance.pdist`, the smaller number first.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If `n_users` or `n_pairs` is out of range.
    """
    n_users, n_pairs = check_whole(n_users, "n_users", 2), check_whole(n_pairs, "n_pairs", 1)
    check_whole(random_state, "random_state", 0)
    total = n_users * (n_users - 1) // 2
    places = np.arange(total)
    if n_pairs < total:
        rng = np.random.default_rng(random_state)
        places = np.sort(rng.choice(total, n_pairs, replace=False, shuffle=False))
    return pair_users(places, n_users)


def sampled_share(
    chosen: ArrayLike, pairs: ArrayLike, level: float = 0.95
) -> tuple[float, float, float]:
    """Share of chosen pairs in a sample of pairs, with an interval for both drawn users and pairs.

    Pairs that share a user are dependent: the variance is the dyadic-robust one (Aronow, Samii
    and Assenova 2015), the sum of the products of residuals over all pairs of pairs that share a
    user. It covers that other users, and other pairs of them, might have been drawn; what chose
    each pair is taken as given. The interval is Wilson's for as many independent pairs as would
    have that variance, and never for more than the sample has.

    Parameters
    ----------
    chosen : array-like of bool, shape (m,)
        Whether each pair is chosen (significant, say).
    pairs : array-like of int, shape (m, 2)
        Its users.
    level : float, default=0.95
        Coverage, between 0 and 1.

    Returns
    -------
    share, low, high : float

    Raises
    ------
    TypeError
        If the level is no number.
    ValueError
        If shapes do not match, there is no pair or one of a user with itself, a value of `chosen`
        is missing or neither true nor false, or the level is out of range.
    """
    pairs = _checked_pairs(pairs)
    chosen = check_numbers(chosen, len(pairs), "chosen")
    level = check_number(level, "level", above=0, below=1)
    wrong = np.flatnonzero((chosen != 0) & (chosen != 1))
    if len(wrong):
        raise ValueError(
            f"chosen: expected true or false (1 or 0) of each pair, got {chosen[wrong[0]]:g} at "
            f"row {wrong[0]}, and {len(wrong)} such value(s) in all"
        )
    share = float(chosen.mean())
    users, codes = np.unique(pairs, return_inverse=True)
    by_user = np.bincount(codes.ravel(), np.repeat(chosen - share, 2))
    # a user's residuals multiply out to all pairs of pairs with that user; a pair has two users,
    # so its own square is counted twice
    n_effective = len(chosen)
    spread = by_user @ by_user - np.sum((chosen - share) ** 2)
    if share in (0, 1):
        n_effective = len(users) / 2  # nothing is known of the dependence; disjoint pairs have none
    elif spread > 0:
        n_effective = min(n_effective, share * (1 - share) * len(chosen) ** 2 / spread)
    return share, *_wilson(share, n_effective, level)


def _wilson(share: float, n: float, level: float) -> tuple[float, float]:
    """Score interval of a share of n (Wilson 1927); n need not be whole."""
    z2 = stats.norm.ppf(0.5 + level / 2) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    arm = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return float(max(0, middle - arm)), float(min(1, middle + arm))


def _checked_pins(assignments: ArrayLike, name: str) -> NDArray:
    if np.ndim(assignments) == 2 and not np.size(assignments):
        raise ValueError(
            f"{name}: expected at least one pin and cluster, got {np.shape(assignments)}"
        )
    pins = check_array(assignments, dtype=[np.float64, np.float32], order="C", input_name=name)
    if pins.min() < 0:
        raise ValueError(f"{name}: expected no negative assignment, got {pins.min()}")
    return pins


def _checked_pairs(pairs: ArrayLike) -> NDArray[np.int64]:
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"pairs: expected whole numbers of shape (m, 2), m >= 1, got {pairs.dtype} "
            f"of shape {pairs.shape}"
        )
    same = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
    if len(same):
        raise ValueError(
            f"pairs: expected two different users, got {pairs[same[0]].tolist()} at row {same[0]}"
        )
    return pairs.astype(np.int64, order="C")


def _codes(groups: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    """Numbers of groups of n pins, in sorted order."""
    return np.unique(check_groups(groups, n, name), return_inverse=True)[1]


def _units(
    pins: NDArray, users: ArrayLike, sessions: ArrayLike | None
) -> tuple[NDArray, NDArray[np.int64], NDArray[np.int64]]:
    """What is dealt, pins or sums of sessions, by user; their sizes; and where users start."""
    owners = _codes(users, len(pins), "users")
    if sessions is None:
        if np.any(np.diff(owners) < 0):
            order = np.argsort(owners, kind="stable")
            pins, owners = pins[order], owners[order]
        sizes = np.ones(len(pins), np.int64)
    else:
        codes = _codes(sessions, len(pins), "sessions")
        n_sessions = codes.max() + 1
        own = owners * n_sessions + codes
        sizes = np.unique(own, return_counts=True)[1]
        own, pins = user_profiles(pins, own, counts=True)
        owners = own // n_sessions
    return pins, sizes, np.searchsorted(owners, np.arange(owners[-1] + 2))


@njit(parallel=True, cache=True)
def _count_reached(
    units, sizes, starts, pairs, prior, cuts, four_term, seeds, n_permutations
):  # pragma: no cover  (compiled)
    """Permutations of each pair in which some z-score reaches the pair's cut."""
    reached = np.zeros(len(pairs), np.int64)
    for pair in prange(len(pairs)):
        i, j = pairs[pair]
        order = np.concatenate(
            (np.arange(starts[i], starts[i + 1]), np.arange(starts[j], starts[j + 1]))
        )
        both = 2 * prior
        for unit in order:
            _add(both, units[unit])
        # who gets the smaller part does not matter: z changes no more than its sign
        n_pins = min(sizes[starts[i] : starts[i + 1]].sum(), sizes[starts[j] : starts[j + 1]].sum())
        chosen, dealt = np.empty_like(order), np.empty_like(prior)
        state = seeds[pair]
        for _ in range(n_permutations):
            n_chosen, state = _deal(order, sizes, n_pins, state, chosen)
            dealt[:] = prior
            for unit in chosen[:n_chosen]:
                _add(dealt, units[unit])
            reached[pair] += _reaches(dealt, both, cuts[pair], four_term)
    return reached


@njit
def _deal(order, sizes, n_pins, state, chosen):  # pragma: no cover  (compiled)
    """Draw units, at least one, with as many pins as asked for, or nearly: the best of some tries.

    Shuffles ``order``, writes ``chosen``; returns how many are chosen and the state of the stream.
    """
    n_chosen, nearest = 0, np.int64(2**62)
    for _ in range(_TRIES):
        place, n_dealt = 0, np.int64(0)
        while n_dealt < n_pins:
            state += GOLDEN
            n_left = np.uint64(len(order) - place)
            other = place + np.int64((mixed(state) >> _HALF) * n_left >> _HALF)
            order[place], order[other] = order[other], order[place]
            n_before = n_dealt
            n_dealt += sizes[order[place]]
            place += 1
        if place > 1 and n_pins - n_before <= n_dealt - n_pins:  # nearer without the last one
            n_dealt = n_before
            place -= 1
        if abs(n_dealt - n_pins) < nearest:
            n_chosen, nearest = place, abs(n_dealt - n_pins)
            chosen[:place] = order[:place]
        if nearest == 0:
            break
    return n_chosen, state


@njit
def _add(total, row):  # pragma: no cover  (compiled)
    for c in range(len(total)):
        total[c] += row[c]


@njit
def _reaches(a, both, cut, four_term):  # pragma: no cover  (compiled)
    r"""Whether the largest absolute z-score of ``a`` and ``both - a`` reaches the cut.

    Both have the prior in them. With :math:`r = p / q` the ratio of the odds and v the variance,
    :math:`z^2 = \log^2 r / v`. As :math:`\log^2 r \le (p - q)^2 / (p q)`, few logarithms are
    needed.
    """
    if cut <= 0:
        return True
    sum_a, sum_b = a.sum(), both.sum() - a.sum()
    likely = 0
    for c in range(len(a)):
        b = both[c] - a[c]
        a_rest, b_rest = sum_a - a[c], sum_b - b
        spread = (a[c] + b) * a_rest * b_rest  # v p q
        if four_term:
            spread += (a_rest + b_rest) * a[c] * b
        likely += (a[c] * b_rest - b * a_rest) ** 2 >= cut * cut * spread
    if likely == 0:
        return False
    for c in range(len(a)):
        b = both[c] - a[c]
        if a[c] <= 0 or b <= 0:  # neither count nor prior, but for rounding: z = 0
            continue
        a_rest, b_rest = sum_a - a[c], sum_b - b
        variance = 1 / a[c] + 1 / b
        if four_term:
            variance += 1 / a_rest + 1 / b_rest
        if np.log(a[c] * b_rest / (b * a_rest)) ** 2 >= cut * cut * variance:
            return True
    return False
