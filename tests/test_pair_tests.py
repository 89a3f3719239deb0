"""Steps of chapter 7 on the study's own pairs."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from one_pair import one_pair
from scipy.stats import false_discovery_control
from separate_users import EQ2, EQ4, N_USERS, assigned, separate_users

from visprof.intervals import Estimate
from visprof.logodds import log_odds_z
from visprof.significance import PairPValues, StudentisedPValues, studentised_pvalues
from visprof.steps import find_step
from visprof.steps.data import PinArrays
from visprof.steps.pair_tests import (
    PairTests,
    no_times,
    pair_tests,
    pin_sessions,
    side_by_side,
    significance_numbers,
)  # fmt: skip
from visprof.steps.user_pairs import growing_counts
from visprof.study import Study


def split(times):
    """Analysed pins of the boards a and b, which alternate, at these times."""
    pins = pd.DataFrame(
        {"board": ["a", "b"] * (len(times) // 2), "time": pd.to_datetime(times, utc=True)}
    )
    return SimpleNamespace(analysed=pins)


def test_a_session_is_a_users_day():
    sessions = pin_sessions(
        split(
            ["2015-01-01 00:10", "2015-01-01 00:10", "2015-01-01 23:50", "2015-01-02 00:10",
             "2015-01-02 00:10", "2015-01-02 12:00"]
        ), "day",
    )  # fmt: skip
    assert len(set(sessions)) == 4
    assert sessions[0] == sessions[2] != sessions[4]
    assert sessions[3] == sessions[5] != sessions[1]


def test_days_with_one_pin_are_no_sessions():
    days = [f"2015-01-0{day}" for day in range(1, 7)]
    assert pin_sessions(split(days), "day") is None


@pytest.fixture(scope="module")
def three_users():
    """Three users with 8 days of 5 alike pins each; the second and third share a taste."""
    rng = np.random.default_rng(0)
    tastes = {"a": [9, 1, 1, 1], "b": [1, 1, 3, 3], "c": [1, 1, 3, 3]}
    pins = np.concatenate(
        [np.repeat(rng.dirichlet(taste, 8), 5, axis=0) for taste in tastes.values()]
    )
    days = pd.to_datetime(np.tile(np.repeat(np.arange(8), 5), 3), unit="D", utc=True)
    table = pd.DataFrame({"board": np.repeat(list(tastes), 40), "time": days})
    board_split = SimpleNamespace(analysed=table)
    words = PinArrays(rng.dirichlet([1, 1, 1, 1], 50), pins)
    sessions = pin_sessions(board_split, "day")
    return words, pair_tests([words], board_split, sessions, 0.01, "two-term", 10, 499, 0)


def test_pairs_are_tested_by_pin_and_by_session(three_users):
    words, tests = three_users
    assert tests.by_pin.p_by_seed.shape == tests.by_session.p_by_seed.shape == (1, 3)
    np.testing.assert_array_equal(tests.pairs, [[0, 1], [0, 2], [1, 2]])
    np.testing.assert_array_equal(tests.sessions_per_user, [8, 8, 8])
    days = np.repeat(np.arange(8), 5)
    pins = words.analysed.reshape(3, 40, 4)
    background = words.background.sum(axis=0)
    for place, (i, j) in enumerate(tests.pairs):
        test = (pins[i], pins[j], background, 0.01, 2000)
        z, p = one_pair(*test)
        assert tests.by_pin.max_z[place] == pytest.approx(z)
        assert tests.by_pin.p_values[place] == pytest.approx(p, abs=0.05)
        by_session = one_pair(*test, sessions=(days, days))[1]
        assert tests.by_session.max_z[place] == pytest.approx(z)
        assert tests.by_session.p_values[place] == pytest.approx(by_session, abs=0.08)
    assert tests.by_session.p_values[2] > 0.05
    assert tests.by_session.p_values[:2].max() < 0.05


def test_distances_are_tested_in_all_vocabularies_side_by_side():
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {"board": list("abc") * 20, "time": pd.to_datetime(np.arange(60) // 6, unit="D", utc=True)}
    )
    split_ = SimpleNamespace(analysed=table)
    every = [PinArrays(rng.dirichlet(np.ones(4), 9), rng.dirichlet(np.ones(4), 60)) for _ in "ab"]
    sessions = pin_sessions(split_, "day")
    tests = pair_tests(every, split_, sessions, 0.01, "two-term", 10, 99, 0)
    alone = [
        studentised_pvalues(of.analysed, table["board"], tests.pairs, sessions, 99).distance
        for of in every
    ]
    np.testing.assert_allclose(tests.by_distance.distance, np.sum(alone, axis=0))
    unknown = pair_tests(every, split_, None, 0.01, "two-term", 10, 99, 0)
    assert unknown.by_session is None
    np.testing.assert_array_equal(unknown.sessions_per_user, [20, 20, 20])
    assert (unknown.by_distance.least_p <= tests.by_distance.least_p).all()


@pytest.mark.slow
def test_pins_of_a_world_without_sessions_have_none(tmp_path):
    assert Study("tiny", home=tmp_path)["pin_sessions"] is None
    assert find_step("pin_sessions", Study("tiny", session_length=3.0)) is pin_sessions
    assert find_step("pin_sessions", Study("tiny", drawn=False, session_length=3.0)) is no_times


def test_pairs_are_tested_in_the_vocabularies_of_all_seeds():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {"board": list("abc") * 20, "time": pd.to_datetime(np.arange(60) // 6, unit="D", utc=True)}
    )
    board_split = SimpleNamespace(analysed=table)
    every = [
        PinArrays(rng.dirichlet(np.ones(k), 50), rng.dirichlet(np.ones(k), 60)) for k in (4, 6)
    ]
    rest = (board_split, pin_sessions(board_split, "day"), 0.01, "two-term", 10, 99, 0)
    both, *alone = (pair_tests(of, *rest) for of in (every, every[:1], every[1:]))
    for shuffled in ("by_pin", "by_session"):
        found, own = getattr(both, shuffled), [getattr(of, shuffled) for of in alone]
        np.testing.assert_array_equal(found.max_z_by_seed, [of.max_z for of in own])
        np.testing.assert_array_equal(found.p_by_seed, [of.p_values for of in own])
        np.testing.assert_allclose(found.max_z, np.mean(found.max_z_by_seed, axis=0))


PAIRS = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])


def of_pairs(p, max_z_by_seed, p_by_seed):
    """Tests of all pairs of four users, by pin."""
    max_z_by_seed, p_by_seed = np.array(max_z_by_seed), np.array(p_by_seed)
    found = PairPValues(max_z_by_seed.mean(axis=0), np.array(p), max_z_by_seed, p_by_seed)
    by_distance = StudentisedPValues(np.ones(6), np.array(p), np.full(6, 0.001))
    return PairTests(PAIRS, found, None, by_distance, np.ones(4))


def test_numbers_are_shares_of_the_tested_pairs():
    p = np.array([0.001, 0.03, 0.04, 0.9, 0.2, 0.002])
    numbers = significance_numbers(of_pairs(p, [[3, 2.5, 1, 1, 1, 3.0]], [p]), 2.0)
    by_distance = {f"pairs.distance.{of}" for of in ("significant", "bh", "attainable")}
    bounds = {"pairs.distance.true", "pairs.distance.ceiling"}
    by_z = {"pairs.tested.differ", "pairs.significant", "pairs.bh"}
    assert set(numbers) == by_z | by_distance | bounds
    assert numbers["pairs.distance.significant"].value == 4 / 6
    assert numbers["pairs.distance.bh"].value == 2 / 6
    assert numbers["pairs.distance.true"] == Estimate(2 / 6, n=6, unit="pairs of users")
    assert (
        numbers["pairs.distance.ceiling"].value == numbers["pairs.distance.attainable"].value == 1
    )
    numbers = {key: numbers[key] for key in by_z}
    assert numbers["pairs.tested.differ"].value == 3 / 6
    assert numbers["pairs.significant"].value == 4 / 6
    assert numbers["pairs.bh"].value == np.mean(false_discovery_control(p) <= 0.05) == 2 / 6
    for number in numbers.values():
        assert number.low < number.value < number.high
        assert number.n == 6
        assert number.sd_seeds is None
        assert number.by_seed == ((number.value, number.low, number.high),)


def test_numbers_vary_between_seeds_as_those_of_each_seed_alone():
    p = np.array([0.001, 0.03, 0.04, 0.9, 0.2, 0.002])
    alone = [p, [0.001, 0.9, 0.04, 0.9, 0.2, 0.002], [0.001, 0.8, 0.9, 0.9, 0.2, 0.03]]
    z = [[3, 2.5, 1, 1, 1, 3.0], [3, 1, 1, 1, 1, 3], [3, 3, 3, 1, 1, 3]]
    numbers = significance_numbers(of_pairs(p, z, alone), 2.0)
    assert numbers["pairs.tested.differ"].value == pytest.approx((3 + 2 + 4) / 18)
    assert numbers["pairs.significant"].value == 4 / 6  # of the test of the mean
    assert numbers["pairs.bh"].value == 2 / 6
    kept = [np.mean(false_discovery_control(of) <= 0.05) for of in alone]
    for key, shares in (
        ("pairs.tested.differ", [3 / 6, 2 / 6, 4 / 6]),
        ("pairs.significant", [4 / 6, 3 / 6, 2 / 6]),
        ("pairs.bh", kept),
    ):
        number = numbers[key]
        assert [value for value, _, _ in number.by_seed] == pytest.approx(shares)
        assert number.sd_seeds == pytest.approx(np.std(shares, ddof=1) / np.sqrt(3))


def test_a_study_finds_tastes_and_none_where_there_is_none(tmp_path):
    def share(taste):
        study = Study(
            "tiny", home=tmp_path, drawn=False, n_users=16, n_simulated_pins=60, min_pins=60,
            class_taste=taste, style_taste=taste, n_tested_pairs=50, n_permutations=199,
        )  # fmt: skip
        assert study["pair_tests"].by_session is None
        assert len(study["pair_tests"].pairs) == 50
        return study["significance_numbers"]["pairs.significant"]

    assert share(0.0).value < 0.2
    assert share(2.0).value > 0.6


def test_any_two_users_have_their_test_and_the_pictures_of_their_clusters():
    parts = separate_users()
    own, board_split = assigned(parts, **EQ2), parts["board_split"]
    tests = pair_tests([own], board_split, None, 0.05, "two-term", 10, 99, 0)
    grown = growing_counts(own, board_split, None, user_counts="sum", seed=0)
    y = grown.counts["users"]
    two = side_by_side(grown, tests, **parts, alpha=EQ4["alpha"], variance=EQ4["variance"])
    assert np.isnan(two.p_values).sum() == N_USERS**2 - 2 * len(tests.pairs)
    for (i, j), p in zip(tests.pairs, tests.by_distance.p, strict=True):
        assert two.p_values[i, j] == two.p_values[j, i] == p
    few = side_by_side(
        dataclasses.replace(grown, users=grown.users[2:5], counts={"users": y[:, 2:5]}), tests,
        **parts, alpha=EQ4["alpha"], variance=EQ4["variance"],
    )  # fmt: skip
    np.testing.assert_array_equal(few.p_values, two.p_values[2:5, 2:5])
    shown = set()
    for i in range(N_USERS):
        for j in range(N_USERS):
            z = log_odds_z(two.counts[i], two.counts[j], two.background, EQ4["alpha"])
            shown |= set(np.argsort(-np.abs(z), kind="stable")[:3]) if i != j else set()
    centres = parts["visual_vocabulary"].cluster_centers_
    away = np.linalg.norm(parts["pin_embedding"].background[:, None] - centres, axis=2)
    for cluster, images in enumerate(two.images):
        if cluster not in shown:
            assert images == []
            continue
        nearest = board_split.background["image"].iloc[away[:, cluster].argmin()]
        assert images[0] == nearest
        assert len({image.split("-")[0] for image in images}) == len(images) == 4
