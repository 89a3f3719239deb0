"""Pictures cut to squares, in rows, and as a page holds them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from visprof.pictures import read_image

__all__ = ["data_uri", "mosaic", "tile", "tile_uri"]


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
