"""A figure as files: what is published is what it carries."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from figure_examples import arguments
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visprof import figures
from visprof.figures import Figure, use_book_style
from visprof.figures.files import figure_files, figure_svg, numbers_csv
from visprof.mime import NAMES


@pytest.fixture
def table():
    return pd.DataFrame({"pins": [1, 2], "value": [1 / 3, np.nan]}, index=[7, 3])


def test_files_of_a_figure(table):
    figure = Figure(numbers=table)
    figure.add_subplot().plot([1, 2], [3, 4])
    files = figure_files(figure)
    assert files["image/svg+xml"].lstrip().startswith("<?xml")
    assert Image.open(io.BytesIO(base64.b64decode(files["image/png"]))).width > 600
    assert files["text/csv"] == "pins,value\n1,0.3333333333333333\n2,\n"
    assert figure_files(figure)["text/csv"] == files["text/csv"]


def files_drawn_in_full(figure, monkeypatch):
    """As Matplotlib finds places by itself: by drawing everything to no effect."""
    with monkeypatch.context() as patched:
        patched.setattr(matplotlib.text.Text, "moves", True, raising=False)
        return figure_files(figure)


@pytest.mark.parametrize("name", ["max_z_ecdf", "sensitivity_curves", "mrr_curves", "mrr_growth"])
def test_files_are_those_of_a_figure_that_is_drawn_to_be_laid_out(name, tmp_path, monkeypatch):
    use_book_style()
    values = arguments(tmp_path)[name]
    drawn = getattr(figures, name)
    in_full = files_drawn_in_full(drawn(*values), monkeypatch)
    assert figure_files(drawn(*values)) == in_full


def test_numbers_of_a_figure_are_a_copy_of_those_it_is_given(table):
    figure = Figure(numbers=table)
    table.loc[7, "value"] = 0.5
    assert figure.numbers["value"][0] == 1 / 3


@pytest.mark.parametrize("kind", [Figure, matplotlib.figure.Figure])
def test_a_figure_of_no_numbers_has_no_table(kind):
    figure = kind()
    figure.add_subplot().plot([1, 2], [3, 4])
    assert set(figure_files(figure)) == {"image/svg+xml", "image/png"}


def pixels_of(svg):
    """Pictures in a drawing, and their kinds."""
    found = re.findall(r'xlink:href="data:image/(\w+);base64,([^"]+)"', svg)
    pictures = [Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB") for _, text in found]
    return [kind for kind, _ in found], [np.asarray(picture, float) for picture in pictures]


def test_photographs_in_vectors_are_a_fraction_of_their_pixels_and_look_the_same():
    use_book_style()  # one figure, one text
    rng = np.random.default_rng(0)
    waves = np.cumsum(rng.normal(0, 3, (3, 300, 400, 3)), axis=2)[0]  # noise from left to right
    photograph = np.clip(128 + waves - waves.mean(), 0, 255).astype(np.uint8)
    figure = Figure(figsize=(4, 3))
    figure.add_axes((0, 0, 1, 1)).imshow(photograph)
    svg = figure_svg(figure)
    assert svg == figure_svg(figure)
    kinds, [seen] = pixels_of(svg)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", bbox_inches="tight", metadata={"Date": None})
    before, [exact] = pixels_of(drawn.getvalue())
    assert (kinds, before) == (["jpeg"], ["png"])
    assert len(svg) < len(drawn.getvalue()) / 2
    assert np.abs(seen - exact).mean() < 12


def test_what_is_no_photograph_stays_as_it_is():
    figure = Figure(figsize=(4, 3))
    board = np.where(np.indices((300, 400)).sum(axis=0) // 4 % 2, 255, 0).astype(np.uint8)
    pixels = np.repeat(board[..., None], 3, axis=2)
    figure.add_axes((0, 0, 1, 1)).imshow(pixels, interpolation="none")
    kinds, [seen] = pixels_of(figure_svg(figure))
    assert kinds == ["png"]
    assert set(np.unique(seen)) <= {0, 255}


@given(st.lists(st.floats(allow_nan=False)))
def test_numbers_are_published_to_the_last_digit(values):
    first, *lines = numbers_csv(pd.DataFrame({"a": [1.5, *values]})).splitlines()
    assert first == "a"
    assert [float(line) for line in lines] == [1.5, *values]


@pytest.mark.slow
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
    types = "['application/x-narrow+svg', 'image/png', 'image/svg+xml', 'text/csv', 'text/plain']"
    assert shown.strip() == f"{types} {{'{NAMES}': {{'a lo…': 'a long name'}}}}"
