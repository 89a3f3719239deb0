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
from visprof.checks import (
    check_finite,
    check_groups,
    check_number,
    check_numbers,
    check_pairs,
    check_whole,
    listed,
)
from visprof.profiles import user_profiles
from visprof.scaling import scale_exponent, scaled
from visprof.ties import TIE, at_most

with lazily():
    from sklearn.utils import check_array

    from visprof._deals import dealt_units, reached_distances, session_codes, shuffled_max_z
    from visprof.logodds import logits_and_variances, pair_users, prior_weight

__all__ = [
    "PairPValues", "StudentisedPValues", "max_z_pvalues", "sample_pairs", "shuffled_counts",
    "studentised_pvalues", "true_discoveries",
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
        two clusters, n_permutations is less than 1, or as :func:`visprof.logodds.log_odds_z`.
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
    n_permutations = check_whole(n_permutations, "n_permutations", 1)
    check_whole(random_state, "random_state", 0)
    every_pins, backgrounds = _by_vocabulary(assignments, background)
    every_counts = [user_profiles(pins, users, counts=True)[1] for pins in every_pins]
    pairs = _checked_pairs(pairs, len(every_counts[0]))
    tests = [
        _Test.of(
            pins,
            users,
            sessions,
            counts,
            pairs,
            own,
            prior_weight(own, alpha, prior_pins),
            variance,
        )
        for pins, counts, own in zip(every_pins, every_counts, backgrounds, strict=True)
    ]
    # of the mean over vocabularies, and of each
    observed, rounding = (
        np.stack([np.mean(of, axis=0), *of])
        for of in ([test.max_z for test in tests], [test.rounding for test in tests])
    )
    cuts = [observed - rounding]  # permutations equal to the data reach the first, not the second
    if ties == "random":
        cuts.append(observed + rounding)
    cuts = np.stack(cuts)
    seeds = np.random.SeedSequence(random_state).generate_state(len(pairs), np.uint64)
    count = partial(_count_reached, tests, pairs, seeds, cuts, n_permutations)
    blocks = slices(len(pairs), max(_FEWEST_PAIRS, _BLOCK // n_permutations))
    reached = np.concatenate(list(map_blocks(count, blocks, client)), axis=-1)
    n_reached = reached[0]
    if ties == "random":
        n_reached = np.stack(
            [
                np.random.default_rng(random_state).integers(least, most, endpoint=True)
                for most, least in zip(*reached, strict=True)
            ]
        )
    p_values = (1 + n_reached) / (1 + n_permutations)
    return PairPValues(observed[0], p_values[0], observed[1:], p_values[1:])


def studentised_pvalues(
    assignments: ArrayLike,
    users: ArrayLike,
    pairs: ArrayLike,
    sessions: ArrayLike,
    n_permutations: int = 999,
    random_state: int = 0,
    *,
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
    client : distributed.Client, optional
        As for :func:`max_z_pvalues`.

    Returns
    -------
    StudentisedPValues
        Unpacks into distances, p-values and the least that these could be.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a user or session is missing, a pair is not
        of two users, n_permutations is less than 1, or a distance is too large to compute with.
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
    n_permutations = check_whole(n_permutations, "n_permutations", 1)
    check_whole(random_state, "random_state", 0)
    pins = check_array(
        assignments, dtype=[np.float64, np.float32], order="C", input_name="assignments"
    )
    units, sizes, starts = dealt_units(pins, users, sessions)
    pairs = _checked_pairs(pairs, len(starts) - 1)
    exponent = scale_exponent(units)
    units = scaled(units, exponent)
    n_pins, squared_sizes, sums = (
        np.add.reduceat(of, starts[:-1]) for of in (sizes, sizes**2, units)
    )
    profiles, a = sums / n_pins[:, None], squared_sizes / n_pins**2
    i, j = pairs.T
    spread = a[i] + a[j]
    distance = np.sum((profiles[i] - profiles[j]) ** 2, axis=1) / spread
    # of the roots, which rounding changes by a share of the profiles' lengths
    longest = np.maximum(*np.linalg.norm(profiles, axis=1)[pairs].T) / np.sqrt(spread)
    root = np.sqrt(distance)
    cuts = np.square(np.maximum(root - TIE * (root + longest), 0))
    seeds = np.random.SeedSequence(random_state).generate_state(len(pairs), np.uint64)
    count = partial(_count_distances, units, sizes, starts, pairs, cuts, seeds, n_permutations)
    blocks = slices(len(pairs), max(_FEWEST_PAIRS, _BLOCK // n_permutations))
    reached, alike = np.concatenate(list(map_blocks(count, blocks, client)), axis=-1)
    with np.errstate(over="ignore"):  # checked
        distance = check_finite(np.ldexp(distance, 2 * exponent), "distances")
    return StudentisedPValues(
        distance, *((1 + of) / (1 + n_permutations) for of in (reached, alike))
    )


def _count_distances(
    units: NDArray,
    sizes: NDArray,
    starts: NDArray,
    pairs: NDArray,
    cuts: NDArray,
    seeds: NDArray,
    n_permutations: int,
    block: slice,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `visprof._deals.reached_distances`, of the pairs of a block."""
    of_block = (of[block] for of in (pairs, cuts, seeds))
    return reached_distances(units, sizes, starts, *of_block, n_permutations)


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


def _checked_pairs(pairs: ArrayLike, n_users: int) -> NDArray[np.int64]:
    pairs = check_pairs(pairs)
    wrong = (pairs < 0).any(axis=1) | (pairs >= n_users).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"pairs: expected users of the {n_users} from 0 to {n_users - 1}, "
            f"got {listed(pairs[wrong].tolist())}"
        )
    return pairs


def _checked_pins(assignments: ArrayLike, name: str) -> NDArray:
    if np.ndim(assignments) == 2 and not np.size(assignments):
        raise ValueError(
            f"{name}: expected at least one pin and cluster, got {np.shape(assignments)}"
        )
    pins = check_array(assignments, dtype=[np.float64, np.float32], order="C", input_name=name)
    if pins.min() < 0:
        raise ValueError(f"{name}: expected no negative assignment, got {pins.min()}")
    return pins


def _by_vocabulary(
    assignments: ArrayLike | Sequence[ArrayLike], background: ArrayLike | Sequence[ArrayLike]
) -> tuple[list[NDArray], list[ArrayLike]]:
    """Pins and background of each vocabulary, from those of one or of several."""
    array = isinstance(assignments, np.ndarray)
    rows = isinstance(assignments, (list, tuple)) and len(assignments)
    if not (assignments.ndim == 3 if array else rows and np.ndim(assignments[0]) == 2):
        return [_checked_pins(assignments, "assignments")], [background]
    every_pins = [_checked_pins(pins, f"assignments[{s}]") for s, pins in enumerate(assignments)]
    if len({len(pins) for pins in every_pins}) > 1:
        raise ValueError(
            "assignments: expected the same pins of each vocabulary, got shapes "
            f"{listed((pins.shape for pins in every_pins), 20)}"
        )
    backgrounds = list(background) if np.iterable(background) else [background]
    if len(backgrounds) != len(every_pins):
        raise ValueError(
            f"background: expected counts of each of the {len(every_pins)} vocabularies, got "
            f"{len(backgrounds)}"
        )
    return every_pins, backgrounds


@dataclass(frozen=True)
class _Test:
    """What a vocabulary gives to the tests: z of the data, and what it takes to permute them."""

    max_z: NDArray[np.float64]  # of each pair
    rounding: NDArray[np.float64]  # of max_z
    units: NDArray  # what is shuffled
    sizes: NDArray[np.int64]
    starts: NDArray[np.int64]
    prior: NDArray[np.float64]
    four_term: bool
    half: int  # units and prior are 4**half times smaller than the data, z 2**half times

    @classmethod
    def of(
        cls,
        pins: NDArray,
        users: ArrayLike,
        sessions: ArrayLike | None,
        counts: NDArray,
        pairs: NDArray,
        background: ArrayLike,
        alpha: float,
        variance: str,
    ) -> _Test:
        logit, spread = logits_and_variances(counts, background, alpha, variance)
        background = np.asarray(background, np.float64)
        if np.count_nonzero(background) < 2:
            raise ValueError(
                "background: expected mass in at least two clusters, or some shuffle may leave the "
                f"log-odds undefined; got {np.count_nonzero(background)} of {len(background)}"
            )
        i, j = pairs.T
        max_z = np.max(np.abs(logit[i] - logit[j]) / np.sqrt(spread[i] + spread[j]), axis=1)
        check_finite(max_z, "z-scores")
        prior = float(alpha) * background
        units, sizes, starts = dealt_units(pins, users, sessions)
        # so none of the products in the search for the largest z overflows
        half = -(-scale_exponent(units, prior) // 2)
        largest = counts.max(axis=1)[pairs].max(axis=1)
        # beside a prior 2**54 times as large they change nothing
        largest = np.minimum(largest + prior.max(), np.ldexp(largest, 54))
        rounding = np.maximum(
            TIE * (min(1.0, 2.0**half) + max_z),
            16 * np.finfo(float).eps * np.sqrt(largest),  # more only where the prior drowns counts
        )
        if half:
            units, prior = scaled(units.astype(np.float64), 2 * half), scaled(prior, 2 * half)
        return cls(max_z, rounding, units, sizes, starts, prior, variance == "four-term", half)

    def shuffled_max_z(
        self, pairs: NDArray, seeds: NDArray, n_permutations: int
    ) -> NDArray[np.float64]:
        """Largest absolute z-score of each pair in each permutation, which the seeds draw."""
        max_z = shuffled_max_z(
            self.units, self.sizes, self.starts, pairs, self.prior, self.four_term, seeds,
            n_permutations,
        )  # fmt: skip
        return scaled(max_z, -self.half)


def _count_reached(
    tests: Sequence[_Test],
    pairs: NDArray,
    seeds: NDArray,
    cuts: NDArray,
    n_permutations: int,
    block: slice,
) -> NDArray[np.int64]:
    """How many permutations of each pair of a block reach its cuts, (n_cuts, 1 + S, m).

    By the mean over the S vocabularies, and by each.
    """
    cuts = cuts[:, :, block, np.newaxis]
    reached = np.zeros(cuts.shape[:-1], np.int64)
    total = 0.0
    for vocabulary, test in enumerate(tests, 1):
        shuffled = test.shuffled_max_z(pairs[block], seeds[block], n_permutations)
        total += shuffled
        reached[:, vocabulary] = np.sum(shuffled >= cuts[:, vocabulary], axis=-1)
    reached[:, 0] = np.sum(total / len(tests) >= cuts[:, 0], axis=-1)
    return reached
