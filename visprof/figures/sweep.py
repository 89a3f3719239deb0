"""The figure of a sweep: a number by setting, and how much it differs from that of the first."""

from __future__ import annotations

import pandas as pd

from visprof.figures.figure import Figure
from visprof.figures.style import COLOURS, arms

__all__ = ["setting_intervals"]

_MARKS = {"fmt": "o", "ms": 6, "elinewidth": 1.5}


def setting_intervals(table: pd.DataFrame, number: str) -> Figure:
    """A number by setting with 95 % intervals; beside it, its difference from the first setting.

    Parameters
    ----------
    table : DataFrame
        Columns setting (in words), value, low, high, and difference, difference_low,
        difference_high; ends that are missing are not drawn. The difference of the setting that the
        others are compared with is missing.
    number : str
        What it is.

    Returns
    -------
    Figure
        Drawn hollow: differences without an interval, which are not paired.
    """
    rows = table.reset_index(drop=True)
    height = 1.4 + 0.4 * len(rows)
    figure = Figure(figsize=(8.0, height), layout="constrained", numbers=table)
    left, right = figure.subplots(1, 2, sharey=True)
    differences = rows[["difference", "difference_low", "difference_high"]]
    differences.columns = ["value", "low", "high"]
    for axis, shown, colour in ((left, rows, "blue"), (right, differences, "orange")):
        whole = shown["low"].notna()
        of_whole = shown[whole]
        axis.errorbar(
            of_whole["value"], of_whole.index, xerr=arms(of_whole), color=COLOURS[colour], **_MARKS
        )
        alone = shown[~whole]
        axis.plot(alone["value"], alone.index, "o", ms=6, mfc="none", color=COLOURS[colour])
        axis.grid(axis="y", color="#eeeeee")
        axis.tick_params(axis="y", length=0)
    right.axvline(0, color="black", lw=1.2)
    names = rows["setting"].tolist()
    labels = figure.label(names, "setting", 36, 2)
    left.set_yticks(range(len(rows)), [labels[name] for name in names])
    left.set(xlabel=number, ylim=(len(rows) - 0.5, -0.5))
    right.set(xlabel="difference from the first")
    return figure
