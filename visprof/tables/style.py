"""How a table is shown."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visprof._extras import needs

with needs("book"):
    import jinja2  # noqa: F401  # pandas would say of itself that it is missing
    from pandas.io.formats.style import Styler

__all__ = ["table"]


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
