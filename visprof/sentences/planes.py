"""Sentences of the map."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof import maps

__all__ = ["map_caption", "map_sizes"]


def map_sizes(
    pins: pd.DataFrame, scenes: pd.DataFrame, n_cells: int, n_shown: int
) -> dict[str, Any]:
    """What is on the planes, and how many neighbours are looked at.

    Parameters
    ----------
    pins : DataFrame
        One row a pin on the map, with column board.
    scenes : DataFrame
        One row a scene on the map, with column label.
    n_cells, n_shown : int
        Blocks of the plane of pins, and those that hold a picture.
    """
    k, of_scene = maps.neighbourhood(len(pins)), maps.neighbourhood(len(scenes))
    return {
        "pins.n": f"{len(pins):,}",
        "scenes.n": f"{len(scenes):,}",
        "n_boards": pins["board"].nunique(),
        "n_classes": scenes["label"].nunique(),
        "n_cells": n_cells,
        "n_shown": n_shown,
        "k": f"{k}" if k == of_scene else f"{k} (of a scene, {of_scene})",
    }


def map_caption(n_shown: int, n_pins: int) -> str:
    """Caption of the plane to zoom into, in HTML.

    Parameters
    ----------
    n_shown, n_pins : int
        Pins that it shows, and those on the plane.
    """
    of_all = "all" if n_shown == n_pins else f"{n_shown:,} of the"
    return (
        f"<strong>The plane of Figure 4</strong>, {of_all} {n_pins:,} pins, each in the mean "
        "colour of its picture. Point at a pin, or tap it, to see its picture, caption and board; "
        "all pins of its board are then ringed. The wheel or two fingers zoom, dragging (with two "
        "fingers) pans; arrow keys go from pin to pin, plus and minus zoom."
    )
