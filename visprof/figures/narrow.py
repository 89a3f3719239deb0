"""A figure drawn anew for a phone: its panels one below the other, its lettering as large."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from visprof._extras import needs

if TYPE_CHECKING:
    from visprof.figures.figure import Figure

with needs("book"):
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from matplotlib.gridspec import GridSpec
    from matplotlib.legend import Legend
    from matplotlib.text import Text

__all__ = ["NARROW_WIDTH", "narrowed"]

# inches: 432 CSS pixels, so that a letter of 8 points (10.7 px) has 9 px on a page of 364 px
NARROW_WIDTH = 4.5
LEAST_POINTS = 9.0  # of a letter
TITLE = 0.4  # inches above a picture
MOST_SMALL = 3  # in a row


def narrowed(figure: Figure) -> Figure | None:
    """A copy of a figure for a narrow page.

    Parameters
    ----------
    figure : Figure
        Laid out by itself ("constrained"), of panels in rows and columns; not changed.

    Returns
    -------
    Figure or None
        The panels, row by row, in one column (of many small pictures, three), each with its own
        tick labels; legends in two columns. None if the figure is narrow already, or is not made of
        panels: a diagram.
    """
    specs = [axis.get_subplotspec() for axis in figure.axes]
    if figure.get_layout_engine() is None or not specs or None in specs:
        return None
    n_columns = max(spec.get_gridspec().ncols for spec in specs)
    if figure.get_size_inches()[0] <= NARROW_WIDTH and n_columns == 1:
        return None
    if all(_is_diagram(axis) for axis in figure.axes):
        return None
    copy: Figure = pickle.loads(pickle.dumps(figure))
    parts = copy.subfigs or [copy]
    panel = copy.get_size_inches()[1] / len(parts)
    heights = [_stack(part, panel) for part in parts]
    for legend in copy.findobj(Legend):
        _regroup(legend)
    for text in copy.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), LEAST_POINTS))
    copy.set_size_inches(NARROW_WIDTH, max(heights) * len(heights))
    return copy


def _stack(part: FigureBase, height: float) -> float:
    """Put the panels of a figure, or of a part of one, into one column; return its height."""
    n_rows, n_columns = part.axes[0].get_subplotspec().get_gridspec().get_geometry()
    for axis in [axis for axis in part.axes if not _is_used(axis)]:
        axis.remove()
    panels = list(part.axes)
    columns = MOST_SMALL if n_columns > MOST_SMALL else 1  # many small pictures stay in rows
    below = -(-n_columns // columns)  # rows that one row becomes
    heights = [height / n_rows] * (n_rows * below)
    places = []
    for axis in panels:
        row, column = _place(axis)
        places.append((row * below + column // columns, column % columns))
        if axis.images:  # pictures keep their shape
            tall, wide = axis.images[0].get_array().shape[:2]
            heights[places[-1][0]] = TITLE + NARROW_WIDTH / columns * tall / wide
    used = sorted({row for row, _ in places})
    heights = [heights[row] for row in used]
    grid = GridSpec(len(used), columns, figure=part, height_ratios=heights)
    _label_all(panels)
    for axis, (row, column) in zip(panels, places, strict=True):
        axis.set_subplotspec(grid[used.index(row), column])
    return sum(heights)


def _regroup(legend: Legend, n_columns: int = 2) -> None:
    """Put the entries of a legend into fewer columns; Matplotlib only does so before it is made."""
    box = legend._legend_handle_box
    columns = box.get_children()
    entries = [entry for column in columns for entry in column.get_children()]
    n_rows = -(-len(entries) // n_columns)
    if len(columns) > n_columns:
        for place in range(n_columns):
            columns[place]._children = entries[place * n_rows : (place + 1) * n_rows]
        box._children = columns[:n_columns]


def _is_diagram(axis: Axes) -> bool:
    """Whether it is made of boxes and words in places of their own."""
    return not (axis.axison or axis.images or axis.collections)


def _is_used(axis: Axes) -> bool:
    return axis.has_data() or axis.axison or bool(axis.texts)


def _ends(axis: Axes, panels: list[Axes]) -> tuple[Axes, Axes]:
    """The first panel of a panel's row, and the last of its column."""
    row, column = _place(axis)
    of_row = [other for other in panels if _place(other)[0] == row]
    of_column = [other for other in panels if _place(other)[1] == column]
    return min(of_row, key=_place), max(of_column, key=_place)


def _place(axis: Axes) -> tuple[int, int]:
    spec = axis.get_subplotspec()
    return spec.rowspan.start, spec.colspan.start


def _label_all(panels: list[Axes]) -> None:
    """What only the first panel of a row said, or the last of a column, each says."""
    for axis in panels:
        if axis.images:
            continue
        first, last = _ends(axis, panels)
        axis.tick_params(labelbottom=True, labelleft=_has_words(first))
        axis.set_ylabel(axis.get_ylabel() or first.get_ylabel())
        axis.set_xlabel(axis.get_xlabel() or last.get_xlabel())
        if not _title(axis):
            column = [other for other in panels if _place(other)[1] == _place(axis)[1]]
            top = min(column, key=_place)
            axis.set_title(_title(top), fontsize=top.title.get_fontsize())


def _has_words(axis: Axes) -> bool:
    return bool(axis.yaxis.get_tick_params().get("labelleft", True))


def _title(axis: Axes) -> str:
    """The title of a panel, wherever above it it stands."""
    return next(filter(None, map(axis.get_title, ("left", "center", "right"))), "")
