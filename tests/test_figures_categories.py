"""Figures of taste across categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
from figure_examples import drawn

from visprof import figures, tables

EMPTY = tables.taste_part_rows({})


def test_parts_of_two_features_stand_in_two_rows():
    table = pd.DataFrame(
        {
            "feature": ["embedding", "embedding", "facts"], "part": ["general", "own", "general"],
            "value": [0.1, 0.2, 0.3], "low": 0.0, "high": 0.4,
        }
    )  # fmt: skip
    axis = figures.taste_parts(table).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["embedding", "facts"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["general", "own"]
    points = [bars.lines[0].get_xydata() for bars in axis.containers]
    np.testing.assert_allclose(points[0], [[0.1, -0.1], [0.3, 0.9]])
    np.testing.assert_allclose(points[1], [[0.2, 0.1]])


def test_without_users_the_figures_say_so():
    for figure in (
        figures.taste_parts(EMPTY),
        figures.category_mrr(tables.category_mrr_rows({}), float("nan")),
    ):
        assert [text.get_text() for text in figure.axes[0].texts] == ["too few users"]
        drawn(figure)


def test_bias_is_drawn_by_the_truth():
    table = pd.DataFrame(
        {"carry_over": [0.0, 1.0, 0.0, 1.0], "n_users": [15, 15, 30, 30],
         "mean": [0.1, 0.9, 0.0, 1.0], "low": [0.0, 0.8, -0.1, 0.9], "high": [0.2, 1.0, 0.1, 1.1]}
    )  # fmt: skip
    axis = figures.known_carry_over(table).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["15 users", "30 users"]
    first = axis.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(first, [[-0.01, 0.1], [0.99, -0.1]])
