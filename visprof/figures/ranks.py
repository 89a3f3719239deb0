"""Figures of how well profiles find a user's next pins (Figure 6 of the paper)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof._extras import needs
from visprof.figures.curve_labels import label_ends
from visprof.figures.figure import Figure
from visprof.figures.style import (
    ALL_SEEDS,
    CYCLE,
    DASHES,
    MARKERS,
    ONE_SEED,
    RANDOM,
    arms,
    legend_above,
    legend_below,
    single_axes,
)

with needs("book"):
    from matplotlib.ticker import LogLocator, PercentFormatter, StrMethodFormatter

__all__ = [
    "leakage_curves", "mrr_curves", "mrr_growth", "mrr_intervals", "mrr_leads", "recency_curves",
]  # fmt: skip

BESIDE = 6.0  # inches: in a narrower figure the legend stands beside the panel
# one look for each profile, in every figure
_PROFILES = ("image", "text", "fused", "mean embedding", "whitened", "file facts")

_LOOKS = {
    name: {"color": colour, "ls": dash, "marker": marker}
    for name, colour, dash, marker in zip(_PROFILES, CYCLE, DASHES, MARKERS, strict=True)
}

_LEAKAGE_PANELS = {"this study": "removed", "simulated, no taste at all": "repeat_share"}


def mrr_curves(
    table: pd.DataFrame, random: float, width: float = 7.0, height: float = 4.8
) -> Figure:
    """Figure 6: mean reciprocal rank by training pins, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        Columns profile, n_train, value, low, high, estimate. Profiles stand a little beside each
        other, so that their intervals can be told apart. Thin lines: each seed by itself.
    random : float
        The exact value of a random ranking.
    width, height : float
        In inches.

    Returns
    -------
    Figure
        Its table has the columns profile, n_train, seed (1, 2, ..., or "all" for the mean over
        seeds), value, low, high (of the mean only), random.
    """
    numbers = pd.concat([table.assign(seed=ALL_SEEDS), *_each_seed(table)])
    numbers = numbers[["profile", "n_train", "seed", "value", "low", "high"]].assign(random=random)
    figure, axis = single_axes(width, height, numbers)
    sizes = sorted(table["n_train"].unique())
    step = np.diff(sizes).min() if len(sizes) > 1 else 1
    names = table["profile"].unique()
    for place, name in enumerate(names):
        of_profile = numbers[numbers["profile"] == name]
        beside = step * 0.09 * (place - (len(names) - 1) / 2)
        for seed, line in of_profile.groupby("seed", sort=False):
            if seed != ALL_SEEDS:
                axis.plot(
                    line["n_train"] + beside, line["value"], color=_LOOKS[name]["color"], **ONE_SEED
                )
        rows = of_profile[of_profile["seed"] == ALL_SEEDS]
        axis.errorbar(
            rows["n_train"] + beside, rows["value"], arms(rows), elinewidth=1.2, ms=5,
            label=name, **_LOOKS[name],
        )  # fmt: skip
    axis.axhline(random, **RANDOM)
    axis.set(xlabel="training pins", ylabel="mean reciprocal rank", ylim=(0, None))
    axis.set_xticks(sizes)
    if width < BESIDE:
        label_ends([axis], lambda: axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5)))
    else:
        label_ends([axis], lambda: legend_above(axis))
    return figure


def _each_seed(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Mean reciprocal rank by each seed alone, a table each; none if there is one seed."""
    by_seed = list(zip(*(estimate.by_seed for estimate in table["estimate"]), strict=True))
    return [
        table[["profile", "n_train"]].assign(seed=str(seed), value=[mrr for mrr, *_ in of_seed])
        for seed, of_seed in enumerate(by_seed if len(by_seed) > 1 else (), start=1)
    ]


def mrr_growth(table: pd.DataFrame) -> Figure:
    """Expected mean reciprocal rank by the number of users among whom one is sought.

    Parameters
    ----------
    table : DataFrame
        Columns profile, n_users, value, low, high; the profile "random" is drawn dotted, without
        an interval.
    """
    figure, axis = single_axes(numbers=table[["profile", "n_users", "value", "low", "high"]])
    for name, rows in table.groupby("profile", sort=False):
        if name == "random":
            axis.plot(rows["n_users"], rows["value"], **RANDOM)
            continue
        axis.plot(rows["n_users"], rows["value"], ms=5, label=name, **_LOOKS[name])
        axis.fill_between(
            rows["n_users"], rows["low"], rows["high"], color=_LOOKS[name]["color"], alpha=0.1, lw=0
        )
    axis.set(xscale="log", yscale="log", xlabel="users", ylabel="expected mean reciprocal rank")
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.xaxis.set_minor_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    label_ends([axis], lambda: legend_above(axis))
    return figure


def leakage_curves(
    by_share: pd.DataFrame, null: pd.DataFrame, randoms: tuple[float, float]
) -> Figure:
    """MRR by the share of near-duplicates removed, and where users have no taste by repeats.

    Parameters
    ----------
    by_share : DataFrame
        Columns removed, profile, value, low, high.
    null : DataFrame
        Columns repeat_share, profile, value, low, high.
    randoms : (float, float)
        The exact value of a random ranking in either panel.

    Returns
    -------
    Figure
        Its table has the columns panel (its title), removed, repeat_share (each in one panel only),
        profile, value, low, high, random.
    """
    titles, places = _LEAKAGE_PANELS.keys(), _LEAKAGE_PANELS.values()
    numbers = pd.concat(
        [
            table[[x, "profile", "value", "low", "high"]].assign(panel=title, random=random)
            for title, x, table, random in zip(
                titles, places, (by_share, null), randoms, strict=True
            )
        ],
        ignore_index=True,
    )[["panel", *places, "profile", "value", "low", "high", "random"]]
    figure = Figure(figsize=(8.0, 4.0), layout="constrained", numbers=numbers)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (title, x), random in zip(axes, _LEAKAGE_PANELS.items(), randoms, strict=True):
        table = numbers[numbers["panel"] == title]
        axis.set_title(title)
        for name, rows in table.groupby("profile", sort=False):
            axis.errorbar(
                rows[x],
                rows["value"],
                arms(rows),
                elinewidth=1.2,
                ms=5,
                label=name,
                **_LOOKS[name],
            )
        axis.axhline(random, **RANDOM)
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set(xlabel="near-duplicates removed", ylabel="mean reciprocal rank", ylim=(0, None))
    axes[1].set(xlabel="pins that repeat an earlier one")
    label_ends(axes, lambda: legend_below(figure, ncols=3))
    return figure


def recency_curves(table: pd.DataFrame, random: float) -> Figure:
    """MRR by the number of training pins: the first, the last, or random ones of a board's.

    Parameters
    ----------
    table : DataFrame
        Columns pins, profile, n_train, value, low, high; a panel a profile.
    random : float
        The exact value of a random ranking.
    """
    numbers = table[["profile", "pins", "n_train", "value", "low", "high"]].assign(random=random)
    figure = Figure(figsize=(8.0, 3.6), layout="constrained", numbers=numbers)
    profiles = list(numbers.groupby("profile", sort=False))
    sizes = sorted(numbers["n_train"].unique())
    step = np.diff(sizes).min() if len(sizes) > 1 else 1
    axes = figure.subplots(1, len(profiles), sharey=True, squeeze=False)[0]
    for axis, (profile, of_profile) in zip(axes, profiles, strict=True):
        for place, (pins, rows) in enumerate(of_profile.groupby("pins", sort=False)):
            axis.errorbar(
                rows["n_train"] + 0.06 * step * (place - 1), rows["value"], arms(rows),
                elinewidth=1.2, ms=5, label=pins, color=CYCLE[place], ls=DASHES[place],
                marker=MARKERS[place],
            )  # fmt: skip
        axis.axhline(random, **RANDOM)
        axis.set(title=profile, xlabel="training pins")
        axis.set_xticks(sizes)
    axes[0].set(ylabel="mean reciprocal rank", ylim=(0, None))
    label_ends(axes, lambda: legend_below(figure, ncols=4))
    return figure


def mrr_intervals(table: pd.DataFrame, rows: str, random: float, marks: str = "") -> Figure:
    """Mean reciprocal ranks with 95 % intervals, one line of the page below the other.

    Parameters
    ----------
    table : DataFrame
        Columns value, low, high, and those named by `rows` and `marks`.
    rows : str
        Column whose values stand at the left, from above in their first order.
    random : float
        The exact value of a random ranking.
    marks : str
        Column whose values share a line, each with a mark of its own; empty: one value a line.
    """
    columns = [rows, *([marks] if marks else []), "value", "low", "high"]
    figure = _interval_rows(table[columns].assign(random=random), rows, marks)
    axis = figure.axes[0]
    axis.axvline(random, **RANDOM)
    axis.set(xlabel="mean reciprocal rank", xlim=(0, None))
    legend_above(axis)
    return figure


def mrr_leads(table: pd.DataFrame) -> Figure:
    """Differences in mean reciprocal rank from other profiles, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        Columns other, n_train, value (the difference), low, high.
    """
    numbers = table[["other", "n_train", "value", "low", "high"]]
    figure = _interval_rows(numbers, "other", "n_train")
    axis = figure.axes[0]
    axis.axvline(0, color="black", lw=1.2)
    axis.set(xlabel="difference in mean reciprocal rank")
    legend_above(axis, title="training pins", ncols=6)
    return figure


def _interval_rows(table: pd.DataFrame, rows: str, marks: str) -> Figure:
    """Values with intervals low to high, a line for each of `rows` and a mark for each mark."""
    names = list(table[rows].unique())
    groups = list(table.groupby(marks, sort=False)) if marks else [(None, table)]  # no label
    height = 1.2 + 0.32 * len(names) * max(1, 0.6 * len(groups))
    figure, axis = single_axes(height=height, numbers=table)
    pitch = min(0.2, 0.7 / len(groups))
    for place, (name, group) in enumerate(groups):
        look = _LOOKS.get(name, {"color": CYCLE[place % 6], "marker": MARKERS[place % 6]})
        beside = pitch * (place - (len(groups) - 1) / 2)
        at = [names.index(row) + beside for row in group[rows]]
        axis.errorbar(
            group["value"], at, xerr=arms(group), label=name, ms=6, elinewidth=1.5,
            **{**look, "ls": "none"},
        )  # fmt: skip
    axis.set(ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", color="#eeeeee")
    return figure
