"""What figures share: colours and marks; how intervals, single seeds and chance are drawn."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.figures.figure import Figure
from visprof.figures.files import show_with_files
from visprof.files import read_record, write_record

with needs("book"):
    import matplotlib as mpl
    from matplotlib.axes import Axes
with lazily("book"):  # with it come the statistics that it could draw
    import seaborn as sns
    from matplotlib.legend import Legend

__all__ = [
    "ALL_SEEDS",
    "COLOURS",
    "CYCLE",
    "DASHES",
    "MARKERS",
    "ONE_SEED",
    "RANDOM",
    "arms",
    "legend_above",
    "legend_below",
    "single_axes",
    "use_book_style",
]

# Okabe-Ito: told apart by colour-blind readers; every curve has its own dash or marker too
COLOURS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "grey": "#666666",
}

CYCLE = list(COLOURS.values())
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]

# what seaborn sets, beside the bytecode, which follows from what is installed as it does
LOOK = Path(cache_from_source(__file__)).with_name("look.json")

ALL_SEEDS = "all"  # the mean over seeds, in the column seed
ONE_SEED = {"lw": 0.6, "alpha": 0.35, "label": "_one seed"}  # no entry in the legend
RANDOM = {"color": "black", "ls": (0, (1, 2)), "lw": 1.2, "label": "random (exact)"}


def use_book_style() -> None:
    """Set fonts and sizes for the figures of a chapter, and have them shown with their files."""
    mpl.rcParams.update(
        {
            **_look(),
            "axes.prop_cycle": mpl.cycler(color=CYCLE),
            "figure.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "legend.frameon": False,
            "svg.hashsalt": "visprof",  # the same figure gives the same file
        }
    )
    show_with_files()


def _look() -> dict[str, Any]:
    """What seaborn sets, as kept of the last time: to import it takes longer than to draw."""
    made_by = {"seaborn": version("seaborn")}
    with suppress(OSError, ValueError):
        kept = read_record(LOOK)
        if kept["made by"] == made_by:
            return kept["look"]
    look = {**sns.plotting_context("notebook"), **sns.axes_style("ticks")}
    del look["image.cmap"]  # one that is known once seaborn is imported; no figure has it
    if not sys.dont_write_bytecode:
        with suppress(OSError):  # the package may lie where nobody may write
            write_record(LOOK, {"made by": made_by, "look": look})
    return look


def single_axes(
    width: float = 7.0, height: float = 4.2, numbers: pd.DataFrame | None = None
) -> tuple[Figure, Axes]:
    """Make a figure of one panel.

    Parameters
    ----------
    width, height : float
        In inches.
    numbers : DataFrame, optional
        The table that it will be drawn from.

    Returns
    -------
    figure : Figure
    axis : Axes
    """
    figure = Figure(figsize=(width, height), layout="constrained", numbers=numbers)
    return figure, figure.add_subplot()


def arms(rows: pd.DataFrame) -> np.ndarray:
    """Lengths of the intervals below and above values, as error bars take them.

    Parameters
    ----------
    rows : DataFrame of n rows
        Columns value, low, high.

    Returns
    -------
    ndarray, shape (2, n)
    """
    return np.array([rows["value"] - rows["low"], rows["high"] - rows["value"]])


def legend_above(axis: Axes, **options: Any) -> None:
    """Put a legend above a panel, clear of what is drawn; a random value stands last.

    Parameters
    ----------
    axis : Axes
        The panel.
    **options
        Of Matplotlib's legend.
    """
    axis.legend(
        *_entries(axis), loc="lower center", bbox_to_anchor=(0.5, 1.0), **{"ncols": 4, **options}
    )


def legend_below(figure: Figure, **options: Any) -> Legend:
    """Put one legend of all panels below them; a random value stands last.

    Parameters
    ----------
    figure : Figure
        Its first panel has every entry.
    **options
        Of Matplotlib's legend.
    """
    return figure.legend(*_entries(figure.axes[0]), loc="outside lower center", **options)


def _entries(axis: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = axis.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place] == RANDOM["label"])
    return [handles[place] for place in order], [labels[place] for place in order]
