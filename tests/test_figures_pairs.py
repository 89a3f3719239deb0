"""Figures of pairs of users: shares at or below, and clusters by their pictures."""

from __future__ import annotations

import figure_examples
import numpy as np
import pandas as pd
import pytest

from visprof import figures


@pytest.fixture
def pictures(tmp_path):
    return figure_examples.colour_files(tmp_path)


def test_max_z_ecdf_is_the_share_at_or_below():
    figure = figures.max_z_ecdf({"users": np.array([1.0, 2.0, 3.0, 4.0])})
    line = figure.axes[0].lines[0]
    assert list(line.get_xdata()) == [0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert list(line.get_ydata()) == [0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert line.get_drawstyle() == "steps-post"


def test_cluster_contrasts_name_users_and_show_each_cluster(pictures):
    figure = figures.cluster_contrasts(figure_examples.contrasts(pictures), size=12)
    titles = [part.get_suptitle() for part in figure.subfigs]
    assert ["ann" in titles[0], "bob" in titles[0], "carl" in titles[1]] == [True] * 3
    assert [axis.get_title() for axis in figure.axes][:2] == [
        "$z$ = −5.0   (A 0.5, B 9)",
        "$z$ = +2.0   (A 3, B 1)\nfound again by 75% of the other seeds",
    ]
    pixels = figure_examples.drawn(figure).reshape(-1, 3)
    for i in range(6):
        assert (pixels == (40 * i, 255 - 40 * i, 7)).all(axis=1).any()


def test_sensitivity_curves_have_a_panel_a_parameter_and_both_curves_a_value():
    figure = figures.sensitivity_curves(figure_examples.sensitivity())
    assert [len(axis.lines) for axis in figure.axes] == [4, 6, 4]
    for axis in figure.axes:
        for line in axis.lines:  # shares, from none to all of the pairs
            np.testing.assert_allclose(np.asarray(line.get_ydata(), float), np.linspace(0, 1, 501))
    legends = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in figure.axes]
    assert legends[0] == ["0.1 (1,200)", "1 (1,200)"]
    assert legends[1:] == [["0 (1.2)", "0.05 (1.2)", "1 (1.2)"], ["yes", "no"]]
    figure_examples.drawn(figure)


def test_names_of_clusters_stand_above_them_as_text(pictures):
    table = figure_examples.contrasts(pictures).assign(name=["sea", "$x$", "no name", "hill"])
    titles = [axis.get_title() for axis in figures.cluster_contrasts(table, size=12).axes]
    assert titles[0] == "sea\nz = −5.0   (A 0.5, B 9)"
    assert titles[1].startswith("$x$\nz = +2.0")


def test_a_cluster_of_ones_own_has_its_name_before_its_share(pictures):
    table = pd.DataFrame({"name": ["sea"], "value": 0.2, "low": 0.1, "high": 0.3, "others": 0.1})
    table = table.assign(own_images=[pictures[:2]], other_images=[[]])
    first = figures.own_clusters(table, size=12).axes[0].get_title()
    assert first == "sea; this board: 20.0% (10.0% to 30.0%)"
