"""Figures of categories and styles in one model."""

from __future__ import annotations

import pandas as pd

from visprof.figures.figure import Figure
from visprof.figures.mosaics import mosaic
from visprof.figures.style import CYCLE, MARKERS, arms, single_axes

__all__ = ["bits_by_part", "taste_levels"]

_PARTS = ("fusion", "inter", "intra", "styles", "interaction")
_WORDS = {
    "fusion": "fusion", "inter": "categories (inter)", "intra": "styles within (intra)",
    "styles": "styles alone", "interaction": "interaction",
}  # fmt: skip


def bits_by_part(table: pd.DataFrame) -> Figure:
    """Bits a pin by part, with 95 % intervals, one world below the other.

    Parameters
    ----------
    table : DataFrame
        Columns taste, model (a part of the bits), value, low, high.
    """
    numbers = table[table["model"].isin(_PARTS)][["taste", "model", "value", "low", "high"]]
    names = list(numbers["taste"].unique())
    figure, axis = single_axes(height=1.2 + 0.95 * len(names), numbers=numbers)
    for place, part in enumerate(_PARTS):
        rows = numbers[numbers["model"] == part]
        beside = 0.15 * (place - (len(_PARTS) - 1) / 2)
        axis.errorbar(
            rows["value"], [names.index(of) + beside for of in rows["taste"]], xerr=arms(rows),
            label=_WORDS[part], ls="none", ms=6, elinewidth=1.5, color=CYCLE[place],
            marker=MARKERS[place],
        )  # fmt: skip
    axis.axvline(0, color="black", lw=1.2)
    axis.set(ylim=(len(names) - 0.5, -0.5), xlabel="bits a pin")
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def taste_levels(table: pd.DataFrame, size: int = 80) -> Figure:
    """One user's categories and the style of each: the user's pictures of it, and others'.

    Parameters
    ----------
    table : DataFrame
        Columns category, pins, own, everyone, style, own_style, everyone_style, own_images,
        other_images; the last two may be empty.
    size : int
        Side of a picture in pixels.
    """
    n_columns = max(1, *table[["own_images", "other_images"]].map(len).max())
    figure = Figure(
        figsize=(10, 1.75 * len(table)),
        layout="constrained",
        numbers=table.drop(columns=["own_images", "other_images"]),
    )
    axes = figure.subplots(len(table), 2, squeeze=False)
    categories = figure.label(table["category"], "category", width=40)
    styles = figure.label(table["style"], "style", width=40)
    for (own, other), row in zip(axes, table.itertuples(), strict=True):
        for axis, images in ((own, row.own_images), (other, row.other_images)):
            places = [*images, *[None] * (n_columns - len(images))]
            axis.imshow(mosaic(places, n_columns, size))
            axis.set_axis_off()
        own.set_title(
            f"{categories[str(row.category)]}: {row.own:.0%} of this user's profile\n"
            f"of these {styles[str(row.style)]}: {row.own_style:.0%}",
            fontsize="small",
        )
        other.set_title(
            f"{row.everyone:.0%} of everyone's profile\nof these {row.everyone_style:.0%}",
            fontsize="small",
        )
    return figure
