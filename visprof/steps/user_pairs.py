"""Steps: do users differ (Figure 5)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visprof import logodds, profiles, significance
from visprof.intervals import Estimate, estimate_over_seeds
from visprof.steps.assignments import Assignments
from visprof.steps.data import BoardSplit
from visprof.steps.registry import step

__all__ = [
    "PairwiseDifferences", "counts_and_dealt", "differences_by_seed", "pair_numbers",
    "pairwise_differences", "unit_sums",
]  # fmt: skip


@dataclass(frozen=True)
class PairwiseDifferences:
    """Z of every pair of users (Eq. 7), and the same where pins are dealt at random.

    Of one seed, (n_pairs,), or of all, (S, n_pairs).
    """

    users: np.ndarray
    max_z: np.ndarray
    dealt_max_z: np.ndarray


@step
def pairwise_differences(
    assignments: Assignments,
    board_split: BoardSplit,
    counts: str,
    alpha: float,
    variance: str,
    start: int,
) -> PairwiseDifferences:
    """Largest absolute log-odds z-score of every pair of analysed users (Eqs. 4-7)."""
    background = assignments.background.sum(axis=0, dtype=float)
    pin_users = board_split.analysed["board"].to_numpy()
    users, ours, dealt = counts_and_dealt(assignments.analysed, pin_users, counts, start)
    return PairwiseDifferences(
        users,
        logodds.pairwise_max_z(ours, background, alpha, variance),
        logodds.pairwise_max_z(dealt, background, alpha, variance),
    )


@step(kept=False)
def differences_by_seed(
    every_pairwise_differences: list[PairwiseDifferences],
) -> PairwiseDifferences:
    """Z of every pair by seed."""
    return PairwiseDifferences(
        every_pairwise_differences[0].users,
        np.stack([of.max_z for of in every_pairwise_differences]),
        np.stack([of.dealt_max_z for of in every_pairwise_differences]),
    )


def counts_and_dealt(
    assignments: np.ndarray, users: np.ndarray, reading: str, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, their counts y by the reading "sum" or "unit", and counts where pins are dealt."""
    names, counts = profiles.user_profiles(assignments, users, counts=True)
    dealt = significance.dealt_counts(assignments, users, random_state=seed)
    if reading == "unit":
        counts, dealt = unit_sums(counts), unit_sums(dealt)
    return names, counts, dealt


def unit_sums(counts: np.ndarray) -> np.ndarray:
    """Profiles of unit sum (Eq. 3), (m, k), from counts."""
    return counts / counts.sum(axis=1, keepdims=True)


@step
def pair_numbers(
    differences_by_seed: PairwiseDifferences, threshold: float, seed: int
) -> dict[str, Estimate]:
    """Figure 5 in numbers: share of pairs with Z above the threshold, and where pins are dealt."""
    n_users, n_pairs = len(differences_by_seed.users), differences_by_seed.max_z.shape[1]
    return {
        key: estimate_over_seeds(
            *significance.pair_share_draws(z, n_users, threshold, random_state=seed),
            random_state=seed,
        ).of(n_pairs, "pairs of users")
        for key, z in (
            ("pairs.differ", differences_by_seed.max_z),
            ("pairs.differ.dealt", differences_by_seed.dealt_max_z),
        )
    }
