"""Figures of how often tests of pairs are wrong and right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.figures.curve_labels import label_ends
from visprof.figures.figure import Figure
from visprof.figures.style import COLOURS, CYCLE, DASHES, MARKERS, arms, legend_below, single_axes

with needs("book"):
    from matplotlib.axes import Axes
    from matplotlib.ticker import NullLocator, PercentFormatter

with lazily():
    from scipy import stats

__all__ = ["false_positive_rates", "power_curves", "pvalue_ecdf", "share_intervals"]


def false_positive_rates(table: pd.DataFrame, level: float) -> Figure:
    """How often the rule of a cut-off calls users different who are not.

    Parameters
    ----------
    table : DataFrame
        Columns assignment, variance, alpha, n_pins, value, low, high.
    level : float
        Level of a test, drawn as a line.
    """
    columns = ["variance", "assignment", "alpha", "n_pins", "value", "low", "high"]
    figure = Figure(
        figsize=(8.5, 4.2), layout="constrained", numbers=table[columns].assign(level=level)
    )
    variances = list(table["variance"].unique())
    axes = figure.subplots(1, len(variances), sharey=True, squeeze=False)[0]
    for axis, variance in zip(axes, variances, strict=True):
        rows = table[table["variance"] == variance]
        for (assignment, ours), dash in zip(
            rows.groupby("assignment", sort=False), DASHES, strict=False
        ):
            for place, (alpha, line) in enumerate(ours.groupby("alpha")):
                axis.errorbar(
                    line["n_pins"], line["value"], yerr=arms(line), color=CYCLE[place],
                    ls=dash, marker=MARKERS[place], ms=5, elinewidth=1,
                    label=f"{assignment}, $\\alpha$ = {alpha:g}",
                )  # fmt: skip
        axis.axhline(level, color="black", lw=1, ls=":", label=f"a test at {level:.0%}")
        axis.set(title=f"{variance} variance", xlabel="pins of each user", xscale="log")
        _plain_ticks(axis, rows["n_pins"])
    axes[0].set(ylabel="pairs called different", ylim=(-0.02, 1.02))
    axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    handles, labels = axes[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.formulas(*legend.get_texts())
    return figure


def pvalue_ecdf(pvalues: Mapping[str, list[np.ndarray]], level: float) -> Figure:
    """eCDF of the p-values of users who do not differ; a calibrated test lies on the diagonal.

    Parameters
    ----------
    pvalues : mapping of str to list of ndarray
        p-values by name, in parts: each seed has its own.
    level : float
        Level at which a test is used: the right panel shows the p-values up to twice that.

    Returns
    -------
    Figure
        Its table has a row a step, which both panels show: columns series (name), p, share (of
        p-values at or below), level.
    """
    steps = []
    for name, p in pvalues.items():
        ecdf = stats.ecdf(np.concatenate(p)).cdf
        steps.append(
            pd.DataFrame({"series": name, "p": ecdf.quantiles, "share": ecdf.probabilities})
        )
    numbers = pd.concat(steps, ignore_index=True).assign(level=level)
    figure = Figure(figsize=(8.5, 4.2), layout="constrained", numbers=numbers)
    for axis, largest in zip(figure.subplots(1, 2), (1, 2 * level), strict=True):
        axis.plot([0, 1], [0, 1], color="black", lw=1, ls=":", label="exact")
        axis.axvline(level, color="#bbbbbb", lw=1)
        for (name, curve), colour, dash in zip(
            numbers.groupby("series", sort=False), CYCLE, DASHES, strict=False
        ):
            axis.step(
                [0, *curve["p"], 1],
                [0, *curve["share"], 1],
                where="post",
                color=colour,
                ls=dash,
                label=name,
            )
        axis.set(xlim=(0, largest), ylim=(0, largest), xlabel="p-value")
    figure.axes[0].set(ylabel="share of null pairs at or below", title="all p-values")
    figure.axes[1].set(title=f"those up to {2 * level:.0%}")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def power_curves(table: pd.DataFrame, titles: Mapping[str, str], level: float) -> Figure:
    """Share of pairs that rules find different, by pins and by the strength of tastes.

    Parameters
    ----------
    table : DataFrame
        Columns rule, taste, n_pins, value, low, high.
    titles : mapping of str to str
        Title of each rule's panel.
    level : float
        Level of the tests, drawn as a line.

    Returns
    -------
    Figure
        Its table has the columns panel (its title), taste, n_pins, value, low, high, level, in the
        order of the panels.
    """
    columns = ["taste", "n_pins", "value", "low", "high"]
    panels = [
        table.loc[table["rule"] == rule, columns].assign(panel=title)
        for rule, title in titles.items()
    ]
    numbers = pd.concat(panels, ignore_index=True)[["panel", *columns]].assign(level=level)
    figure = Figure(figsize=(1.2 + 3.2 * len(titles), 4.2), layout="constrained", numbers=numbers)
    axes = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axis, title in zip(axes, titles.values(), strict=True):
        rows = numbers[numbers["panel"] == title]
        for place, (taste, line) in enumerate(rows.groupby("taste")):
            axis.errorbar(
                line["n_pins"], line["value"], yerr=arms(line), color=CYCLE[place],
                ls=DASHES[place], marker=MARKERS[place], ms=5, elinewidth=1,
                label=f"taste {taste:g}",
            )  # fmt: skip
        axis.axhline(level, color="black", lw=1, ls=":", label=f"{level:.0%}")
        axis.set(title=title, xlabel="pins of each user", xscale="log", ylim=(-0.02, 1.02))
        _plain_ticks(axis, rows["n_pins"])
    axes[0].set(ylabel="pairs found different")
    axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    label_ends(axes, lambda: legend_below(figure, ncols=1 + rows["taste"].nunique()))
    return figure


def _plain_ticks(axis: Axes, values: pd.Series) -> None:
    """Ticks of a logarithmic axis at the values themselves."""
    axis.set_xticks(sorted(set(values)), [f"{value:,}" for value in sorted(set(values))])
    axis.xaxis.set_minor_locator(NullLocator())


def share_intervals(table: pd.DataFrame, line: float) -> Figure:
    """Shares of pairs with 95 % intervals, one line of the page below the other.

    Parameters
    ----------
    table : DataFrame
        Columns name, value, low, high.
    line : float
        A share to compare with; the figure's table has it in the column compared_with.
    """
    numbers = table[["name", "value", "low", "high"]].assign(compared_with=line)
    figure, axis = single_axes(height=1.2 + 0.42 * len(table), numbers=numbers)
    at = np.arange(len(table))
    axis.errorbar(
        table["value"], at, xerr=arms(table), color=COLOURS["blue"], ls="none",
        marker="o", ms=6, elinewidth=1.5,
    )  # fmt: skip
    axis.axvline(line, color="black", lw=1, ls=":")
    axis.set(xlabel="share of pairs", xlim=(-0.02, 1.02), ylim=(len(table) - 0.5, -0.5))
    axis.set_yticks(at, table["name"])
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", color="#eeeeee")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    return figure
