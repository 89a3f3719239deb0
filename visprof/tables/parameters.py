"""Tables of the parameters."""

from __future__ import annotations

import re

import pandas as pd

from visprof.tables.style import Styler, table

__all__ = ["other_parameters", "page_parameters"]


def page_parameters(listed: pd.DataFrame) -> Styler:
    """Parameters that some page lists, and the numbers of these pages.

    Parameters
    ----------
    listed : DataFrame
        `visprof.book.reference.parameter_table`.
    """
    shown = _described(listed[listed["pages"] != ""])
    numbers = [re.sub(r"\b(\d+)-[\w-]+", r"\1", names) for names in shown["pages"]]
    return table(shown.assign(pages=numbers))


def other_parameters(listed: pd.DataFrame) -> Styler:
    """Parameters that no page lists; every page takes them all the same."""
    return table(_described(listed[listed["pages"] == ""]).drop(columns="pages"))


def _described(listed: pd.DataFrame) -> pd.DataFrame:
    allowed = (", " + listed["values allowed"]).where(listed["values allowed"] != "", "")
    meaning = listed["meaning"] + " (" + listed["type"] + allowed + ")"
    return listed.assign(meaning=meaning)[["parameter", "meaning", "default", "pages"]]
