"""Figures as files: vectors, pixels, and the numbers that they are drawn from."""

from __future__ import annotations

import base64
import functools
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from PIL import Image

from visprof._extras import needs
from visprof.figures.curve_labels import has_end_labels
from visprof.figures.figure import Figure
from visprof.figures.narrow import narrowed
from visprof.figures.vectors import shorter_svg
from visprof.mime import CSV, NAMES, NARROW, PNG, SVG

with needs("book"):
    import matplotlib as mpl
    import matplotlib.figure
    from IPython.core.getipython import get_ipython
    from matplotlib.transforms import Bbox

__all__ = ["figure_files", "figure_svg", "numbers_csv", "show_with_files", "shown_files"]

PNG_DPI = 200
EFFORT = 4  # in compressing pixels: the usual 6 takes twice as long, to save 4 %
QUALITY = 85  # of photographs in vectors
MOST_KEPT = 64  # pictures: a figure shows the same ones when it is drawn for a phone
_PIXELS = re.compile(r'(?<=xlink:href=")data:image/png;base64,([^"]+)(?=")')


def figure_files(figure: matplotlib.figure.Figure) -> dict[str, str]:
    """A figure as vectors, as pixels and in numbers.

    Parameters
    ----------
    figure : Figure
        One of `visprof.figures`, or any of Matplotlib, which has no numbers.

    Returns
    -------
    dict of str to str
        By MIME type: ``image/svg+xml``, ``image/png`` (base64) and, where the figure carries the
        table that it is drawn from, ``text/csv``; and, where it can be drawn for a phone (see
        `visprof.figures.narrow`), `visprof.mime.NARROW`.
    """
    with _noting_box(figure) as boxes:
        svg = figure_svg(figure)
    png, box = io.BytesIO(), boxes[-1].padded(mpl.rcParams["savefig.pad_inches"])
    with _as_laid_out(figure):  # once, for the vectors: to do it again takes longer than to draw
        figure.savefig(
            png, format="png", bbox_inches=box, dpi=PNG_DPI, pil_kwargs={"compress_level": EFFORT}
        )
    files = {
        SVG: svg,
        PNG: base64.b64encode(png.getvalue()).decode("ascii"),
    }
    if isinstance(figure, Figure) and figure.numbers is not None:
        files[CSV] = numbers_csv(figure.numbers)
    narrow = narrowed(figure) if isinstance(figure, Figure) else None
    if narrow is not None:
        files[NARROW] = figure_svg(narrow)
    return files


def figure_svg(figure: matplotlib.figure.Figure) -> str:
    """A figure as vectors; the same figure gives the same text.

    Photographs in it are JPEGs where they take less space so, a fifth of what Matplotlib makes of
    them: a page shows up to 20. Its lines are written shortly (`visprof.figures.vectors`).
    """
    svg = io.StringIO()
    if has_end_labels(figure):
        figure.draw_without_rendering()  # the first layout may leave no room for such names
    figure.savefig(svg, format="svg", bbox_inches="tight", metadata={"Date": None})
    return shorter_svg(_PIXELS.sub(_lighter, svg.getvalue()))


def _lighter(pixels: re.Match[str]) -> str:
    """Pixels of a picture as JPEG, or as they were if that is not smaller."""
    return _lightest(pixels[0])


@functools.lru_cache(MOST_KEPT)
def _lightest(pixels: str) -> str:
    data = base64.b64decode(pixels.partition(",")[2])
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")  # what a picture does not cover is see-through
    jpeg = io.BytesIO()
    Image.alpha_composite(paper, picture).convert("RGB").save(
        jpeg, "JPEG", quality=QUALITY, optimize=True
    )
    shorter = f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode('ascii')}"
    return min(pixels, shorter, key=len)


@contextmanager
def _as_laid_out(figure: matplotlib.figure.Figure) -> Iterator[None]:
    """Leave everything in a figure where it was when it was last drawn."""
    engine = figure.get_layout_engine()
    figure.set_layout_engine(None)
    try:
        yield
    finally:
        figure.set_layout_engine(engine)


@contextmanager
def _noting_box(figure: matplotlib.figure.Figure) -> Iterator[list[Bbox]]:
    """Note what is to be seen of a figure, in inches, when Matplotlib works it out to save it."""
    boxes: list[Bbox] = []
    find = figure.get_tightbbox

    def note(*given: Any, **named: Any) -> Bbox:
        boxes.append(find(*given, **named))
        return boxes[-1]

    figure.get_tightbbox = note
    try:
        yield boxes
    finally:
        del figure.get_tightbbox


def numbers_csv(numbers: pd.DataFrame) -> str:
    """The table of a figure as CSV, without its index; numbers to the last digit."""
    return numbers.to_csv(index=False)


def show_with_files() -> None:
    """Let notebooks show figures with their files; outside a notebook nothing happens."""
    shell = get_ipython()
    if shell is not None:
        # imported before there is a shell, as in the process that starts kernels, its backend would
        # show no figure that a cell leaves open
        with needs("book"):
            from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats()  # matplotlib's own would go before
        formatter = shell.display_formatter.mimebundle_formatter
        formatter.for_type(matplotlib.figure.Figure, shown_files)


def shown_files(
    figure: matplotlib.figure.Figure,
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Data and metadata of a figure that a notebook shows: its files, and names that it cuts.

    Returns
    -------
    data : dict of str to str
        See `figure_files`.
    metadata : dict
        With `visprof.mime.NAMES`, if it cuts or numbers any.
    """
    told = figure.told() if isinstance(figure, Figure) else {}
    return figure_files(figure), {NAMES: told} if told else {}
