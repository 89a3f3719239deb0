"""Picture files: which names they have, and how one is read."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

__all__ = ["IMAGE_SUFFIXES", "read_image"]

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
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return image.convert("RGB")
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"cannot read the picture {str(path)!r}: {error}. Replace it or leave it out."
        ) from error
