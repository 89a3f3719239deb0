"""Figures of the plane of t-SNE (Figure 4 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from visprof.figures.figure import Figure
from visprof.figures.mosaics import mosaic
from visprof.figures.style import CYCLE, MARKERS, single_axes

__all__ = ["grid_representatives", "named_clusters", "picture_map", "scene_map"]


def grid_representatives(
    plane: np.ndarray, n_blocks: int, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a plane into blocks and draw one point of each (the paper, Figure 4).

    Parameters
    ----------
    plane : ndarray, shape (n, 2)
        Points.
    n_blocks : int
        Blocks along each side.
    random_state : int
        Seed of the draw.

    Returns
    -------
    points, blocks : ndarray of int, shape (m,)
        Rows of `plane`, and the block of each, counted from the top left in reading order. Empty
        blocks have no row.
    """
    low, high = plane.min(axis=0), plane.max(axis=0)
    cell = ((plane - low) / np.maximum(high - low, 1e-12) * n_blocks).astype(int)
    column, row = np.clip(cell, 0, n_blocks - 1).T
    block = (n_blocks - 1 - row) * n_blocks + column
    order = np.random.default_rng(random_state).permutation(len(plane))
    blocks, first = np.unique(block[order], return_index=True)
    return order[first], blocks


def picture_map(
    plane: np.ndarray, images: Sequence[str], n_blocks: int = 20, random_state: int = 0
) -> Figure:
    """Figure 4: the plane of t-SNE cut into blocks, one picture drawn from each.

    Parameters
    ----------
    plane : ndarray, shape (n, 2)
        The plane.
    images : sequence of str, length n
        The picture files.
    n_blocks : int
        Blocks along each side.
    random_state : int
        Seed of the draw.
    """
    points, blocks = grid_representatives(plane, n_blocks, random_state)
    places: list[str | None] = [None] * n_blocks**2
    for point, block in zip(points, blocks, strict=True):
        places[block] = images[point]
    figure = Figure(figsize=(9, 9))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.imshow(mosaic(places, n_blocks, 1200 // n_blocks, gap=2))
    axis.set_axis_off()
    return figure


def scene_map(plane: np.ndarray, labels: Sequence[str], n_columns: int = 3) -> Figure:
    """Labelled points of the plane, each class with a colour and a marker of its own.

    Parameters
    ----------
    plane : ndarray, shape (n, 2)
        The plane.
    labels : sequence of str, length n
        Class of each point. Of more classes than there are pairs of colour and marker, the
        largest get one, and the others share small grey points.
    n_columns : int
        Columns of the legend.
    """
    labels = pd.Series(np.asarray(labels))
    looks = [(colour, marker) for marker in MARKERS for colour in CYCLE]
    named = sorted(labels.value_counts(sort=True).index[: len(looks)])
    rest = ~labels.isin(named).to_numpy()
    n_rows = -(-(len(named) + rest.any()) // n_columns)
    width, height = np.ptp(plane, axis=0)
    figure, axis = single_axes(
        5.6,
        5.6 * np.clip(height / max(width, 1e-12), 0.5, 1.2) + 0.22 * n_rows,
        pd.DataFrame({"x": plane[:, 0], "y": plane[:, 1], "class": labels}),
    )
    drawn = figure.label([str(label).replace("_", " ") for label in named], "class", width=24)
    if rest.any():
        axis.scatter(*plane[rest].T, s=5, color="#bbbbbb", lw=0, label="other classes")
    for label, (colour, marker) in zip(named, looks, strict=False):
        points = plane[(labels == label).to_numpy()]
        axis.scatter(
            *points.T, s=24, color=colour, marker=marker, alpha=0.8, lw=0.3, ec="white",
            label=drawn[str(label).replace("_", " ")],
        )  # fmt: skip
    axis.set(aspect="equal", xticks=[], yticks=[])  # neither position nor scale has a meaning
    axis.spines[:].set_visible(False)
    figure.legend(loc="outside lower center", ncols=n_columns, fontsize="small")
    return figure


def named_clusters(table: pd.DataFrame, n_columns: int = 2, size: int = 80) -> Figure:
    """Clusters by their pictures, each below its name.

    Parameters
    ----------
    table : DataFrame
        Columns name (with what stands beside it), images; one row a cluster.
    n_columns : int
        Clusters side by side.
    size : int
        Side of a picture in pixels.
    """
    n_rows = -(-len(table) // n_columns)
    figure = Figure(
        figsize=(3.2 * n_columns, 1.15 * n_rows + 0.1),
        layout="constrained",
        numbers=table.drop(columns="images"),
    )
    axes = figure.subplots(n_rows, n_columns, squeeze=False).flat
    names = figure.label(table["name"], "cluster", width=40, n_lines=2)
    n_pictures = max(1, *map(len, table["images"]))
    for axis, row in zip(axes, table.itertuples(index=False), strict=False):
        places = [*row.images, *[None] * (n_pictures - len(row.images))]
        axis.imshow(mosaic(places, n_pictures, size))
        axis.set_title(names[row.name], fontsize="small")
    for axis in figure.axes:
        axis.set_axis_off()
    return figure
