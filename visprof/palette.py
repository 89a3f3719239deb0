"""Palettes of pictures: which colours they have, and nothing of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visprof._lazy import lazily
from visprof.checks import check_whole
from visprof.pictures import map_pictures, read_image

with lazily("nets"):
    import cv2

__all__ = ["picture_palettes"]

SIZE = (64, 64)  # pictures of any size are compared at this one


def picture_palettes(images: Sequence[str | Path], n_workers: int = 4) -> NDArray[np.float64]:
    """Mean and spread of the colours of each picture, in CIE L*a*b*.

    Pictures are scaled to 64 x 64 pixels by averaging, so that neither their size nor the grain of
    a large one counts.

    Parameters
    ----------
    images : sequence of path, length n
        Picture files.
    n_workers : int
        Pictures read at a time, unless they are small; at least 1.

    Returns
    -------
    ndarray of float64, shape (n, 6)
        Means of lightness L* (0 to 100), a* (green to red) and b* (blue to yellow), then their
        standard deviations over the picture. Equal steps of L*a*b* look about equally large (CIE
        1976), so the six need no scaling.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or cannot be decoded, or `n_workers` is less than 1.
    TypeError
        If `n_workers` is no whole number.

    Examples
    --------
    >>> from PIL import Image
    >>> Image.new("RGB", (8, 8), "white").save("white.png")
    >>> picture_palettes(["white.png"], n_workers=1).round(1) + 0.0  # L*, a*, b*, and their spread
    array([[100.,   0.,   0.,   0.,   0.,   0.]])
    """
    check_whole(n_workers, "n_workers", 1)
    palettes = map_pictures(_palette, images, n_workers)
    return np.array(palettes).reshape(len(images), 6)


def _palette(path: str | Path) -> NDArray[np.float64]:
    picture = read_image(path).resize(SIZE, Image.Resampling.BOX)
    colours = cv2.cvtColor(np.asarray(picture, np.float32) / 255, cv2.COLOR_RGB2LAB)
    colours = colours.astype(np.float64)
    return np.concatenate([colours.mean(axis=(0, 1)), colours.std(axis=(0, 1))])
