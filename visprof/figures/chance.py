"""The figure of how much of a number is chance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof.figures.figure import Figure
from visprof.figures.style import COLOURS, legend_above, single_axes

__all__ = ["chance_bars"]


def chance_bars(table: pd.DataFrame) -> Figure:
    """Standard errors of numbers by what is drawn: units (users, scenes), and seeds.

    Parameters
    ----------
    table : DataFrame
        Columns number, sd_units, sd_seeds.
    """
    numbers = table[["number", "sd_units", "sd_seeds"]]
    figure, axis = single_axes(height=1.4 + 0.42 * len(table), numbers=numbers)
    at = np.arange(len(table))
    for place, (column, label, colour) in enumerate(
        (("sd_units", "users or scenes", "blue"), ("sd_seeds", "seeds", "orange"))
    ):
        axis.barh(
            at + 0.36 * (place - 0.5), table[column], 0.34, color=COLOURS[colour], label=label
        )
    axis.set(xlabel="standard error", xlim=(0, None), ylim=(len(table) - 0.4, -0.6))
    axis.set_yticks(at, table["number"])
    axis.tick_params(axis="y", length=0)
    legend_above(axis, ncols=2)
    return figure
