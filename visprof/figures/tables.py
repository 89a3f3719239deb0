"""Tables on the page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from pandas.io.formats.style import Styler

from visprof.results import verdict_with_seeds

__all__ = ["table", "verdicts"]


def table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None) -> Styler:
    """Show a table whole: no index, no cut text, words to the left; text is text, not HTML.

    Parameters
    ----------
    frame : DataFrame
        What to show.
    formats : mapping of str to str, optional
        Format of a column's values, such as ``"{:.3f}"``.
    """
    shown = frame.style.hide(axis="index").format(formats, escape="html")
    shown.format_index(escape="html", axis="columns").set_properties(**{"text-align": "left"})
    # the theme leaves tables of the first class in its own colours, light or dark; notebooks do not
    # look for mathematics in the others
    return shown.set_table_attributes('class="dataframe tex2jax_ignore mathjax_ignore"')


def verdicts(cards: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The verdicts of several scorecards, short enough for a glance.

    Parameters
    ----------
    cards : mapping of str to DataFrame
        `visprof.results.scorecard` by the name of its study.

    Returns
    -------
    DataFrame
        Columns claim, and one a study: verdict, and if some seed alone would give another, in how
        many it would stand.
    """
    marks = {"holds": "✔", "does not hold": "✘", "not tested": "–"}  # else: undecided
    first = next(iter(cards.values()))
    found = {
        name: [
            f"{marks.get(verdict, '?')} {words}"
            for verdict, words in zip(card["verdict"], verdict_with_seeds(card), strict=True)
        ]
        for name, card in cards.items()
    }
    return pd.DataFrame({"claim of the paper, or beside it": first["claim"], **found})
