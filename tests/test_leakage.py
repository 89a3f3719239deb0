"""Steps of chapter 6: the same picture on both sides of the split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pin_tables import split_of, table

from visprof import rank_scores
from visprof.steps.data import Pins
from visprof.steps.leakage import leakage, leakage_numbers, leakage_ranks, leakage_samples


def leaking(n_users=30, n_pins=12, seed=0, **changes):
    """Users without taste who pin each picture twice: in the first half, and in the second."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n_users, n_pins // 2, 6))
    embedded = np.concatenate([own, own], axis=1).reshape(-1, 6)
    pictures = np.arange(n_users * n_pins // 2).reshape(n_users, -1)
    clusters = np.concatenate([pictures, pictures], axis=1).ravel()
    analysed = table(n_users, n_pins)
    others = table(1, 3).assign(board="another")  # readable, and not analysed
    split = split_of(analysed)
    given = {
        "board_split": split,
        "pins": Pins(
            pd.concat([others, analysed], ignore_index=True), pd.DataFrame(), pd.DataFrame()
        ),
        "near_duplicates": np.concatenate([[900, 900, 901], clusters]),
        "n_pins": 12,
        "n_test": 6,
        "n_repeats": 4,
        "seed": 0,
    }
    samples = leakage_samples(**given | changes)
    ranks = leakage_ranks(
        {"image": np.exp(embedded), "embedding": embedded}, samples, "euclidean"
    )  # fmt: skip
    return leakage([ranks], samples, seed=0)


def test_without_its_repeats_a_world_without_taste_is_random():
    found = leaking()
    assert (found.n_users, found.n_boards, found.n_train, found.n_test) == (30, 30, 3, 3)
    image = found.by_rule[found.by_rule["profile"] == "image"].set_index("rule")
    assert image["pins_left"].tolist() == [360, 180, 360, 180]
    assert image.loc["all pins", "leaked"] > 0.2
    assert image.loc["neither", "leaked"] == 0
    random = rank_scores.random_mrr(30)
    assert image.loc["neither", "low"] < random < image.loc["neither", "high"]
    assert image.loc["all pins", "low"] > image.loc["neither", "high"]


def test_removing_none_or_all_is_a_rule_of_its_own():
    found = leaking()
    columns = ["pins_left", "leaked", "profile", "value", "low", "high"]
    rules, shares = found.by_rule.groupby("rule"), found.by_share.groupby("removed")
    for share, rule in ((0.0, "all pins"), (1.0, "neither")):
        left, right = (
            part[columns].reset_index(drop=True)
            for part in (shares.get_group(share), rules.get_group(rule))
        )
        pd.testing.assert_frame_equal(left, right)
    image = found.by_share[found.by_share["profile"] == "image"]
    assert image["pins_left"].tolist() == [360, 315, 270, 225, 180]
    assert (image["leaked"].diff()[1:] < 0).all()


def test_pictures_of_other_boards_are_removed_across():
    pictures = np.tile(np.arange(12), 30)  # all boards show the same twelve
    shared = np.where(np.arange(360) % 12 < 2, pictures, 1000 + np.arange(360))
    found = leaking(near_duplicates=np.concatenate([[900, 900, 901], shared]))
    left = found.by_rule[found.by_rule["profile"] == "image"].set_index("rule")["pins_left"]
    assert left["no repeats on a board"] == 360
    assert left["no pictures of an earlier board"] == left["neither"] == 360 - 2 * 29


def test_boards_of_repeats_alone_are_refused():
    with pytest.raises(ValueError, match="a tenth of the boards keep at most 1 pins"):
        leaking(near_duplicates=np.concatenate([[0, 1, 2], np.repeat(np.arange(3, 33), 12)]))


def test_numbers_of_leakage_are_those_of_the_rules():
    found = leaking()
    numbers = leakage_numbers(found)
    assert list(numbers)[:2] == ["leakage.all-pins.image", "leakage.all-pins.mean-embedding"]
    assert len(numbers) == 4 * 2
    assert [number.value for number in numbers.values()] == found.by_rule["value"].tolist()
