"""Figures of ranks: values, intervals and seeds stand where they should."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof import figures
from visprof.intervals import Estimate


def test_mrr_curves_draw_every_profile_and_the_random_value():
    table = pd.DataFrame(
        {
            "profile": ["image", "image", "text", "text"],
            "n_train": [10, 20, 10, 20],
            "value": [0.4, 0.5, 0.1, 0.2],
            "low": [0.3, 0.4, 0.0, 0.1],
            "high": [0.5, 0.6, 0.2, 0.3],
            "estimate": [Estimate(0)] * 4,
        }
    )
    assert len(figures.mrr_curves(table, random=0.05).axes[0].texts) == 3
    by_seed = [((mrr + 0.1, 0, 1), (mrr - 0.1, 0, 1)) for mrr in table["value"]]
    table["estimate"] = [Estimate(0, by_seed=of) for of in by_seed]
    axis = figures.mrr_curves(table, random=0.05).axes[0]
    assert {text.get_text() for text in axis.texts} == {"image", "text", "random (exact)"}
    drawn = [list(line.get_ydata()) for line in axis.lines]
    assert drawn[1:3] == [pytest.approx([0.3, 0.4]), [0.4, 0.5]]  # a seed, and the mean
    assert set(drawn[6]) == {0.05}


@pytest.fixture
def scores():
    """MRR of two profiles in two rows, with intervals."""
    return pd.DataFrame(
        {
            "row": ["a", "a", "b", "b"],
            "x": [10, 10, 20, 20],
            "profile": ["image", "text"] * 2,
            "value": [0.4, 0.1, 0.5, -0.2],
            "low": [0.3, 0.0, 0.4, -0.3],
            "high": [0.5, 0.3, 0.6, 0.1],
        }
    )


def spans(bars):
    """Ends of the error bars of a series, (n, 2)."""
    (lines,) = bars.lines[2]
    ends = np.array(lines.get_segments())
    return ends[:, :, 0] if np.ptp(ends[:, :, 1], axis=1).max() == 0 else ends[:, :, 1]


def test_mrr_intervals_are_those_of_the_table(scores):
    axis = figures.mrr_intervals(scores, "row", random=0.05, marks="profile").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first row is above
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == ["image", "text", "random (exact)"]
    for bars, (_, rows) in zip(axis.containers, scores.groupby("profile"), strict=True):
        assert list(bars.lines[0].get_xdata()) == list(rows["value"])
        np.testing.assert_allclose(spans(bars), rows[["low", "high"]])
        assert [round(y) for y in bars.lines[0].get_ydata()] == [0, 1]


def test_mrr_intervals_of_one_value_a_row_need_no_names(scores):
    axis = figures.mrr_intervals(scores[::2], "row", random=0.05).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["random (exact)"]


def test_mrr_leads_stand_about_a_line_at_0(scores):
    axis = figures.mrr_leads(scores.rename(columns={"profile": "other", "x": "n_train"})).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["image", "text"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["10", "20"]
    assert [bars.lines[0].get_xdata().tolist() for bars in axis.containers] == [
        [0.4, 0.1], [0.5, -0.2],
    ]  # fmt: skip
    assert any(set(line.get_xdata()) == {0} for line in axis.lines)


def test_mrr_growth_has_the_random_value_of_every_number(scores):
    random = scores.assign(profile="random", value=[0.3, 0.3, 0.2, 0.2])
    table = pd.concat([scores, random]).rename(columns={"x": "n_users"})
    axis = figures.mrr_growth(table).axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert [line.get_label() for line in axis.lines] == ["image", "text", "random (exact)"]
    assert axis.lines[0].get_ydata().tolist() == [0.4, 0.5]
    assert len(axis.collections) == 2  # the random value is exact: no band


def test_leakage_curves_have_one_scale_and_two_random_values(scores):
    by_share = scores.assign(removed=scores["x"] / 20)
    null = scores.assign(repeat_share=scores["x"] / 100)
    figure = figures.leakage_curves(by_share, null, (0.05, 0.02))
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    for axis, x, random in ((left, [0.5, 1.0], 0.05), (right, [0.1, 0.2], 0.02)):
        assert list(axis.containers[0].lines[0].get_xdata()) == x
        assert any(set(line.get_ydata()) == {random} for line in axis.lines)


def test_recency_has_a_panel_a_profile_and_a_curve_for_which_pins(scores):
    table = scores.rename(columns={"row": "pins", "x": "n_train"})
    left, right = figures.recency_curves(table, random=0.05).axes
    assert (left.get_title(), right.get_title()) == ("image", "text")
    assert left.get_ylim() == right.get_ylim()
    drawn = [bars.lines[0].get_ydata().tolist() for bars in left.containers]
    assert drawn == [[0.4], [0.5]]  # of a, and of b
    assert all(set(axis.lines[-1].get_ydata()) == {0.05} for axis in (left, right))
