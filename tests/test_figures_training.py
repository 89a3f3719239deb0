"""Figures of training draw its log and its ablation."""

from __future__ import annotations

import figure_examples
import pandas as pd

from visprof import figures


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
    for margin, side in ((3.0, "top"), (5.0, "bottom")):  # not where the curve ends
        figure = figures.training_curves(log, margin=margin)
        (label,) = (of for of in figure.axes[1].texts if of.get_text() == "margin")
        assert label.get_va() == side
    figure = figures.training_curves(log, margin=3.0)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [100.0, 50.0, 0.0]
    assert figure_examples.drawn(figure).min() < 100


def test_ablation_has_a_panel_for_each_normalisation_and_rule():
    rows = [
        {"output_norm": output_norm, "rule": rule, "margin": margin, "lr_last": 0.1, "value": value,
         "low": value - 0.1, "high": value + 0.1, "first_active": margin - 1}
        for output_norm in ("batch", "l2")
        for rule, value in (("slow", 0.4), ("fast", 0.6))
        for margin in (1.0, 10.0)
    ]  # fmt: skip
    start = {"rule": "start", "value": 0.3, "low": 0.2, "high": 0.4}
    starts = [start | {"output_norm": output_norm} for output_norm in ("batch", "l2")]
    figure = figures.siamese_ablation(pd.DataFrame(starts + rows))
    assert [axis.get_title() for axis in figure.axes[:2]] == ["slow: 0.1", "fast: 0.1"]
    pushed, unpushed = (
        next(line for line in figure.axes[3].lines if line.get_label() == label)
        for label in ("dissimilar pairs push", "none pushes at first")
    )
    assert (pushed.get_xdata().tolist(), unpushed.get_xdata().tolist()) == ([1], [0])
    assert pushed.get_ydata().tolist() == [0.6]
    assert figure.axes[0].get_ylabel().startswith("batch normalisation")


def test_losses_are_drawn_by_how_much_of_a_training_is_done():
    log = {"iteration": [1, 4], "loss": [9.0, 5.0], "active_share": [0.5, 0.25]}
    figure = figures.training_losses({"all": log, "last": log | {"iteration": [2, 8]}})
    loss, active = figure.axes
    assert [line.get_xdata().tolist() for line in loss.lines] == [[25.0, 100.0]] * 2
    assert active.lines[1].get_ydata().tolist() == [50.0, 25.0]
    assert [text.get_text() for text in loss.texts] == ["all", "last"]
    assert figure.numbers["training"].tolist() == ["all", "all", "last", "last"]
    assert figure_examples.drawn(figure).min() < 100
