"""Sentences of one reader's own board."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof.parameters import PRESETS
from visprof.steps.data import BoardSplit

__all__ = ["board_shown", "learnt_from", "least_pins", "nearest_board", "rank_range"]


def board_shown(board: str, split: BoardSplit, n_clusters: int) -> dict[str, Any]:
    """The board that the page shows, and the clusters that it is described by.

    Parameters
    ----------
    board : str
        Its name.
    split : BoardSplit
        The step ``board_split``.
    n_clusters : int
        Clusters of the background.
    """
    return {
        "board": board,
        "n_pins": int((split.analysed["board"] == board).sum()),
        "n_background": f"{len(split.background):,}",
        "n_clusters": f"{n_clusters:,}",
    }


def learnt_from(training_scenes: str, data: str) -> dict[str, Any]:
    """What the Siamese network learnt from.

    Parameters
    ----------
    training_scenes : {"own", "simulated"}
        What was asked for.
    data : str
        The reader's folder; empty where all is simulated.
    """
    drawn = training_scenes == "simulated" or not data
    return {"learnt": "drawn scenes" if drawn else "the folder's labelled scenes"}


def least_pins() -> dict[str, Any]:
    """Pins of a board that the preset ``own`` asks for."""
    return {"least_pins": PRESETS["own"]["min_pins"]}


def rank_range(low: int, high: int) -> str:
    """Ends of the interval of a rank: one number where they are equal."""
    return f"{low} to {high}" if high > low else f"{low}"


def nearest_board(similar_boards: pd.DataFrame) -> dict[str, Any]:
    """The board most alike, among how many, and its rank in 95 % of the draws.

    Parameters
    ----------
    similar_boards : DataFrame
        The step of this name.
    """
    nearest = similar_boards.iloc[0]
    return {
        "nearest": nearest["user"],
        "n_others": len(similar_boards),
        "ranks": rank_range(nearest["low"], nearest["high"]),
    }
