"""Sentences of one's own board, each branch."""

from __future__ import annotations

import pandas as pd
import pytest

from visprof import sentences
from visprof.parameters import PRESETS
from visprof.steps.data import BoardSplit


def test_the_board_is_told_with_the_pins_behind_its_clusters():
    analysed = pd.DataFrame({"board": ["sea", "hill", "sea"]})
    split = BoardSplit(pd.DataFrame({"board": ["x"] * 1234}), analysed, pd.DataFrame())
    assert sentences.board_shown("sea", split, 12) == {
        "board": "sea", "n_pins": 2, "n_background": "1,234", "n_clusters": "12"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("training_scenes", "data", "said"),
    [
        ("own", "", "drawn scenes"),
        ("simulated", "", "drawn scenes"),
        ("simulated", "my-pictures", "drawn scenes"),
        ("own", "my-pictures", "the folder's labelled scenes"),
    ],
)
def test_what_the_network_learnt_from_is_told(training_scenes, data, said):
    assert sentences.learnt_from(training_scenes, data) == {"learnt": said}


def test_the_least_pins_are_the_presets():
    assert sentences.least_pins() == {"least_pins": PRESETS["own"]["min_pins"]}


@pytest.mark.parametrize(("low", "high", "said"), [(1, 3, "1 to 3"), (2, 2, "2")])
def test_a_rank_that_is_sure_is_one_number(low, high, said):
    assert sentences.rank_range(low, high) == said
    alike = pd.DataFrame(
        {"user": ["hill", "lake"], "distance": [0.1, 0.2], "nearest": [0.9, 0.1],
         "low": [low, 1], "high": [high, 2]}
    )  # fmt: skip
    assert sentences.nearest_board(alike) == {"nearest": "hill", "n_others": 2, "ranks": said}
