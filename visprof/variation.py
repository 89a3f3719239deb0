"""How much of what pins vary is the user: shares of their variance, and tests by whole sessions.

Pins of one session are alike, whoever collects them, so a session is the unit: users differ as far
as their sessions differ more between users than within.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._deals import session_codes
from visprof._lazy import lazily
from visprof._numba import njit, over_threads
from visprof._random import GOLDEN, mixed
from visprof.blocks import slices
from visprof.checks import check_number, check_whole
from visprof.intervals import COVERAGE, Estimate
from visprof.profiles import distance_points, user_profiles
from visprof.scaling import scale_exponent, scaled
from visprof.ties import TIE

with lazily():
    from scipy import stats
    from sklearn.utils import check_array

__all__ = [
    "SHARES", "VarianceShares", "global_pvalue", "mean_shares", "permutation_pvalue",
    "variance_shares",
]  # fmt: skip

SHARES = ("user", "session", "pin", "expected")

_HALF = np.uint64(32)  # of the bits of a random number
_SESSIONS = 2**13  # whose means are held at a time


@dataclass(frozen=True)
class VarianceShares:
    """Shares of the variance of pins, and how they depend on each user.

    Attributes
    ----------
    user, session, pin : float
        Of a pin's variance, what is of its user, of its session and of itself; they sum to 1. One
        that is small may be estimated below 0.
    expected : float
        What is of the user in the variance of a session's expected profile.
    n_users, n_left_out : int
        How many users they rest on, and how many had fewer than two effective sessions.
    without : ndarray of shape (n_users, 4)
        The four shares without each user. NaN where they are not defined; without either of two
        users none is.
    """

    user: float
    session: float
    pin: float
    expected: float
    n_users: int
    n_left_out: int
    without: NDArray[np.float64]

    def interval(self, level: float = COVERAGE) -> dict[str, tuple[float, float]]:
        r"""Intervals of the shares, by the jackknife over users.

        Of n users, a share is :math:`\theta \pm t_{n-1} \sqrt{\frac{n - 1}{n} \sum_i
        (\theta_{(-i)} - \bar\theta)^2}` with the share :math:`\theta_{(-i)}` without user i.

        Parameters
        ----------
        level : float, default=0.95
            Coverage, between 0 and 1.

        Returns
        -------
        dict of str to (low, high)
            By ``"user"``, ``"session"``, ``"pin"`` and ``"expected"``; NaN where a share, with all
            users or without one, is not defined.

        Raises
        ------
        ValueError
            If there are fewer than 3 users, or the level is out of range.
        TypeError
            If the level is no number.
        """
        level = check_number(level, "level", above=0, below=1)
        arms = _quantile(self, level) * np.sqrt(_jackknife_variances(self.without))
        return {
            name: (float(getattr(self, name) - arm), float(getattr(self, name) + arm))
            for name, arm in zip(SHARES, arms, strict=True)
        }


def mean_shares(by_seed: Sequence[VarianceShares]) -> dict[str, Estimate]:
    """Mean shares over seeds of the algorithm, with intervals for the draw of users and of seeds.

    The jackknife over users is of the mean; the variance of the mean over seeds is added to it.

    Parameters
    ----------
    by_seed : sequence of VarianceShares
        Of the same users.

    Returns
    -------
    dict of str to Estimate
        By the names `SHARES`; those that are not defined are left out.

    Raises
    ------
    ValueError
        If there are fewer than 3 users, or the seeds' users are not as many.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users, sessions = np.repeat(range(5), 12), np.repeat(range(20), 3)
    >>> by_seed = [variance_shares(rng.normal(size=(60, 2)), users, sessions) for _ in range(2)]
    >>> f"{mean_shares(by_seed)['user']:.2f}"
    '-0.03 (-0.09 to 0.02)'
    """
    numbers = {of.n_users for of in by_seed}
    if len(numbers) != 1:
        raise ValueError(f"by_seed: expected shares of the same users, got {sorted(numbers)} users")
    values = np.array([[getattr(of, name) for name in SHARES] for of in by_seed])
    of_users = _jackknife_variances(np.mean([of.without for of in by_seed], axis=0))
    n_seeds = len(by_seed)
    of_seeds = values.var(axis=0, ddof=1) / n_seeds if n_seeds > 1 else np.zeros(len(SHARES))
    arms = _quantile(by_seed[0], COVERAGE) * np.sqrt(of_users + of_seeds)
    alone = [of.interval() for of in by_seed]
    means = values.mean(axis=0)
    return {
        name: Estimate(
            float(means[place]), float(means[place] - arms[place]),
            float(means[place] + arms[place]), by_seed[0].n_users, "users",
            float(np.sqrt(of_users[place])), float(np.sqrt(of_seeds[place])),
            tuple((float(of[place]), *own[name]) for of, own in zip(values, alone, strict=True)),
        )
        for place, name in enumerate(SHARES)
        if np.isfinite(means[place] + arms[place])
    }  # fmt: skip


def _quantile(shares: VarianceShares, level: float) -> float:
    """Of Student's t, for as many users."""
    n = shares.n_users
    if n < 3:
        raise ValueError(
            f"users: an interval needs at least 3 with two effective sessions or more, got {n} "
            f"({shares.n_left_out} left out)"
        )
    return float(stats.t.ppf((1 + level) / 2, n - 1))


def _jackknife_variances(without: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of each share, from those without each user, (n, 4)."""
    return (len(without) - 1) * without.var(axis=0)


def variance_shares(pins: ArrayLike, users: ArrayLike, sessions: ArrayLike) -> VarianceShares:
    r"""Part the variance of pins into that of users, of their sessions, and of single pins.

    With the mean squared distance :math:`D_0` of two pins of the same session, :math:`D_1` of the
    same user in different sessions and :math:`D_2` of different users, in each of which every user
    weighs the same, the shares of a pin's variance are

    .. math:: \text{user} = 1 - \frac{D_1}{D_2}, \quad \text{session} = \frac{D_1 - D_0}{D_2}, \quad
              \text{pin} = \frac{D_0}{D_2},

    and the user's share of a session's expected profile is :math:`(D_2 - D_1) / (D_2 - D_0)`. The
    distances are unbiased, however unequal sessions and numbers of pins are.

    Users with fewer than two effective sessions, :math:`n^2 / \sum_s n_s^2`, are left out of all
    three: one session says nearly all that is known of them. A user whose sessions all have one pin
    has no pair of the same session: :math:`D_0` is the mean over the others. If there are no others
    it is not known, and all shares but the user's are NaN.

    Distances are never computed pair by pair: sums over sessions give them.

    Parameters
    ----------
    pins : array-like of shape (n, d)
        Assignments, embeddings or other features, one row a pin; read in double precision.
    users, sessions : array-like of shape (n,)
        User and session of each pin; the same name with two users means two sessions.

    Returns
    -------
    VarianceShares

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a user or session is missing, fewer than 2
        users have two effective sessions, or all pins of those who have are equal.
    TypeError
        If users or sessions are of several kinds.

    Examples
    --------
    >>> pins = [[0.0], [0.2], [0.1], [0.3], [0.9], [0.7], [0.8], [1.0]]
    >>> users, sessions = list("aaaabbbb"), [1, 1, 2, 2, 1, 1, 2, 2]
    >>> shares = variance_shares(pins, users, sessions)
    >>> f"{shares.user:.3f} {shares.session:.3f} {shares.pin:.3f}"
    '0.942 -0.019 0.078'
    """
    moments, n_left_out = _moments(pins, users, sessions)
    d0, d1 = moments.same_session(), moments.same_user()
    has_pair = ~np.isnan(d0)
    n, n_pairs = len(d1), int(has_pair.sum())
    d0 = np.where(has_pair, d0, 0)
    total, each = moments.other_users()
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where there is no pair
        d2 = total / (n * (n - 1))
        shares = _shares(d0.sum() / n_pairs, d1.mean(), d2)
        d2_without = (total - 2 * each) / ((n - 1) * (n - 2)) if n > 2 else np.full(n, np.nan)
        without = _shares(
            _sums_without(d0) / (n_pairs - has_pair),
            _sums_without(d1) / (n - 1),
            np.where(d2_without > TIE * d2, d2_without, np.nan),  # rounding may leave some of 0
        )
    return VarianceShares(*map(float, shares), n, n_left_out, np.stack(without, axis=1))


def permutation_pvalue(
    pins: ArrayLike,
    users: ArrayLike,
    sessions: ArrayLike,
    n_permutations: int = 999,
    random_state: int = 0,
) -> float:
    """Permutation test of the user's share of variance: do users differ at all?

    Whole sessions are dealt over the users of :func:`variance_shares`, each of whom keeps their
    number of sessions. The p-value is (1 + #{dealt >= observed}) / (1 + n_permutations).

    Users were chosen for having two effective sessions, so only deals which leave everyone as many
    are like the data. They are drawn by swaps, of which those that would break this are not made:
    all deals start from one that was reached from the data in the same way, and then data and deals
    are exchangeable if users do not differ, however far swaps lead (Besag and Clifford 1989). The
    level is exact if a session, with its length, is equally likely to be of any user; where users
    collect in sessions of different length, it is only near (``benchmarks/variation.py`` measures
    it).

    Parameters
    ----------
    pins, users, sessions
        As for :func:`variance_shares`.
    n_permutations : int, default=999
        Number of random deals.
    random_state : int, default=0
        Seed; the result does not depend on the number of threads.

    Returns
    -------
    float
        Never 0. It is 1 where no other deal is possible.

    Raises
    ------
    ValueError, TypeError
        As :func:`variance_shares`, or if `n_permutations` is not a whole number of at least 1, or
        the seed not one of at least 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tastes = np.repeat(rng.normal(size=(6, 3)), 40, axis=0)  # of 6 users with 8 sessions of 5
    >>> pins = tastes + np.repeat(rng.normal(size=(48, 3)), 5, axis=0)
    >>> users, sessions = np.repeat(range(6), 40), np.repeat(range(48), 5)
    >>> permutation_pvalue(pins, users, sessions, 199)
    0.005
    """
    n_permutations = check_whole(n_permutations, "n_permutations", 1)
    check_whole(random_state, "random_state", 0)
    moments, _ = _moments(pins, users, sessions)
    squares = np.einsum("sd,sd->s", moments.sums, moments.sums) / moments.sizes
    # twice as many as shuffle cards by transpositions at random (Diaconis and Shahshahani 1981)
    n_swaps = int(np.ceil(len(squares) * np.log(len(squares))))
    seeds = np.random.SeedSequence(random_state).generate_state(1 + n_permutations, np.uint64)
    ratios = np.empty(len(seeds))
    over_threads(
        _dealt_ratios, len(seeds), moments.sizes, moments.within, moments.sums, moments.owners,
        squares, len(moments.spread), n_swaps, seeds, ratios,
    )  # fmt: skip
    # the share is 1 less the ratio
    reached = np.sum(ratios[1:] <= ratios[0] + TIE * max(1, ratios[0]))
    return float((1 + reached) / (1 + n_permutations))


def global_pvalue(
    assignments: ArrayLike,
    users: ArrayLike,
    sessions: ArrayLike,
    n_permutations: int = 999,
    random_state: int = 0,
    *,
    min_pins: int = 3,
) -> float:
    """Permutation test of all users at once, with sessions as units: do they differ at all?

    PERMANOVA (Anderson 2001) on the square roots of the sessions' profiles, whose Euclidean
    distance is Hellinger's: pseudo-F of users, and whole sessions dealt over them. Every session
    weighs the same, so short ones, of which little is known, are left out; and then users with one.

    It asks for any difference between the sessions of users, and users whose sessions vary more
    differ: the mean of square roots falls with the variance. For whether they differ in the mean,
    ask :func:`permutation_pvalue`.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignments of all users' pins, none negative.
    users, sessions : array-like of shape (n,)
        User and session of each pin; the same name with two users means two sessions.
    n_permutations : int, default=999
        Number of random deals.
    random_state : int, default=0
        Seed.
    min_pins : int, default=3
        Pins that a session must have.

    Returns
    -------
    float
        (1 + #{dealt >= observed}) / (1 + n_permutations), never 0.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite or negative, a session's assignments are all
        0, a user or session is missing, fewer than 2 users have two such sessions, or a number is
        less than its least.
    TypeError
        If a number is not whole, or users or sessions are of several kinds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tastes = np.repeat(rng.dirichlet([1, 1, 1], 6), 8, axis=0)  # of 6 users, by session
    >>> pins = np.repeat([rng.dirichlet(20 * taste) for taste in tastes], 3, axis=0)
    >>> global_pvalue(pins, np.repeat(range(6), 24), np.repeat(range(48), 3), 199)
    0.005
    """
    n_permutations = check_whole(n_permutations, "n_permutations", 1)
    check_whole(random_state, "random_state", 0)
    min_pins = check_whole(min_pins, "min_pins", 1)
    pins = check_array(assignments, dtype=[np.float64, np.float32], input_name="assignments")
    codes, owners = session_codes(users, sessions, len(pins))
    long = np.bincount(codes) >= min_pins
    long &= np.bincount(owners, long)[owners] >= 2
    owners = np.unique(owners[long], return_inverse=True)[1]
    n_users = len(np.unique(owners))
    if n_users < 2:
        raise ValueError(
            f"users: expected at least 2 with two sessions of {min_pins} pins or more, got "
            f"{n_users}; lower min_pins or take longer sessions"
        )
    rows = long[codes]
    profiles = distance_points(user_profiles(pins[rows], codes[rows])[1], "hellinger", "profiles")
    profiles -= profiles.mean(axis=0)
    starts = np.searchsorted(owners, np.arange(n_users))
    n_sessions = np.bincount(owners)
    rng = np.random.default_rng(random_state)

    def between(order: NDArray) -> float:
        """Sum of squares between users, with which pseudo-F grows."""
        sums = np.add.reduceat(profiles[order], starts)
        return np.sum(np.einsum("ud,ud->u", sums, sums) / n_sessions)

    observed = between(np.arange(len(owners)))
    cut = observed - TIE * np.einsum("sd,sd->", profiles, profiles)
    reached = sum(between(rng.permutation(len(owners))) >= cut for _ in range(n_permutations))
    return float((1 + reached) / (1 + n_permutations))


@dataclass(frozen=True)
class _Moments:
    """Sums that the mean squared distances of pins follow from, without a pair.

    Users and sessions are numbered from 0; the sessions of a user stand together.
    """

    owners: NDArray[np.int64]  # user of each session
    sizes: NDArray[np.int64]  # its pins
    sums: NDArray[np.float64]  # of its pins, from an origin
    within: NDArray[np.float64]  # squared distances of its pins from their mean
    n_pins: NDArray[np.int64]  # of each user
    means: NDArray[np.float64]  # of the user's pins
    spread: NDArray[np.float64]  # mean squared distance of the user's pins from their mean

    def of_users(self, values: NDArray) -> NDArray:
        return np.bincount(self.owners, values, len(self.n_pins))

    def same_session(self) -> NDArray[np.float64]:
        """Mean squared distance of two pins of a session of each user; NaN where there is none."""
        pairs = self.of_users(self.sizes * (self.sizes - 1.0))
        squares = 2 * self.of_users(self.sizes * self.within)
        return np.divide(squares, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)

    def same_user(self) -> NDArray[np.float64]:
        """Mean squared distance of two pins of different sessions of each user."""
        n = self.n_pins
        # that of all pairs less that of pairs of the same session, n_s times which it is within
        all_pairs = 2 * n**2 * self.spread
        squares = all_pairs - 2 * self.of_users(self.sizes * self.within)
        return squares / (n**2 - self.of_users(self.sizes**2.0))

    def other_users(self) -> tuple[float, NDArray[np.float64]]:
        """Sum, over ordered pairs of users, of the mean squared distance of their pins; by user."""
        n = len(self.spread)
        deviations = self.means - self.means.mean(axis=0)
        squares = np.einsum("ud,ud->u", deviations, deviations)
        each = (n - 2) * self.spread + self.spread.sum() + n * squares + squares.sum()
        return float(each.sum()), each


def _moments(pins: ArrayLike, users: ArrayLike, sessions: ArrayLike) -> tuple[_Moments, int]:
    """Of users with two effective sessions; and how many have fewer."""
    pins = check_array(pins, dtype=[np.float64, np.float32], order="C", input_name="pins")
    codes, owners = session_codes(users, sessions, len(pins))
    sizes = np.bincount(codes)
    n_pins, n_squared = (np.bincount(owners, of).astype(np.int64) for of in (sizes, sizes**2))
    counted = n_pins**2 >= 2 * n_squared
    n_users, n_left_out = int(counted.sum()), int((~counted).sum())
    if n_users < 2:
        raise ValueError(
            "users: expected at least 2 with two effective sessions (n^2 / sum of n_s^2), got "
            f"{n_users}; {n_left_out} have fewer"
        )
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    chosen = np.flatnonzero(counted[owners])
    owners, sizes, n_pins = np.cumsum(counted)[owners[chosen]] - 1, sizes[chosen], n_pins[counted]
    pins = scaled(pins, scale_exponent(pins))
    # from a pin, so that equal pins are exactly 0
    origin = pins[order[starts[chosen[0]]]].astype(np.float64)
    sums, within = np.zeros((len(chosen), len(origin))), np.empty(len(chosen))
    over_threads(_session_sums, len(chosen), pins, order, starts, chosen, origin, sums, within)
    firsts = np.searchsorted(owners, np.arange(n_users))
    means = np.add.reduceat(sums, firsts) / n_pins[:, None]
    between = np.empty(len(sums))
    for block in slices(len(sums), _SESSIONS):  # of a million sessions no copy would fit
        deviations = sums[block] / sizes[block, None] - means[owners[block]]
        between[block] = sizes[block] * np.einsum("sd,sd->s", deviations, deviations)
    spread = np.add.reduceat(within + between, firsts) / n_pins
    if not spread.any() and not (means != means[0]).any():
        raise ValueError(f"pins: all are equal, of {n_users} users: there is no variance to part")
    return _Moments(owners, sizes, sums, within, n_pins, means, spread), n_left_out


def _sums_without(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of all values but each, from those before and after it: exactly 0 if these are."""
    before, after = np.cumsum(values), np.cumsum(values[::-1])[::-1]
    return np.append(0, before[:-1]) + np.append(after[1:], 0)


def _shares(d0: ArrayLike, d1: ArrayLike, d2: ArrayLike) -> tuple[NDArray, ...]:
    of_sessions = d2 - d0
    of_sessions = np.where(np.abs(of_sessions) > TIE * d2, of_sessions, np.nan)
    return 1 - d1 / d2, (d1 - d0) / d2, d0 / d2, (d2 - d1) / of_sessions


@njit(nogil=True, cache=True)
def _session_sums(
    begin, stop, pins, order, starts, chosen, origin, sums, within
):  # pragma: no cover  (compiled)
    """Sum of the pins of some sessions, from the origin; squared distances from their mean."""
    for s in range(begin, stop):
        rows = order[starts[chosen[s]] : starts[chosen[s] + 1]]
        within[s] = _sum_session(pins, rows, origin, sums[s])


@njit(inline="always")
def _sum_session(pins, rows, origin, sums):  # pragma: no cover  (compiled)
    """Add up the pins of a session; return their squared distances from their mean."""
    for row in rows:
        for c in range(len(origin)):
            sums[c] += pins[row, c] - origin[c]
    squares, total = np.zeros(len(origin)), 0.0
    for row in rows:
        for c in range(len(origin)):
            squares[c] += (pins[row, c] - origin[c] - sums[c] / len(rows)) ** 2
    for square in squares:
        total += square
    return total


@njit(nogil=True, cache=True)
def _dealt_ratios(
    begin, stop, sizes, within, sums, owners, squares, n_users, n_swaps, seeds, ratios
):  # pragma: no cover  (compiled)
    """D1 / D2 of the data, if 0 is asked for, and of deals of its sessions by one seed each.

    The first seed leads from the data to where all deals start from.
    """
    start = _swapped(owners, sizes, n_users, n_swaps, seeds[0])
    for deal in range(begin, stop):
        dealt = _swapped(start, sizes, n_users, n_swaps, seeds[deal]) if deal else owners
        ratios[deal] = _ratio(sizes, within, sums, dealt, squares, n_users)


@njit
def _swapped(before, sizes, n_users, n_swaps, state):  # pragma: no cover  (compiled)
    """Let sessions change owners in pairs, unless it leaves one fewer than two effective ones."""
    owners, n, squared = before.copy(), np.zeros(n_users, np.int64), np.zeros(n_users, np.int64)
    for s in range(len(sizes)):
        n[owners[s]] += sizes[s]
        squared[owners[s]] += sizes[s] ** 2
    n_sessions = np.uint64(len(sizes))
    for _ in range(n_swaps):
        state += GOLDEN
        bits = mixed(state)
        a = np.int64((bits >> _HALF) * n_sessions >> _HALF)
        b = np.int64((bits & np.uint64(0xFFFFFFFF)) * n_sessions >> _HALF)
        i, j = owners[a], owners[b]
        more = sizes[b] - sizes[a]  # pins that i gains, and j loses
        more_squared = sizes[b] ** 2 - sizes[a] ** 2
        n_i, squared_i = n[i] + more, squared[i] + more_squared
        n_j, squared_j = n[j] - more, squared[j] - more_squared
        if i != j and n_i**2 >= 2 * squared_i and n_j**2 >= 2 * squared_j:
            n[i], squared[i], n[j], squared[j] = n_i, squared_i, n_j, squared_j
            owners[a], owners[b] = j, i
    return owners


@njit(inline="always")
def _ratio(sizes, within, sums, owners, squares, n_users):  # pragma: no cover  (compiled)
    """D1 / D2 of a deal; ``squares`` are those of the sums of sessions over their sizes."""
    d = sums.shape[1]
    n, n_squared = np.zeros(n_users, np.int64), np.zeros(n_users, np.int64)
    total, of_sessions = np.zeros(n_users), np.zeros(n_users)
    of_users = np.zeros((n_users, d))
    for s in range(len(sizes)):
        u = owners[s]
        n[u] += sizes[s]
        n_squared[u] += sizes[s] ** 2
        total[u] += within[s] + squares[s]  # squared distances of the pins from the origin
        of_sessions[u] += sizes[s] * within[s]
        for c in range(d):
            of_users[u, c] += sums[s, c]
    d1, spread, middle = 0.0, 0.0, np.zeros(d)
    for u in range(n_users):
        square = 0.0
        for c in range(d):
            of_users[u, c] /= n[u]  # the mean, from here on
            middle[c] += of_users[u, c]
            square += of_users[u, c] ** 2
        own = total[u] / n[u] - square
        spread += own
        d1 += 2 * (n[u] ** 2 * own - of_sessions[u]) / (n[u] ** 2 - n_squared[u])
    for c in range(d):
        middle[c] /= n_users
    between = 0.0
    for u in range(n_users):
        for c in range(d):
            between += (of_users[u, c] - middle[c]) ** 2
    d2 = 2 * spread / n_users + 2 * between / (n_users - 1)
    return d1 / n_users / d2
