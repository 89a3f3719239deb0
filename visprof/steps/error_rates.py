"""Steps: what the tests of pairs say where the truth is known (beyond the paper).

Users draw their pins from a bank of simulated ones. The number of clusters, the bandwidth, the
prior and the size of the background are the study's, so the answers are about its settings; its
pictures play no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from visprof import shares, significance, ties
from visprof._lazy import lazily
from visprof.blocks import Client
from visprof.intervals import Estimate
from visprof.sources.pin_bank import PinBank, draw_users, pin_bank
from visprof.steps.data import BoardSplit
from visprof.steps.registry import step

with lazily():
    from visprof import vocabulary
    from visprof.logodds import logits_and_variances

__all__ = [
    "ALPHA_FACTORS", "LEVEL", "POWER_PINS", "RULE_PINS", "SESSION_LENGTH", "TASTES",
    "CalibrationWorld", "calibration_bank", "calibration_numbers", "calibration_world",
    "false_positives", "null_pvalues", "power",
]  # fmt: skip

N_BANK = 6_000  # pins of the bank
RULE_PINS = (30, 100, 300, 1000)
ALPHA_FACTORS = (0.1, 1.0, 10.0)  # of the study's alpha
SESSION_LENGTH = 5.0  # pins, where they come in sessions
POWER_PINS = (10, 30, 100, 300)
TASTES = (0.0, 0.5, 1.0, 2.0)
LEVEL = 0.05  # of the tests
VARIANCES = ("two-term", "four-term")


@dataclass(frozen=True)
class CalibrationWorld:
    """Assignments of the bank's pins (hard and soft), and the background's counts."""

    assignments: dict[str, np.ndarray]
    background: dict[str, np.ndarray]


@step(kept=False)
def calibration_bank(seed: int) -> PinBank:
    """A bank of simulated pins, the same for all seeds of the algorithm."""
    return pin_bank(N_BANK, seed)


@step
def calibration_world(
    calibration_bank: PinBank,
    board_split: BoardSplit,
    n_clusters: int,
    bandwidth: float,
    start: int,
) -> CalibrationWorld:
    """Clusters of the bank's pins, and a background of as many pins as the study's.

    The background has the bank's shares of clusters: the prior is right, which favours the rule.
    """
    bank = calibration_bank
    words = vocabulary.VisualVocabulary(n_clusters, bandwidth=bandwidth, random_state=start)
    soft = words.fit(bank.vectors).transform(bank.vectors)
    hard = words.set_params(bandwidth=0.0).transform(bank.vectors)
    assignments = {"hard": hard.astype(np.float32), "soft": soft.astype(np.float32)}
    n_background = len(board_split.background)
    return CalibrationWorld(
        assignments,
        {name: n_background * pins.mean(axis=0, dtype=float) for name, pins in assignments.items()},
    )


def _shares_of_pairs(
    every_calibration_world: list[CalibrationWorld], n_pairs: int
) -> list[tuple[CalibrationWorld, slice]]:
    """Each seed's world, and the users of its share of the disjoint pairs; those that have any."""
    ends = np.linspace(0, n_pairs, len(every_calibration_world) + 1).round().astype(int)
    return [
        (world, slice(2 * first, 2 * end))
        for world, (first, end) in zip(every_calibration_world, pairwise(ends), strict=True)
        if first < end
    ]


def _share_columns(chosen: list[np.ndarray]) -> tuple[float, float, float]:
    """Share of pairs, each seed having its own, with its interval."""
    found = shares.share_over_seeds(chosen)
    return found.value, found.low, found.high


@step
def false_positives(
    calibration_bank: PinBank,
    every_calibration_world: list[CalibrationWorld],
    alpha: float,
    threshold: float,
    n_null_pairs: int,
    seed: int,
) -> pd.DataFrame:
    """How often Z is above the threshold for two users who do not differ.

    Columns assignment, variance, alpha, prior (its weight in pins), n_pins, value, low, high,
    estimate. No user is in two pairs. The pairs are the same in all rows, with their first pins;
    each seed of the algorithm has its share of them.
    """
    worlds = _shares_of_pairs(every_calibration_world, n_null_pairs)
    rows, _ = draw_users(calibration_bank, 2 * n_null_pairs, max(RULE_PINS), random_state=seed)
    found = []
    for assignment in worlds[0][0].assignments:
        counts = [
            _growing_counts(world.assignments[assignment], rows[users], RULE_PINS)
            for world, users in worlds
        ]
        for place, n_pins in enumerate(RULE_PINS):
            for variance in VARIANCES:
                for weight in alpha * np.array(ALPHA_FACTORS):
                    chosen = [
                        ties.exceeds(
                            _disjoint_max_z(
                                of[place], world.background[assignment], weight, variance
                            ),
                            threshold,
                        )
                        for (world, _), of in zip(worlds, counts, strict=True)
                    ]
                    prior = weight * worlds[0][0].background[assignment].sum()
                    rate = shares.share_over_seeds(chosen)
                    found.append(
                        (assignment, variance, weight, prior, n_pins, rate.value, rate.low,
                         rate.high, rate)
                    )  # fmt: skip
    columns = [
        "assignment", "variance", "alpha", "prior", "n_pins", "value", "low", "high", "estimate",
    ]  # fmt: skip
    return pd.DataFrame(found, columns=columns)


def _growing_counts(pins: np.ndarray, rows: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Counts of each user's first pins, (len(sizes), n_users, k)."""
    starts = [0, *sizes[:-1]]
    parts = [np.add.reduceat(pins[own], starts, axis=0, dtype=float) for own in rows]
    return np.cumsum(parts, axis=1).swapaxes(0, 1)


def _disjoint_max_z(
    counts: np.ndarray, background: np.ndarray, alpha: float, variance: str
) -> np.ndarray:
    """Z of the first user with the second, of the third with the fourth, and so on."""
    logit, spread = logits_and_variances(counts, background, alpha, variance)
    return np.max(np.abs(logit[::2] - logit[1::2]) / np.sqrt(spread[::2] + spread[1::2]), axis=1)


def _disjoint_pvalues(
    pins: np.ndarray,
    rows: np.ndarray,
    *test: object,
    sessions: np.ndarray | None = None,
    **how: object,
) -> tuple[np.ndarray, np.ndarray]:
    """Z and p-values of disjoint pairs of drawn users; above 5 %, of fewer shuffles."""
    n_users, n_pins = rows.shape
    found = significance.max_z_pvalues(
        pins[rows.ravel()],
        np.repeat(np.arange(n_users), n_pins),
        np.arange(n_users).reshape(-1, 2),
        *test,
        sessions=None if sessions is None else sessions.ravel(),
        **({} if how.get("ties") == "random" else {"level": LEVEL}) | how,
    )
    return found.max_z, found.p_values


@step
def null_pvalues(
    calibration_bank: PinBank,
    every_calibration_world: list[CalibrationWorld],
    alpha: float,
    variance: str,
    n_pins: int,
    n_null_pairs: int,
    n_permutations: int,
    seed: int,
    client: Client | None = None,
) -> dict[str, list[np.ndarray]]:
    """p-values of users who do not differ, by what their pins are like and what is shuffled.

    Each seed of the algorithm has its share of the pairs.
    """
    n_users = 2 * n_null_pairs
    bank = calibration_bank
    single, _ = draw_users(bank, n_users, n_pins, random_state=seed)
    grouped, sessions = draw_users(
        bank, n_users, n_pins, session_length=SESSION_LENGTH, random_state=seed
    )
    found: dict[str, list[np.ndarray]] = {}
    for world, users in _shares_of_pairs(every_calibration_world, n_null_pairs):
        for name, assignment, rows, how in (
            ("soft assignment", "soft", single, {}),
            ("hard assignment", "hard", single, {}),
            ("hard, ties at random", "hard", single, {"ties": "random"}),
            ("sessions, shuffled whole", "soft", grouped, {"sessions": sessions[users]}),
            ("sessions, pins shuffled", "soft", grouped, {}),
        ):
            test = (world.background[assignment], alpha, n_permutations, variance, seed)
            _, p = _disjoint_pvalues(
                world.assignments[assignment], rows[users], *test, client=client, **how
            )
            found.setdefault(name, []).append(p)
    return found


@step
def power(
    calibration_bank: PinBank,
    every_calibration_world: list[CalibrationWorld],
    alpha: float,
    variance: str,
    threshold: float,
    n_power_pairs: int,
    n_permutations: int,
    seed: int,
    client: Client | None = None,
) -> pd.DataFrame:
    """Share of pairs found different, by the strength of tastes and the number of pins.

    Columns rule, taste, n_pins, value, low, high. The rule "pins" is the permutation test, "Z" the
    paper's, and "sessions" the test where pins come in sessions, which are shuffled whole. Each
    seed of the algorithm has its share of the pairs.
    """
    worlds = _shares_of_pairs(every_calibration_world, n_power_pairs)
    found = []
    for taste in TASTES:
        single, grouped = (
            draw_users(
                calibration_bank, 2 * n_power_pairs, max(POWER_PINS), taste=taste,
                session_length=length, random_state=seed,
            )
            for length in (1, SESSION_LENGTH)
        )  # fmt: skip
        for n_pins in POWER_PINS:
            chosen: dict[str, list[np.ndarray]] = {}
            for world, users in worlds:
                first = np.s_[users, :n_pins]
                test = (world.background["soft"], alpha, n_permutations, variance, seed)
                pins = world.assignments["soft"]
                z, p = _disjoint_pvalues(pins, single[0][first], *test, client=client)
                _, by_session = _disjoint_pvalues(
                    pins, grouped[0][first], *test, sessions=grouped[1][first], client=client
                )
                chosen.setdefault("pins", []).append(ties.at_most(p, LEVEL))
                chosen.setdefault("Z", []).append(ties.exceeds(z, threshold))
                chosen.setdefault("sessions", []).append(ties.at_most(by_session, LEVEL))
            for rule, of_rule in chosen.items():
                found.append((rule, taste, n_pins, *_share_columns(of_rule)))
    return pd.DataFrame(found, columns=["rule", "taste", "n_pins", "value", "low", "high"])


@step
def calibration_numbers(
    false_positives: pd.DataFrame,
    null_pvalues: dict[str, list[np.ndarray]],
    alpha: float,
    variance: str,
    n_null_pairs: int,
) -> dict[str, Estimate]:
    """False-positive rates: of the paper's rule with the study's prior, and of the tests at 5 %."""
    ours = false_positives.query("alpha == @alpha and variance == @variance")
    rule = {f"null.rule.{row.assignment}.{row.n_pins}": row.estimate for row in ours.itertuples()}
    tests = {
        f"null.test.{name.replace(', ', '-').replace(' ', '-')}": shares.share_over_seeds(
            [ties.at_most(of, LEVEL) for of in p]
        )
        for name, p in null_pvalues.items()
    }
    return {
        key: number.of(n_null_pairs, "simulated pairs") for key, number in (rule | tests).items()
    }
