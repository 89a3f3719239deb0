"""What is drawn is read off the figure again: every number, and no other."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from visprof.names import NAMES
from visprof.plotted import figure_files, plotted_data


@pytest.fixture
def figure():
    return Figure()


def test_a_line_is_read_with_the_labels_of_its_axes(figure):
    axis = figure.add_subplot(xlabel="pins", ylabel="MRR", title="all")
    axis.plot([1, 2, 3], [0.5, 0.25, 0.125], label="image")
    expected = pd.DataFrame({
        "panel": "all", "series": "image", "drawn as": "line", "x axis": "pins",
        "x": [1, 2, 3], "y axis": "MRR", "y": [0.5, 0.25, 0.125],
    })  # fmt: skip
    pd.testing.assert_frame_equal(plotted_data(figure), expected, check_dtype=False)


def test_error_bars_are_points_and_intervals_of_one_series(figure):
    axis = figure.add_subplot()
    axis.errorbar([1, 2], [5, 6], yerr=[[1, 1], [2, 2]], label="text", capsize=0)
    data = plotted_data(figure)
    assert set(data["series"]) == {"text"}
    ends = data[data["drawn as"] == "interval"]
    np.testing.assert_array_equal(ends[["x", "y"]], [[1, 4], [1, 7], [2, 5], [2, 8]])
    np.testing.assert_array_equal(data[data["drawn as"] == "line"]["y"], [5, 6])


def test_bars_of_names_keep_the_names(figure):
    axis = figure.add_subplot()
    axis.barh([0, 1], [3, 4], label="boards")
    axis.set_yticks([0, 1], ["all", "long"])
    data = plotted_data(figure)
    assert data[["x", "y"]].values.tolist() == [[3, "all"], [4, "long"]]
    assert set(data["drawn as"]) == {"bar"}


def test_numbers_as_tick_labels_do_not_replace_what_lies_between_them(figure):
    axis = figure.add_subplot()
    axis.plot([1.3, 9.7], [1, 2])
    axis.set_xticks([1, 10], ["1", "10"])
    assert plotted_data(figure)["x"].tolist() == [1.3, 9.7]


def test_a_line_across_the_panel_has_one_coordinate(figure):
    figure.add_subplot().axhline(0.25, label="random")
    data = plotted_data(figure)
    assert data["y"].tolist() == [0.25]
    assert "x" not in data or data["x"].isna().all()


def test_points_areas_and_matrices_are_read_and_pictures_are_not(figure):
    axes = figure.subplots(2, 2).ravel()
    axes[0].scatter([1, 2], [3, 4])
    axes[1].fill_between([0, 1], [0, 0], [1, 2])
    axes[2].imshow([[1.5, 2.5]])
    axes[3].imshow(np.zeros((4, 4, 3)))
    data = plotted_data(figure)
    assert data[data["drawn as"] == "points"][["x", "y"]].values.tolist() == [[1, 3], [2, 4]]
    assert data[data["drawn as"] == "area"]["y"].max() == 2
    assert data[data["drawn as"] == "matrix"]["value"].tolist() == [1.5, 2.5]
    assert "4" not in set(data["panel"])


def test_files_of_a_figure(figure):
    figure.add_subplot().plot([1, 2], [3, 4])
    files = figure_files(figure)
    assert files["image/svg+xml"].lstrip().startswith("<?xml")
    assert Image.open(io.BytesIO(base64.b64decode(files["image/png"]))).width > 600
    assert pd.read_csv(io.StringIO(files["text/csv"]))["y"].tolist() == [3, 4]
    assert figure_files(figure)["text/csv"] == files["text/csv"]


def test_a_figure_of_no_numbers_has_no_table(figure):
    axis = figure.add_subplot()
    axis.text(0.5, 0.5, "words")
    axis.plot([0, 1], [0, 1])
    axis.set_axis_off()  # a diagram
    assert "text/csv" not in figure_files(figure)
    assert plotted_data(figure).empty
    assert plotted_data(Figure()).empty


def test_a_notebook_gets_all_files_of_a_figure_and_the_names_that_it_cuts():
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "from visprof import figures\n"
        "figures.use_book_style()\n"
        "figure = figures.max_z_ecdf({'users': [1.0, 2.0]})\n"
        "figure.label(['a long name'], 'user', 5)\n"
        "data, metadata = shell.display_formatter.format(figure)\n"
        "print(sorted(data), metadata)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    types = "['image/png', 'image/svg+xml', 'text/csv', 'text/plain']"
    assert shown.strip() == f"{types} {{'{NAMES}': {{'a lo…': 'a long name'}}}}"
