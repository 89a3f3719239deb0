"""Figures of error rates: a panel for each rule, shares and intervals."""

from __future__ import annotations

import figure_examples
import numpy as np
import pandas as pd
import pytest

from visprof import figures


def _title(axis):
    return axis.get_title("left") or axis.get_title()  # by the style


def test_false_positive_rates_have_a_panel_for_each_variance():
    table = figure_examples.shares(
        variance=["two-term", "four-term"], assignment=["hard", "soft"], alpha=[0.1, 1.0]
    )
    figure = figures.false_positive_rates(table, 0.05)
    assert [_title(axis) for axis in figure.axes] == [
        "two-term variance",
        "four-term variance",
    ]
    for axis, (_, rows) in zip(figure.axes, table.groupby("variance", sort=False), strict=True):
        assert [tick.get_text() for tick in axis.get_xticklabels()] == ["30", "1,000"]
        drawn_lines = [bars.lines[0].get_ydata().tolist() for bars in axis.containers]
        assert drawn_lines == rows["value"].to_numpy().reshape(4, 2).tolist()
    assert figure_examples.drawn(figure).min() < 100


def test_pvalue_ecdf_is_the_share_at_or_below():
    figure = figures.pvalue_ecdf({"right": [np.array([0.4, 0.6, 0.8]), np.array([0.2])]}, 0.05)
    left, right = figure.axes
    line = next(line for line in left.lines if line.get_label() == "right")
    assert np.interp(0.4, line.get_xdata(), line.get_ydata()) == pytest.approx(0.5)
    assert right.get_xlim() == right.get_ylim() == (0, 0.1)
    assert figure_examples.drawn(figure).min() < 100


def test_power_curves_have_a_panel_for_each_rule():
    table = figure_examples.shares(rule=["pins", "Z"], taste=[0.0, 1.0])
    figure = figures.power_curves(table, {"Z": "the rule", "pins": "the test"}, 0.05)
    assert [_title(axis) for axis in figure.axes] == ["the rule", "the test"]
    first = figure.axes[0].containers[0].lines[0].get_ydata()
    assert first.tolist() == table.query("rule == 'Z' and taste == 0")["value"].tolist()
    assert figure_examples.drawn(figure).min() < 100


def test_share_intervals_stand_in_the_order_of_the_table():
    table = pd.DataFrame(
        {"name": ["b", "a"], "value": [0.2, 0.9], "low": [0.1, 0.8], "high": [0.3, 1]}
    )
    axis = figures.share_intervals(table, 0.5).axes[0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["b", "a"]
    assert axis.containers[0].lines[0].get_xdata().tolist() == [0.2, 0.9]
    assert axis.yaxis_inverted()
