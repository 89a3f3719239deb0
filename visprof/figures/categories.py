"""Figures of how much of a taste carries over from one category of pictures to another."""

from __future__ import annotations

import pandas as pd

from visprof._extras import needs
from visprof.figures.figure import Figure
from visprof.figures.style import CYCLE, MARKERS, arms, legend_above, single_axes

with needs("book"):
    from matplotlib.axes import Axes
    from matplotlib.ticker import PercentFormatter

__all__ = ["category_mrr", "known_carry_over", "taste_parts"]


def taste_parts(table: pd.DataFrame) -> Figure:
    """Shares of general taste and of taste within categories in the variance of a pin.

    Parameters
    ----------
    table : DataFrame
        Columns feature, part, value, low, high. None, where too few users have two categories.
    """
    numbers = table[["feature", "part", "value", "low", "high"]]
    figure, axis = single_axes(height=1.6 + 0.6 * numbers["feature"].nunique(), numbers=numbers)
    _rows(axis, numbers, "feature", "part")
    axis.axvline(0, color="black", lw=1, ls=":")
    axis.set(xlabel="share of the variance of a category's pins")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


def category_mrr(table: pd.DataFrame, random: float) -> Figure:
    """Mean reciprocal ranks in a category by pins of another, and by as many of the same one.

    Parameters
    ----------
    table : DataFrame
        Columns feature, trained, value, low, high. None, where too few users have two categories.
    random : float
        The expected value of a random ranking; NaN where there is none.
    """
    numbers = table[["feature", "trained", "value", "low", "high"]].assign(random=random)
    figure, axis = single_axes(height=1.6 + 0.6 * numbers["feature"].nunique(), numbers=numbers)
    _rows(axis, numbers, "feature", "trained")
    axis.axvline(random, color="black", lw=1, ls=":")
    axis.set(xlabel="mean reciprocal rank", xlim=(0, None))
    return figure


def _rows(axis: Axes, table: pd.DataFrame, rows: str, marks: str) -> None:
    """Values with intervals, a line for each of `rows` and a mark for each of `marks`."""
    if table.empty:
        axis.text(0.5, 0.5, "too few users", ha="center", va="center", transform=axis.transAxes)
        axis.set_yticks([])
        return
    names = list(table[rows].unique())
    kinds = list(table.groupby(marks, sort=False))
    for place, (kind, group) in enumerate(kinds):
        beside = 0.2 * (place - (len(kinds) - 1) / 2)
        at = [names.index(name) + beside for name in group[rows]]
        axis.errorbar(
            group["value"], at, xerr=arms(group), label=kind, color=CYCLE[place], ls="none",
            marker=MARKERS[place], ms=6, elinewidth=1.5,
        )  # fmt: skip
    axis.set(ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", color="#eeeeee")
    legend_above(axis)


def known_carry_over(table: pd.DataFrame) -> Figure:
    """How far estimates of carry-over are off in simulated worlds, on average, by the truth.

    Parameters
    ----------
    table : DataFrame
        Columns carry_over (the truth), n_users, mean, low, high (of the mean over worlds).

    Returns
    -------
    Figure
        Its table has the columns carry_over, n_users, value (the mean less the truth), low, high.
    """
    numbers = table[["carry_over", "n_users"]].assign(
        value=table["mean"] - table["carry_over"], low=table["low"] - table["carry_over"],
        high=table["high"] - table["carry_over"],
    )  # fmt: skip
    figure, axis = single_axes(height=3.4, numbers=numbers)
    sizes = list(numbers.groupby("n_users"))
    for place, (n_users, group) in enumerate(sizes):
        axis.errorbar(
            group["carry_over"] + 0.02 * (place - (len(sizes) - 1) / 2), group["value"],
            arms(group), color=CYCLE[place], ls="none", marker=MARKERS[place], ms=6,
            elinewidth=1.5, label=f"{n_users} users",
        )  # fmt: skip
    axis.axhline(0, color="black", lw=1, ls=":")
    axis.set(xlabel="carry-over of the world", ylabel="mean estimate less the truth")
    axis.set_xticks(sorted(set(numbers["carry_over"])))
    legend_above(axis)
    return figure
