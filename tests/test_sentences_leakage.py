"""Sentences of batches and repeated pictures, each branch."""

from __future__ import annotations

import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate
from visprof.steps.leakage import Leakage
from visprof.steps.robustness import BatchEffect


@pytest.mark.parametrize(
    ("n_left", "said"),
    [
        (
            900,
            "1,000 of 2,000 boards have a batch on both sides of the split; 900 boards keep "
            "training pins without it, 7.2 of 10 on average",
        ),
        (0, "1,000 of 2,000 boards have a batch on both sides of the split"),
    ],
)
def test_batches_on_both_sides_are_counted(n_left, said):
    effect = BatchEffect(pd.DataFrame(), 2000, 1000, n_left, 7.24)
    none = "Times here tell no days that pins share"
    assert sentences.batches({"batches": effect}, 10) == {"tied": said, "tied.days": none}
    both = sentences.batches({"batches": effect, "days": effect}, 10)
    assert both == {"tied": said, "tied.days": said.replace("a batch", "a day")}


def leakage(without):
    rows = [
        ("all pins", 5000, "image", Estimate(0.8, 0.7, 0.9)),
        ("all pins", 5000, "mean embedding", Estimate(0.9, 0.8, 1.0)),
        ("neither", 3500, "image", without),
        ("neither", 3500, "mean embedding", Estimate(0.1, 0.0, 0.2)),
    ]
    by_rule = pd.DataFrame(rows, columns=["rule", "pins_left", "profile", "estimate"])
    by_rule = by_rule.assign(value=[row[3].value for row in rows])
    return Leakage(by_rule, pd.DataFrame(), 2, 1300, 5, 4)  # a random ranking of 2 has 0.75


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.76, 0.9, "stays above chance"),
        (0.6, 0.74, "falls below chance"),
        (0.7, 0.8, "can no longer be told from chance"),
    ],
)
def test_what_is_left_without_near_duplicates_is_set_against_chance(low, high, said):
    assert sentences.near_duplicates(leakage(Estimate(0.77, low, high))) == {
        "leak.users": "2 of 1,300",
        "leak.pins": "1,500 of 5,000",
        "leak.train": 5,
        "leak.test": 4,
        "leak.all": "0.800",
        "leak.none": f"0.770 ({low:.3f} to {high:.3f})",
        "leak.above": said,
    }


def test_repeats_of_users_without_taste():
    rows = [
        (0.0, 1000, "image", 0.011), (0.0, 1000, "mean embedding", 0.2),
        (0.1, 1000, "image", 0.3), (0.4, 1000, "image", 0.5555), (0.4, 1000, "mean embedding", 0.9),
    ]  # fmt: skip
    null = pd.DataFrame(rows, columns=["repeat_share", "n_users", "profile", "value"])
    assert sentences.repeats_without_taste(null) == {
        "null.users": "1,000",
        "null.random": "0.007",
        "null.none": "0.011",
        "null.share": "40%",
        "null.most": "0.555",
    }
