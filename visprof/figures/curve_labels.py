"""Names of curves beside the curves, in their colours; a legend where there is no room for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.figures.narrow import NARROW_WIDTH

with needs("book"):
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.colors import to_rgb
    from matplotlib.container import Container
    from matplotlib.figure import FigureBase
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Bbox

with lazily():
    from scipy.optimize import isotonic_regression

__all__ = ["EndLabel", "has_end_labels", "label_curves", "label_ends", "readable", "spread"]

LINE = 1.25  # height of a line of text, in sizes of its letters
ASIDE = 0.75  # lines that a name may stand above or below the end of its curve
POINTS = 10.0  # size of letters
AROUND = 56.0  # points of a panel's height that its axis and title take
CONTRAST = 4.5  # of letters on white (WCAG 2.1, level AA)
# places to try along a curve, in shares of the panel's height, the middle first
_WHERE = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.85)


def spread(wanted: ArrayLike, gap: float, low: float, high: float) -> np.ndarray:
    """Places nearest those wanted, in the same order, none nearer to another than a gap.

    Parameters
    ----------
    wanted : array-like of shape (n,)
        Where each would be if it were alone.
    gap : float
        Least distance.
    low, high : float
        Bounds, which hold as long as `n` places fit between them.

    Returns
    -------
    ndarray of shape (n,)
        The sum of squared distances from `wanted` is least (isotonic regression).

    Examples
    --------
    >>> spread([3.0, 3.5, 9.0], gap=1.0, low=0.0, high=10.0).tolist()
    [2.75, 3.75, 9.0]
    """
    wanted = np.asarray(wanted, float)
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    places = isotonic_regression(wanted[order] - steps).x if len(wanted) else wanted
    # bounds of an isotonic regression only cut it off
    places = np.maximum(np.minimum(places, high - gap * (len(wanted) - 1)), low) + steps
    found = np.empty_like(places)
    found[order] = places
    return found


def readable(colour: Any) -> tuple[float, float, float]:
    """A colour as dark as letters on white must be.

    Examples
    --------
    >>> readable("black"), readable("yellow")[2]
    ((0.0, 0.0, 0.0), 0.0)
    """
    rgb = np.array(to_rgb(colour))
    while 1.05 / (_luminance(rgb) + 0.05) < CONTRAST:
        rgb = 0.95 * rgb
    red, green, blue = rgb.tolist()
    return red, green, blue


def _luminance(rgb: np.ndarray) -> float:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


class EndLabel(Annotation):
    """The name of a curve to the right of its panel, at the height of the curve's end.

    Labels of one panel make room for each other whenever they are drawn, whatever its height.

    Parameters
    ----------
    axis : Axes
        The panel.
    name : str
        Of the curve.
    end : float
        Its last value.
    colour
        Of the curve.
    """

    moves = True  # a figure is not laid out without drawing it

    def __init__(self, axis: Axes, name: str, end: float, colour: Any) -> None:
        super().__init__(
            name, (1, end), (6, 0), xycoords=axis.get_yaxis_transform(),
            textcoords="offset points", annotation_clip=False, va="center", fontsize=POINTS,
            color=readable(colour),
        )  # fmt: skip
        axis.add_artist(self)
        self.set_clip_on(False)

    def draw(self, renderer: RendererBase) -> None:
        _make_room(self.axes)
        super().draw(renderer)

    def get_window_extent(self, renderer: RendererBase | None = None) -> Bbox:
        _make_room(self.axes)
        return super().get_window_extent(renderer)


def has_end_labels(figure: FigureBase) -> bool:
    """Whether a figure names curves beside its panels."""
    return any(isinstance(text, EndLabel) for axis in figure.axes for text in axis.texts)


def _make_room(axis: Axes) -> None:
    labels = [text for text in axis.texts if isinstance(text, EndLabel)]
    pixel = 72 / axis.figure.dpi  # in points
    ends = np.array([axis.transData.transform((0, label.xy[1]))[1] for label in labels]) * pixel
    gap = LINE * max(label.get_fontsize() for label in labels)
    low, high = axis.bbox.y0 * pixel, axis.bbox.y1 * pixel
    for label, end, place in zip(labels, ends, spread(ends, gap, low, high), strict=True):
        label.xyann = (6, place - end)


def label_ends(axes: Sequence[Axes], otherwise: Callable[[], object]) -> bool:
    """Name the curves of panels at their ends, or show a legend if they end too near each other.

    Parameters
    ----------
    axes : sequence of Axes
        Panels whose limits are set, with curves that have labels.
    otherwise : callable
        Shows a legend.

    Returns
    -------
    bool
        Whether the curves were named.
    """
    ends = [_ends(axis) for axis in axes]
    if not all(_has_room(axis, of.values()) for axis, of in zip(axes, ends, strict=True)):
        otherwise()
        return False
    for axis, of in zip(axes, ends, strict=True):
        for (name, colour), end in of.items():
            EndLabel(axis, name, end, colour)
    return True


def _lines(axis: Axes) -> dict[str, Line2D]:
    """Curves by name."""
    handles = zip(*axis.get_legend_handles_labels(), strict=True)
    return {
        name: handle[0] if isinstance(handle, Container) else handle for handle, name in handles
    }


def _ends(axis: Axes) -> dict[tuple[str, Any], float]:
    """Last values of curves, within the panel, by name and colour."""
    found = {}
    for name, line in _lines(axis).items():
        x, y = (np.asarray(values, float) for values in line.get_data())
        level = line.get_transform() != axis.transData  # drawn from side to side
        shown = np.isfinite(y) & (level | (x <= axis.get_xlim()[1]))
        if shown.any():
            found[name, line.get_color()] = float(y[shown][-1])
    return found


def _has_room(axis: Axes, ends: Any) -> bool:
    """Whether names would stand near the ends of their curves, by the panel's likely height."""
    rows = axis.get_subplotspec().get_gridspec().nrows
    height = 72 * axis.figure.get_size_inches()[1] / rows - AROUND
    scale = axis.transScale + axis.transLimits
    wanted = np.array([scale.transform((axis.get_xlim()[1], end))[1] for end in ends]) * height
    aside = np.abs(spread(wanted, LINE * POINTS, 0, height) - wanted)
    return bool(np.isfinite(aside).all() and (aside <= ASIDE * LINE * POINTS).all())


def label_curves(axis: Axes, otherwise: Callable[[], object]) -> bool:
    """Name rising curves beside them, where no other curve runs; or show a legend.

    Parameters
    ----------
    axis : Axes
        A panel whose limits are set, with curves that have labels.
    otherwise : callable
        Shows a legend.

    Returns
    -------
    bool
        Whether the curves were named.
    """
    width, height = axis.figure.get_size_inches()
    # in points; so that names fit a phone's page, too
    panel = 72 * np.array([0.83 * min(width, NARROW_WIDTH), height]) - (0, AROUND)
    scale = axis.transScale + axis.transLimits
    levels = np.linspace(0, 1, 201)
    lines = _lines(axis)
    across = {}  # of each curve at each level
    for name, line in lines.items():
        x, y = np.maximum.accumulate(scale.transform(np.column_stack(line.get_data()))).T
        across[name] = np.interp(levels, y, x) * panel[0]
    places: dict[str, tuple[Bbox, str]] = {}
    for name, own in across.items():
        others = [of for other, of in across.items() if other != name]
        for box, side in _candidates(own, levels * panel[1], name):
            band = (levels * panel[1] >= box.y0) & (levels * panel[1] <= box.y1)
            free = all(
                (of[band].max() < box.x0 or of[band].min() > box.x1)
                and np.abs(of - own)[band].min() > POINTS
                for of in others
            )
            clear = not any(box.overlaps(other) for other, _ in places.values())
            if free and clear and box.x0 > 0 and box.x1 < panel[0]:
                places[name] = box, side
                break
    if len(places) < len(lines):
        otherwise()
        return False
    for name, (box, side) in places.items():
        at = (box.x0 if side == "left" else box.x1) / panel[0], (box.y0 + box.y1) / 2 / panel[1]
        axis.annotate(
            name, at, xycoords="axes fraction", ha=side, va="center", fontsize=POINTS,
            color=readable(lines[name].get_color()),
        )  # fmt: skip
    return True


def _candidates(across: np.ndarray, heights: np.ndarray, name: str) -> Iterator[tuple[Bbox, str]]:
    """Boxes that a name may take beside a rising curve, and the side of them that is fixed."""
    long = TextPath((0, 0), name.replace("$", "S"), size=POINTS).get_extents().width + 2
    for share in _WHERE:
        low, high = share * heights[-1] + LINE * POINTS * np.array([-0.5, 0.5])
        touched = across[(heights >= low) & (heights <= high)]
        right, left = touched.max() + 5, touched.min() - 5
        yield Bbox([[right, low], [right + long, high]]), "left"
        yield Bbox([[left - long, low], [left, high]]), "right"
