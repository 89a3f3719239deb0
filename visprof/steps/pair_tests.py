"""Steps: are the differences of Figure 5 real (beyond the paper)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visprof import boards, shares, significance, ties
from visprof._lazy import lazily
from visprof.blocks import Client
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.error_rates import LEVEL
from visprof.steps.registry import step, variant
from visprof.steps.user_pairs import N_CLUSTERS, GrowingCounts, nearest_of_boards

with lazily():
    from scipy.stats import false_discovery_control

    from visprof.logodds import logits_and_variances
    from visprof.vocabulary import VisualVocabulary

__all__ = [
    "PairTests", "SideBySide", "no_sessions", "no_times", "pair_tests", "pin_sessions",
    "side_by_side", "significance_numbers",
]  # fmt: skip

N_SHOWN = 4  # pictures of a cluster


@step
def pin_sessions(board_split: BoardSplit, session_rule: str) -> np.ndarray | None:
    """Session of each analysed pin, (n,) int: by default the pins that a user added on a day (UTC).

    None if no session has two pins.
    """
    pins = board_split.analysed
    found = boards.sessions(pins["board"].to_numpy(), pins["time"].to_numpy(), session_rule)
    return found if len(np.unique(found)) < len(found) else None


@variant("pin_sessions", data="", session_length=1.0)
def no_sessions(board_split: BoardSplit) -> None:
    """Pins of the simulated world are drawn one by one: those of one day are there by chance."""


@variant("pin_sessions", drawn=False)
def no_times(board_split: BoardSplit) -> None:
    """Times an hour apart tell no session."""


@dataclass(frozen=True)
class PairTests:
    """Permutation tests of pairs of users, all or a random sample.

    `pairs` are places among the sorted users. `by_pin` and `by_session` test Z; `by_distance` tests
    the distance of profiles, with whole sessions shuffled. Where there are no sessions,
    `by_session` is None, each pin is a session in `by_distance`, and `sessions_per_user` counts
    pins.
    """

    pairs: np.ndarray
    by_pin: significance.PairPValues
    by_session: significance.PairPValues | None
    by_distance: significance.StudentisedPValues
    sessions_per_user: np.ndarray


@step
def pair_tests(
    every_assignments: list[PinArrays],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    alpha: float,
    variance: str,
    n_tested_pairs: int,
    n_permutations: int,
    seed: int,
    client: Client | None = None,
) -> PairTests:
    """p-values of pairs of analysed users, with pins and with whole sessions shuffled.

    Users' counts are sums over their pins, whatever the study's reading of Eq. 4. What is tested is
    the mean over seeds of Z, and of the distance of profiles (side by side, the squared distance is
    the sum over vocabularies): every shuffle is the same in all vocabularies. p-values above 5 %
    are of fewer shuffles (see `visprof.significance.max_z_pvalues`).
    """
    users, codes = np.unique(board_split.analysed["board"].to_numpy(), return_inverse=True)
    pairs = significance.sample_pairs(len(users), n_tested_pairs, seed)
    words = [of.analysed for of in every_assignments]
    test = (
        words, codes, pairs, [of.background.sum(axis=0, dtype=float) for of in every_assignments],
        alpha, n_permutations, variance, seed,
    )  # fmt: skip
    how = {"level": LEVEL, "client": client}
    if pin_sessions is None:
        sessions, by_session = np.arange(len(codes)), None
        by_pin, by_distance = significance.pair_pvalues(*test, **how)
    else:
        sessions, by_pin = pin_sessions, significance.max_z_pvalues(*test, **how)
        by_session, by_distance = significance.pair_pvalues(*test, sessions=sessions, **how)
    users_of_sessions = codes[np.unique(sessions, return_index=True)[1]]
    per_user = np.bincount(users_of_sessions)
    return PairTests(pairs, by_pin, by_session, by_distance, per_user)


@step
def significance_numbers(pair_tests: PairTests, threshold: float) -> dict[str, Estimate]:
    """Share of the tested pairs that differ, by each rule.

    The paper's rule (mean over seeds), p-values of at most 5 %, and those that Benjamini and
    Hochberg's procedure keeps at a false discovery rate of 5 %. Intervals cover the draw of users,
    of pairs and of seeds. Tests are of Z averaged over seeds; how far their answer depends on the
    seeds is taken from the tests of each seed alone, which differ more.

    By distance also ``pairs.distance.true``, a lower bound (at 95 %) on the share of pairs that
    differ in truth, by closed testing; what the sessions allow it to be at most,
    ``pairs.distance.ceiling``; and the share of pairs that could be significant,
    ``pairs.distance.attainable``.
    """
    pairs, unit = pair_tests.pairs, "pairs of users"
    differ = ties.exceeds(pair_tests.by_pin.max_z_by_seed, threshold)
    numbers = {"pairs.tested.differ": shares.sampled_share(differ, pairs)}
    for suffix, tests in (("", pair_tests.by_pin), (".sessions", pair_tests.by_session)):
        if tests is None:
            continue
        for rule, kept in (("significant", lambda p: p), ("bh", false_discovery_control)):
            numbers[f"pairs.{rule}{suffix}"] = shares.sampled_share(
                ties.at_most(kept(tests.p_values), LEVEL), pairs,
                alone=[ties.at_most(kept(p), LEVEL) for p in tests.p_by_seed],
            )  # fmt: skip
    by_distance = pair_tests.by_distance
    for rule, p_values in (
        ("significant", by_distance.p),
        ("bh", false_discovery_control(by_distance.p)),
        ("attainable", by_distance.least_p),
    ):
        chosen = ties.at_most(p_values, LEVEL)
        numbers[f"pairs.distance.{rule}"] = shares.sampled_share(chosen, pairs)
    for name, p_values in (("true", by_distance.p), ("ceiling", by_distance.least_p)):
        bound = significance.true_discoveries(p_values, LEVEL) / len(pairs)
        numbers[f"pairs.distance.{name}"] = Estimate(bound)
    return {key: number.of(len(pairs), unit) for key, number in numbers.items()}


@dataclass(frozen=True)
class SideBySide:
    """Any two users, as a page can show them.

    Counts of each user, (n, k), and of the background, (k,), of the first seed; p-values of the
    test of the distance, (n, n), NaN where a pair was not tested; and by cluster the background's
    pictures nearest its centre, none where no pair differs most in it.
    """

    users: np.ndarray
    counts: np.ndarray
    background: np.ndarray
    p_values: np.ndarray
    images: list[list[str]]


@step
def side_by_side(
    growing_counts: GrowingCounts,
    pair_tests: PairTests,
    board_split: BoardSplit,
    pin_embedding: PinArrays,
    visual_vocabulary: VisualVocabulary,
    alpha: float,
    variance: str,
) -> SideBySide:
    """The users of `growing_counts`, in pairs: what they differ in, and whether they do."""
    users, y, g = (
        growing_counts.users,
        growing_counts.counts["users"][-1],
        growing_counts.background,
    )
    place = np.full(len(pair_tests.sessions_per_user), -1)
    place[np.searchsorted(np.unique(board_split.analysed["board"]), users)] = np.arange(len(users))
    i, j = place[pair_tests.pairs].T
    both = (i >= 0) & (j >= 0)
    p = np.full((len(users), len(users)), np.nan)
    p[i[both], j[both]] = p[j[both], i[both]] = pair_tests.by_distance.p[both]
    logit, spread = logits_and_variances(y, g, alpha, variance)
    first: set[int] = set()
    for user in range(len(users)):
        z = np.abs(logit[user] - logit) / np.sqrt(spread[user] + spread)
        others = np.delete(z, user, axis=0)
        first |= set(np.argsort(-others, axis=1, kind="stable")[:, :N_CLUSTERS].ravel().tolist())
    boards, images = board_split.background["board"].to_numpy(), board_split.background["image"]
    examples = [
        images.iloc[nearest_of_boards(pin_embedding.background, boards, centre)[:N_SHOWN]].to_list()
        if cluster in first
        else []
        for cluster, centre in enumerate(visual_vocabulary.cluster_centers_)
    ]
    return SideBySide(users, y, g, p, examples)
