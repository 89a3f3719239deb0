"""Figures of scenes: classes, neighbours, and the order of methods."""

from __future__ import annotations

import figure_examples
import numpy as np
import pandas as pd
import pytest

from visprof import figures


@pytest.fixture
def pictures(tmp_path):
    return figure_examples.colour_files(tmp_path)


def test_classes_stand_in_the_order_of_the_first_method():
    table = pd.DataFrame({"ours": [0.5, 0.9, 0.1], "theirs": [0.2, 0.3, 0.4]}, index=list("abc"))
    axis = figures.class_mean_ap(table).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["c", "a", "b"]
    by_name = {line.get_label(): line for line in axis.lines}
    assert by_name["theirs"].get_xdata().tolist() == [0.4, 0.2, 0.3]


def test_neighbour_strips_mark_right_and_wrong(pictures):
    queries = pd.DataFrame(
        {"query": [0, 3], "neighbours": [[1, 2], [4, 0]], "average_precision": [0.75, 0.2]}
    )
    figure = figures.neighbour_strips(pictures, list("aabbbb"), queries)
    titles = [axis.get_title(loc="center") for axis in figure.axes]
    assert titles == ["a\nAP 0.75", "a", "b", "b\nAP 0.20", "b", "a"]
    frames = [axis.spines["left"].get_edgecolor() for axis in figure.axes]
    assert frames[1] == frames[4]  # right
    assert frames[2] == frames[5]  # wrong
    assert len(set(frames)) == 3
    assert figure_examples.drawn(figure).min() < 100


def test_precision_recall_has_a_curve_a_method():
    curve = (np.array([1.0, 0.5]), np.array([0.5, 1.0]))
    figure = figures.precision_recall({"one": curve, "two": curve})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["one", "two"]
