"""Tables of the data sheet."""

from __future__ import annotations

import pandas as pd

from visprof import datasheet
from visprof._extras import needs
from visprof.datasheet import Datasheet
from visprof.markdown import as_markdown
from visprof.tables.style import Styler, table

with needs("book"):
    from IPython.display import Markdown

__all__ = [
    "known_problems", "left_out", "licences", "sheet_boards", "sheet_captions", "sheet_counts",
    "sheet_duplicates", "sheet_quantiles",
]  # fmt: skip

DAYS = dict.fromkeys(("first", "last"), "{:%Y\xa0%b\xa0%d}")


def known_problems(sheet: Datasheet) -> Markdown:
    """What is known to be wrong with the data, as a list."""
    problems = datasheet.known_problems(sheet)
    return Markdown("\n".join(f"- {as_markdown(sentence)}" for sentence in problems))


def sheet_counts(sheet: Datasheet) -> Styler:
    """Boards, pins, and first and last day, by part of the data."""
    return table(sheet.counts, {"boards": "{:,}", "pins": "{:,}", **DAYS})


def left_out(sheet: Datasheet) -> Styler | Markdown:
    """What was left out, and why."""
    if sheet.left_out.empty:
        return Markdown("Nothing was left out.")
    return table(sheet.left_out, {"entries": "{:,}"})


def sheet_quantiles(sheet: Datasheet) -> Styler:
    """Quantiles over boards."""
    quantiles = sheet.quantiles.assign(quantity=sheet.quantiles["quantity"].str.replace("_", " "))
    return table(quantiles, dict.fromkeys(quantiles.columns[1:], "{:,.3g}"))


def sheet_captions(sheet: Datasheet) -> Styler:
    """What captions hold."""
    captions = sheet.captions.rename(columns=lambda name: name.replace("_", " "))
    shares = dict.fromkeys(captions.columns.drop("mean words"), "{:.1%}")
    return table(captions, {**shares, "mean words": "{:.2f}"})


def sheet_duplicates(sheet: Datasheet) -> Styler | Markdown:
    """Pictures that repeat, and near-duplicates: what there is of them."""
    found = sheet.duplicates.iloc[0]
    found = found[found != 0]
    if found.empty:
        return Markdown("No picture repeats, and none is a near-duplicate of another.")
    values = [f"{v:.1%}" if isinstance(v, float) and v % 1 else f"{v:,.0f}" for v in found]
    return table(pd.DataFrame({"what": found.index.str.replace("_", " "), "value": values}))


def licences(sheet: Datasheet) -> Styler | Markdown:
    """Licences of the sources."""
    if sheet.licences is None:
        return Markdown("No licence is recorded in these data.")
    return table(sheet.licences)


def sheet_boards(sheet: Datasheet) -> Styler:
    """Every board."""
    boards = sheet.boards.drop(columns="days").rename(columns=lambda name: name.replace("_", " "))
    shares = dict.fromkeys(("largest batch", "tied"), "{:.0%}")
    return table(boards, {"pins": "{:,}", **DAYS, **shares})
