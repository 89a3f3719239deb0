"""How a notebook holds a figure, and what it gives the text.

A figure is held as files by MIME type, with the names that it does not draw whole. Figures put them
there, pages read them.
"""

from __future__ import annotations

__all__ = ["CSV", "FILES", "GLUED", "NAMES", "NARROW", "PNG", "SVG"]

SVG, PNG, CSV = "image/svg+xml", "image/png", "text/csv"
FILES = {SVG: ("svg", "SVG"), PNG: ("png", "PNG"), CSV: ("csv", "data (CSV)")}  # suffix, in words
NAMES = "visprof-names"  # of the metadata of a figure: names that it cuts or numbers, by label
NARROW = "application/x-narrow+svg"  # of a figure: for a phone, as vectors
GLUED = "application/papermill.record/"  # before the type of what is for the text, as in MyST-NB
