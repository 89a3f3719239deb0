"""Sentences of the data: the simulated world, boards, and pictures that repeat."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from visprof import duplicates
from visprof.steps.data import BoardSplit

__all__ = [
    "boards_and_pins", "distinct_times", "duplicate_rule", "duplicates_found", "recovered_tastes",
    "worked_taste",
]  # fmt: skip


def worked_taste(strength: float) -> dict[str, Any]:
    """How much more often a class is picked whose own deviation is larger by 1.

    Parameters
    ----------
    strength : float
        Of taste: s in the softmax of b + s e.
    """
    return {"worked.times": f"{math.exp(strength):.1f}"}


def recovered_tastes(table: pd.DataFrame) -> dict[str, Any]:
    """How far users' pins are from their tastes, with the fewest and with the most of them.

    Parameters
    ----------
    table : DataFrame
        The step ``taste_recovery``.
    """
    error = table.groupby("pins")["error"].median()
    few, many = error.index[[0, -1]]
    return {
        "recovery": f"from {error[few]:.2f} at {few:,} pins to {error[many]:.2f} at {many:,}, "
        "in the median"
    }


def distinct_times(boards: pd.DataFrame) -> dict[str, Any]:
    """How many times of their own the pins of boards have.

    Parameters
    ----------
    boards : DataFrame
        From `visprof.datasheet.time_resolution`.
    """
    share = (boards["distinct_times"] / boards["pins"]).median()
    n_pins, n_times = boards[["pins", "distinct_times"]].sum()
    return {
        "distinct_times": f"{len(boards):,} boards have {n_times:,} times for {n_pins:,} pins; on "
        f"half of them there are at least {share:.0%} as many times as pins"
    }


def boards_and_pins(split: BoardSplit, unreadable: pd.DataFrame) -> dict[str, Any]:
    """Boards and pins of the background and of those analysed, and pins set aside.

    Parameters
    ----------
    split : BoardSplit
        The step ``board_split``.
    unreadable : DataFrame
        One row a pin whose picture cannot be decoded.
    """
    said: dict[str, Any] = {"unreadable": len(unreadable)}
    for name, part in (("background", split.background), ("analysed", split.analysed)):
        said[f"{name}.boards"] = part["board"].nunique()
        said[f"{name}.pins"] = f"{len(part):,}"
    return said


def duplicate_rule() -> dict[str, Any]:
    """The rule by which two pictures are near-duplicates."""
    width, height = duplicates.HASH_SIZE
    return {
        "max_distance": duplicates.MAX_DISTANCE,
        "n_bits": (width - 1) * height,
        "min_correlation": duplicates.MIN_CORRELATION,
    }


def duplicates_found(summary: pd.DataFrame) -> dict[str, Any]:
    """Pins with a near-duplicate on their own and on another board, and clusters of them.

    Parameters
    ----------
    summary : DataFrame
        One row, as a data sheet has it.
    """
    found = summary.iloc[0]
    return {
        "same_board": f"{found['on_same_board']:,.0f} ({found['share_same_board']:.1%})",
        "other_board": f"{found['on_other_board']:,.0f} ({found['share']:.1%})",
        "within": f"{found['clusters_within']:,.0f}",
        "across": f"{found['clusters_across']:,.0f}",
    }
