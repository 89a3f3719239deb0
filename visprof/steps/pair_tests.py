"""Steps: are the differences of Figure 5 real (beyond the paper)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from visprof import shares, significance, ties
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.error_rates import LEVEL
from visprof.steps.registry import step, variant

__all__ = ["PairTests", "no_sessions", "pair_tests", "pin_sessions", "significance_numbers"]


@step
def pin_sessions(board_split: BoardSplit) -> np.ndarray | None:
    """Session of each analysed pin, (n,) int: the pins that a user added on one day (UTC).

    A batch of equal times is a part of one. None if no user added two pins on a day.
    """
    pins = board_split.analysed
    sessions = pins.groupby(["board", pins["time"].dt.floor("D")]).ngroup().to_numpy()
    return sessions if len(np.unique(sessions)) < len(sessions) else None


@variant("pin_sessions", drawn=False)
def no_sessions(board_split: BoardSplit) -> None:
    """Times an hour apart tell no session."""


@dataclass(frozen=True)
class PairTests:
    """Permutation tests of pairs of users, all or a random sample.

    `pairs` are places among the sorted users; `by_session` is None where there are no sessions, and
    `sessions_per_user` then counts pins.
    """

    pairs: np.ndarray
    by_pin: significance.PairPValues
    by_session: significance.PairPValues | None
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
) -> PairTests:
    """p-values of pairs of analysed users, with pins and with whole sessions shuffled.

    Users' counts are sums over their pins, whatever the study's reading of Eq. 4. What is tested is
    the mean of Z over seeds: every shuffle is the same in all vocabularies.
    """
    users, codes = np.unique(board_split.analysed["board"].to_numpy(), return_inverse=True)
    pairs = significance.sample_pairs(len(users), n_tested_pairs, seed)
    test = (
        [of.analysed for of in every_assignments], codes, pairs,
        [of.background.sum(axis=0, dtype=float) for of in every_assignments], alpha,
        n_permutations, variance, seed,
    )  # fmt: skip
    by_pin = significance.max_z_pvalues(*test)
    if pin_sessions is None:
        return PairTests(pairs, by_pin, None, np.bincount(codes))
    by_session = significance.max_z_pvalues(*test, sessions=pin_sessions)
    users_of_sessions = codes[np.unique(pin_sessions, return_index=True)[1]]
    return PairTests(pairs, by_pin, by_session, np.bincount(users_of_sessions))


@step
def significance_numbers(pair_tests: PairTests, threshold: float) -> dict[str, Estimate]:
    """Share of the tested pairs that differ, by each rule.

    The paper's rule (mean over seeds), p-values of at most 5 %, and those that Benjamini and
    Hochberg's procedure keeps at a false discovery rate of 5 %. Intervals cover the draw of users,
    of pairs and of seeds. Tests are of Z averaged over seeds; how far their answer depends on the
    seeds is taken from the tests of each seed alone, which differ more.
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
    return {key: number.of(len(pairs), unit) for key, number in numbers.items()}
