"""The table of all parameters that the book's page of parameters shows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from visprof.book.page import read_book
from visprof.book.parameters import FIELDS, Parameter, default_of_preset, values_allowed
from visprof.parameters import PRESETS

__all__ = ["parameter_table"]


def parameter_table(root: str | Path = ".") -> pd.DataFrame:
    """List the parameters of all pages of the book, and those that only a `Study` takes.

    Parameters
    ----------
    root : path
        Folder of ``_toc.yml``.

    Returns
    -------
    DataFrame
        Columns parameter, type, default (that of demo, then those of presets that differ), values
        allowed, meaning, and pages (names of those that have it, empty if none).
    """
    found: dict[str, Parameter] = {}
    pages: dict[str, list[str]] = {}
    for page in read_book(root):
        for name, parameter in page.own_parameters.items():
            found.setdefault(name, parameter)
            pages.setdefault(name, []).append(page.name)
    for name in FIELDS:
        found.setdefault(name, Parameter(name, "None", None, ""))
    rows = []
    for name, parameter in found.items():
        field = FIELDS.get(name)
        rows.append(
            {
                "parameter": name,
                "type": field.type if field else parameter.type,
                "default": _defaults(parameter),
                "values allowed": values_allowed(name),
                "meaning": field.metadata["meaning"] if field else parameter.help,
                "pages": ", ".join(sorted(pages.get(name, []))),
            }
        )
    return pd.DataFrame(rows)


def _defaults(parameter: Parameter) -> str:
    """Default of the demo, and in parentheses that of each preset that has another."""
    values = {preset: repr(default_of_preset(parameter, preset)) for preset in PRESETS}
    usual = values.pop("demo")
    others: dict[str, list[str]] = {}
    for preset, value in values.items():
        if value != usual and parameter.name != "preset":
            others.setdefault(value, []).append(preset)
    notes = "; ".join(f"{', '.join(presets)}: {value}" for value, presets in others.items())
    return f"{usual} ({notes})" if notes else usual
