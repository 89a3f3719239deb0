"""Digests of texts: short names for what is the same or has changed."""

from __future__ import annotations

import hashlib

__all__ = ["digest"]


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
