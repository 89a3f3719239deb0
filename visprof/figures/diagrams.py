"""Diagrams of what the code does (Figures 2 and 3 of the paper)."""

from __future__ import annotations

import numpy as np

from visprof._extras import needs
from visprof.figures.figure import Figure
from visprof.figures.style import COLOURS, single_axes

with needs("book"):
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.text import Text

__all__ = ["framework", "siamese_network"]

DIAGRAM_FONT, SMALL_FONT = 11.5, 10


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
    figure, axis = single_axes(width, height)
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
    trunk: str, n_features: int, n_outputs: int, margin: float, output_norm: str
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
    output_norm : {"batch", "l2"}
        What stands on top of the outputs.
    """
    figure, axis = _canvas(9.4, 3.4)
    top = {"batch": "batch\nnorm", "l2": "unit\nlength"}[output_norm]
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
    for x, label in shared if output_norm == "batch" else shared[:2]:
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
