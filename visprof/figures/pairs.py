"""Figures of what users differ in (Figure 5 of the paper), and of the clusters that tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.figures.curve_labels import label_curves
from visprof.figures.figure import Figure
from visprof.figures.mosaics import mosaic
from visprof.figures.style import ALL_SEEDS, COLOURS, CYCLE, DASHES, ONE_SEED, arms, single_axes

with lazily():
    from scipy import stats

__all__ = [
    "cluster_contrasts", "max_z_ecdf", "own_clusters", "sensitivity_curves", "user_shares",
]  # fmt: skip

_SETTINGS = {
    "alpha": r"weight of the prior, $\alpha$ (pins)",
    "bandwidth": r"bandwidth $\beta$ (entropy)",
    "normalised_assignments": "assignments sum to 1",
    "sigma_over": r"$\sigma^2$ is a mean over",
    "user_counts": "$y$ has sum",
    "variance": "variance",
}

_SERIES = {"max_z": "users", "shuffled_max_z": "pins shuffled"}


def _ecdf(z: np.ndarray, n_steps: int) -> pd.DataFrame:
    """Steps of an eCDF, no finer than a page shows: columns z, share (of values at or below)."""
    ecdf = stats.ecdf(z).cdf
    step = max(1, len(ecdf.quantiles) // n_steps)
    last = len(ecdf.quantiles) - 1
    shown = [*range(0, last, step), last]
    return pd.DataFrame({"z": ecdf.quantiles[shown], "share": ecdf.probabilities[shown]})


def max_z_ecdf(
    distributions: Mapping[str, np.ndarray], width: float = 7.0, height: float = 4.2
) -> Figure:
    """Figure 5: eCDF of the largest absolute z of each pair, with the 95 % and 99 % lines.

    Parameters
    ----------
    distributions : mapping of str to ndarray of shape (n_pairs,) or (S, n_pairs)
        Values of Z by name; the first is drawn as the main curve. Of several seeds the mean of the
        curves is drawn, and each seed's as a thin line.
    width, height : float
        In inches.

    Returns
    -------
    Figure
        Its table has a row a step: columns series (name), seed (1, 2, ..., or "all" for the mean
        of the curves), z, share (of pairs at or below).

    Examples
    --------
    >>> figure = max_z_ecdf({"users": np.array([[1.5, 2.5, 3.0]])})
    >>> figure.numbers["share"].round(2).tolist()  # of pairs at or below 1.5, 2.5 and 3
    [0.33, 0.67, 1.0]
    """
    # the right end of the axis: few pairs lie beyond
    largest = max(4.0, *(float(np.quantile(z, 0.995)) for z in distributions.values()))
    steps = []
    for name, z in distributions.items():
        by_seed = np.atleast_2d(z)
        for seed, of_seed in enumerate(by_seed if len(by_seed) > 1 else (), start=1):
            steps.append(_ecdf(of_seed, 500).assign(series=name, seed=str(seed)))
        # as many pairs of each seed: the curve of all values is the mean of the seeds' curves
        steps.append(_ecdf(by_seed.ravel(), 2000).assign(series=name, seed=ALL_SEEDS))
    numbers = pd.concat(steps, ignore_index=True)[["series", "seed", "z", "share"]]
    figure, axis = single_axes(width, height, numbers)
    for (name, curves), colour, dash in zip(
        numbers.groupby("series", sort=False), CYCLE, DASHES, strict=False
    ):
        for seed, curve in curves.groupby("seed", sort=False):
            whole = {"ls": dash, "label": name} if seed == ALL_SEEDS else ONE_SEED
            axis.step(
                [0, *curve["z"], max(largest, curve["z"].iloc[-1])], [0, *curve["share"], 1],
                where="post", color=colour, **whole,
            )  # fmt: skip
    for level in (0.95, 0.99):
        cut = stats.norm.ppf(0.5 + level / 2)
        axis.axvline(cut, color="#777777", lw=1, ls=":")
        axis.annotate(
            f"{level:.0%}",
            (cut, 1.0),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize="small",
            ha="center",
        )
    axis.set(xlim=(0, largest), ylim=(0, 1.0))
    axis.set(
        xlabel="$Z_{ij}$, the largest $|z|$ over clusters", ylabel="share of pairs at or below"
    )
    figure.formulas(axis.xaxis.label)
    label_curves(axis, lambda: axis.legend(loc="lower right"))
    return figure


def cluster_contrasts(table: pd.DataFrame, size: int = 80) -> Figure:
    """Clusters in which two users differ most, one pair a row, each by example pictures.

    Parameters
    ----------
    table : DataFrame
        Columns differ, user_i, user_j, max_z, z, count_i, count_j, again (NaN: not known), images,
        one row a cluster; the clusters of a pair stand together. Where there is a column name, it
        is drawn above the cluster.
    size : int
        Side of a picture in pixels.
    """
    pairs = list(table.groupby("differ", sort=False))
    n_clusters = max(len(rows) for _, rows in pairs)
    figure = Figure(
        figsize=(9, (3.05 if "name" in table else 2.75) * len(pairs)),
        layout="constrained",
        numbers=table.drop(columns="images"),
    )
    parts = figure.subfigures(len(pairs), 1, squeeze=False).flat
    labels = figure.label(pd.concat([table["user_i"], table["user_j"]]), "user", width=36)
    names = figure.label(table["name"], "cluster", width=44) if "name" in table else {}
    for part, (_, rows) in zip(parts, pairs, strict=True):
        first = rows.iloc[0]
        a, b = (labels[str(first[name])] for name in ("user_i", "user_j"))
        # in regular weight: a bold font may have fewer letters
        part.suptitle(
            f"A: {a}    B: {b}    Z = {first['max_z']:.1f}", x=0.01, ha="left", fontsize="medium"
        )
        axes = part.subplots(1, n_clusters, squeeze=False).flat
        for axis, row in zip(axes, rows.itertuples(index=False), strict=False):
            axis.imshow(mosaic(row.images, 3, size))
            title = f"$z$ = {row.z:+.1f}   (A {row.count_i:.2g}, B {row.count_j:.2g})"
            if not np.isnan(row.again):
                title += f"\nfound again by {row.again:.0%} of the other seeds"
            title = title.replace("-", "−")
            if names:  # which are no mathematics
                title = f"{names[row.name]}\n{title.replace('$', '')}"
            drawn = axis.set_title(title, fontsize="small")
            if not names:
                figure.formulas(drawn)
        for axis in part.axes:
            axis.set_axis_off()
    return figure


def own_clusters(table: pd.DataFrame, size: int = 96) -> Figure:
    """Clusters of one board, one a row: the board's pictures of it, and other boards'.

    Parameters
    ----------
    table : DataFrame
        Columns value, low, high, others, own_images, other_images. Where there is a column name, it
        is drawn above the cluster.
    size : int
        Side of a picture in pixels.
    """
    n_columns = max(1, *table[["own_images", "other_images"]].map(len).max())
    figure = Figure(
        figsize=(10, 1.22 * len(table)),
        layout="constrained",
        numbers=table.drop(columns=["own_images", "other_images"]),
    )
    axes = figure.subplots(len(table), 2, squeeze=False)
    names = figure.label(table["name"], "cluster", width=40) if "name" in table else {}
    for (own, other), row in zip(axes, table.itertuples(index=False), strict=True):
        for axis, images in ((own, row.own_images), (other, row.other_images)):
            places = [*images, *[None] * (n_columns - len(images))]
            axis.imshow(mosaic(places, n_columns, size))
            axis.set_axis_off()
        share = f"this board: {row.value:.1%} ({row.low:.1%} to {row.high:.1%})"
        own.set_title(f"{names[row.name]}; {share}" if names else share, fontsize="small")
        other.set_title(f"other boards: {row.others:.1%}", fontsize="small")
    return figure


def sensitivity_curves(table: pd.DataFrame) -> Figure:
    """eCDF of the largest absolute z by other parameters and interpretations, one panel each.

    Parameters
    ----------
    table : DataFrame
        Columns parameter, value, chosen, entropy, prior, max_z, shuffled_max_z (quantiles at equal
        steps).

    Returns
    -------
    Figure
        Its table has a row a quantile: columns parameter, value, chosen, entropy, prior, series
        ("users" or "pins shuffled"), z, share (of pairs at or below).
    """
    panels = list(table.groupby("parameter", sort=False))
    numbers = _setting_quantiles(table)
    figure = Figure(figsize=(9, 3.1 * -(-len(panels) // 3)), layout="constrained", numbers=numbers)
    axes = figure.subplots(-(-len(panels) // 3), 3, sharex=True, sharey=True, squeeze=False).ravel()
    chosen = table[table["chosen"]].iloc[0]
    largest = max(4.0, 1.5 * float(np.quantile(chosen["max_z"], 0.99)))
    for axis, (parameter, rows) in zip(axes, panels, strict=False):
        of_panel = numbers[numbers["parameter"] == parameter]
        for row, colour in zip(rows.itertuples(), CYCLE, strict=False):
            of_value = of_panel[of_panel["value"] == str(row.value)]
            for series, curve in of_value.groupby("series", sort=False):
                of_users = series == _SERIES["max_z"]
                axis.plot(
                    curve["z"], curve["share"], color=colour, ls="-" if of_users else ":",
                    label=_setting_name(row) if of_users else None,
                    lw=2.4 if row.chosen else 1.3,
                )  # fmt: skip
        axis.legend(loc="lower right", fontsize="x-small", handlelength=1.3)
        figure.formulas(axis.set_title(_SETTINGS[parameter]))
        axis.set(xlim=(0, largest), ylim=(0, 1))
        axis.tick_params(labelbottom=True)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    below = figure.supxlabel("$Z_{ij}$, the largest $|z|$ over clusters", fontsize="medium")
    figure.formulas(below)
    figure.supylabel("share of pairs at or below", fontsize="medium")
    return figure


def _setting_quantiles(table: pd.DataFrame) -> pd.DataFrame:
    """The quantiles of `sensitivity_curves`, one a row."""
    kept = ["parameter", "value", "chosen", "entropy", "prior"]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    **{name: getattr(row, name) for name in kept},
                    "value": str(row.value),
                    "series": series,
                    "z": getattr(row, column),
                    "share": np.linspace(0, 1, len(getattr(row, column))),
                }
            )
            for row in table.itertuples()
            for column, series in _SERIES.items()
        ],
        ignore_index=True,
    )


def _setting_name(row: Any) -> str:
    if row.parameter == "alpha":
        return f"{row.value:g} ({float(f'{row.prior:.2g}'):,g})"
    if row.parameter == "bandwidth":
        return f"{row.value:g} ({row.entropy:.1f})"
    return {True: "yes", False: "no"}.get(row.value, str(row.value))


def user_shares(table: pd.DataFrame) -> Figure:
    """Shares of users in the variance of pins with 95 % intervals, a profile below the other.

    Parameters
    ----------
    table : DataFrame
        Columns profile, share ("user" and others), value, low, high.

    Returns
    -------
    Figure
        Its table has the columns profile, value, low, high.
    """
    columns = ["profile", "value", "low", "high"]
    numbers = table.loc[table["share"] == "user", columns].reset_index(drop=True)
    figure, axis = single_axes(height=1.2 + 0.38 * len(numbers), numbers=numbers)
    at = np.arange(len(numbers))
    axis.errorbar(
        numbers["value"], at, xerr=arms(numbers), color=COLOURS["blue"], ls="none", marker="o",
        ms=6, elinewidth=1.5,
    )  # fmt: skip
    axis.axvline(0, color="black", lw=1, ls=":")
    axis.set(xlabel="share of users in the variance of a pin", ylim=(len(numbers) - 0.5, -0.5))
    axis.set_yticks(at, numbers["profile"])
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", color="#eeeeee")
    return figure
