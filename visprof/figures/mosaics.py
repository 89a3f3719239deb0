"""Pictures cut to squares, in rows, on one sheet, and as a page holds them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageOps

from visprof.pictures import read_image

__all__ = ["data_uri", "mosaic", "packed", "sheet", "tile", "tile_uri"]


def tile(image: str, size: int) -> np.ndarray:
    """Centre square of a picture file, (size, size, 3) uint8."""
    return np.asarray(ImageOps.fit(read_image(image), (size, size)))


def tile_uri(image: str, size: int) -> str:
    """A picture cut to a square, as text that a page can hold: one to two kilobytes."""
    return data_uri(Image.fromarray(tile(image, size)))


def data_uri(picture: Image.Image) -> str:
    """A small picture as text that a page can hold."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=50, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def packed(values: ArrayLike, kind: str) -> str:
    """Numbers of one kind, row by row, as base64."""
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode("ascii")


def sheet(pictures: Sequence[np.ndarray], n_columns: int, cell: int) -> Image.Image:
    """Small pictures in rows on one large one: on their own, each would add 200 bytes of its kind.

    Parameters
    ----------
    pictures : sequence of ndarray of shape (height, width, 3)
        uint8, neither side longer than `cell`. Each stands in the upper left of its cell; its last
        row and column are repeated beyond it, so that what is beside it does not colour its edge.
    n_columns, cell : int
        Cells a row, and side of a cell in pixels.
    """
    n_rows = -(-len(pictures) // n_columns)
    canvas = np.full((n_rows * cell, n_columns * cell, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = (place // n_columns) * cell, (place % n_columns) * cell
        beyond = [(0, cell - side) for side in picture.shape[:2]]
        canvas[top : top + cell, left : left + cell] = np.pad(picture, [*beyond, (0, 0)], "edge")
    return Image.fromarray(canvas)


def mosaic(images: Sequence[str | None], n_columns: int, size: int, gap: int = 3) -> np.ndarray:
    """One white canvas with pictures in rows; None leaves its place empty."""
    n_rows = -(-len(images) // n_columns)
    pitch = size + gap
    canvas = np.full((n_rows * pitch - gap, n_columns * pitch - gap, 3), 255, np.uint8)
    for place, image in enumerate(images):
        if image is not None:
            top, left = (place // n_columns) * pitch, (place % n_columns) * pitch
            canvas[top : top + size, left : left + size] = tile(image, size)
    return canvas
