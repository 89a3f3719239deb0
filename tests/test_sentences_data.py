"""Sentences of the data: whole, from made-up tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from visprof import duplicates, sentences
from visprof.steps.data import BoardSplit


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.5])
def test_the_worked_taste_is_a_ratio_of_the_softmax(strength):
    base, own = np.array([0.3, 0.3, -1.0]), np.array([1.5, 0.5, 0.0])
    taste = softmax(base + strength * own)
    said = {"worked.times": f"{taste[0] / taste[1]:.1f}"}
    assert sentences.worked_taste(strength) == said


def test_tastes_are_told_with_the_fewest_and_the_most_pins():
    table = pd.DataFrame({"pins": [10, 10, 10, 100, 1000], "error": [0.5, 0.2, 0.3, 0.2, 0.046]})
    assert sentences.recovered_tastes(table) == {
        "recovery": "from 0.30 at 10 pins to 0.05 at 1,000, in the median"
    }


def test_times_are_counted_beside_pins():
    boards = pd.DataFrame({"pins": [1000, 10, 30], "distinct_times": [1000, 2, 15]})
    assert sentences.distinct_times(boards) == {
        "distinct_times": "3 boards have 1,017 times for 1,040 pins; on half of them there are at "
        "least 50% as many times as pins"
    }


def test_boards_and_pins_are_counted_by_their_use():
    background = pd.DataFrame({"board": ["a"] * 1200 + ["b"] * 34})
    analysed = pd.DataFrame({"board": ["c", "d", "e"]})
    split = BoardSplit(background, analysed, pd.DataFrame())
    assert sentences.boards_and_pins(split, pd.DataFrame({"image": ["x", "y"]})) == {
        "unreadable": 2, "background.boards": 2, "background.pins": "1,234",
        "analysed.boards": 3, "analysed.pins": "3",
    }  # fmt: skip


def test_the_rule_of_near_duplicates_is_that_of_the_library():
    hashes = duplicates.HASH_SIZE
    assert sentences.duplicate_rule() == {
        "max_distance": duplicates.MAX_DISTANCE,
        "n_bits": (hashes[0] - 1) * hashes[1],
        "min_correlation": duplicates.MIN_CORRELATION,
    }
    assert sentences.duplicate_rule()["n_bits"] == 64  # bits of a difference hash


def test_near_duplicates_are_told_as_numbers_and_shares():
    pins = pd.DataFrame({"board": ["a"] * 4 + ["b"] * 4})
    found = duplicates.duplicate_summary(pins, np.array([0, 0, 0, 1, 1, 2, 3, 4]))
    assert sentences.duplicates_found(pd.DataFrame([found])) == {
        "same_board": "3 (37.5%)", "other_board": "2 (25.0%)", "within": "1", "across": "1"
    }  # fmt: skip
    many = pd.DataFrame([
        {"on_same_board": 12_345, "share_same_board": 0.5, "on_other_board": 0, "share": 0.0,
         "clusters_within": 1_000, "clusters_across": 0}
    ])  # fmt: skip
    assert sentences.duplicates_found(many) == {
        "same_board": "12,345 (50.0%)", "other_board": "0 (0.0%)", "within": "1,000", "across": "0"
    }  # fmt: skip
