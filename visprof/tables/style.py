"""How a table is shown, and how intervals are drawn into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import pandas as pd

from visprof._extras import needs

with needs("book"):
    import jinja2  # noqa: F401  # pandas would say of itself that it is missing
    from pandas.io.formats.style import Styler

__all__ = ["Bar", "bars_about_zero", "bars_on_one_scale", "table"]


class Bar(NamedTuple):
    """A number with its interval as a dot on a bar: places from 0, the left, to 1.

    Attributes
    ----------
    at, low, high : float
        Of the number and the ends of its interval.
    zero : float
        Of what it is compared with.
    """

    at: float
    low: float
    high: float
    zero: float

    def css_class(self) -> str:
        """The class of its cell, from which `visprof.book.table_captions` draws it."""
        return "bar-" + "-".join(f"{1000 * place:.0f}" for place in self)


class Interval(Protocol):
    """A number with an interval, such as an Estimate."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


def bars_on_one_scale(numbers: Sequence[Interval | None]) -> list[Bar | None]:
    """Numbers of a column on a scale of their own, which begins or ends at 0 or holds it.

    Parameters
    ----------
    numbers : sequence of Estimate or None
        Those without an interval get no bar.

    Returns
    -------
    list of Bar or None

    Examples
    --------
    >>> from visprof.intervals import Estimate
    >>> bars_on_one_scale([Estimate(0.5, 0.25, 1.0), None])
    [Bar(at=0.5, low=0.25, high=1.0, zero=0.0), None]
    """
    found = [_ends(number) for number in numbers]
    all_ends = [end for ends in found if ends is not None for end in ends]
    least, most = min([0.0, *all_ends]), max([0.0, *all_ends])
    long = (most - least) or 1.0
    return [
        None
        if ends is None
        else Bar(*((end - least) / long for end in ends), zero=(0 - least) / long)
        for ends in found
    ]


def bars_about_zero(numbers: Iterable[Interval | None]) -> list[Bar | None]:
    """Numbers each on a scale of its own with 0 in the middle: which side of it they lie on.

    Parameters
    ----------
    numbers : sequence of Estimate or None
        Differences from what they are compared with, of any unit.

    Returns
    -------
    list of Bar or None

    Examples
    --------
    >>> from visprof.intervals import Estimate
    >>> bars_about_zero([Estimate(1.0, -2.0, 4.0)])
    [Bar(at=0.625, low=0.25, high=1.0, zero=0.5)]
    """
    bars: list[Bar | None] = []
    for ends in map(_ends, numbers):
        if ends is None:
            bars.append(None)
            continue
        scale = 2 * max(map(abs, ends)) or 1.0
        bars.append(Bar(*(0.5 + end / scale for end in ends), zero=0.5))
    return bars


def _ends(number: Interval | None) -> tuple[float, float, float] | None:
    if number is None or number.low is None or number.high is None or pd.isna(number.value):
        return None
    return number.value, number.low, number.high


def table(
    frame: pd.DataFrame,
    formats: Mapping[str, str] | None = None,
    bars: Mapping[str, Sequence[Bar | None]] | None = None,
) -> Styler:
    """Show a table whole: no index, no cut text, words to the left; text is text, not HTML.

    Parameters
    ----------
    frame : DataFrame
        What to show.
    formats : mapping of str to str, optional
        Format of a column's values, such as ``"{:.3f}"``.
    bars : mapping of str to sequence of Bar or None, optional
        Dots and bars that the built page draws below the words of a column's cells.
    """
    shown = frame.style.hide(axis="index").format(formats, escape="html")
    shown.format_index(escape="html", axis="columns").set_properties(**{"text-align": "left"})
    if bars:
        classes = {
            column: ["" if bar is None else bar.css_class() for bar in of]
            for column, of in bars.items()
        }
        shown.set_td_classes(pd.DataFrame(classes, index=frame.index))
    # the theme leaves tables of the first class in its own colours, light or dark; notebooks do not
    # look for mathematics in the others
    return shown.set_table_attributes('class="dataframe tex2jax_ignore mathjax_ignore"')
