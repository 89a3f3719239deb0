"""Sentences of the data: the simulated world, boards, and pictures that repeat."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from visprof import duplicates
from visprof.steps.data import BoardSplit

__all__ = ["boards_and_pins", "duplicate_rule", "duplicates_found", "worked_taste"]


def worked_taste(strength: float) -> dict[str, Any]:
    """How much more often a class is picked whose own deviation is larger by 1.

    Parameters
    ----------
    strength : float
        Of taste: s in the softmax of b + s e.
    """
    return {"worked.times": f"{math.exp(strength):.1f}"}


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
