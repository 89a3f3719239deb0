"""Figures of the data: boards and their pictures."""

from __future__ import annotations

import figure_examples
import pandas as pd
import pytest

from visprof import figures


@pytest.fixture
def pictures(tmp_path):
    return figure_examples.colour_files(tmp_path)


def test_board_samples_shows_every_board(pictures):
    pins = pd.DataFrame({"board": ["a"] * 3 + ["b"] * 3, "image": pictures})
    figure = figures.board_samples(pins, ["a", "b"], n=3)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
    shown = {tuple(pixel) for pixel in figure_examples.drawn(figure).reshape(-1, 3)}
    assert {(0, 255, 7), (200, 55, 7)} <= shown
