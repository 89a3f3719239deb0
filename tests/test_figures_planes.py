"""Figures of the plane: each point where it lies."""

from __future__ import annotations

import figure_examples
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof import figures


@pytest.fixture
def pictures(tmp_path):
    return figure_examples.colour_files(tmp_path)


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
    image = figure_examples.drawn(figures.picture_map(plane, pictures[:2], n_blocks=2))
    height, width, _ = image.shape
    assert tuple(image[height // 4, width // 4]) == (0, 255, 7)
    assert tuple(image[3 * height // 4, 3 * width // 4]) == (40, 215, 7)
    assert tuple(image[height // 4, 3 * width // 4]) == (255, 255, 255)


def test_scene_map_gives_each_class_a_look_of_its_own():
    labels = [f"class_{i:02d}" for i in range(20)] * 3
    plane = np.random.default_rng(0).normal(size=(60, 2))
    figure = figures.scene_map(plane, labels)
    groups = figure.axes[0].collections
    assert [group.get_label() for group in groups] == [f"class {i:02d}" for i in range(20)]
    looks = {(*group.get_facecolor()[0], str(group.get_paths()[0].vertices)) for group in groups}
    assert len(looks) == 20
    np.testing.assert_array_equal(groups[3].get_offsets(), plane[3::20])
    shown = figure_examples.drawn(figure)
    assert (shown[[0, -1]] == 255).all()  # the legend is not cut off
    assert (shown[:, [0, -1]] == 255).all()


def test_scene_map_of_too_many_classes_names_the_largest():
    labels = [f"{i:02d}" for i in range(40)] + [f"{i:02d}" for i in range(5, 40)]
    figure = figures.scene_map(np.random.default_rng(0).normal(size=(75, 2)), labels)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[0] == "other classes"
    assert len(names) == 37
    assert set(names[1:]) >= {f"{i:02d}" for i in range(5, 40)}
    assert sum(len(group.get_offsets()) for group in figure.axes[0].collections) == 75


def test_named_clusters_stand_below_their_names(pictures):
    table = pd.DataFrame({
        "name": ["sea (z 7.3, purity 91%)", "no name"], "images": [pictures[:3], pictures[3:4]]
    })  # fmt: skip
    figure = figures.named_clusters(table, n_columns=3, size=12)
    assert [axis.get_title() for axis in figure.axes] == ["sea (z 7.3, purity 91%)", "no name", ""]
    assert figure.numbers["name"].tolist() == table["name"].tolist()
    pixels = figure_examples.drawn(figure).reshape(-1, 3)
    for i in range(4):
        assert (pixels == (40 * i, 255 - 40 * i, 7)).all(axis=1).any()
