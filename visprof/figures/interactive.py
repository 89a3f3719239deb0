"""The plane of t-SNE as a page to zoom into."""

from __future__ import annotations

import html
import json
from typing import Any

import numpy as np
import pandas as pd

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.figures.files import numbers_csv
from visprof.figures.mosaics import data_uri
from visprof.mime import CSV
from visprof.pictures import read_image

with needs("book"):
    from IPython.display import HTML
with lazily("book"):
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

__all__ = ["HTMLFigure", "interactive_map"]

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
    return HTMLFigure(
        _MAP_PAGE.format(
            name=html.escape(name),
            alt=html.escape(alt),
            caption=caption,
            bokeh=INLINE.js_raw[0],  # the core alone: the map uses no widgets, tables or formulas
            item=item.replace("<", "\\u003c"),  # no caption can close the script
        ),
        pins[["x", "y", "board", "caption"]],
    )


def _thumbnail(image: str, size: int) -> tuple[str, str]:
    """Small copy of a picture file as a data URI, and its mean colour as ``#rrggbb``."""
    picture = read_image(image)
    picture.thumbnail((size, size))
    red, green, blue = np.asarray(picture).mean(axis=(0, 1)).round().astype(int)
    return data_uri(picture), f"#{red:02x}{green:02x}{blue:02x}"


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
