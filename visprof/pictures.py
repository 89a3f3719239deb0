"""Picture files: which names they have, and how one is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

__all__ = ["IMAGE_SUFFIXES", "read_image", "to_rgb"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def read_image(path: str | Path) -> Image.Image:
    """Decode a picture as upright RGB; transparent parts become white.

    Parameters
    ----------
    path : str or Path
        A file that Pillow can open; of an animation the first frame is taken.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB", turned as its EXIF orientation says.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be decoded; the message names it.
    """
    try:
        with Image.open(path) as opened:
            return to_rgb(ImageOps.exif_transpose(opened))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"cannot read the picture {str(path)!r}: {error}. Replace it or leave it out."
        ) from error


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a picture of any mode to 8-bit RGB on white.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of 16 bits a channel, the upper eight are kept.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB".

    Raises
    ------
    ValueError
        If the values are floating-point numbers, whose range is not known.
    """
    if picture.mode == "F":
        raise ValueError("floating-point picture, of unknown range")
    if picture.mode.startswith("I"):
        values = np.asarray(picture, dtype=np.int64) >> 8
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")
