"""Digests of texts and files: short names for what is the same or has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from visprof.object_stores import open_bytes

__all__ = ["digest", "picture_digest"]


def digest(*parts: str) -> str:
    """Return a short hash of texts, also of names of files that are no UTF-8.

    Parameters
    ----------
    *parts : str
        Where one ends and the next begins counts.

    Returns
    -------
    str
        20 hexadecimal digits.

    Examples
    --------
    >>> digest("one", "text") == digest("onetext")
    False
    """
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:20]


def picture_digest(path: str | Path) -> str:
    """Return a hash of what a file holds: pictures with an equal one are the same.

    Parameters
    ----------
    path : path
        The file, or the URL of an object (see `visprof.object_stores`).

    Returns
    -------
    str
        40 hexadecimal digits.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with open_bytes(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
