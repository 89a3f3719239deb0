"""Facts of picture files: size, format, bytes a pixel, and nothing of what is shown.

How a collection got its files (a camera, a site, an encoder) can find its owner as well as taste.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visprof.checks import check_whole
from visprof.pictures import map_pictures, open_picture, open_regular

__all__ = ["fact_columns", "file_facts"]

SAME_FORMAT = {"jpg": "jpeg", "tif": "tiff"}
OF_THE_SOURCE = ("width", "height", "format")


def file_facts(pins: pd.DataFrame, n_workers: int = 4) -> pd.DataFrame:
    """Facts of each pin's file: of the original where they are stated, else of the picture here.

    A collection scales its pictures down and writes them anew, so that its own files no longer say
    how the originals were made; a manifest may.

    Parameters
    ----------
    pins : DataFrame
        Column image, and, where they are known, width, height, format and bytes of the original,
        as numbers or texts. A value that is none (empty, or no positive number) is not known. Width
        and height are the original's only together, and bytes only with them.
    n_workers : int, default=4
        Files read at a time, unless they are small; at least 1.

    Returns
    -------
    DataFrame
        Columns width, height, format (in lower case) and bytes_per_pixel; a row a pin.

    Raises
    ------
    TypeError
        If `n_workers` is no whole number.
    ValueError, FileNotFoundError
        If it is less than 1, or a file that is needed is missing or no picture.
    """
    check_whole(n_workers, "n_workers", 1)
    size = pd.DataFrame({name: _positive(pins, name) for name in ("width", "height")})
    size[size.isna().any(axis=1)] = np.nan
    of_bytes = _positive(pins, "bytes") / (size["width"] * size["height"])
    stated = pins["format"] if "format" in pins else pd.Series("", index=pins.index)
    form = stated.fillna("").astype(str).str.strip().str.lower()
    facts = size.assign(format=form.mask(form == ""), bytes_per_pixel=of_bytes)
    lacking = facts.isna().any(axis=1).to_numpy()
    found = map_pictures(_facts, pins["image"][lacking], n_workers)
    own = pd.DataFrame(found, columns=list(facts), index=facts.index[lacking])
    facts = facts.fillna(own) if len(own) else facts
    return facts.assign(format=facts["format"].replace(SAME_FORMAT)).reset_index(drop=True)


def _positive(pins: pd.DataFrame, name: str) -> pd.Series:
    """Numbers of a column; NaN where there is none."""
    if name not in pins:
        return pd.Series(np.nan, index=pins.index)
    numbers = pd.to_numeric(pins[name], errors="coerce").astype(float)
    return numbers.where((numbers > 0) & np.isfinite(numbers))


def _facts(image: str | Path) -> tuple[float, float, str, float]:
    with open_regular(image) as file:
        n_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        with open_picture(file) as picture:
            width, height = picture.size
            return width, height, str(picture.format).lower(), n_bytes / (width * height)


def fact_columns(
    facts: pd.DataFrame, background: Sequence[bool] | NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """Facts of files as numbers, each with mean 0 and variance 1 over the background.

    Parameters
    ----------
    facts : DataFrame
        As `file_facts` gives it, n rows.
    background : sequence of bool, length n
        Rows of the background. What does not vary there has no column.

    Returns
    -------
    ndarray of shape (n, k), or None
        Logarithms of width, height, their ratio, and bytes a pixel; and whether the file is of a
        format, one column for each of the background. None where width, height and format do not
        vary in the background: bytes then tell of the picture alone.

    Examples
    --------
    >>> facts = pd.DataFrame({"width": [640, 1280, 640], "height": [480, 720, 480]})
    >>> facts = facts.assign(format=["jpeg", "png", "jpeg"], bytes_per_pixel=[0.3, 1.2, 0.3])
    >>> fact_columns(facts, [True, True, False]).round()[:, 0].tolist()  # width
    [-1.0, 1.0, -1.0]
    """
    background = np.asarray(background, bool)
    if (facts.loc[background, list(OF_THE_SOURCE)].nunique() < 2).all():
        return None
    width, height, of_bytes = (
        np.log(facts[name].to_numpy(float)) for name in ("width", "height", "bytes_per_pixel")
    )
    forms = facts["format"].to_numpy()
    known = [forms == form for form in np.unique(forms[background])]
    columns = np.column_stack([width, height, width - height, of_bytes, *known])
    mean, spread = (of(columns[background], axis=0) for of in (np.mean, np.std))
    varies = spread > 1e-9 * np.maximum(1, np.abs(mean))
    return (columns[:, varies] - mean[varies]) / spread[varies]
