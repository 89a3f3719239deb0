"""Figures of the data: simulated pictures and tastes, boards, filters and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.figures.figure import Figure
from visprof.figures.mosaics import mosaic
from visprof.figures.style import COLOURS, CYCLE, single_axes

with needs("book"):
    from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

with lazily():
    from scipy import stats

__all__ = [
    "board_funnel",
    "board_samples",
    "labelled_pictures",
    "taste_recovery",
    "time_resolution",
]


def labelled_pictures(pictures: Mapping[str, np.ndarray], n_columns: int) -> Figure:
    """Pictures in rows, each under its label.

    Parameters
    ----------
    pictures : mapping of str to ndarray, shape (s, s, 3)
        Pixels by label.
    n_columns : int
        Pictures in a row.
    """
    n_rows = -(-len(pictures) // n_columns)
    figure = Figure(figsize=(9, 9 / n_columns * n_rows * 1.17), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    labels = figure.label(pictures, "picture", 100 // n_columns)
    for axis, (name, pixels) in zip(axes, pictures.items(), strict=False):
        axis.imshow(pixels)
        axis.set_title(labels[str(name)], fontsize="small", pad=3)
    return figure


def taste_recovery(table: pd.DataFrame) -> Figure:
    """How far the share of each scene class on a board is from the user's true taste.

    Parameters
    ----------
    table : DataFrame
        Columns pins and error (total variation distance), one row a user and number of pins.

    Returns
    -------
    Figure
        Its table has a row a number of pins: columns pins, median, quantile_10 and quantile_90 of
        the errors, and inverse_root (proportional to 1 over the square root of pins).
    """
    error = table.groupby("pins")["error"]
    numbers = pd.DataFrame(
        {
            "median": error.median(),
            "quantile_10": error.quantile(0.1),
            "quantile_90": error.quantile(0.9),
        }
    ).reset_index()
    pins, middle = numbers["pins"], numbers["median"]
    numbers["inverse_root"] = middle.iloc[0] * np.sqrt(pins.iloc[0] / pins)
    figure, axis = single_axes(6, 3.4, numbers)
    axis.fill_between(
        pins, numbers["quantile_10"], numbers["quantile_90"], color=CYCLE[0], alpha=0.18, lw=0
    )
    axis.plot(pins, middle, "o-", color=CYCLE[0], label="users (median, 10 % to 90 %)")
    axis.plot(
        pins, numbers["inverse_root"], ":", color=COLOURS["grey"], label="1 / square root of pins"
    )
    axis.set(xscale="log", yscale="log", xlabel="pins", ylabel="distance from the true taste")
    axis.set_xticks(pins, [f"{n_pins:,}" for n_pins in pins], minor=False)
    axis.set_yticks([0.05, 0.1, 0.2, 0.5], ["0.05", "0.1", "0.2", "0.5"])
    axis.minorticks_off()
    axis.legend()
    return figure


def board_funnel(funnel: pd.DataFrame) -> Figure:
    """Boards and pins left after each filter.

    Parameters
    ----------
    funnel : DataFrame
        From `visprof.boards.filter_boards`: ``step``, ``boards``, ``pins``.
    """
    numbers = funnel[["step", "boards", "pins"]]
    figure = Figure(figsize=(7, 1.1 + 0.45 * len(funnel)), layout="constrained", numbers=numbers)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, unit, colour in zip(axes, ("boards", "pins"), ("blue", "green"), strict=True):
        counts = funnel[unit].to_numpy()
        bars = axis.barh(np.arange(len(funnel)), counts, height=0.65, color=COLOURS[colour])
        labels = [f"{count:,} ({count / max(counts[0], 1):.0%})" for count in counts]
        axis.bar_label(bars, labels, padding=3, fontsize="small")
        axis.set(title=unit, xticks=[], xlim=(0, 1.5 * max(counts[0], 1)))
        axis.tick_params(length=0)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    axes[0].set_yticks(np.arange(len(funnel)), funnel["step"])
    axes[0].invert_yaxis()  # the axis is shared
    return figure


def time_resolution(boards: pd.DataFrame) -> Figure:
    """Distinct times of each board by its pins, and the share of its largest batch.

    Parameters
    ----------
    boards : DataFrame
        From `visprof.datasheet.time_resolution`.
    """
    numbers = boards[["board", "pins", "distinct_times", "largest_batch"]]
    figure = Figure(figsize=(8, 3.6), layout="constrained", numbers=numbers)
    times, batches = figure.subplots(1, 2)
    decades = 10.0 ** np.array([0, np.ceil(np.log10(1.1 * boards["pins"].max()))])
    times.plot(decades, decades, color="#999999", lw=1, ls=":", label="every pin at its own time")
    times.scatter(
        boards["pins"], boards["distinct_times"], s=22, alpha=0.6, lw=0, color=COLOURS["blue"]
    )
    times.set(xscale="log", yscale="log", xlim=decades, ylim=(0.8, decades[1]))
    times.set(xlabel="pins of a board", ylabel="distinct times", title="Each point a board")
    for axis in (times.xaxis, times.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.set_minor_formatter(NullFormatter())
    times.legend(loc="upper left", fontsize="small")
    ecdf = stats.ecdf(boards["largest_batch"]).cdf
    batches.step(
        [0, *ecdf.quantiles, 1], [0, *ecdf.probabilities, 1], where="post", color=COLOURS["orange"]
    )
    batches.set(xlim=(0, 1), ylim=(0, 1.02), title="Largest batch of pins with one time")
    batches.set(xlabel="share of the board's pins", ylabel="share of boards at or below")
    for axis in (batches.xaxis, batches.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    return figure


def board_samples(
    pins: pd.DataFrame, users: Sequence[str], n: int = 12, random_state: int = 0
) -> Figure:
    """Figure 1: pins of some users, drawn at random and kept in time order.

    Parameters
    ----------
    pins : DataFrame
        A table of pins.
    users : sequence of str
        Boards to show, at most a handful.
    n : int
        Pins of each.
    random_state : int
        Seed of the draw.
    """
    rng = np.random.default_rng(random_state)
    n_columns = 4
    figure = Figure(figsize=(8, 1.9 * -(-n // n_columns) * -(-len(users) // 2) / 2 + 0.8))
    figure.set_layout_engine("constrained")
    axes = figure.subplots(-(-len(users) // 2), 2, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    labels = figure.label(users, "board", width=44, n_lines=2)
    for axis, user in zip(axes, users, strict=False):
        images = pins.loc[pins["board"] == user, "image"].to_numpy()
        chosen = np.sort(rng.choice(len(images), min(n, len(images)), replace=False))
        axis.imshow(mosaic(list(images[chosen]), n_columns, 96))
        axis.set_title(labels[str(user)], fontsize="small")
    return figure
