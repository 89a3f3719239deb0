from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from visprof.prediction import (
    mean_reciprocal_rank,
    mrr_difference,
    random_mrr,
    reciprocal_ranks,
    split_pins,
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 25),
    st.integers(1, 6),
    st.integers(0, 10_000),
    st.sampled_from(["euclidean", "hellinger", "cosine"]),
    st.booleans(),
)
def test_equals_scipy_mid_ranks(n, k, seed, distance, tied):
    rng = np.random.default_rng(seed)
    train, test = rng.dirichlet(np.ones(k + 1), size=(2, n))
    if tied:
        test = test[rng.integers(0, (n + 1) // 2, size=n)]
    a, b = (np.sqrt(train), np.sqrt(test)) if distance == "hellinger" else (train, test)
    matrix = cdist(a, b, "cosine" if distance == "cosine" else "euclidean").round(12)
    expected = [1 / rankdata(row)[i] for i, row in enumerate(matrix)]
    np.testing.assert_allclose(reciprocal_ranks(train, test, distance), expected, rtol=1e-12)


def test_equal_test_rows_share_the_mean_rank_exactly():
    rng = np.random.default_rng(0)
    test = np.tile(rng.dirichlet(np.ones(199)), (501, 1))
    train = rng.dirichlet(np.ones(199), size=501)
    for distance in ("euclidean", "hellinger", "cosine"):
        np.testing.assert_array_equal(reciprocal_ranks(train, test, distance), 1 / 251)


def test_perfect_profiles_rank_first_and_float32_is_welcome():
    profiles = np.random.default_rng(0).dirichlet(np.ones(5), size=50).astype(np.float32)
    np.testing.assert_array_equal(reciprocal_ranks(profiles, profiles), np.ones(50))


def test_order_of_users_does_not_matter():
    rng = np.random.default_rng(1)
    train, test = rng.dirichlet(np.ones(7), size=(2, 100))
    order = rng.permutation(100)
    np.testing.assert_array_equal(
        reciprocal_ranks(train[order], test[order]), reciprocal_ranks(train, test)[order]
    )


def test_random_profiles_have_the_random_mrr():
    rng = np.random.default_rng(2)
    rr = [reciprocal_ranks(*rng.normal(size=(2, 100, 3))).mean() for _ in range(100)]
    assert np.mean(rr) == pytest.approx(random_mrr(100), rel=0.08)


@pytest.mark.parametrize(
    ("train", "test", "distance", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 3)), "euclidean", "one shape"),
        (np.ones((2, 3)), np.ones((2, 3)), "manhattan", "distance: expected"),
        (np.ones((2, 3)), -np.ones((2, 3)), "hellinger", "test: the hellinger"),
        (np.zeros((2, 3)), np.ones((2, 3)), "cosine", "train: the cosine"),
        (np.full((2, 3), np.nan), np.ones((2, 3)), "euclidean", "train contains NaN"),
        (np.ones(3), np.ones(3), "euclidean", "2D array"),
    ],
)
def test_bad_profiles_are_named(train, test, distance, message):
    with pytest.raises(ValueError, match=message):
        reciprocal_ranks(train, test, distance)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_random_mrr_is_exact(n):
    exact = sum(Fraction(1, rank) for rank in range(1, n + 1)) / n
    assert random_mrr(n) == pytest.approx(float(exact), rel=1e-15)


def test_random_mrr_needs_a_user():
    with pytest.raises(ValueError, match="at least 1 user"):
        random_mrr(0)


def test_mean_and_interval():
    rr = np.random.default_rng(3).uniform(0.01, 1, size=400)
    mrr, low, high = mean_reciprocal_rank(rr, random_state=1)
    assert mrr == pytest.approx(rr.mean())
    half = 1.96 * rr.std() / 20
    assert (low, high) == (pytest.approx(mrr - half, abs=5e-3), pytest.approx(mrr + half, abs=5e-3))
    assert (mrr, low, high) == mean_reciprocal_rank(rr, random_state=1)
    assert (low, high) != mean_reciprocal_rank(rr, random_state=2)[1:]
    _, narrow_low, narrow_high = mean_reciprocal_rank(rr, level=0.5, random_state=1)
    assert low < narrow_low < narrow_high < high


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"rr": []}, "rr: expected"),
        ({"rr": [0.0, 1.0]}, "1 values outside"),
        ({"rr": [np.nan]}, "rr: expected"),
        ({"level": 0.0}, "level"),
        ({"n_resamples": 0}, "n_resamples"),
    ],
)
def test_bad_interval_input_is_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        mean_reciprocal_rank(**({"rr": [0.5, 1.0]} | kwargs))


def board_table(sizes):
    return pd.DataFrame(
        [
            {"board": board, "time": pd.Timestamp("2014-01-01") + pd.Timedelta(hours=t)}
            for board, size in sizes.items()
            for t in range(size)
        ]
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_split_takes_the_first_and_the_last(n_train, n_test, extra):
    sizes = {f"b{i}": n_train + n_test + more for i, more in enumerate(extra)}
    pins = board_table(sizes)
    train, test = split_pins(pins, n_train, n_test)
    expected_train, expected_test = [], []
    for size in sizes.values():
        expected_train += [t < n_train for t in range(size)]
        expected_test += [t >= size - n_test for t in range(size)]
    assert train.tolist() == expected_train
    assert test.tolist() == expected_test
    assert not (train & test).any()


def test_split_ignores_the_index():
    pins = board_table({"a": 4, "b": 4})
    pins.index = [0] * 8
    assert split_pins(pins, 2, 2)[0].tolist() == [True, True, False, False] * 2


@pytest.mark.parametrize(
    ("pins", "n_train", "message"),
    [
        (board_table({"a": 5, "b": 2}), 3, r"'b' \(2\); drop"),
        (board_table({f"b{i}": 2 for i in range(12)}), 3, "and 2 more"),
        (board_table({"a": 5}), 0, "at least 1"),
        (board_table({"a": 5})[::-1], 2, "sorted"),
        (pd.concat([board_table({"a": 5, "b": 5}), board_table({"a": 5})]), 2, "sorted"),
        (board_table({"a": 5})[["board"]], 2, r"no column \['time'\]"),
        (board_table({"a": 5}).assign(time=pd.NaT), 2, "missing in some rows"),
    ],
)
def test_bad_tables_are_named(pins, n_train, message):
    with pytest.raises(ValueError, match=message):
        split_pins(pins, n_train, 2)


def test_difference_is_paired():
    rng = np.random.default_rng(0)
    worse = 1 / rng.integers(2, 40, size=60)
    better = np.minimum(1, worse + 0.01)  # a lead that is small beside the spread between users
    difference, low, high = mrr_difference(better, worse)
    assert difference == pytest.approx((better - worse).mean())
    assert 0 < low <= difference <= high < 0.02
    assert mrr_difference(worse, worse) == (0, 0, 0)


def test_difference_of_different_users_is_refused():
    with pytest.raises(ValueError, match=r"rr_a \(2,\) and rr_b \(3,\)"):
        mrr_difference([0.5, 1.0], [0.5, 1.0, 1.0])
