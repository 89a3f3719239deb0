"""Sentences of the training, each branch."""

from __future__ import annotations

import pandas as pd
import pytest

from visprof import sentences, siamese
from visprof.intervals import Estimate
from visprof.steps.networks import SiameseTraining

RULES = {"paper's rate": 1e-5, "paper's rate x iterations": 0.125, "ten times": 1.25}
MARGINS = (1.0, 10.0, 20.0, 25.0)


def ablation(batch_turn=9.8, unit_turn=1.1, best=("l2", "ten times", 25.0)):
    """The step of this name, made up; the turns are those at the paper's rate and margin 10."""
    rows = []
    for output_norm, turn in (("batch", batch_turn), ("l2", unit_turn)):
        rows.append({"output_norm": output_norm, "rule": "start", "value": 0.95})
        for rule, rate in RULES.items():
            for margin in MARGINS:
                value = 0.9 if (output_norm, rule, margin) == best else 0.5
                rows.append({
                    "output_norm": output_norm, "rule": rule, "margin": margin, "lr_last": rate,
                    "turn": turn * (margin / 14) * (1 + 50 * rate), "value": value,
                    "first_active": 0.0123 * margin, "gain": margin / 100,
                    "gain_low": 0.0, "gain_high": 0.5,
                })  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("margin", [20, 1.0, 3.5])
def test_the_worked_loss_is_that_of_the_network(margin):
    said = sentences.worked_loss(margin)
    for place in ("near", "far"):
        pair = [[0.0]], [[float(said[f"worked.{place}"])]]
        loss = float(siamese.contrastive_loss(*pair, [1], margin))
        assert loss == pytest.approx(float(said[f"worked.{place}.loss"]), rel=1e-5)
    near = [[0.0]], [[float(said["worked.near"])]]
    assert float(siamese.contrastive_loss(*near, [0], margin)) == pytest.approx(
        float(said["worked.near.loss"]), rel=1e-5
    )
    far = [[0.0]], [[float(said["worked.far"])]]
    assert float(siamese.contrastive_loss(*far, [0], margin)) == 0


def test_the_worked_loss_is_told_as_short_as_it_is():
    assert sentences.worked_loss(20.0) == {
        "worked.near": "10", "worked.far": "30", "worked.near.loss": "50", "worked.far.loss": "450"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("output_norm", "said"),
    [("batch", "batch normalisation"), ("l2", "scaling to unit length")],
)
def test_what_is_on_top_is_told_in_words(output_norm, said):
    assert sentences.on_top(output_norm, 8) == {
        "normalisation": said, "start_distance": 4.0, "times_farther": pytest.approx(8**0.5)
    }  # fmt: skip


def test_a_training_is_told_by_its_first_and_last_batches():
    log = pd.DataFrame(
        {"similar_distance": [4.5, 3.0, 2.0], "dissimilar_distance": [5.0, 6.0, 7.0],
         "active_share": [1.0, 0.5, 0.25], "loss": [9.0, 9.0, 9.0]}
    )  # fmt: skip
    training = SiameseTraining({}, "batch", log, 1200, 34_000)
    assert sentences.training_run(training, 5600) == {
        "n_train": "5,600", "n_similar": "1,200", "n_dissimilar": "34,000",
        "first.similar_distance": 4.5, "first.dissimilar_distance": 5.0, "first.active_share": 1.0,
        "last.similar_distance": 2.0, "last.dissimilar_distance": 7.0, "last.active_share": 0.25,
    }  # fmt: skip


def test_the_gain_is_told_with_its_interval():
    numbers = {
        "map.untrained": Estimate(0.5, 0.4, 0.6),
        "map.siamese": Estimate(0.75, 0.7, 0.8),
        "map.siamese-untrained": Estimate(0.25, 0.1, 0.4),
    }
    assert sentences.siamese_gain(numbers) == {
        "untrained": 0.5, "trained": 0.75, "gain": "0.250 (0.100 to 0.400)"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("batch", "unit", "said"),
    [
        (
            9.8,
            1.1,
            "At the paper's rate the layer turns by 9.8 degrees under batch normalisation, and by "
            "1.1 degrees with outputs of unit length.",
        ),
        (
            1.1,
            9.8,
            "In as few batches as here that does not show: at the paper's rate the layer turns "
            "by 1.1 degrees under batch normalisation, and by 9.8 degrees with outputs of unit "
            "length.",
        ),
        (
            0.0,
            0.0,
            "In as few batches as here that does not show: at the paper's rate the layer turns "
            "by 0.0 degrees under batch normalisation, and by 0.0 degrees with outputs of unit "
            "length.",
        ),
    ],
)
def test_the_turns_at_the_papers_rate_are_means_over_margins(batch, unit, said):
    found = sentences.turned_layer(ablation(batch, unit))
    assert found == {"turned": said, "middle_margin": "20"}


def test_the_least_margin_is_told_under_batch_normalisation():
    assert sentences.margin_too_small(ablation()) == {
        "unpushed.active": "1.2%", "unpushed.gain": "0.010 (0.000 to 0.500)"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("best", "said"),
    [
        (("l2", "ten times", 25.0), "unit length, ten times, margin 25"),
        (("batch", "paper's rate", 1.0), "batch normalisation, paper's rate, margin 1"),
    ],
)
def test_the_best_variant_is_a_training_and_named(best, said):
    assert sentences.best_variant(ablation(best=best)) == {"best": 0.9, "best_name": said}
