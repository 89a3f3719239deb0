"""Steps: users without taste, with taste in one thing, and tastes that are found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pin_tables import split_of, table

from visprof import rank_scores
from visprof.intervals import Estimate
from visprof.steps import simulated_users
from visprof.vocabulary import VisualVocabulary


@pytest.mark.slow
def test_mrr_without_taste_is_random_and_rises_with_repeats():
    found = simulated_users.null_leakage(
        split_of(table(200, 1)), VisualVocabulary(20, bandwidth=0.05, random_state=0),
        n_pins=40, n_test=20, train_sizes=(10, 20), distance="euclidean", seed=0,
    )  # fmt: skip
    random = rank_scores.random_mrr(200)
    for _, rows in found.groupby("profile"):
        assert rows["n_users"].unique().tolist() == [200]
        none, most = rows.iloc[0], rows.iloc[-1]
        assert none["repeat_share"] == 0
        assert none["low"] < random < none["high"]
        some = rows[rows["repeat_share"] >= 0.1]["value"]
        assert some.is_monotonic_increasing
        assert most["low"] > 3 * random


@pytest.mark.slow
def test_only_taste_finds_users(monkeypatch):
    monkeypatch.setattr(simulated_users, "REPEATS", (0.0,))
    settings = {
        "board_split": split_of(table(200, 1)), "n_pins": 40, "n_test": 20, "train_sizes": (20,),
        "vocabulary_settings": VisualVocabulary(20, bandwidth=0.05, random_state=0),
        "distance": "euclidean", "seed": 0,
    }  # fmt: skip
    none = simulated_users.null_leakage(**settings)
    found = simulated_users.taste_worlds(none, **settings).set_index(["taste", "profile"])
    random = rank_scores.random_mrr(200)
    for name in ("image", "mean embedding"):
        none = found.loc[("neither", name)]
        assert none["low"] < random < none["high"]
        assert found.loc[("both", name), "low"] > none["high"]
    assert found.loc[("styles only", "mean embedding"), "low"] > random


@pytest.mark.slow
def test_worlds_without_a_common_user_have_the_interval_of_all_their_users():
    rng = np.random.default_rng(0)
    n_worlds, n_users, n_studies = 4, 80, 50
    for between in (0.0, 0.1):
        ranks = rng.beta(1, 2, (n_studies, n_worlds, n_users))
        ranks += between * rng.normal(size=(n_studies, n_worlds, 1))
        found = [simulated_users._mean_over_worlds(list(of), 0) for of in ranks]
        arms = np.array([(of.high - of.low) / 2 for of in found])
        truth = 1.96 * np.sqrt((1 / 18 / n_users + between**2) / n_worlds)  # 1 / 18: of the beta
        # wider where worlds do not differ: the part that they add is never less than none
        assert 0.9 < np.sqrt(np.mean(arms**2)) / truth < 1.2
        assert all(of.low < of.value < of.high for of in found)


def test_one_world_has_the_interval_of_its_users():
    found = simulated_users._mean_over_worlds([np.linspace(0.1, 1, 30)], 0)
    assert found.sd_seeds is None
    assert found.by_seed == ((found.value, found.low, found.high),)


def test_numbers_of_tastes_go_by_taste_and_profile():
    worlds = pd.DataFrame(
        {"taste": ["styles only", "both"], "profile": ["mean embedding", "image"],
         "estimate": [Estimate(0.25), Estimate(0.5)]}
    )  # fmt: skip
    numbers = simulated_users.taste_numbers(worlds)
    assert {key: number.value for key, number in numbers.items()} == {
        "tastes.styles-only.mean-embedding": 0.25, "tastes.both.image": 0.5,
    }  # fmt: skip


def test_tastes_are_found_again_with_more_pins():
    table = simulated_users.taste_recovery(6, class_taste=1.0, seed=0)
    errors = table.groupby("pins")["error"].mean()
    assert list(errors.index) == list(simulated_users.RECOVERED_PINS)
    assert errors.is_monotonic_decreasing
    assert table["user"].nunique() == 6
