"""The figures of the book, one function each: arrays and tables in, a matplotlib figure out.
Tables on the page are made here too.

Figures are made without pyplot, so none is kept open and none is drawn twice in a notebook.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import ImageOps
from scipy import stats

from visprof._extras import needs
from visprof.names import Figure
from visprof.pictures import read_image
from visprof.plotted import show_with_files
from visprof.results import verdict_with_seeds

with needs("book"):
    import matplotlib as mpl
    import seaborn as sns
    from bokeh.embed import json_item
    from bokeh.models import (
        BoxZoomTool,
        ColumnDataSource,
        HoverTool,
        PanTool,
        ResetTool,
        TapTool,
        WheelZoomTool,
        ZoomInTool,
        ZoomOutTool,
    )
    from bokeh.plotting import figure as bokeh_figure
    from bokeh.resources import INLINE
    from IPython.display import HTML
    from matplotlib.axes import Axes
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.text import Text
    from matplotlib.ticker import (
        LogLocator,
        NullFormatter,
        NullLocator,
        PercentFormatter,
        StrMethodFormatter,
    )
    from pandas.io.formats.style import Styler  # which needs jinja2

__all__ = [
    "COLOURS",
    "board_funnel",
    "board_samples",
    "chance_bars",
    "class_mean_ap",
    "cluster_contrasts",
    "false_positive_rates",
    "framework",
    "grid_representatives",
    "interactive_map",
    "labelled_pictures",
    "leakage_curves",
    "max_z_ecdf",
    "mrr_curves",
    "mrr_growth",
    "mrr_intervals",
    "mrr_leads",
    "neighbour_strips",
    "own_clusters",
    "picture_map",
    "power_curves",
    "precision_recall",
    "pvalue_ecdf",
    "reading_curves",
    "scene_map",
    "share_intervals",
    "siamese_ablation",
    "siamese_network",
    "table",
    "taste_recovery",
    "time_resolution",
    "training_curves",
    "use_book_style",
    "verdicts",
]

# Okabe-Ito: told apart by colour-blind readers; every curve has its own dash or marker too
COLOURS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "grey": "#666666",
}
CYCLE = list(COLOURS.values())
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]
DIAGRAM_FONT, SMALL_FONT = 11.5, 10
MARKERS = ["o", "s", "^", "D", "v", "P"]


def use_book_style() -> None:
    """Set fonts and sizes for the figures of a chapter, and have them shown with their files."""
    sns.set_theme(context="notebook", style="ticks", palette=CYCLE)
    mpl.rcParams.update(
        {
            "figure.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "legend.frameon": False,
            "svg.hashsalt": "visprof",  # the same figure gives the same file
        }
    )
    show_with_files()


def table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None) -> Styler:
    """Show a table whole: no index, no cut text, words to the left; text is text, not HTML.

    Parameters
    ----------
    frame : DataFrame
        What to show.
    formats : mapping of str to str, optional
        Format of a column's values, such as ``"{:.3f}"``.
    """
    shown = frame.style.hide(axis="index").format(formats, escape="html")
    shown.format_index(escape="html", axis="columns").set_properties(**{"text-align": "left"})
    # the theme leaves tables of the first class in its own colours, light or dark; notebooks do not
    # look for mathematics in the others
    return shown.set_table_attributes('class="dataframe tex2jax_ignore mathjax_ignore"')


def verdicts(cards: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The verdicts of several scorecards, short enough for a glance.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `visprof.results.scorecard` by the name of its study.

    Returns
    -------
    DataFrame
        Columns claim, and one a study: verdict, and if some seed alone would give another, in how
        many it would stand.
    """
    marks = {"holds": "✔", "does not hold": "✘", "not tested": "–"}  # else: undecided
    first = next(iter(cards.values()))
    found = {
        name: [
            f"{marks.get(verdict, '?')} {words}"
            for verdict, words in zip(card["verdict"], verdict_with_seeds(card), strict=True)
        ]
        for name, card in cards.items()
    }
    return pd.DataFrame({"claim of the paper, or beside it": first["claim"], **found})


def _axes(width: float = 7.0, height: float = 4.2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _tile(image: str, size: int) -> np.ndarray:
    """Centre square of a picture file, (size, size, 3) uint8."""
    return np.asarray(ImageOps.fit(read_image(image), (size, size)))


def _mosaic(images: Sequence[str | None], n_columns: int, size: int, gap: int = 3) -> np.ndarray:
    """One white canvas with pictures in rows; None leaves its place empty."""
    n_rows = -(-len(images) // n_columns)
    pitch = size + gap
    canvas = np.full((n_rows * pitch - gap, n_columns * pitch - gap, 3), 255, np.uint8)
    for place, image in enumerate(images):
        if image is not None:
            top, left = (place // n_columns) * pitch, (place % n_columns) * pitch
            canvas[top : top + size, left : left + size] = _tile(image, size)
    return canvas


# ---------------------------------------------------------------- the data


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
    """
    figure, axis = _axes(6, 3.4)
    error = table.groupby("pins")["error"]
    middle = error.median()
    axis.fill_between(
        middle.index, error.quantile(0.1), error.quantile(0.9), color=CYCLE[0], alpha=0.18, lw=0
    )
    axis.plot(middle.index, middle, "o-", color=CYCLE[0], label="users (median, 10 % to 90 %)")
    root = middle.iloc[0] * np.sqrt(middle.index[0] / middle.index)
    axis.plot(middle.index, root, ":", color=COLOURS["grey"], label="1 / square root of pins")
    axis.set(xscale="log", yscale="log", xlabel="pins", ylabel="distance from the true taste")
    axis.set_xticks(middle.index, [f"{pins:,}" for pins in middle.index], minor=False)
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
    figure = Figure(figsize=(7, 1.1 + 0.45 * len(funnel)), layout="constrained")
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
    figure = Figure(figsize=(8, 3.6), layout="constrained")
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


# ---------------------------------------------------------------- Figure 1


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
        axis.imshow(_mosaic(list(images[chosen]), n_columns, 96))
        axis.set_title(labels[str(user)], fontsize="small")
    return figure


# ---------------------------------------------------------------- Figures 2 and 3


def _box(
    axis: Axes, x: float, y: float, text: str, colour: str, width: float, height: float
) -> Text:
    axis.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=mpl.colors.to_rgba(colour, 0.14),
            edgecolor=colour,
            linewidth=1.3,
        )
    )
    return axis.text(x, y, text, ha="center", va="center", fontsize=DIAGRAM_FONT, linespacing=1.3)


def _arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], text: str = ""
) -> None:
    axis.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color="#444444", lw=1.2)
    )
    if text:
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        white = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axis.text(*middle, text, ha="center", va="center", fontsize=SMALL_FONT, bbox=white)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure, axis = _axes(width, height)
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axis.set_axis_off()
    return figure, axis


def framework(n_cnn: int, n_siamese: int, n_clusters: int) -> Figure:
    """Figure 2: from a user's pins to a profile, as this code does it.

    Parameters
    ----------
    n_cnn, n_siamese, n_clusters : int
        Dimensions of the CNN's output, of the Siamese embedding and of the profile.
    """
    figure, axis = _canvas(9.4, 3.9)
    for left, right, title in (
        (0.05, 4.65, "I. Embed each pin"),
        (4.75, 7.15, "II. Assign to clusters"),
        (7.25, 9.35, "III. Sum up the user"),
    ):
        axis.text(left + 0.1, 3.68, title, fontsize=DIAGRAM_FONT + 1, fontweight="bold")
        axis.plot([left + 0.1, right - 0.1], [3.55, 3.55], color="#bbbbbb", lw=1)
    blue, orange, green, purple = (COLOURS[c] for c in ("blue", "orange", "green", "purple"))
    _box(axis, 0.65, 1.8, "pins of\nuser $i$\nin time\norder", COLOURS["grey"], 1.0, 1.3)
    _box(axis, 2.15, 2.6, "CNN\nlast layer", blue, 1.15, 0.85)
    _box(axis, 2.15, 1.0, "Siamese\nnetwork", orange, 1.15, 0.85)
    _box(
        axis,
        3.95,
        1.8,
        f"hybrid $d_j$\n{n_cnn} + {n_siamese}\n= {n_cnn + n_siamese}",
        green,
        1.2,
        1.1,
    )
    _box(
        axis,
        5.95,
        1.8,
        f"soft assignment\nto {n_clusters} centres\nof the background:\n$c_j$   (Eq. 2)",
        purple,
        1.75,
        1.4,
    )
    _box(
        axis,
        8.3,
        1.8,
        f"profile $v_i$\nmean of $c_j$\n{n_clusters} shares\n(Eq. 3)",
        blue,
        1.3,
        1.4,
    )
    _arrow(axis, (1.17, 2.0), (1.55, 2.5))
    _arrow(axis, (1.17, 1.6), (1.55, 1.1))
    _arrow(axis, (2.75, 2.5), (3.33, 2.05), f"{n_cnn}")
    _arrow(axis, (2.75, 1.1), (3.33, 1.55), f"{n_siamese}")
    _arrow(axis, (4.57, 1.8), (5.05, 1.8))
    _arrow(axis, (6.85, 1.8), (7.63, 1.8))
    axis.text(
        5.95,
        0.62,
        "k-means on background\nboards, done once",
        ha="center",
        fontsize=SMALL_FONT,
        style="italic",
    )
    axis.text(
        8.3,
        0.62,
        "compared between users,\nor matched to later pins",
        ha="center",
        fontsize=SMALL_FONT,
        style="italic",
    )
    figure.formulas(*figure.findobj(Text))
    return figure


def siamese_network(
    trunk: str, n_features: int, n_outputs: int, margin: float, normalise: str
) -> Figure:
    """Figure 3: the Siamese network that this code trains.

    Parameters
    ----------
    trunk : str
        Name of the CNN below the last layer.
    n_features, n_outputs : int
        Dimensions before and after the last layer.
    margin : float
        Margin of the contrastive loss.
    normalise : {"batch", "l2"}
        What stands on top of the outputs.
    """
    figure, axis = _canvas(9.4, 3.4)
    top = {"batch": "batch\nnorm", "l2": "unit\nlength"}[normalise]
    trunk = trunk.replace("-", "-\n", 1)  # the names of networks are long
    named = []
    for y, picture, output in ((2.5, "picture $x$", "$f(x)$"), (0.9, "picture $y$", "$f(y)$")):
        _box(axis, 0.6, y, picture, COLOURS["grey"], 1.1, 0.6)
        text = f"{trunk}\nwithout last layer"
        named.append(_box(axis, 2.25, y, text, COLOURS["blue"], 1.75, 0.95))
        _box(axis, 4.15, y, f"linear\n{n_features} to {n_outputs}", COLOURS["orange"], 1.25, 0.8)
        _box(axis, 5.65, y, top, COLOURS["orange"], 0.85, 0.8)
        _arrow(axis, (1.15, y), (1.37, y))
        _arrow(axis, (3.13, y), (3.52, y))
        _arrow(axis, (4.78, y), (5.22, y))
        _arrow(axis, (6.08, y), (7.05, 1.7 + np.sign(y - 1.7) * 0.4), output)
    shared = [(2.25, "same weights"), (4.15, "same weights"), (5.65, "one batch")]
    for x, label in shared if normalise == "batch" else shared[:2]:
        axis.annotate(
            "",
            (x, 1.32),
            (x, 2.08),
            arrowprops={"arrowstyle": "<->", "color": "#999999", "ls": "--"},
        )
        axis.text(x + 0.08, 1.7, label, fontsize=SMALL_FONT, va="center", style="italic")
    _box(
        axis,
        8.2,
        1.7,
        "contrastive loss (Eq. 1)\n$D = ||f(x) - f(y)||$\nsimilar: $D^2/2$\n"
        f"else: $\\max(0, {margin:g} - D)^2/2$",
        COLOURS["green"],
        2.3,
        1.6,
    )
    figure.formulas(*{*figure.findobj(Text)} - {*named})
    return figure


def training_curves(log: pd.DataFrame, margin: float) -> Figure:
    """Loss, distances of similar and dissimilar pairs, and share of active pairs by iteration.

    Parameters
    ----------
    log : DataFrame
        As `visprof.siamese.train_siamese` returns it.
    margin : float
        Margin of the loss, drawn into the distances.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, distance, active = figure.subplots(1, 3)
    loss.plot(log["iteration"], log["loss"], color=COLOURS["grey"])
    loss.set(title="Loss (Eq. 1)", ylim=(0, None))
    distance.plot(
        log["iteration"], log["dissimilar_distance"], "--", label="dissimilar", color=CYCLE[1]
    )
    distance.plot(log["iteration"], log["similar_distance"], label="similar", color=CYCLE[0])
    distance.axhline(margin, color="#999999", lw=1, ls=":")
    distance.annotate(
        "margin",
        (0.99, margin),
        (0, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize="x-small",
    )
    distance.set(title="Mean distance D", ylim=(0, None))
    distance.legend(fontsize="small")
    active.plot(log["iteration"], 100 * log["active_share"], color=COLOURS["purple"])
    active.set(title="Dissimilar pairs with D < margin, %", ylim=(-3, 103))
    for axis in (loss, distance, active):
        axis.set_xlabel("iteration")
    return figure


def siamese_ablation(table: pd.DataFrame) -> Figure:
    """Mean average precision by margin, for each normalisation (rows) and learning rate (columns).

    Parameters
    ----------
    table : DataFrame
        As the step ``siamese_ablation`` of a study returns it.
    """
    titles = {"batch": "batch normalisation", "l2": "unit length"}
    trained = table[table["rule"] != "start"]
    rules = list(trained["rule"].unique())
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots(len(titles), len(rules), sharex=True, sharey=True, squeeze=False)
    for (normalise, title), row in zip(titles.items(), axes, strict=True):
        of_row = table[table["normalise"] == normalise]
        start = of_row[of_row["rule"] == "start"].iloc[0]
        for rule, axis in zip(rules, row, strict=True):
            shown = of_row[of_row["rule"] == rule]
            axis.axhspan(start["low"], start["high"], color=COLOURS["grey"], alpha=0.12, lw=0)
            axis.axhline(start["mean_ap"], color=COLOURS["grey"], ls=":", label="before training")
            places = np.arange(len(shown))
            error = (shown["mean_ap"] - shown["low"], shown["high"] - shown["mean_ap"])
            axis.errorbar(places, shown["mean_ap"], error, fmt="none", color=COLOURS["blue"], lw=1)
            for pushed, filling in ((True, COLOURS["blue"]), (False, "white")):
                dots = ((shown["first_active"] > 0) == pushed).to_numpy()
                axis.plot(
                    places[dots], shown["mean_ap"].to_numpy()[dots], "o", ms=6,
                    color=COLOURS["blue"], mfc=filling,
                    label="dissimilar pairs push" if pushed else "none pushes at first",
                )  # fmt: skip
            axis.set_xticks(places, [f"{margin:g}" for margin in shown["margin"]])
            axis.set_xlim(-0.5, len(shown) - 0.5)
        row[0].set_ylabel(f"{title}\nmAP")
    for rule, top, bottom in zip(rules, axes[0], axes[-1], strict=True):
        rate = trained.loc[trained["rule"] == rule, "lr_last"].iloc[0]
        top.set_title(f"{rule}: {rate:.2g}", fontsize="small")
        bottom.set_xlabel("margin m")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="small")
    return figure


# ---------------------------------------------------------------- the metric and the map


def class_mean_ap(table: pd.DataFrame) -> Figure:
    """Mean average precision of each class by each method; classes by the first method's.

    Parameters
    ----------
    table : DataFrame
        Index the classes, one column a method.
    """
    ordered = table.sort_values(table.columns[0])
    figure, axis = _axes(7.5, 1.2 + 0.26 * len(ordered))
    places = np.arange(len(ordered))
    axis.hlines(places, ordered.min(axis=1), ordered.max(axis=1), color="#cccccc", lw=1, zorder=0)
    for (name, values), colour, marker in zip(ordered.items(), CYCLE, MARKERS, strict=False):
        axis.plot(values, places, marker, ls="", color=colour, label=name, ms=6)
    names = [str(name).replace("_", " ") for name in ordered.index]
    labels = figure.label(names, "class", width=32)
    axis.set_yticks(places, [labels[name] for name in names])
    axis.set(xlabel="mean average precision of the class", xlim=(0, 1.02))
    axis.grid(axis="x", color="#eeeeee")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(ordered.columns))
    return figure


def neighbour_strips(
    images: Sequence[str], labels: Sequence[str], queries: pd.DataFrame, size: int = 96
) -> Figure:
    """Queries, each with its nearest pictures: framed whole where the label is right, else dashed.

    Parameters
    ----------
    images, labels : sequence of str, length n
        Picture files and their classes.
    queries : DataFrame
        Columns query (position), neighbours (positions, nearest first), average_precision.
    size : int
        Side of a picture in pixels.
    """
    width = len(queries["neighbours"].iloc[0])
    figure = Figure(figsize=(9, 1.42 * len(queries)), layout="constrained")
    axes = figure.subplots(len(queries), width + 1, squeeze=False)
    shown = {place for row in queries.itertuples() for place in (row.query, *row.neighbours)}
    names = {place: str(labels[place]).replace("_", " ") for place in sorted(shown)}
    drawn = figure.label(names.values(), "class", width=14, n_lines=2)
    for row, (query, neighbours, score) in zip(
        axes,
        queries[["query", "neighbours", "average_precision"]].itertuples(index=False),
        strict=True,
    ):
        for axis, position in zip(row, [query, *neighbours], strict=True):
            axis.imshow(_tile(images[position], size))
            axis.set(xticks=[], yticks=[])
            right = labels[position] == labels[query]
            colour, dash = (COLOURS["green"], "-") if right else (COLOURS["orange"], (0, (2, 1.5)))
            if position == query:
                colour = "black"
            for spine in axis.spines.values():
                spine.set(visible=True, color=colour, linestyle=dash, linewidth=2.5)
            name = drawn[names[position]]
            title = f"{name}\nAP {score:.2f}" if position == query else name
            axis.set_title(title, fontsize=8.5, pad=3, loc="center")
    return figure


def precision_recall(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Precision against recall, each averaged over queries at every rank k.

    Parameters
    ----------
    curves : mapping of str to (precision, recall)
        Arrays of shape (n - 1,) by the name of the method.
    """
    figure, axis = _axes()
    for (name, (precision, recall)), colour, dash in zip(
        curves.items(), CYCLE, DASHES, strict=False
    ):
        axis.plot(recall, precision, label=name, color=colour, ls=dash)
    axis.set(xlabel="recall at k", ylabel="precision at k", xlim=(0, 1), ylim=(0, None))
    axis.legend()
    return figure


def grid_representatives(
    plane: np.ndarray, n_blocks: int, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a plane into blocks and draw one point of each (the paper, Figure 4).

    Parameters
    ----------
    plane : ndarray, shape (n, 2)
        Points.
    n_blocks : int
        Blocks along each side.
    random_state : int
        Seed of the draw.

    Returns
    -------
    points, blocks : ndarray of int, shape (m,)
        Rows of `plane`, and the block of each, counted from the top left in reading order. Empty
        blocks have no row.
    """
    low, high = plane.min(axis=0), plane.max(axis=0)
    cell = ((plane - low) / np.maximum(high - low, 1e-12) * n_blocks).astype(int)
    column, row = np.clip(cell, 0, n_blocks - 1).T
    block = (n_blocks - 1 - row) * n_blocks + column
    order = np.random.default_rng(random_state).permutation(len(plane))
    blocks, first = np.unique(block[order], return_index=True)
    return order[first], blocks


def picture_map(
    plane: np.ndarray, images: Sequence[str], n_blocks: int = 20, random_state: int = 0
) -> Figure:
    """Figure 4: the plane of t-SNE cut into blocks, one picture drawn from each.

    Parameters
    ----------
    plane : ndarray, shape (n, 2)
        The plane.
    images : sequence of str, length n
        The picture files.
    n_blocks : int
        Blocks along each side.
    random_state : int
        Seed of the draw.
    """
    points, blocks = grid_representatives(plane, n_blocks, random_state)
    places: list[str | None] = [None] * n_blocks**2
    for point, block in zip(points, blocks, strict=True):
        places[block] = images[point]
    figure = Figure(figsize=(9, 9))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.imshow(_mosaic(places, n_blocks, 1200 // n_blocks, gap=2))
    axis.set_axis_off()
    return figure


def scene_map(plane: np.ndarray, labels: Sequence[str], n_columns: int = 3) -> Figure:
    """Labelled points of the plane, each class with a colour and a marker of its own.

    Parameters
    ----------
    plane : ndarray, shape (n, 2)
        The plane.
    labels : sequence of str, length n
        Class of each point. Of more classes than there are pairs of colour and marker, the
        largest get one, and the others share small grey points.
    n_columns : int
        Columns of the legend.
    """
    labels = pd.Series(np.asarray(labels))
    looks = [(colour, marker) for marker in MARKERS for colour in CYCLE]
    named = sorted(labels.value_counts(sort=True).index[: len(looks)])
    rest = ~labels.isin(named).to_numpy()
    n_rows = -(-(len(named) + rest.any()) // n_columns)
    width, height = np.ptp(plane, axis=0)
    figure, axis = _axes(5.6, 5.6 * np.clip(height / max(width, 1e-12), 0.5, 1.2) + 0.22 * n_rows)
    drawn = figure.label([str(label).replace("_", " ") for label in named], "class", width=24)
    if rest.any():
        axis.scatter(*plane[rest].T, s=5, color="#bbbbbb", lw=0, label="other classes")
    for label, (colour, marker) in zip(named, looks, strict=False):
        points = plane[(labels == label).to_numpy()]
        axis.scatter(
            *points.T, s=24, color=colour, marker=marker, alpha=0.8, lw=0.3, ec="white",
            label=drawn[str(label).replace("_", " ")],
        )  # fmt: skip
    axis.set(aspect="equal", xticks=[], yticks=[])  # neither position nor scale has a meaning
    axis.spines[:].set_visible(False)
    figure.legend(loc="outside lower center", ncols=n_columns, fontsize="small")
    return figure


# twice the size on the screen; Bokeh's own tooltip would let the points shine through
_TOOLTIP = """
<div style="max-width: 8rem; font: 0.8rem/1.3 sans-serif; overflow-wrap: anywhere">
  <style>:host { opacity: 1 !important }</style>
  <img src="@picture" alt="" style="display: block; zoom: 2; margin-bottom: 0.15rem">
  <div>@caption</div>
  <div style="color: #666">@board</div>
</div>
"""

_MAP_PAGE = """
<figure class="interactive-map" aria-label="{alt}" style="margin: 0">
<style>
.interactive-map > div {{ height: min(36rem, 80vh); padding: 0.5rem; background: #fff;
  border: 1px solid #ccc; border-radius: 0.5rem; box-sizing: border-box; color-scheme: light; }}
@media (max-width: 40rem) {{ .interactive-map > div {{ height: 26rem; }} }}
</style>
<div id="{name}"></div>
<noscript>This map needs JavaScript.</noscript>
<figcaption>{caption}</figcaption>
<script>{bokeh}</script>
<script>
(async () => {{
  const card = document.getElementById("{name}")
  const views = await Bokeh.embed.embed_item({item})
  const plot = views.roots[0].model
  const [pins, ringed] = plot.renderers.map((renderer) => renderer.data_source)
  // The board of the pin under the pointer is ringed. Setting data repaints, and that inspects
  // again: nothing is set while the board stays the same.
  pins.inspect.connect(() => {{
    const {{x, y, board}} = pins.data
    const name = board[pins.inspected.indices[0]]
    if (name === ringed.data.board[0]) return
    const rows = [...board.keys()].filter((row) => board[row] === name)
    const [xs, ys, names] = [x, y, board].map((column) => rows.map((row) => column[row]))
    ringed.data = {{x: xs, y: ys, board: names}}
  }})
  // A wheel turn that began outside scrolls the page on past the map; it zooms once the pointer
  // itself, not the page below it, has moved over the map.
  let place = "", own = true
  for (const type of ["wheel", "pointermove"]) document.addEventListener(type, (event) => {{
    const [inside, before] = [card.contains(event.target), place]
    place = `${{event.clientX}} ${{event.clientY}}`
    if (type === "pointermove") own ||= inside && place !== before
    else if (!inside) own = false
    else if (!own) event.stopPropagation()
  }}, {{capture: true, passive: true}})
  // A finger scrolls the page, unless panning is switched on; two fingers zoom. What a tap shows
  // stays when the finger is lifted.
  card.addEventListener("pointerout", (event) => {{
    if (event.pointerType === "touch") event.stopPropagation()
  }}, true)
  if (matchMedia("(pointer: coarse)").matches) {{
    for (const tool of plot.toolbar.tools) if (tool.type === "PanTool") tool.active = false
  }}
}})()
</script>
</figure>
"""


def interactive_map(
    pins: pd.DataFrame,
    alt: str,
    caption: str = "",
    thumbnail: int = 64,
    name: str = "interactive-map",
) -> HTML:
    """The plane of t-SNE to zoom into; the pin under the pointer shows its picture and board.

    Every point has the mean colour of its picture, and the board of the pin under the pointer is
    ringed. The page holds all that it needs, Bokeh's script too: nothing is fetched. Equal pins
    give equal text.

    Parameters
    ----------
    pins : DataFrame
        Columns x, y, image, caption, board. Each row adds about 1 kB to the page.
    alt : str
        What the map shows, for readers who do not see it.
    caption : str
        Text below the map; HTML.
    thumbnail : int
        Longer side of the pictures, in pixels.
    name : str
        Id of the map's element, unique in its page.

    Raises
    ------
    ValueError
        If there are no pins, or a coordinate is not finite.
    """
    if not len(pins) or not np.isfinite(pins[["x", "y"]].to_numpy(float)).all():
        raise ValueError(
            f"pins: expected at least one, all with finite x and y, got {len(pins)}; lay them out "
            "with visprof.maps.tsne_plane"
        )
    pictures, colours = zip(*(_thumbnail(image, thumbnail) for image in pins["image"]), strict=True)
    shown = ColumnDataSource(
        {
            "x": pins["x"].to_numpy(np.float32),
            "y": pins["y"].to_numpy(np.float32),
            "colour": colours,
            "picture": pictures,
            "caption": pins["caption"].astype(str).tolist(),
            "board": pins["board"].astype(str).tolist(),
        }
    )
    ringed = ColumnDataSource({"x": [], "y": [], "board": []})
    plot = bokeh_figure(
        sizing_mode="stretch_both", match_aspect=True, tools="", toolbar_location="above",
        outline_line_color=None,
    )  # fmt: skip
    plot.axis.visible = False  # neither position nor scale has a meaning
    plot.grid.visible = False
    plot.toolbar.logo = None
    points = plot.scatter(
        "x", "y", source=shown, size=7, fill_color="colour", line_color="#444444", line_width=0.5,
        hit_dilation=2,
    )  # fmt: skip
    plot.scatter(
        "x", "y", source=ringed, size=10, fill_color=None, line_color="black", line_width=2
    )
    plot.x_range.renderers = plot.y_range.renderers = [points]
    wheel, pan = WheelZoomTool(), PanTool()
    hover = HoverTool(renderers=[points], tooltips=_TOOLTIP, limit=1, visible=False)
    # on touch screens a tap does what hovering does
    tap = TapTool(renderers=[points], behavior="inspect", visible=False)
    zooms = [BoxZoomTool(match_aspect=True), ZoomInTool(), ZoomOutTool()]
    plot.add_tools(pan, wheel, *zooms, ResetTool(), hover, tap)
    plot.toolbar.active_scroll, plot.toolbar.active_drag = wheel, pan
    item = json.dumps(_renumbered(json_item(plot, name), name), separators=(",", ":"))
    return _HTMLWithData(
        _MAP_PAGE.format(
            name=html.escape(name),
            alt=html.escape(alt),
            caption=caption,
            bokeh=INLINE.js_raw[0],  # the core alone: the map uses no widgets, tables or formulas
            item=item.replace("<", "\\u003c"),  # no caption can close the script
        ),
        pins[["x", "y", "board", "caption"]],
    )


class _HTMLWithData(HTML):
    """A figure in HTML, with the numbers behind it for who shows it."""

    def __init__(self, page: str, numbers: pd.DataFrame) -> None:
        super().__init__(page)
        self.numbers = numbers

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        csv = self.numbers.to_csv(index=False, float_format="%.6g")
        return {"text/html": self.data, "text/csv": csv}


def _thumbnail(image: str, size: int) -> tuple[str, str]:
    """Small copy of a picture file as a data URI, and its mean colour as ``#rrggbb``."""
    picture = read_image(image)
    picture.thumbnail((size, size))
    red, green, blue = np.asarray(picture).mean(axis=(0, 1)).round().astype(int)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=50, method=6)
    uri = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return uri, f"#{red:02x}{green:02x}{blue:02x}"


def _renumbered(item: Any, prefix: str) -> Any:
    """Give the models of a Bokeh document ids of their own, which do not depend on earlier ones."""
    ids: dict[str, str] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: (
                    ids.setdefault(inner, f"{prefix}-{len(ids)}")
                    if key in ("id", "root_id")
                    else walk(inner)
                )
                for key, inner in value.items()
            }
        return [walk(inner) for inner in value] if isinstance(value, list | tuple) else value

    return walk(item)


# ---------------------------------------------------------------- users


def _ecdf(z: np.ndarray, largest: float, n_steps: int) -> tuple[list[float], list[float]]:
    """Steps of an eCDF from 0 to `largest` at least, no finer than a page shows."""
    ecdf = stats.ecdf(z).cdf
    step = max(1, len(ecdf.quantiles) // n_steps)
    values = [0, *ecdf.quantiles[::step], max(largest, ecdf.quantiles[-1])]
    return values, [0, *ecdf.probabilities[::step], 1]


def max_z_ecdf(distributions: Mapping[str, np.ndarray], largest: float | None = None) -> Figure:
    """Figure 5: eCDF of the largest absolute z of each pair, with the 95 % and 99 % lines.

    Parameters
    ----------
    distributions : mapping of str to ndarray of shape (n_pairs,) or (S, n_pairs)
        Values of Z by name; the first is drawn as the main curve. Of several seeds the mean of the
        curves is drawn, and each seed's as a thin line.
    largest : float, optional
        Right end of the axis; by default the largest 99.5 % quantile of a curve, at least 4.
    """
    figure, axis = _axes()
    if largest is None:
        largest = max(4.0, *(float(np.quantile(z, 0.995)) for z in distributions.values()))
    for (name, z), colour, dash in zip(distributions.items(), CYCLE, DASHES, strict=False):
        by_seed = np.atleast_2d(z)
        for of_seed in by_seed if len(by_seed) > 1 else ():
            axis.step(*_ecdf(of_seed, largest, 500), where="post", color=colour, **_ONE_SEED)
        # as many pairs of each seed: the curve of all values is the mean of the seeds' curves
        axis.step(
            *_ecdf(by_seed.ravel(), largest, 2000), where="post", color=colour, ls=dash, label=name
        )
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
    axis.legend(loc="lower right")
    return figure


def cluster_contrasts(table: pd.DataFrame, size: int = 80) -> Figure:
    """Clusters in which two users differ most, one pair a row, each by example pictures.

    Parameters
    ----------
    table : DataFrame
        Columns differ, user_i, user_j, max_z, z, count_i, count_j, again (NaN: not known), images,
        one row a cluster; the clusters of a pair stand together.
    size : int
        Side of a picture in pixels.
    """
    pairs = list(table.groupby("differ", sort=False))
    n_clusters = max(len(rows) for _, rows in pairs)
    figure = Figure(figsize=(9, 2.75 * len(pairs)), layout="constrained")
    parts = figure.subfigures(len(pairs), 1, squeeze=False).flat
    labels = figure.label(pd.concat([table["user_i"], table["user_j"]]), "user", width=36)
    for part, (_, rows) in zip(parts, pairs, strict=True):
        first = rows.iloc[0]
        a, b = (labels[str(first[name])] for name in ("user_i", "user_j"))
        # in regular weight: a bold font may have fewer letters
        part.suptitle(
            f"A: {a}    B: {b}    Z = {first['max_z']:.1f}", x=0.01, ha="left", fontsize="medium"
        )
        axes = part.subplots(1, n_clusters, squeeze=False).flat
        for axis, row in zip(axes, rows.itertuples(), strict=False):
            axis.imshow(_mosaic(row.images, 3, size))
            title = f"$z$ = {row.z:+.1f}   (A {row.count_i:.2g}, B {row.count_j:.2g})"
            if not np.isnan(row.again):
                title += f"\nfound again by {row.again:.0%} of the other seeds"
            figure.formulas(axis.set_title(title.replace("-", "−"), fontsize="small"))
        for axis in part.axes:
            axis.set_axis_off()
    return figure


def own_clusters(table: pd.DataFrame, size: int = 96) -> Figure:
    """Clusters of one board, one a row: the board's pictures of it, and other boards'.

    Parameters
    ----------
    table : DataFrame
        Columns share, low, high, others, own_images, other_images.
    size : int
        Side of a picture in pixels.
    """
    n_columns = max(1, *table[["own_images", "other_images"]].map(len).max())
    figure = Figure(figsize=(10, 1.22 * len(table)), layout="constrained")
    axes = figure.subplots(len(table), 2, squeeze=False)
    for (own, other), row in zip(axes, table.itertuples(), strict=True):
        for axis, images in ((own, row.own_images), (other, row.other_images)):
            places = [*images, *[None] * (n_columns - len(images))]
            axis.imshow(_mosaic(places, n_columns, size))
            axis.set_axis_off()
        own.set_title(
            f"this board: {row.share:.1%} ({row.low:.1%} to {row.high:.1%})", fontsize="small"
        )
        other.set_title(f"other boards: {row.others:.1%}", fontsize="small")
    return figure


_READINGS = {
    "alpha": r"weight of the prior, $\alpha$ (pins)",
    "bandwidth": r"bandwidth $\beta$ (entropy)",
    "normalised": "assignments sum to 1",
    "sigma": r"$\sigma^2$ is a mean over",
    "counts": "$y$ has sum",
    "variance": "variance",
}


def reading_curves(table: pd.DataFrame) -> Figure:
    """eCDF of the largest absolute z by other parameters and readings, one panel each.

    Parameters
    ----------
    table : DataFrame
        Columns parameter, value, chosen, entropy, prior, max_z, dealt_max_z (quantiles at equal
        steps).
    """
    panels = list(table.groupby("parameter", sort=False))
    figure = Figure(figsize=(9, 3.1 * -(-len(panels) // 3)), layout="constrained")
    axes = figure.subplots(-(-len(panels) // 3), 3, sharex=True, sharey=True, squeeze=False).ravel()
    chosen = table[table["chosen"]].iloc[0]
    largest = max(4.0, 1.5 * float(np.quantile(chosen["max_z"], 0.99)))
    for axis, (parameter, rows) in zip(axes, panels, strict=False):
        for row, colour in zip(rows.itertuples(), CYCLE, strict=False):
            name = _reading_name(row)
            for z, dash, label in ((row.max_z, "-", name), (row.dealt_max_z, ":", None)):
                axis.plot(
                    z, np.linspace(0, 1, len(z)), color=colour, ls=dash, label=label,
                    lw=2.4 if row.chosen else 1.3,
                )  # fmt: skip
        axis.legend(loc="lower right", fontsize="x-small", handlelength=1.3)
        figure.formulas(axis.set_title(_READINGS[parameter]))
        axis.set(xlim=(0, largest), ylim=(0, 1))
        axis.tick_params(labelbottom=True)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    below = figure.supxlabel("$Z_{ij}$, the largest $|z|$ over clusters", fontsize="medium")
    figure.formulas(below)
    figure.supylabel("share of pairs at or below", fontsize="medium")
    return figure


def _reading_name(row: Any) -> str:
    if row.parameter == "alpha":
        return f"{row.value:g} ({float(f'{row.prior:.2g}'):,g})"
    if row.parameter == "bandwidth":
        return f"{row.value:g} ({row.entropy:.1f})"
    return {True: "yes", False: "no"}.get(row.value, str(row.value))


# one look for each profile, in every figure
_PROFILES = ("image", "text", "fused", "mean embedding", "label histogram", "palette")
_LOOKS = {
    name: {"color": colour, "ls": dash, "marker": marker}
    for name, colour, dash, marker in zip(_PROFILES, CYCLE, DASHES, MARKERS, strict=True)
}
_RANDOM = {"color": "black", "ls": (0, (1, 2)), "lw": 1.2, "label": "random (exact)"}
_ONE_SEED = {"lw": 0.6, "alpha": 0.35, "label": "_one seed"}  # no entry in the legend


def mrr_curves(table: pd.DataFrame, random: float) -> Figure:
    """Figure 6: mean reciprocal rank by training pins, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        Columns profile, n_train, mrr, low, high, estimate. Profiles stand a little beside each
        other, so that their intervals can be told apart. Thin lines: each seed by itself.
    random : float
        The exact value of a random ranking.
    """
    figure, axis = _axes(height=4.8)
    sizes = sorted(table["n_train"].unique())
    step = np.diff(sizes).min() if len(sizes) > 1 else 1
    names = table["profile"].unique()
    for place, name in enumerate(names):
        rows = table[table["profile"] == name]
        beside = step * 0.09 * (place - (len(names) - 1) / 2)
        by_seed = [[value for value, *_ in found.by_seed] for found in rows["estimate"]]
        if len(by_seed[0]) > 1:
            axis.plot(rows["n_train"] + beside, by_seed, color=_LOOKS[name]["color"], **_ONE_SEED)
        axis.errorbar(
            rows["n_train"] + beside, rows["mrr"], _arms(rows), elinewidth=1.2, ms=5,
            label=name, **_LOOKS[name],
        )  # fmt: skip
    axis.axhline(random, **_RANDOM)
    axis.set(xlabel="training pins", ylabel="mean reciprocal rank", ylim=(0, None))
    axis.set_xticks(sizes)
    _legend_above(axis)
    return figure


def _legend_above(axis: Axes, **options: Any) -> None:
    """Legend clear of what is drawn; a random value, as the only plain line, last."""
    handles, labels = axis.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place] == _RANDOM["label"])
    axis.legend(
        [handles[place] for place in order], [labels[place] for place in order],
        loc="lower center", bbox_to_anchor=(0.5, 1.0), **{"ncols": 4, **options},
    )  # fmt: skip


def _arms(rows: pd.DataFrame, value: str = "mrr") -> np.ndarray:
    """Lengths of the intervals below and above the values, (2, n)."""
    return np.array([rows[value] - rows["low"], rows["high"] - rows[value]])


def mrr_growth(table: pd.DataFrame) -> Figure:
    """Expected mean reciprocal rank by the number of users among whom one is sought.

    Parameters
    ----------
    table : DataFrame
        Columns profile, n_users, mrr, low, high; the profile "random" is drawn dotted, without
        an interval.
    """
    figure, axis = _axes()
    for name, rows in table.groupby("profile", sort=False):
        if name == "random":
            axis.plot(rows["n_users"], rows["mrr"], **_RANDOM)
            continue
        axis.plot(rows["n_users"], rows["mrr"], ms=5, label=name, **_LOOKS[name])
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
    _legend_above(axis)
    return figure


def leakage_curves(
    by_share: pd.DataFrame, null: pd.DataFrame, randoms: tuple[float, float]
) -> Figure:
    """MRR by the share of near-duplicates removed, and where users have no taste by repeats.

    Parameters
    ----------
    by_share : DataFrame
        Columns removed, profile, mrr, low, high.
    null : DataFrame
        Columns repeat_share, profile, mrr, low, high.
    randoms : (float, float)
        The exact value of a random ranking in either panel.
    """
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, table, x, random in zip(
        axes, (by_share, null), ("removed", "repeat_share"), randoms, strict=True
    ):
        for name, rows in table.groupby("profile", sort=False):
            axis.errorbar(
                rows[x], rows["mrr"], _arms(rows), elinewidth=1.2, ms=5, label=name, **_LOOKS[name]
            )
        axis.axhline(random, **_RANDOM)
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set(
        title="this study", xlabel="near-duplicates removed", ylabel="mean reciprocal rank",
        ylim=(0, None),
    )  # fmt: skip
    axes[1].set(title="simulated, no taste at all", xlabel="pins that repeat an earlier one")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def mrr_intervals(table: pd.DataFrame, rows: str, random: float, marks: str = "") -> Figure:
    """Mean reciprocal ranks with 95 % intervals, one line of the page below the other.

    Parameters
    ----------
    table : DataFrame
        Columns mrr, low, high, and those named by `rows` and `marks`.
    rows : str
        Column whose values stand at the left, from above in their first order.
    random : float
        The exact value of a random ranking.
    marks : str
        Column whose values share a line, each with a mark of its own; empty: one value a line.
    """
    figure = _interval_rows(table, rows, marks)
    axis = figure.axes[0]
    axis.axvline(random, **_RANDOM)
    axis.set(xlabel="mean reciprocal rank", xlim=(0, None))
    _legend_above(axis)
    return figure


def mrr_leads(table: pd.DataFrame) -> Figure:
    """Differences in mean reciprocal rank from other profiles, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        Columns other, n_train, mrr (the difference), low, high.
    """
    figure = _interval_rows(table, "other", "n_train")
    axis = figure.axes[0]
    axis.axvline(0, color="black", lw=1.2)
    axis.set(xlabel="difference in mean reciprocal rank")
    _legend_above(axis, title="training pins", ncols=6)
    return figure


def _interval_rows(table: pd.DataFrame, rows: str, marks: str) -> Figure:
    """Values mrr with intervals low to high, a line for each of `rows` and a mark for each mark."""
    names = list(table[rows].unique())
    groups = list(table.groupby(marks, sort=False)) if marks else [(None, table)]  # no label
    figure, axis = _axes(height=1.2 + 0.32 * len(names) * max(1, 0.6 * len(groups)))
    pitch = min(0.2, 0.7 / len(groups))
    for place, (name, group) in enumerate(groups):
        look = _LOOKS.get(name, {"color": CYCLE[place % 6], "marker": MARKERS[place % 6]})
        beside = pitch * (place - (len(groups) - 1) / 2)
        at = [names.index(row) + beside for row in group[rows]]
        axis.errorbar(
            group["mrr"], at, xerr=_arms(group), label=name, ms=6, elinewidth=1.5,
            **{**look, "ls": "none"},
        )  # fmt: skip
    axis.set(ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", color="#eeeeee")
    return figure


# ---------------------------------------------------------------- significance


def false_positive_rates(table: pd.DataFrame, level: float) -> Figure:
    """How often the rule of a cut-off calls users different who are not.

    Parameters
    ----------
    table : DataFrame
        Columns assignment, variance, alpha, n_pins, rate, low, high.
    level : float
        Level of a test, drawn as a line.
    """
    figure = Figure(figsize=(8.5, 4.2), layout="constrained")
    variances = list(table["variance"].unique())
    axes = figure.subplots(1, len(variances), sharey=True, squeeze=False)[0]
    for axis, variance in zip(axes, variances, strict=True):
        rows = table[table["variance"] == variance]
        for (assignment, ours), dash in zip(
            rows.groupby("assignment", sort=False), DASHES, strict=False
        ):
            for place, (alpha, line) in enumerate(ours.groupby("alpha")):
                axis.errorbar(
                    line["n_pins"], line["rate"], yerr=_arms(line, "rate"), color=CYCLE[place],
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


def pvalue_ecdf(pvalues: Mapping[str, np.ndarray], level: float) -> Figure:
    """eCDF of the p-values of users who do not differ; a right test lies on the diagonal.

    Parameters
    ----------
    pvalues : mapping of str to ndarray
        p-values by name.
    level : float
        Level at which a test is used: the right panel shows the p-values up to twice that.
    """
    figure = Figure(figsize=(8.5, 4.2), layout="constrained")
    for axis, largest in zip(figure.subplots(1, 2), (1, 2 * level), strict=True):
        axis.plot([0, 1], [0, 1], color="black", lw=1, ls=":", label="exact")
        axis.axvline(level, color="#bbbbbb", lw=1)
        for (name, p), colour, dash in zip(pvalues.items(), CYCLE, DASHES, strict=False):
            ecdf = stats.ecdf(p).cdf
            axis.step(
                [0, *ecdf.quantiles, 1], [0, *ecdf.probabilities, 1], where="post", color=colour,
                ls=dash, label=name,
            )  # fmt: skip
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
        Columns rule, taste, n_pins, share, low, high.
    titles : mapping of str to str
        Title of each rule's panel.
    level : float
        Level of the tests, drawn as a line.
    """
    figure = Figure(figsize=(1.2 + 3.2 * len(titles), 4.2), layout="constrained")
    axes = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axis, (rule, title) in zip(axes, titles.items(), strict=True):
        rows = table[table["rule"] == rule]
        for place, (taste, line) in enumerate(rows.groupby("taste")):
            axis.errorbar(
                line["n_pins"], line["share"], yerr=_arms(line, "share"), color=CYCLE[place],
                ls=DASHES[place], marker=MARKERS[place], ms=5, elinewidth=1,
                label=f"taste {taste:g}",
            )  # fmt: skip
        axis.axhline(level, color="black", lw=1, ls=":", label=f"{level:.0%}")
        axis.set(title=title, xlabel="pins of each user", xscale="log", ylim=(-0.02, 1.02))
        _plain_ticks(axis, rows["n_pins"])
    axes[0].set(ylabel="pairs found different")
    axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
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
        Columns name, share, low, high.
    line : float
        A share to compare with.
    """
    figure, axis = _axes(height=1.2 + 0.42 * len(table))
    at = np.arange(len(table))
    axis.errorbar(
        table["share"], at, xerr=_arms(table, "share"), color=COLOURS["blue"], ls="none",
        marker="o", ms=6, elinewidth=1.5,
    )  # fmt: skip
    axis.axvline(line, color="black", lw=1, ls=":")
    axis.set(xlabel="share of pairs", xlim=(-0.02, 1.02), ylim=(len(table) - 0.5, -0.5))
    axis.set_yticks(at, table["name"])
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", color="#eeeeee")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


def chance_bars(table: pd.DataFrame) -> Figure:
    """Standard errors of numbers by what is drawn: units (users, scenes), and seeds.

    Parameters
    ----------
    table : DataFrame
        Columns number, sd_units, sd_seeds.
    """
    figure, axis = _axes(height=1.4 + 0.42 * len(table))
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
    _legend_above(axis, ncols=2)
    return figure
