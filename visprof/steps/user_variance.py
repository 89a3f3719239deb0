"""Steps: how much of what pins vary is their user (beyond the paper)?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof import variation
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.registry import step
from visprof.steps.user_ranking import slug

__all__ = ["FEWEST_USERS", "variance_by_seed", "variance_numbers", "variance_pvalues",
           "variance_table"]  # fmt: skip

FEWEST_USERS = 3  # with two effective sessions: an interval needs as many


def _sessions(board_split: BoardSplit, pin_sessions: np.ndarray | None) -> np.ndarray:
    """Session of each analysed pin; where there are none, each pin is one."""
    return np.arange(len(board_split.analysed)) if pin_sessions is None else pin_sessions


def _n_counted(users: np.ndarray, sessions: np.ndarray) -> int:
    """Users with at least two effective sessions, n^2 / sum of n_s^2."""
    sizes = pd.Series(users).groupby([users, sessions]).size()
    effective = sizes.groupby(level=0).sum() ** 2 / (sizes**2).groupby(level=0).sum()
    return int((effective >= 2).sum())


@step
def variance_by_seed(
    pin_parts: dict[str, np.ndarray], board_split: BoardSplit, pin_sessions: np.ndarray | None
) -> dict[str, variation.VarianceShares]:
    """Shares of users, sessions and pins in the variance of what profiles are means of, by part.

    None where fewer than `FEWEST_USERS` have two effective sessions.
    """
    users = board_split.analysed["board"].to_numpy()
    sessions = _sessions(board_split, pin_sessions)
    if _n_counted(users, sessions) < FEWEST_USERS:
        return {}
    return {
        part: variation.variance_shares(values, users, sessions)
        for part, values in pin_parts.items()
    }


@step
def variance_table(
    every_variance_by_seed: list[dict[str, variation.VarianceShares]],
) -> pd.DataFrame:
    """Shares by part: columns part, share, value, low, high, estimate, n_left_out."""
    rows = []
    for part, first in every_variance_by_seed[0].items():
        found = variation.mean_shares([of[part] for of in every_variance_by_seed])
        rows += [
            (part, share, of.value, of.low, of.high, of, first.n_left_out)
            for share, of in found.items()
        ]
    columns = ["part", "share", "value", "low", "high", "estimate", "n_left_out"]
    return pd.DataFrame(rows, columns=columns)


@step
def variance_pvalues(
    every_assignments: list[PinArrays],
    board_split: BoardSplit,
    pin_sessions: np.ndarray | None,
    n_permutations: int,
    seed: int,
) -> dict[str, float]:
    """Do users differ at all? p-values of the user's share of assignments, and of all at once.

    Of all seeds' vocabularies side by side. The global test is of sessions with 3 pins or more, so
    there is none where there are no sessions.
    """
    users = board_split.analysed["board"].to_numpy()
    sessions = _sessions(board_split, pin_sessions)
    if _n_counted(users, sessions) < FEWEST_USERS:
        return {}
    words = np.concatenate([of.analysed for of in every_assignments], axis=1)
    test = words, users, sessions, n_permutations, seed
    found = {"user": variation.permutation_pvalue(*test)}
    if pin_sessions is not None and _n_with_long_sessions(users, sessions) >= FEWEST_USERS:
        found["global"] = variation.global_pvalue(*test)
    return found


def _n_with_long_sessions(users: np.ndarray, sessions: np.ndarray) -> int:
    """Users with two sessions of at least 3 pins."""
    sizes = pd.Series(users).groupby([users, sessions]).size()
    return int(((sizes >= 3).groupby(level=0).sum() >= 2).sum())


@step
def variance_numbers(
    variance_table: pd.DataFrame, variance_pvalues: dict[str, float]
) -> dict[str, Estimate]:
    """Shares by part: keys such as ``variance.image.user``; and ``variance.image.user.p``."""
    numbers = {
        f"variance.{slug(row.part)}.{row.share}": row.estimate
        for row in variance_table.itertuples()
    }
    for name, p_value in variance_pvalues.items():
        numbers[f"variance.image.{name}.p"] = Estimate(p_value)
    return numbers
