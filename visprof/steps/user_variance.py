"""Steps: how much of what pins vary is their user (beyond the paper)?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.profile_kinds import PROFILES
from visprof.steps.registry import step
from visprof.steps.user_ranking import slug

with lazily():
    from visprof import variation

__all__ = [
    "FEWEST_USERS", "fixed_variance", "variance_by_seed", "variance_numbers", "variance_pvalue",
    "variance_table",
]  # fmt: skip

FEWEST_USERS = 3  # with two effective sessions: an interval needs as many


def _sessions(board_split: BoardSplit, pin_sessions: np.ndarray | None) -> np.ndarray:
    """Session of each analysed pin; where there are none, each pin is one."""
    return np.arange(len(board_split.analysed)) if pin_sessions is None else pin_sessions


def _n_counted(users: np.ndarray, sessions: np.ndarray) -> int:
    """Users with at least two effective sessions, n^2 / sum of n_s^2."""
    sizes = pd.Series(users).groupby([users, sessions]).size()
    effective = sizes.groupby(level=0).sum() ** 2 / (sizes**2).groupby(level=0).sum()
    return int((effective >= 2).sum())


def _variances(
    parts: dict[str, np.ndarray], board_split: BoardSplit, pin_sessions: np.ndarray | None
) -> dict[str, variation.VarianceShares]:
    users = board_split.analysed["board"].to_numpy()
    sessions = _sessions(board_split, pin_sessions)
    if _n_counted(users, sessions) < FEWEST_USERS:
        return {}
    return {
        part: variation.variance_shares(values, users, sessions) for part, values in parts.items()
    }


@step
def fixed_variance(
    fixed_parts: dict[str, np.ndarray], board_split: BoardSplit, pin_sessions: np.ndarray | None
) -> dict[str, variation.VarianceShares]:
    """As `variance_by_seed`, of the parts that are the same for all seeds."""
    return _variances(fixed_parts, board_split, pin_sessions)


@step
def variance_by_seed(
    pin_parts: dict[str, np.ndarray],
    fixed_variance: dict[str, variation.VarianceShares],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
) -> dict[str, variation.VarianceShares]:
    """Shares of users, sessions and pins in the variance of what profiles are means of, by part.

    None where fewer than `FEWEST_USERS` have two effective sessions.
    """
    drawn = {part: values for part, values in pin_parts.items() if part not in fixed_variance}
    found = fixed_variance | _variances(drawn, board_split, pin_sessions)
    return {part: found[part] for part in pin_parts if part in found}


@step
def variance_table(
    every_variance_by_seed: list[dict[str, variation.VarianceShares]],
) -> pd.DataFrame:
    """Shares by profile of one part: columns profile, share, value, low, high, estimate."""
    profiles = {of.parts[0]: name for name, of in PROFILES.items() if len(of.parts) == 1}
    rows = []
    for part in [of for of in every_variance_by_seed[0] if of in profiles]:
        found = variation.mean_shares([of[part] for of in every_variance_by_seed])
        rows += [
            (profiles[part], share, of.value, of.low, of.high, of) for share, of in found.items()
        ]
    return pd.DataFrame(rows, columns=["profile", "share", "value", "low", "high", "estimate"])


@step
def variance_pvalue(
    every_assignments: list[PinArrays],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    n_permutations: int,
    seed: int,
) -> float | None:
    """Do users differ at all? p-value of their share of the variance of assignments.

    Of all seeds' vocabularies side by side. None where there are no shares.
    """
    users = board_split.analysed["board"].to_numpy()
    sessions = _sessions(board_split, pin_sessions)
    if _n_counted(users, sessions) < FEWEST_USERS:
        return None
    words = np.concatenate([of.analysed for of in every_assignments], axis=1)
    return variation.permutation_pvalue(words, users, sessions, n_permutations, seed)


@step
def variance_numbers(
    variance_table: pd.DataFrame, variance_pvalue: float | None
) -> dict[str, Estimate]:
    """Shares by profile: keys such as ``variance.image.user``; and ``variance.image.user.p``."""
    numbers = {
        f"variance.{slug(row.profile)}.{row.share}": row.estimate
        for row in variance_table.itertuples()
    }
    if variance_pvalue is not None:
        n_users = numbers["variance.image.user"].n
        numbers["variance.image.user.p"] = Estimate(variance_pvalue, n=n_users, unit="users")
    return numbers
