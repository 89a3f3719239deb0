"""Tables of the data, and figures of them unless there is nothing to see."""

from __future__ import annotations

import pandas as pd

from visprof._extras import needs
from visprof.figures.data import board_funnel, time_resolution
from visprof.figures.figure import Figure

with needs("book"):
    from IPython.display import Markdown

__all__ = ["filtered_boards", "first_boards", "resolved_times"]


def filtered_boards(funnel: pd.DataFrame) -> Figure | Markdown:
    """Boards and pins left after each filter, as bars; a line if no filter takes any.

    Parameters
    ----------
    funnel : DataFrame
        As of `visprof.figures.board_funnel`.
    """
    if len(funnel[["boards", "pins"]].drop_duplicates()) > 1:
        return board_funnel(funnel)
    left = funnel.iloc[0]
    return Markdown(
        f"Here every board passes every filter: all {left['boards']:,} are left, with all "
        f"{left['pins']:,} pins."
    )


def resolved_times(boards: pd.DataFrame) -> Figure | Markdown:
    """Distinct times of each board, drawn; a line if every pin has a time of its own.

    Parameters
    ----------
    boards : DataFrame
        As of `visprof.figures.time_resolution`.
    """
    if (boards["distinct_times"] < boards["pins"]).any():
        return time_resolution(boards)
    return Markdown(f"Here every pin has a time of its own, on each of the {len(boards):,} boards.")


def first_boards(pins: pd.DataFrame, n: int) -> list[str]:
    """Names of the first boards in the order of the alphabet.

    Parameters
    ----------
    pins : DataFrame
        A table of pins.
    n : int
        How many boards, at most.
    """
    return sorted(pins["board"].unique())[:n]
