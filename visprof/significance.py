"""What the largest z-score looks like when nothing is different: permutation nulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof._lazy import lazily
from visprof.blocks import Client, map_blocks, slices
from visprof.checks import check_finite, check_groups, check_number, check_numbers, check_whole
from visprof.profiles import user_profiles
from visprof.scaling import scale_exponent, scaled
from visprof.ties import at_most

with lazily():
    from sklearn.utils import check_array

    from visprof._deals import dealt_units, session_codes
    from visprof._pair_statistics import Asked, Distances, LargestZ, by_vocabulary, checked_pairs
    from visprof.logodds import pair_users, prior_weight

__all__ = [
    "PairPValues", "StudentisedPValues", "max_z_pvalues", "pair_pvalues", "sample_pairs",
    "shuffled_counts", "studentised_pvalues", "true_discoveries",
]  # fmt: skip

_BLOCK, _FEWEST_PAIRS = 2**18, 64  # permutations of one block, and at least of so many pairs


@dataclass(frozen=True)
class PairPValues:
    """Permutation tests of pairs of users under one or several vocabularies.

    Attributes
    ----------
    max_z : ndarray of shape (m,)
        Largest absolute z-score of each pair: the mean over vocabularies.
    p_values : ndarray of shape (m,)
        Its p-values: one test, whatever the number of vocabularies.
    max_z_by_seed, p_by_seed : ndarray of shape (S, m)
        The same of each vocabulary alone, from the same shuffles.
    """

    max_z: NDArray[np.float64]
    p_values: NDArray[np.float64]
    max_z_by_seed: NDArray[np.float64]
    p_by_seed: NDArray[np.float64]


class StudentisedPValues(NamedTuple):
    """Permutation tests of the distances of pairs of users, by session.

    Attributes
    ----------
    distance : ndarray of shape (m,)
        The statistic of each pair, in squared units of the assignments.
    p : ndarray of shape (m,)
        Its p-values.
    least_p : ndarray of shape (m,)
        No assignments with these sessions can have a smaller p: it counts the deals that part the
        sessions as the data do, or in the same two parts the other way round.
    """

    distance: NDArray[np.float64]
    p: NDArray[np.float64]
    least_p: NDArray[np.float64]


def shuffled_counts(
    assignments: ArrayLike,
    users: ArrayLike,
    random_state: int,
    *,
    sessions: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Counts of users among whom the same pins are shuffled: the null of Figure 5.

    Each user keeps their number of pins or, where whole sessions are shuffled, of sessions.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignments of the pins.
    users : array-like of shape (n,)
        User of each pin.
    random_state : int
        Seed.
    sessions : array-like of shape (n,), optional
        Session of each pin, which is shuffled whole; the same name with two users means two
        sessions. Without them pins are shuffled one by one.

    Returns
    -------
    ndarray of shape (m, k)
        Sums of the shuffled assignments; rows in sorted order of the users.

    Raises
    ------
    ValueError, TypeError
        See :func:`visprof.profiles.user_profiles`, or if the seed is no whole number >= 0.
    """
    check_whole(random_state, "random_state", 0)
    users = check_groups(users, len(assignments), "users")  # by row, before the shuffle
    rng = np.random.default_rng(random_state)
    if sessions is None:
        shuffled = rng.permutation(users)
    else:
        codes, owners = session_codes(users, sessions, len(users))
        shuffled = rng.permutation(owners)[codes]
    return user_profiles(assignments, shuffled, counts=True)[1]


def max_z_pvalues(
    assignments: ArrayLike | Sequence[ArrayLike],
    users: ArrayLike,
    pairs: ArrayLike,
    background: ArrayLike | Sequence[ArrayLike],
    alpha: float | None = None,
    n_permutations: int = 999,
    variance: str = "two-term",
    random_state: int = 0,
    *,
    prior_pins: float | None = None,
    sessions: ArrayLike | None = None,
    ties: str = "count",
    level: float | None = None,
    client: Client | None = None,
) -> PairPValues:
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

    A vocabulary is one of many that another start of k-means gives. Given several of the same pins,
    the statistic is the mean of their largest z-scores, and every shuffle is the same in all: one
    test, and not many p-values to combine.

    Parameters
    ----------
    assignments : array-like of shape (n, k), or S of them, (n, k_1) to (n, k_S)
        Soft assignments of all users' pins, of each vocabulary if there are several.
    users : array-like of shape (n,)
        User of each pin.
    pairs : array-like of int, shape (m, 2)
        Pairs to test, by place among the sorted users (see :func:`sample_pairs`).
    background : array-like of shape (k,), or S of them, (k_1,) to (k_S,)
        Counts of the background, of which at least two are positive.
    alpha : float, optional
        Weight of the prior; positive.
    n_permutations : int, default=999
        Number of random shuffles of each pair.
    variance : {"two-term", "four-term"}, default="two-term"
        See :func:`visprof.logodds.log_odds_z`.
    random_state : int, default=0
        Seed; the result does not depend on the number of threads.
    prior_pins : float, optional
        In the place of alpha, how many pins the prior weighs as much as; see
        :func:`visprof.logodds.prior_weight`.
    sessions : array-like of shape (n,), optional
        Session of each pin; the same name with two users means two sessions.
    ties : {"count", "random"}, default="count"
        With hard assignments many permutations equal the data. Counted, they make the test hold
        its level with room to spare; ranked at random, exactly, but p depends on the draw.
    level : float, optional
        Shuffling of a pair stops where its p-value is sure to be above this. Up to the level,
        p-values are those of all shuffles, so that which are at most the level does not change.
        Above, p is h / l where the l-th shuffle is the h-th to reach what is observed, which is as
        valid (Besag and Clifford 1991, Biometrika 78); h is the least with h / n_permutations above
        the level. Each vocabulary stops by itself. By default all shuffles are made.
    client : distributed.Client, optional
        Of the cluster that does it, in blocks of permutations; see
        :func:`visprof.blocks.map_blocks`.

    Returns
    -------
    PairPValues

    Raises
    ------
    ValueError
        If shapes or numbers of vocabularies do not match, an assignment is negative or not finite,
        a user or session is missing, a pair is not of two users, the background is in fewer than
        two clusters, n_permutations is less than 1, the level is not between 0 and 1 or ties are
        to be ranked at random besides, or as :func:`visprof.logodds.log_odds_z`.
    TypeError
        If n_permutations or the seed is not whole, users or sessions are of several kinds, or not
        exactly one of alpha and prior_pins is given.

    Examples
    --------
    >>> sea, hills = np.eye(2)
    >>> assignments = np.array([sea] * 20 + [hills] * 20 + [sea, hills] * 10)
    >>> users = np.repeat(["ann", "ben", "eva"], 20)
    >>> tests = max_z_pvalues(assignments, users, [[0, 1]], background=[50, 50], prior_pins=2)
    >>> float(tests.p_values[0])
    0.001
    """
    if ties not in ("count", "random"):
        raise ValueError(f"ties: expected 'count' or 'random', got {ties!r}")
    if ties == "random" and level is not None:
        raise ValueError("level: ties are ranked at random among all shuffles; leave it out")
    how = _How.of(n_permutations, random_state, level, client)
    tests = _z_tests(
        assignments, users, pairs, background, alpha, variance, prior_pins, sessions
    )  # fmt: skip
    cuts = tests.cuts(ties == "random")
    reached, seen, _, _ = _reached(Asked.of_z(tests, cuts), tests.pairs, how)
    p_values = how.p_values(reached[0], seen)
    if ties == "random":
        n_reached = [
            np.random.default_rng(random_state).integers(least, most, endpoint=True)
            for most, least in zip(*reached, strict=True)
        ]
        p_values = (1 + np.stack(n_reached)) / (1 + n_permutations)
    return PairPValues(tests.max_z[0], p_values[0], tests.max_z[1:], p_values[1:])


def _z_tests(
    assignments: ArrayLike | Sequence[ArrayLike],
    users: ArrayLike,
    pairs: ArrayLike,
    background: ArrayLike | Sequence[ArrayLike],
    alpha: float | None,
    variance: str,
    prior_pins: float | None,
    sessions: ArrayLike | None,
) -> LargestZ:
    """Largest z-scores of pairs, and what it takes to permute them."""
    every_pins, backgrounds = by_vocabulary(assignments, background)
    every_counts = [user_profiles(pins, users, counts=True)[1] for pins in every_pins]
    pairs = checked_pairs(pairs, len(every_counts[0]))
    alphas = [prior_weight(own, alpha, prior_pins) for own in backgrounds]
    return LargestZ.of(
        every_pins, users, sessions, every_counts, pairs, backgrounds, alphas, variance
    )


@dataclass(frozen=True)
class _How:
    """How often pairs are shuffled, and when that stops."""

    n_permutations: int
    random_state: int
    most: int  # permutations that reach a cut, after which no more are looked at
    client: Client | None

    @classmethod
    def of(
        cls, n_permutations: int, random_state: int, level: float | None, client: Client | None
    ) -> _How:
        n = check_whole(n_permutations, "n_permutations", 1)
        check_whole(random_state, "random_state", 0)
        most = n + 1
        if level is not None:
            level = check_number(level, "level", above=0, below=1)
            most = next(h for h in range(int(level * n), n + 2) if not at_most(h / n, level))
        return cls(n, random_state, most, client)

    def p_values(self, reached: NDArray, seen: NDArray) -> NDArray[np.float64]:
        """Of how many permutations reach the cut, among those that were looked at."""
        stopped = reached == self.most
        return np.where(stopped, reached / seen, (1 + reached) / (1 + self.n_permutations))


def _reached(asked: Asked, pairs: NDArray, how: _How) -> list[NDArray[np.int64]]:
    """As `visprof._reached.reached_by_deals`, in blocks of pairs, which stand last."""
    seeds = np.random.SeedSequence(how.random_state).generate_state(len(pairs), np.uint64)
    count = partial(asked.reached, pairs, seeds, how.n_permutations, how.most)
    blocks = slices(len(pairs), max(_FEWEST_PAIRS, _BLOCK // how.n_permutations))
    found = zip(*map_blocks(count, blocks, how.client), strict=True)
    return [np.concatenate(of, axis=-1) for of in found]


def studentised_pvalues(
    assignments: ArrayLike,
    users: ArrayLike,
    pairs: ArrayLike,
    sessions: ArrayLike,
    n_permutations: int = 999,
    random_state: int = 0,
    *,
    level: float | None = None,
    client: Client | None = None,
) -> StudentisedPValues:
    r"""Permutation tests of the distance of two profiles, in units of what sessions let it vary.

    With the profile :math:`p` of a user, the mean of their assignments, and :math:`a`, the sum of
    the squared shares that their sessions have of their pins, the statistic is

    .. math:: \frac{\lVert p_i - p_j \rVert^2}{a_i + a_j}.

    The variance of a profile is about a times that of a session's, so users with few or unequal
    sessions do not look different for that alone. A permutation test of a statistic that is not
    studentised so exceeds its level where two users collect in sessions of different length (Chung
    and Romano 2013). This one holds it but where one user has very few sessions, five beside fifty
    of the other, say: there only nearly. Whole sessions are dealt as :func:`max_z_pvalues` deals
    them, and a is that of the dealt ones. It says whether two users differ, by all clusters
    together; the largest z-score says in which.

    Parameters
    ----------
    assignments : array-like of shape (n, k)
        Soft assignments of all users' pins; any features do, of either sign.
    users, sessions : array-like of shape (n,)
        User and session of each pin; the same name with two users means two sessions.
    pairs : array-like of int, shape (m, 2)
        Pairs to test, by place among the sorted users (see :func:`sample_pairs`).
    n_permutations : int, default=999
        Number of random deals of each pair.
    random_state : int, default=0
        Seed; the result does not depend on the number of threads.
    level, client
        As for :func:`max_z_pvalues`.

    Returns
    -------
    StudentisedPValues
        Unpacks into distances, p-values and the least that these could be.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a user or session is missing, a pair is not
        of two users, n_permutations is less than 1, the level is not between 0 and 1, or a distance
        is too large to compute with.
    TypeError
        If n_permutations or the seed is not whole, or users or sessions are of several kinds.

    Examples
    --------
    Of the 20 deals of six sessions of one pin, two part them as the data do.

    >>> pins, users = [[0.0], [0.1], [0.2], [0.9], [0.8], [0.7]], list("aaabbb")
    >>> distance, p, least_p = studentised_pvalues(pins, users, [[0, 1]], range(6))
    >>> f"{distance[0]:.2f} {p[0]:.2f} {least_p[0]:.2f}"
    '0.73 0.10 0.10'
    """
    how = _How.of(n_permutations, random_state, level, client)
    pins = check_array(
        assignments, dtype=[np.float64, np.float32], order="C", input_name="assignments"
    )
    units, sizes, starts = dealt_units(pins, users, sessions)
    pairs = checked_pairs(pairs, len(starts) - 1)
    exponent = scale_exponent(units)
    distances = Distances.of(scaled(units, exponent), sizes, starts, pairs)
    _, _, *apart = _reached(Asked.of_distances(distances), pairs, how)
    with np.errstate(over="ignore"):  # checked
        distance = check_finite(np.ldexp(distances.distance, 2 * exponent), "distances")
    return StudentisedPValues(distance, *how.p_values(*apart))


def pair_pvalues(
    assignments: ArrayLike | Sequence[ArrayLike],
    users: ArrayLike,
    pairs: ArrayLike,
    background: ArrayLike | Sequence[ArrayLike],
    alpha: float | None = None,
    n_permutations: int = 999,
    variance: str = "two-term",
    random_state: int = 0,
    *,
    prior_pins: float | None = None,
    sessions: ArrayLike | None = None,
    level: float | None = None,
    client: Client | None = None,
) -> tuple[PairPValues, StudentisedPValues]:
    """Both tests of pairs of users, from the same shuffles, in little more time than the first.

    Parameters
    ----------
    assignments, users, pairs, background, alpha, n_permutations, variance, random_state
        As for :func:`max_z_pvalues`. The distance is that of all vocabularies side by side.
    prior_pins, sessions, level, client
        As there; without sessions each pin is one.

    Returns
    -------
    PairPValues
        As :func:`max_z_pvalues` gives them.
    StudentisedPValues
        As :func:`studentised_pvalues` does.

    Raises
    ------
    ValueError, TypeError
        As of both.

    Examples
    --------
    >>> pins, users = np.eye(2).repeat(12, axis=0), np.repeat(["ann", "ben"], 12)
    >>> by_z, by_distance = pair_pvalues(pins, users, [[0, 1]], [5, 5], prior_pins=2)
    >>> f"{by_z.p_values[0]:.3f} {by_distance.p[0]:.3f}"
    '0.001 0.001'
    """
    how = _How.of(n_permutations, random_state, level, client)
    tests = _z_tests(
        assignments, users, pairs, background, alpha, variance, prior_pins, sessions
    )  # fmt: skip
    units = tests.units
    exponent = scale_exponent(units)
    if exponent or tests.are_scaled:  # each by other powers of two: they are not the same numbers
        every_pins, _ = by_vocabulary(assignments, background)
        of = np.arange(len(every_pins[0])) if sessions is None else sessions
        rest = (n_permutations, random_state)
        return max_z_pvalues(
            assignments, users, pairs, background, alpha, n_permutations, variance, random_state,
            prior_pins=prior_pins, sessions=sessions, level=level, client=client,
        ), studentised_pvalues(
            np.concatenate(every_pins, axis=1), users, pairs, of, *rest, level=level, client=client
        )  # fmt: skip
    distances = Distances.of(units, tests.sizes, tests.starts, tests.pairs)
    reached, seen, *apart = _reached(
        Asked.of_z(tests, tests.cuts(), distances.cuts), tests.pairs, how
    )
    p_values = how.p_values(reached[0], seen)
    return (
        PairPValues(tests.max_z[0], p_values[0], tests.max_z[1:], p_values[1:]),
        StudentisedPValues(distances.distance, *how.p_values(*apart)),
    )


def true_discoveries(p_values: ArrayLike, level: float = 0.05) -> int:
    r"""How many null hypotheses are false, at least: a lower confidence bound by closed testing.

    By Simes' test, a set of i hypotheses is rejected if the j-th smallest of its p-values is at
    most :math:`j \alpha / i` for some j. With h, the size of the largest set that is not rejected,
    at most h of all m null hypotheses are true but for a probability :math:`\alpha`, and at least
    m - h are false (Goeman, Meijer, Krebs and Solari 2019, Biometrika 106). Of all sets of i, that
    of the largest p-values is the last to be rejected.

    It holds where Simes' test does: for independent p-values and those with positive dependence, as
    the Benjamini-Hochberg procedure assumes. That bounds an expectation, and this a number.

    Parameters
    ----------
    p_values : array-like of shape (m,)
        From 0 to 1, in any order.
    level : float, default=0.05
        Probability alpha that the bound is too high.

    Returns
    -------
    int
        From 0 to m.

    Raises
    ------
    ValueError
        If there is no p-value, one is missing or not from 0 to 1, or the level is not between 0
        and 1.
    TypeError
        If a p-value or the level is no number.

    Examples
    --------
    >>> true_discoveries([0.001, 0.008, 0.012, 0.3, 0.9])
    3
    """
    p = np.sort(check_numbers(p_values, None, "p_values"))
    if p[0] < 0 or p[-1] > 1:
        raise ValueError(f"p_values: expected numbers from 0 to 1, got {p[0]:g} to {p[-1]:g}")
    level = check_number(level, "level", above=0, below=1)
    # a set of the i largest that is rejected is rejected with the next one, too
    least, most = 0, len(p)  # h is not outside of them
    while least < most:
        size = (least + most + 1) // 2
        share = p[-size:] * size / np.arange(1, size + 1)
        least, most = (least, size - 1) if at_most(share, level).any() else (size, most)
    return len(p) - least


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
