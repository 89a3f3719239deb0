"""Steps of chapter 6: batches on both sides of the split, and data that are drawn anew."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pin_tables import split_of, table

from visprof import rank_scores
from visprof.intervals import Estimate
from visprof.steps.robustness import (
    batch_effect,
    batch_numbers,
    batch_ranks,
    batch_splits,
    redrawn_mrr,
)
from visprof.study import Study


def of_batches(times, n_users=40, n_pins=12, seed=0, kept="batches"):
    """Users without taste; the pins of a batch have one embedding."""
    rng = np.random.default_rng(seed)
    times = np.broadcast_to(times, (n_users, n_pins))
    looks = rng.normal(size=(n_users, times.max() + 1, 6))
    embedded = np.take_along_axis(looks, times[..., None], axis=1).reshape(-1, 6)
    split = split_of(table(n_users, n_pins, times))
    sessions = np.zeros(len(embedded)) if kept == "days" else None
    splits = batch_splits(
        split, sessions, n_pins=12, n_test=4, train_sizes=(4, 8), n_repeats=3, seed=0
    )
    assert list(splits) == ["batches", "days"][: 1 + (kept == "days")]
    ranks = batch_ranks({"image": np.exp(embedded), "embedding": embedded}, splits, "euclidean")
    return batch_effect([ranks], splits, seed=0)[kept]


def test_batches_on_both_sides_of_the_split_find_users_without_taste():
    effect = of_batches([0, 1, 2, 3, *[4] * 8])  # four of the batch are learnt, four tested
    assert (effect.n_boards, effect.n_tied, effect.n_left, effect.n_train) == (40, 40, 40, 4)
    image = effect.table[effect.table["profile"] == "image"].set_index("split")
    whole = image.loc["batches kept whole"]
    assert whole["low"] < rank_scores.random_mrr(40) < whole["high"]
    assert image.loc["by number", "low"] > whole["high"]
    assert image.loc["by number, fewer training pins", "low"] > whole["high"]


def test_times_of_their_own_change_nothing():
    effect = of_batches(np.arange(12))
    assert (effect.n_tied, effect.n_left, effect.n_train) == (0, 40, 8)
    for _, rows in effect.table.groupby("profile"):
        np.testing.assert_allclose(rows["value"], rows["value"].iloc[0])


def test_boards_of_a_single_batch_leave_nothing_to_learn_from():
    effect = of_batches(np.zeros(12, int))
    assert (effect.n_tied, effect.n_left, effect.n_train) == (40, 0, 0)
    assert effect.table.empty


def test_numbers_of_batches_are_those_of_the_table():
    effect = of_batches([0, 1, 2, 3, *[4] * 8])
    numbers = batch_numbers({"batches": effect})
    assert list(numbers) == [
        f"batches.{split}.{profile}"
        for split in ("by-number", "by-number-fewer-training-pins", "batches-kept-whole")
        for profile in ("image", "mean-embedding")
    ]
    assert [number.value for number in numbers.values()] == effect.table["value"].tolist()
    assert batch_numbers({"batches": of_batches(np.zeros(12, int))}) == {}
    of_days = batch_numbers({"batches": effect, "days": effect})
    assert of_days["whole-days.by-number.image"] == numbers["batches.by-number.image"]


def test_days_kept_whole_are_a_rule_of_their_own():
    hours = np.array([0, 1, 2, 3, *range(26, 34)])  # the second day has four training pins
    effect = of_batches(hours, kept="days")
    assert (effect.n_boards, effect.n_tied, effect.n_left, effect.n_train) == (40, 40, 40, 4)
    assert effect.table["split"].unique().tolist()[2] == "days kept whole"
    assert of_batches(hours).n_tied == 0  # each pin has a time of its own


@pytest.fixture(scope="module")
def without_pictures(tmp_path_factory):
    return Study("tiny", home=tmp_path_factory.mktemp("home"), drawn=False, repeat_share=0.1)


def test_first_repetition_is_the_study_itself(without_pictures):
    repeats = without_pictures["repeated_mrr"]
    numbers = without_pictures["mrr_numbers"]
    assert repeats["repeat"].unique().tolist() == [0, 1]
    for row in repeats[repeats["repeat"] == 0].itertuples():
        of_first_seed = numbers[f"mrr.{row.profile.replace(' ', '-')}.10"].by_seed[0]
        assert row.value == pytest.approx(of_first_seed[0])
    none = Study("tiny", home=without_pictures.home, drawn=False, repeat_share=0.1, n_repeats=0)
    assert none["repeated_mrr"].empty
    assert list(none["repeated_mrr"]) == list(repeats)


def test_what_is_drawn_anew_has_its_mean_and_ends():
    profiles = ["image", "mean embedding"] * 3
    values = [0, 1, 3, 1, 6, 1]
    repeats = pd.DataFrame({"redrawn": "sample", "profile": profiles, "value": values})
    by_seed = tuple((value, 0.0, 1.0) for value in (0.2, 0.5))
    numbers = {
        f"mrr.{name}.8": Estimate(0.35, by_seed=by_seed) for name in ("image", "mean-embedding")
    }
    table = redrawn_mrr(repeats, numbers, (4, 8)).set_index(["redrawn", "profile"])
    columns = ["times", "value", "least", "most"]
    assert table.loc[("sample", "image"), columns].tolist() == [3, 3, 0, 6]
    assert table.loc[("sample", "mean embedding"), columns].tolist() == [3, 1, 1, 1]
    own = table.loc[("what the algorithm draws", "image"), columns]
    assert own.tolist() == pytest.approx([2, 0.35, 0.2, 0.5])
    alone = redrawn_mrr(repeats[:0], numbers, (4, 8))
    assert alone["redrawn"].unique().tolist() == ["what the algorithm draws"]
