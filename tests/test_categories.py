"""Steps of taste across categories, on small made-up boards and on worlds that are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pin_tables import split_of, table

from visprof.carry_over import carry_over
from visprof.category_ranks import transfer_ranks
from visprof.profiles import regress_out, whiten
from visprof.rank_scores import random_mrr
from visprof.steps import categories as steps
from visprof.steps.pin_categories import named_categories
from visprof.study import Study

N_USERS, N_PINS = 8, 40


@pytest.fixture
def boards():
    """Users with a general taste in four dimensions, and two categories in turn."""
    rng = np.random.default_rng(1)
    split = split_of(table(N_USERS, N_PINS))
    n = N_USERS * N_PINS
    users = np.repeat(np.arange(N_USERS), N_PINS)
    kinds = np.where(np.arange(n) % 2, "sea", "town")
    pins = rng.normal(size=(N_USERS, 4))[users] + rng.normal(size=(n, 4))
    return split, pins, kinds


def all_steps(split, features, kinds, sessions=None, min_pins=8):
    census = steps.category_census(split, kinds, sessions, min_pins)
    pins = steps.category_pins(features, census, split, kinds, sessions)
    shares = steps.carry_over_shares(pins, min_pins)
    transfer = steps.category_transfer(pins, split, min_pins)
    p_values = steps.carry_over_pvalues(pins, min_pins, 99, 0)
    return census, shares, transfer, steps.carry_over_numbers(shares, p_values, transfer, 0)


def test_features_are_components_of_the_networks_outputs_and_what_facts_leave():
    rng = np.random.default_rng(0)
    split = split_of(table(2, 30))
    outputs = rng.normal(size=(65, 6)).astype(np.float32)
    embedded = steps.category_embedding(SimpleNamespace(outputs=outputs), split)
    expected = whiten(outputs, outputs[:5], steps.COMPONENTS)
    np.testing.assert_array_equal(embedded.stacked(), expected)
    assert expected.shape[1] == 4  # five background pins span no more
    classes, facts = rng.integers(3, size=65), split.arrays(rng.normal(size=(65, 2)))
    found = steps.category_features(embedded, classes, facts, split)
    assert list(found) == list(steps.DISTANCES)
    left = regress_out(embedded.analysed, facts.analysed, embedded.background, facts.background)
    np.testing.assert_array_equal(found["embedding less file facts"], left)
    assert list(steps.category_features(embedded, classes, None, split)) == [
        "embedding", "within classes",
    ]  # fmt: skip


def test_each_rule_has_the_numbers_of_its_categories(boards):
    split, pins, kinds = boards
    n = len(split.background)
    embedding = split.arrays(np.vstack([np.zeros((n, 4)), pins]))
    scenes = named_categories(np.concatenate([np.repeat("sea", n), kinds]))
    few = named_categories(np.concatenate([np.repeat("a", n), np.repeat("b", len(kinds))]))
    found = steps.carry_over_by_rule(scenes, None, few, embedding, split, None, 8, 99, 0)
    _, shares, _, numbers = all_steps(split, {"embedding": pins}, kinds)
    for part in ("general", "category", "taste", "rho", "taste.p", "general.p"):
        key = f"carry.{part}.embedding" if ".p" not in part else f"carry.{part[:-2]}.embedding.p"
        assert found[f"carry.by-scenes.{part}"] == numbers[key]
    assert found["carry.by-scenes.users"].value == shares["embedding"].n_users
    assert found["carry.by-scenes.n"].value == 2
    assert {key: of.value for key, of in found.items() if "scenes" not in key} == {
        "carry.by-words.users": 0
    }


def test_users_count_in_categories_of_pins_and_sessions_enough(boards):
    split, _, kinds = boards
    kinds = kinds.copy()
    kinds[:N_PINS] = "sea"  # the first user has one category
    kinds[N_PINS : N_PINS + 3] = "moon"  # the second has three pins of another
    sessions = np.arange(len(kinds)) // 2
    sessions[2 * N_PINS : 3 * N_PINS] = 0  # the third has one session
    census = steps.category_census(split, kinds, sessions, 8).set_index(["user", "category"])
    assert census.loc[("user-00", "sea"), ["pins", "sessions", "counts"]].tolist() == [
        40,
        20,
        False,
    ]
    assert not census.loc[("user-01", "moon"), "counts"]
    assert census.loc["user-01"]["counts"].sum() == 2
    assert census.loc["user-02"]["sessions"].tolist() == [1, 1]
    assert not census.loc["user-02"]["counts"].any()
    assert census.loc["user-03"]["counts"].all()
    assert census["pins"].sum() == len(kinds)


def test_numbers_are_those_of_the_library(boards):
    split, pins, kinds = boards
    facts = np.random.default_rng(2).normal(size=(len(pins), 2))
    features = {
        "embedding": pins, "file facts": facts, "embedding less file facts": pins - pins.mean(),
    }  # fmt: skip
    census, shares, _, numbers = all_steps(split, features, kinds)
    users, each = split.analysed["board"].to_numpy(), np.arange(len(pins))
    expected = carry_over(pins, users, kinds, each)
    assert census["counts"].all()
    assert shares["embedding"].general == expected.general
    for part, estimate in expected.estimates().items():
        assert numbers[f"carry.{part}.embedding"] == estimate
    assert numbers["carry.general.embedding.p"].value == 0.01
    assert numbers["carry.taste.embedding.p"].value == 0.01
    assert numbers["carry.taste.file-facts.p"].value > 0.05
    order = split.analysed["time"].to_numpy()
    ranks = transfer_ranks(pins, users, kinds, each, order)
    other, same = (numbers[f"carry.mrr.{of}.embedding"].value for of in ("other", "same"))
    assert (other, same) == pytest.approx((ranks.other.mean(), ranks.same.mean()))
    assert numbers["carry.mrr.same-other.embedding"].value == pytest.approx(same - other)
    assert numbers["carry.mrr.random"].value == pytest.approx(random_mrr(N_USERS))
    assert numbers["carry.candidates"].value == N_USERS
    lead = numbers["carry.mrr.other.embedding-file-facts"]
    by_facts = numbers["carry.mrr.other.file-facts"].value
    assert lead.value == pytest.approx(other - by_facts)
    assert lead.low < lead.value < lead.high
    p_values = [
        numbers[f"carry.mrr.other.embedding-file-facts.{of}"].value for of in ("p", "p.holm")
    ]
    assert p_values[0] == p_values[1] < 0.05


def test_the_order_of_pins_does_not_matter(boards):
    split, pins, kinds = boards
    sessions = np.arange(len(pins)) // 4
    *_, numbers = all_steps(split, {"embedding": pins}, kinds, sessions)
    order = np.random.default_rng(3).permutation(len(pins))
    shuffled = split_of(split.analysed.iloc[order].reset_index(drop=True))
    *_, again = all_steps(shuffled, {"embedding": pins[order]}, kinds[order], sessions[order])
    assert numbers.keys() == again.keys()
    assert "carry.session.embedding" in numbers
    for key, number in numbers.items():
        assert again[key].value == pytest.approx(number.value, abs=1e-9), key


def test_too_few_users_have_no_numbers(boards):
    split, pins, kinds = boards
    kinds = np.where(np.arange(len(pins)) < 2 * N_PINS, kinds, "sea")
    census, shares, transfer, numbers = all_steps(split, {"embedding": pins}, kinds)
    assert census["counts"].sum() == 4
    assert (shares, numbers) == ({}, {})
    assert transfer.empty
    assert list(transfer) == ["feature", "user", "other", "same", "random", "n_candidates"]


def test_users_of_other_categories_each_have_no_numbers(boards):
    split, pins, _ = boards
    users = np.repeat(np.arange(N_USERS), N_PINS)
    kinds = np.char.add("kind ", ((users // 2 + np.arange(len(pins)) % 2) % 4).astype(str))
    census, shares, _, numbers = all_steps(split, {"embedding": pins}, kinds)
    assert census["counts"].all()
    assert (shares, numbers) == ({}, {})


def test_features_that_are_all_equal_are_left_out(boards):
    split, pins, kinds = boards
    features = {"embedding": pins, "file facts": np.ones((len(pins), 2))}
    _, shares, _, numbers = all_steps(split, features, kinds)
    assert list(shares) == ["embedding"]
    assert not any("facts" in key for key in numbers)


def test_features_that_tell_categories_and_nothing_else_are_left_out(boards):
    split, pins, kinds = boards
    of_kind = np.where(kinds == "sea", 0.1, 0.7)[:, None] * np.ones(4)
    features = {"embedding": pins, "within classes": of_kind}
    _, shares, transfer, _ = all_steps(split, features, kinds)
    assert list(shares) == ["embedding"]
    assert set(transfer["feature"]) == {"embedding"}


def test_a_category_of_equal_pictures_ranks_nobody(boards):
    split, pins, kinds = boards
    blank = np.where(kinds[:, None] == "sea", 0.1, pins)
    _, shares, transfer, numbers = all_steps(split, {"embedding": blank}, kinds)
    assert list(shares) == ["embedding"]
    assert transfer.empty
    assert "carry.mrr.other.embedding" not in numbers
    assert "carry.general.embedding" in numbers


@pytest.mark.slow
def test_a_study_without_pictures_has_numbers_too(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False, n_users=20, n_simulated_pins=60)
    assert set(study["analysed_categories"]) == set("01234")
    assert study["category_embedding"].analysed.shape[1] == steps.COMPONENTS
    assert study["carry_over_numbers"]["carry.general.embedding"].n > 5


# --- worlds


def test_known_worlds_are_summed_up_by_truth_and_users():
    rows = [
        (0.5, 15, 0, 0.4, 0.1, 0.7, 0.1, np.nan, np.nan),
        (0.5, 15, 1, 0.8, 0.6, 1.0, 0.1, np.nan, np.nan),
        (0.5, 15, 2, np.nan, np.nan, np.nan, 0.0, np.nan, np.nan),
        (0.5, 30, 0, 0.5, -0.1, 1.1, 0.1, np.nan, np.nan),
        (0.0, 30, 0, 0.0, -0.1, 0.1, 0.1, np.nan, 0.05),
        (0.0, 30, 1, 0.2, 0.1, 0.3, 0.1, np.nan, 0.5),
        (np.nan, 30, 0, np.nan, np.nan, np.nan, 0.0, 0.025, 0.1),
        (np.nan, 30, 1, 0.2, 0.1, 0.3, 0.0, 0.05, 0.2),
    ]
    columns = [
        "carry_over", "n_users", "world", "rho", "low", "high", "taste", "taste_p", "general_p",
    ]  # fmt: skip
    worlds = pd.DataFrame(rows, columns=columns)
    by_truth = steps.carry_over_known(worlds)
    known = by_truth.set_index(["carry_over", "n_users"])
    half = known.loc[(0.5, 15)]
    assert half["worlds"] == 3
    assert half["defined"] == pytest.approx(2 / 3)
    assert half["mean"] == pytest.approx(0.6)
    assert half["high"] - half["mean"] == pytest.approx(12.706204736 * 0.2)
    assert half["coverage"] == 0.5
    assert half["above_zero"] == pytest.approx(2 / 3)
    assert half["half_width"] == pytest.approx(0.25)
    assert np.isnan(known.loc[(0.5, 30), "low"])  # one world tells nothing of others
    assert known.loc[(0.0, 30), "coverage"] == 0.5
    levels = steps.carry_over_levels(worlds, by_truth)
    assert {key: (of.value, of.n) for key, of in levels.items()} == {
        "carry.level.taste.null": (1.0, 2), "carry.level.general.null": (0.0, 2),
        "carry.level.general.own": (0.5, 2), "carry.known.bias.0": (0.1, 2),
        "carry.known.coverage.0": (0.5, 2),
    }  # fmt: skip
    assert levels["carry.known.bias.0"].high == pytest.approx(0.1 + 12.706204736 * 0.1)


def test_worlds_without_any_defined_carry_over_have_no_mean():
    rows = [(0.5, 15, 0, np.nan, np.nan, np.nan, 0.0, np.nan, np.nan)]
    columns = [
        "carry_over", "n_users", "world", "rho", "low", "high", "taste", "taste_p", "general_p",
    ]  # fmt: skip
    (row,) = steps.carry_over_known(pd.DataFrame(rows, columns=columns)).itertuples()
    assert np.isnan([row.mean, row.coverage, row.half_width]).all()
    assert (row.defined, row.above_zero) == (0, 0)


@pytest.mark.slow
def test_estimates_are_near_the_truth_and_tests_hold_their_level():
    worlds = steps.carry_over_worlds(30, 1)
    known = steps.carry_over_known(worlds)
    assert ((known["mean"] - known["carry_over"]).abs() < 0.2).all()
    assert (known["coverage"] > 0.75).all()
    assert (known["defined"] > 0.8).all()
    for key, level in steps.carry_over_levels(worlds, known).items():
        assert level.low < 0.08 or "coverage" in key
    again = steps.carry_over_worlds(2, 1)
    pd.testing.assert_frame_equal(again, worlds[worlds["world"] < 2].reset_index(drop=True))
