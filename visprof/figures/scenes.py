"""Figures of how scenes are found by their likeness (Table 1 of the paper, in detail)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from visprof.figures.figure import Figure
from visprof.figures.mosaics import tile
from visprof.figures.style import COLOURS, CYCLE, DASHES, MARKERS, single_axes

__all__ = ["class_mean_ap", "neighbour_strips", "precision_recall"]


def class_mean_ap(table: pd.DataFrame) -> Figure:
    """Mean average precision of each class by each method; classes by the first method's.

    Parameters
    ----------
    table : DataFrame
        Index the classes, one column a method.
    """
    ordered = table.sort_values(table.columns[0], kind="stable")
    numbers = ordered.melt(var_name="method", value_name="mean_ap", ignore_index=False)
    numbers = numbers.rename_axis(index="class").reset_index()
    figure, axis = single_axes(7.5, 1.2 + 0.26 * len(ordered), numbers)
    places = np.arange(len(ordered))
    axis.hlines(places, ordered.min(axis=1), ordered.max(axis=1), color="#cccccc", lw=1, zorder=0)
    for (name, values), colour, marker in zip(ordered.items(), CYCLE, MARKERS, strict=False):
        axis.plot(values, places, marker, ls="", color=colour, label=name, ms=6)
    names = [str(name).replace("_", " ") for name in ordered.index]
    labels = figure.label(names, "class", width=32)
    axis.set_yticks(places, [labels[name] for name in names])
    axis.set(xlabel="mean average precision of the class", xlim=(0, 1.02))
    axis.grid(axis="x", color="#eeeeee")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(ordered.columns))
    return figure


def neighbour_strips(
    images: Sequence[str], labels: Sequence[str], queries: pd.DataFrame, size: int = 96
) -> Figure:
    """Queries, each with its nearest pictures: framed whole where the label is right, else dashed.

    Parameters
    ----------
    images, labels : sequence of str, length n
        Picture files and their classes.
    queries : DataFrame
        Columns query (position), neighbours (positions, nearest first), average_precision.
    size : int
        Side of a picture in pixels.
    """
    width = len(queries["neighbours"].iloc[0])
    numbers = pd.DataFrame(
        [
            {
                "row": row, "class": labels[query], "average_precision": score, "rank": rank,
                "neighbour": labels[position],
            }
            for row, (query, neighbours, score) in enumerate(
                queries[["query", "neighbours", "average_precision"]].itertuples(index=False), 1
            )
            for rank, position in enumerate(neighbours, 1)
        ]
    )  # fmt: skip
    figure = Figure(figsize=(9, 1.42 * len(queries)), layout="constrained", numbers=numbers)
    axes = figure.subplots(len(queries), width + 1, squeeze=False)
    shown = {place for row in queries.itertuples() for place in (row.query, *row.neighbours)}
    names = {place: str(labels[place]).replace("_", " ") for place in sorted(shown)}
    drawn = figure.label(names.values(), "class", width=14, n_lines=2)
    for row, (query, neighbours, score) in zip(
        axes,
        queries[["query", "neighbours", "average_precision"]].itertuples(index=False),
        strict=True,
    ):
        for axis, position in zip(row, [query, *neighbours], strict=True):
            axis.imshow(tile(images[position], size))
            axis.set(xticks=[], yticks=[])
            right = labels[position] == labels[query]
            colour, dash = (COLOURS["green"], "-") if right else (COLOURS["orange"], (0, (2, 1.5)))
            if position == query:
                colour = "black"
            for spine in axis.spines.values():
                spine.set(visible=True, color=colour, linestyle=dash, linewidth=2.5)
            name = drawn[names[position]]
            title = f"{name}\nAP {score:.2f}" if position == query else name
            axis.set_title(title, fontsize=8.5, pad=3, loc="center")
    return figure


def precision_recall(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Precision against recall, each averaged over queries at every rank k.

    Parameters
    ----------
    curves : mapping of str to (precision, recall)
        Arrays of shape (n - 1,) by the name of the method.
    """
    numbers = pd.concat(
        [
            pd.DataFrame(
                {
                    "method": name,
                    "k": np.arange(1, len(recall) + 1),
                    "recall": recall,
                    "precision": precision,
                }
            )
            for name, (precision, recall) in curves.items()
        ],
        ignore_index=True,
    )
    figure, axis = single_axes(numbers=numbers)
    for (name, line), colour, dash in zip(
        numbers.groupby("method", sort=False), CYCLE, DASHES, strict=False
    ):
        axis.plot(line["recall"], line["precision"], label=name, color=colour, ls=dash)
    axis.set(xlabel="recall at k", ylabel="precision at k", xlim=(0, 1), ylim=(0, None))
    axis.legend()
    return figure
