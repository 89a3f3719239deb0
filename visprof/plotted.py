"""Figures as files, and the numbers that a figure draws, as a table.

The table is read off the figure itself, so it holds what is drawn and nothing else.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from visprof import names
from visprof._extras import needs
from visprof.pages import NAMES

with needs("book"):
    from IPython.core.getipython import get_ipython
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import Collection, LineCollection, PathCollection
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.ticker import FixedLocator
    from matplotlib_inline.backend_inline import set_matplotlib_formats

__all__ = ["figure_files", "plotted_data", "show_with_files"]

PNG_DPI = 200
COLUMNS = ["panel", "series", "drawn as", "x axis", "x", "y axis", "y", "value"]


def plotted_data(figure: Figure) -> pd.DataFrame:
    """The numbers that a figure draws.

    Parameters
    ----------
    figure : Figure
        Its lines, points, bars, intervals, areas and matrices are read; text, diagrams and
        pictures are not.

    Returns
    -------
    DataFrame
        One row a point, in the order of drawing: panel (its title, or its number), series (its
        label in the legend), drawn as, x axis and y axis (their labels), x, y (numbers or, on an
        axis of names, names) and, of a matrix, value. An interval has a row for either end. Names
        are whole, also where the figure cuts or numbers them. Empty columns are left out.
    """
    tables = [
        table.assign(panel=axis.get_title(loc="left") or axis.get_title() or str(number))
        for number, axis in enumerate(figure.axes, start=1)
        for table in _drawn(axis)
    ]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    data = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS)
    if isinstance(figure, names.Figure):
        data = data.replace(figure.names)
    return data.replace("", np.nan).dropna(axis="columns", how="all")


def _drawn(axis: Axes) -> Iterator[pd.DataFrame]:
    series: dict[Artist, str] = {
        child: str(container.get_label())
        for container in axis.containers
        for child in container.get_children()
    }

    def table(artist: Artist | None, kind: str, x, y, value: Any = "") -> pd.DataFrame:
        name = series.get(artist, str(artist.get_label())) if artist is not None else ""
        return pd.DataFrame({
            "series": "" if name.startswith("_") else name,
            "drawn as": kind,
            "x axis": axis.get_xlabel(),
            "x": _named(axis.xaxis, x),
            "y axis": axis.get_ylabel(),
            "y": _named(axis.yaxis, y),
            "value": value,
        })  # fmt: skip

    for line in axis.lines if axis.axison else ():  # else: lines of a diagram
        x, y = np.broadcast_arrays(*line.get_data(orig=False))
        # a line across the whole panel has only one coordinate among the data
        of_data = line.get_transform().contains_branch_seperately(axis.transData)
        if len(x) and not all(of_data) and any(of_data):
            x, y = (at[:1] if own else [np.nan] for at, own in zip((x, y), of_data, strict=True))
        if len(x) and any(of_data):
            yield table(line, "line", x, y)
    for bars in (c for c in axis.containers if isinstance(c, BarContainer)):
        across = bars.orientation == "horizontal"
        middle = [
            bar.get_y() + bar.get_height() / 2 if across else bar.get_x() + bar.get_width() / 2
            for bar in bars
        ]
        length = [bar.get_width() if across else bar.get_height() for bar in bars]
        first = bars.patches[0] if bars.patches else None
        yield table(first, "bar", *((length, middle) if across else (middle, length)))
    for drawn in axis.collections:
        if points := _points(drawn):
            yield table(drawn, *points)
    for image in axis.images:
        if matrix := _matrix(image):
            yield table(None, "matrix", *matrix)


def _points(drawn: Collection) -> tuple[str, np.ndarray, np.ndarray] | None:
    """How a collection is drawn, x and y; None if it draws no data."""
    if isinstance(drawn, PathCollection):
        kind, points = "points", np.asarray(drawn.get_offsets())
    elif isinstance(drawn, LineCollection):
        kind, points = "interval", np.concatenate([np.empty((0, 2)), *drawn.get_segments()])
    else:
        paths = drawn.get_paths()
        kind, points = "area", np.concatenate([np.empty((0, 2)), *(p.vertices for p in paths)])
    return (kind, points[:, 0], points[:, 1]) if len(points) else None


def _matrix(image: AxesImage) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Column, row and value of each cell; None for a picture."""
    values = np.ma.filled(image.get_array(), np.nan)
    if values.ndim != 2:
        return None
    rows, columns = np.indices(values.shape)
    return columns.ravel(), rows.ravel(), values.ravel()


def _named(axis: Axis, positions: Any) -> Any:
    """Positions, or the names that the axis gives to those nearby."""
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return positions
    ticks = axis.get_majorticklocs()
    labels = axis.get_major_formatter().format_ticks(ticks)
    if not any(label.strip("0123456789.,%−- ") for label in labels):
        return positions
    positions = np.ma.filled(np.asarray(positions, dtype=float), np.nan)
    nearest = np.abs(positions[:, None] - np.asarray(ticks)).argmin(axis=1)
    return [
        np.nan if np.isnan(at) else labels[tick]
        for at, tick in zip(positions, nearest, strict=True)
    ]


def figure_files(figure: Figure) -> dict[str, str]:
    """A figure as vectors, as pixels and in numbers.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    dict of str to str
        By MIME type: ``image/svg+xml``, ``image/png`` (base64) and, where the figure draws
        numbers, ``text/csv``.
    """
    svg, png = io.StringIO(), io.BytesIO()
    figure.savefig(svg, format="svg", bbox_inches="tight", metadata={"Date": None})
    figure.savefig(png, format="png", bbox_inches="tight", dpi=PNG_DPI)
    files = {
        "image/svg+xml": svg.getvalue(),
        "image/png": base64.b64encode(png.getvalue()).decode("ascii"),
    }
    data = plotted_data(figure)
    if len(data):
        files["text/csv"] = data.to_csv(index=False, float_format="%.6g")
    return files


def show_with_files() -> None:
    """Let notebooks show figures with their files; outside a notebook nothing happens."""
    shell = get_ipython()
    if shell is not None:
        set_matplotlib_formats()  # matplotlib's own would go before
        shell.display_formatter.mimebundle_formatter.for_type(Figure, _files_and_names)


def _files_and_names(figure: Figure) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Data and metadata of a figure that a notebook shows."""
    told = figure.told() if isinstance(figure, names.Figure) else {}
    return figure_files(figure), {NAMES: told} if told else {}
