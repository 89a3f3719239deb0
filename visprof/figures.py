"""The figures of the book, one function each: arrays and tables in, a matplotlib figure out.
Tables on the page are made here too.

Figures are made without pyplot, so none is kept open and none is drawn twice in a notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import PercentFormatter, StrMethodFormatter
from matplotlib_inline.backend_inline import set_matplotlib_formats
from pandas.io.formats.style import Styler
from PIL import ImageOps
from scipy import stats

from visprof.pictures import read_image

__all__ = [
    "COLOURS",
    "board_funnel",
    "board_samples",
    "framework",
    "grid_representatives",
    "labelled_pictures",
    "max_z_ecdf",
    "mrr_curves",
    "picture_map",
    "precision_recall",
    "siamese_network",
    "table",
    "taste_recovery",
    "time_resolution",
    "training_curves",
    "use_book_style",
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
    """Set fonts, sizes and vector output for the figures of a chapter."""
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
    set_matplotlib_formats("svg", metadata={"Date": None})


def table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None) -> Styler:
    """Show a table whole: no index, no cut text, words to the left.

    Parameters
    ----------
    frame : DataFrame
        What to show.
    formats : mapping of str to str, optional
        Format of a column's values, such as ``"{:.3f}"``.
    """
    shown = frame.style.hide(axis="index").format(formats).set_properties(**{"text-align": "left"})
    # the theme leaves tables of this class in its own colours, light or dark
    return shown.set_table_attributes('class="dataframe"')


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
    for axis, (label, pixels) in zip(axes, pictures.items(), strict=False):
        axis.imshow(pixels)
        axis.set_title(label, fontsize="small", pad=3)
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
    for axis, user in zip(axes, users, strict=False):
        images = pins.loc[pins["board"] == user, "image"].to_numpy()
        chosen = np.sort(rng.choice(len(images), min(n, len(images)), replace=False))
        axis.imshow(_mosaic(list(images[chosen]), n_columns, 96))
        axis.set_title(user, fontsize="small")
    return figure


# ---------------------------------------------------------------- Figures 2 and 3


def _box(axis: Axes, x: float, y: float, text: str, colour: str, width: float, height: float):
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
    axis.text(x, y, text, ha="center", va="center", fontsize=DIAGRAM_FONT, linespacing=1.3)


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
    return figure


def siamese_network(trunk: str, n_features: int, n_outputs: int, margin: float) -> Figure:
    """Figure 3: the Siamese network that this code trains.

    Parameters
    ----------
    trunk : str
        Name of the CNN below the last layer.
    n_features, n_outputs : int
        Dimensions before and after the last layer.
    margin : float
        Margin of the contrastive loss.
    """
    figure, axis = _canvas(9.4, 3.4)
    trunk = trunk.replace("-", "-\n", 1)  # the names of networks are long
    for y, picture, output in ((2.5, "picture $x$", "$f(x)$"), (0.9, "picture $y$", "$f(y)$")):
        _box(axis, 0.6, y, picture, COLOURS["grey"], 1.1, 0.6)
        _box(axis, 2.25, y, f"{trunk}\nwithout last layer", COLOURS["blue"], 1.75, 0.95)
        _box(axis, 4.15, y, f"linear\n{n_features} to {n_outputs}", COLOURS["orange"], 1.25, 0.8)
        _box(axis, 5.65, y, "batch\nnorm", COLOURS["orange"], 0.85, 0.8)
        _arrow(axis, (1.15, y), (1.37, y))
        _arrow(axis, (3.13, y), (3.52, y))
        _arrow(axis, (4.78, y), (5.22, y))
        _arrow(axis, (6.08, y), (7.05, 1.7 + np.sign(y - 1.7) * 0.4), output)
    for x, label in ((2.25, "same weights"), (4.15, "same weights"), (5.65, "one batch")):
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


# ---------------------------------------------------------------- the metric and the map


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


# ---------------------------------------------------------------- users


def max_z_ecdf(distributions: Mapping[str, np.ndarray], largest: float | None = None) -> Figure:
    """Figure 5: eCDF of the largest absolute z of each pair, with the 95 % and 99 % lines.

    Parameters
    ----------
    distributions : mapping of str to ndarray
        Values of Z by name; the first is drawn as the main curve.
    largest : float, optional
        Right end of the axis; by default the largest 99.5 % quantile of a curve, at least 4.
    """
    figure, axis = _axes()
    if largest is None:
        largest = max(4.0, *(float(np.quantile(z, 0.995)) for z in distributions.values()))
    for (name, z), colour, dash in zip(distributions.items(), CYCLE, DASHES, strict=False):
        ecdf = stats.ecdf(z).cdf
        step = max(1, len(ecdf.quantiles) // 2000)  # as fine as the page shows
        values = [0, *ecdf.quantiles[::step], max(largest, ecdf.quantiles[-1])]
        axis.step(
            values,
            [0, *ecdf.probabilities[::step], 1],
            where="post",
            color=colour,
            ls=dash,
            label=name,
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
    axis.legend(loc="lower right")
    return figure


def mrr_curves(table: pd.DataFrame, random: float) -> Figure:
    """Figure 6: mean reciprocal rank by training pins, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        Columns profile, n_train, mrr, low, high.
    random : float
        The exact value of a random ranking.
    """
    figure, axis = _axes()
    for (name, rows), colour, dash, marker in zip(
        table.groupby("profile", sort=False), CYCLE, DASHES, MARKERS, strict=False
    ):
        axis.plot(rows["n_train"], rows["mrr"], marker=marker, ls=dash, color=colour, label=name)
        axis.fill_between(
            rows["n_train"], rows["low"], rows["high"], color=colour, alpha=0.15, lw=0
        )
    axis.axhline(random, color=COLOURS["grey"], ls=":", label="random (exact)")
    axis.set(xlabel="training pins", ylabel="mean reciprocal rank", ylim=(0, None))
    axis.set_xticks(sorted(table["n_train"].unique()))
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)  # clear of the curves
    return figure
