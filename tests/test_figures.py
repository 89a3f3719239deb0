"""Figures: each draws what it is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from visprof import figures


def drawn(figure):
    """Pixels of a figure; drawing it would show any text or layout that fails."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.fixture
def pictures(tmp_path):
    """Files of one colour each."""
    paths = []
    for i in range(6):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.new("RGB", (20, 30), (40 * i, 255 - 40 * i, 7)).save(paths[-1])
    return paths


def test_board_samples_shows_every_board(pictures):
    pins = pd.DataFrame({"board": ["a"] * 3 + ["b"] * 3, "image": pictures})
    figure = figures.board_samples(pins, ["a", "b"], n=3)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
    shown = {tuple(pixel) for pixel in drawn(figure).reshape(-1, 3)}
    assert {(0, 255, 7), (200, 55, 7)} <= shown


def test_diagrams_carry_the_numbers_of_the_run():
    texts = " ".join(t.get_text() for t in figures.framework(365, 205, 77).axes[0].texts)
    assert "365 + 205" in texts
    assert "= 570" in texts
    assert "77 centres" in texts
    network = figures.siamese_network("somenet", 512, 205, 20.0)
    texts = " ".join(t.get_text() for t in network.axes[0].texts)
    assert "512 to 205" in texts
    assert "20 - D" in texts
    assert drawn(network).min() < 100


def test_training_curves_draw_the_log():
    log = pd.DataFrame(
        {
            "iteration": [1, 2, 3],
            "loss": [3.0, 2.0, 1.0],
            "similar_distance": [2.0, 1.5, 1.0],
            "dissimilar_distance": [2.0, 3.0, 4.0],
            "active_share": [1.0, 0.5, 0.0],
        }
    )
    figure = figures.training_curves(log, margin=3.0)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [100.0, 50.0, 0.0]
    assert drawn(figure).min() < 100


def test_precision_recall_has_a_curve_a_method():
    curve = (np.array([1.0, 0.5]), np.array([0.5, 1.0]))
    figure = figures.precision_recall({"one": curve, "two": curve})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["one", "two"]


@given(n=st.integers(1, 200), n_blocks=st.integers(1, 8), seed=st.integers(0, 99))
def test_each_occupied_block_has_one_representative_that_lies_in_it(n, n_blocks, seed):
    plane = np.random.default_rng(seed).normal(size=(n, 2))
    points, blocks = figures.grid_representatives(plane, n_blocks, seed)
    assert len(set(blocks)) == len(blocks)
    low, high = plane.min(axis=0), plane.max(axis=0)
    occupied = set()
    for x, y in plane:
        column, row = (
            min(int((v - a) / max(b - a, 1e-12) * n_blocks), n_blocks - 1)
            for v, a, b in zip((x, y), low, high, strict=True)
        )
        occupied.add((n_blocks - 1 - row) * n_blocks + column)
    assert set(blocks) == occupied
    assert len(points) == len(blocks)


def test_picture_map_places_the_top_left_point_at_the_top_left(pictures):
    plane = np.array([[0.0, 1.0], [1.0, 0.0]])
    image = drawn(figures.picture_map(plane, pictures[:2], n_blocks=2))
    height, width, _ = image.shape
    assert tuple(image[height // 4, width // 4]) == (0, 255, 7)
    assert tuple(image[3 * height // 4, 3 * width // 4]) == (40, 215, 7)
    assert tuple(image[height // 4, 3 * width // 4]) == (255, 255, 255)


def test_max_z_ecdf_is_the_share_at_or_below():
    figure = figures.max_z_ecdf({"users": np.array([1.0, 2.0, 3.0, 4.0])})
    line = figure.axes[0].lines[0]
    assert list(line.get_xdata()) == [0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert list(line.get_ydata()) == [0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert line.get_drawstyle() == "steps-post"


def test_mrr_curves_draw_every_profile_and_the_random_value():
    table = pd.DataFrame(
        {
            "profile": ["image", "image", "text", "text"],
            "n_train": [10, 20, 10, 20],
            "mrr": [0.4, 0.5, 0.1, 0.2],
            "low": [0.3, 0.4, 0.0, 0.1],
            "high": [0.5, 0.6, 0.2, 0.3],
        }
    )
    axis = figures.mrr_curves(table, random=0.05).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "image", "text", "random (exact)",
    ]  # fmt: skip
    assert axis.lines[0].get_ydata().tolist() == [0.4, 0.5]
    assert set(axis.lines[2].get_ydata()) == {0.05}


def test_table_shows_all_of_a_long_text_and_no_index():
    html = figures.table(
        pd.DataFrame({"a": ["x" * 200], "b": [0.123456]}), {"b": "{:.2f}"}
    ).to_html()
    assert "x" * 200 in html
    assert "0.12<" in html
    assert "row_heading" not in html
