"""Tables of the sensitivity to parameters and to ambiguous equations."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof.sentences.numerals import significant
from visprof.tables.style import Styler, table

__all__ = ["shares_by_setting"]

PARAMETERS = {
    "alpha": "weight of the prior (alpha)",
    "bandwidth": "bandwidth (beta)",
    "normalised_assignments": "assignments of a pin sum to 1",
    "sigma_over": "sigma² is a mean over",
    "user_counts": "sum of y",
    "variance": "variance",
}


def shares_by_setting(settings: pd.DataFrame) -> Styler:
    """Share of pairs with Z above the threshold, as on this page and with one setting changed.

    Parameters
    ----------
    settings : DataFrame
        The step ``sensitivity``.
    """
    # the page's own setting is one row, not one for each parameter that is changed
    own = settings["chosen"]
    settings = pd.concat([settings[own].head(1), settings[~own]])
    what = settings["parameter"].map(PARAMETERS).where(~settings["chosen"], "as on this page")
    value = settings["value"].map(_value).where(~settings["chosen"], "")
    shown = {
        "what": what,
        "value": value,
        "prior, pins": settings["prior"].map(significant),
        "entropy": settings["entropy"].map("{:.2f}".format),
        "Z above the threshold": settings["differ"].map("{:.1%}".format),
        "pins shuffled": settings["shuffled"].map("{:.1%}".format),
    }
    return table(pd.DataFrame(shown))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else value
