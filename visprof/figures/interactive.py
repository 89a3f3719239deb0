"""The plane of t-SNE as a page to zoom into; what draws it is ``book/_static/map.js``."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from visprof._extras import needs
from visprof.figures.files import numbers_csv
from visprof.figures.mosaics import data_uri, packed, sheet
from visprof.mime import CSV
from visprof.pictures import read_image

with needs("book"):
    from IPython.display import HTML

__all__ = ["HTMLFigure", "carried_later", "interactive_map", "script_json"]

_MAP_PAGE = """
<figure class="interactive-map" id="{name}" aria-label="{alt}">
<script type="application/json">{data}</script>{later}
<p class="still">This map can be zoomed into in the book's HTML, with JavaScript.</p>
<figcaption>{caption}</figcaption>
</figure>
"""
MOST_PIXELS = 255  # of a picture's side: a byte each


class HTMLFigure(HTML):
    """A figure in HTML.

    Attributes
    ----------
    numbers : DataFrame
        The table that it shows.
    """

    def __init__(self, page: str, numbers: pd.DataFrame) -> None:
        super().__init__(page)
        self.numbers = numbers

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.data, CSV: numbers_csv(self.numbers)}


def interactive_map(
    pins: pd.DataFrame,
    alt: str,
    caption: str = "",
    thumbnail: int = 64,
    name: str = "interactive-map",
) -> HTMLFigure:
    """The plane of t-SNE to zoom into; the pin under the pointer shows its picture and board.

    Every point has the mean colour of its picture, and the board of the pin under the pointer is
    ringed. The page holds all that is shown, the pictures on one sheet, apart from the rest: a
    book keeps them beside the page. Nothing is fetched. Equal pins give equal text.

    Parameters
    ----------
    pins : DataFrame
        Columns x, y, image, caption, board. Each row adds under 1 kB to the page.
    alt : str
        What the map shows, for readers who do not see it.
    caption : str
        Text below the map; HTML.
    thumbnail : int
        Longer side of the pictures, in pixels, at most 255; on the screen they are twice as large.
    name : str
        Id of the map's element, unique in its page.

    Raises
    ------
    ValueError
        If there are no pins, a coordinate is not finite, or the pictures are too large.
    """
    if not len(pins) or not np.isfinite(pins[["x", "y"]].to_numpy(float)).all():
        raise ValueError(
            f"pins: expected at least one, all with finite x and y, got {len(pins)}; lay them out "
            "with visprof.maps.tsne_plane"
        )
    if not 1 <= thumbnail <= MOST_PIXELS:
        raise ValueError(f"thumbnail: expected 1 to {MOST_PIXELS} pixels, got {thumbnail}")
    pictures = [_small(image, thumbnail) for image in pins["image"]]
    columns = int(np.ceil(np.sqrt(len(pictures))))
    board, boards = pd.factorize(pins["board"].astype(str))
    data = {
        "x": packed(pins["x"], "<f4"),
        "y": packed(pins["y"], "<f4"),
        "board": packed(board, "<u2"),
        "boards": boards.tolist(),
        "captions": pins["caption"].astype(str).tolist(),
        "colours": "".join(_mean_colour(picture) for picture in pictures),
        "sizes": packed([picture.shape[1::-1] for picture in pictures], "<u1"),
        "columns": columns,
        "cell": thumbnail,
    }
    later = {"sheet": data_uri(sheet(pictures, columns, thumbnail))}
    return HTMLFigure(
        _MAP_PAGE.format(
            name=html.escape(name),
            alt=html.escape(alt),
            data=script_json(data),
            later=carried_later(name, later),
            caption=caption,
        ),
        pins[["x", "y", "board", "caption"]],
    )


def script_json(data: Mapping[str, Any]) -> str:
    """Data as a page's script holds them: no name closes it, and what no browser reads is refused.

    Parameters
    ----------
    data : mapping of str to Any

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> script_json({"name": "</script>"})
    '{"name":"\\\\u003c/script>"}'
    """
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def carried_later(name: str, data: Mapping[str, Any]) -> str:
    """The part of a figure's data that is needed only once it is tried.

    A page holds it; `visprof.book.later` puts it beside the page of a book.

    Parameters
    ----------
    name : str
        Id of the figure.
    data : mapping of str to Any
        As of `script_json`.

    Returns
    -------
    str
        HTML, within the figure.
    """
    of = html.escape(name)
    return (
        f'<script type="application/json" class="later" data-of="{of}">{script_json(data)}</script>'
    )


def _small(image: str, size: int) -> np.ndarray:
    """Small copy of a picture file, (height, width, 3) uint8."""
    picture = read_image(image)
    picture.thumbnail((size, size))
    return np.asarray(picture)


def _mean_colour(picture: np.ndarray) -> str:
    """Mean colour as ``rrggbb``."""
    red, green, blue = picture.mean(axis=(0, 1)).round().astype(int)
    return f"{red:02x}{green:02x}{blue:02x}"
