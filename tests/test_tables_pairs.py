"""The clusters that make users differ, with pictures and without."""

from __future__ import annotations

import pandas as pd
import pytest
from PIL import Image
from shown_tables import shown

from visprof import tables
from visprof.figures import Figure


@pytest.fixture
def clusters(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    return pd.DataFrame([
        {"differ": "most", "user_i": "anne", "user_j": "ben", "max_z": 3.5, "cluster": 7, "z": 3.5,
         "count_i": 9.5, "count_j": 0.5, "again": 0.5, "images": [str(path)] * 2}
    ])  # fmt: skip


def test_clusters_with_pictures_are_drawn(clusters):
    assert isinstance(tables.distinguishing_clusters(clusters), Figure)


def test_clusters_without_pictures_are_a_table(clusters):
    clusters = clusters.assign(images=[["", ""]])
    assert shown(tables.distinguishing_clusters(clusters)) == [
        ["differ", "user_i", "user_j", "max_z", "cluster", "z", "count_i", "count_j", "again"],
        ["most", "anne", "ben", "3.500000", "7", "3.500000", "9.500000", "0.500000", "0.500000"],
    ]


def test_pictures_stand_below_the_names_of_their_clusters(clusters):
    names = pd.DataFrame({"cluster": [7], "name": ["sea"], "z": [8.0], "purity": [0.5]})
    figure = tables.distinguishing_clusters(clusters, names)
    assert figure.numbers["name"].tolist() == ["sea (z 8.0, purity 50%)"]
    assert "name" not in tables.distinguishing_clusters(clusters, names[:0]).numbers
