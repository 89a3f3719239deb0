from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from visprof.mapped import read_rows, sample_rows
from visprof.prediction import reciprocal_ranks
from visprof.profiles import (
    DISTANCES,
    assigned_counts,
    join_profiles,
    regress_out,
    user_profiles,
    whiten,
)
from visprof.vocabulary import UniformAssignmentWarning, VisualVocabulary


@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 6), st.integers(0, 1000))
def test_equals_plain_loops_in_any_order(n, k, n_users, seed):
    rng = np.random.default_rng(seed)
    pins = rng.dirichlet(np.ones(k), size=n).astype(rng.choice([np.float32, np.float64]))
    users = rng.choice([f"user{i}" for i in range(n_users)], size=n)
    sums = {}
    for pin, user in zip(pins.astype(float), users, strict=True):
        sums[user] = sums.get(user, np.zeros(k)) + pin
    labels, counts = user_profiles(pins, users, counts=True)
    assert labels.tolist() == sorted(sums)
    np.testing.assert_allclose(counts, [sums[user] for user in labels], rtol=1e-12)
    _, profiles = user_profiles(pins, users)
    np.testing.assert_allclose(profiles, [sums[u] / sums[u].sum() for u in labels], rtol=1e-12)
    assert profiles.dtype == counts.dtype == np.float64


@given(st.integers(2, 40), st.integers(1, 6), st.integers(1, 9), st.integers(0, 1000))
def test_counts_a_block_at_a_time_are_those_of_all_assignments(n, n_users, rows, seed):
    rng = np.random.default_rng(seed)
    pins = rng.normal(size=(n, 3)).astype(rng.choice([np.float32, np.float64]))
    users = rng.choice([f"user{i}" for i in range(n_users)], size=n)
    words = VisualVocabulary(2, bandwidth=0.3, random_state=0).fit(pins)
    expected = user_profiles(words.transform(pins), users, counts=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visprof.profiles.read_rows", partial(read_rows, size=rows))
        labels, counts = assigned_counts(words, pins, users)
    assert labels.tolist() == expected[0].tolist()
    np.testing.assert_allclose(counts, expected[1], rtol=1e-6 if pins.itemsize == 4 else 1e-12)


@pytest.mark.slow
def test_counts_of_a_file_larger_than_what_may_be_held(tmp_path):
    n, d, k = 150_000, 16, 100  # assignments of all would have 120 MB
    file = np.lib.format.open_memmap(tmp_path / "pins.npy", "w+", np.float32, (n, d))
    rng = np.random.default_rng(0)
    for start in range(0, n, 10_000):
        file[start : start + 10_000] = rng.normal(size=(10_000, d))
    pins = np.load(tmp_path / "pins.npy", mmap_mode="r")
    words = VisualVocabulary(k, bandwidth=0.1, max_iter=2, random_state=0)
    words.fit(sample_rows(pins, 5000))
    tracemalloc.start()
    try:
        _, counts = assigned_counts(words, pins, np.repeat(np.arange(1500), 100))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts.sum() == pytest.approx(n)
    assert peak < 70e6


def test_uniform_assignments_are_told_when_counted():
    pins = np.random.default_rng(0).normal(size=(50, 8))
    words = VisualVocabulary(5, bandwidth=50.0, random_state=0).fit(pins)
    with pytest.warns(UniformAssignmentWarning):
        assigned_counts(words, pins, np.arange(50) % 3)


def test_counts_of_no_pins_or_of_other_users_are_refused():
    words = VisualVocabulary(2, bandwidth=0.3, random_state=0).fit(np.eye(3))
    with pytest.raises(
        ValueError, match=r"embeddings: expected shape \(n, d\) of at least one pin"
    ):
        assigned_counts(words, np.empty((0, 3)), [])
    with pytest.raises(ValueError, match="users"):
        assigned_counts(words, np.eye(3), ["ann"])
    with pytest.raises(ValueError, match="features"):
        assigned_counts(words, np.eye(4), list("abca"))


def test_profile_of_rows_that_sum_to_one_is_their_mean():
    pins = np.random.default_rng(0).dirichlet(np.ones(4), size=10)
    np.testing.assert_allclose(user_profiles(pins, np.zeros(10))[1][0], pins.mean(axis=0))


def test_input_is_left_alone():
    pins, users = np.ones((4, 2)), np.array([1, 0, 1, 0])
    user_profiles(pins, users)
    np.testing.assert_array_equal(pins, np.ones((4, 2)))
    np.testing.assert_array_equal(users, [1, 0, 1, 0])


def test_sums_may_be_signed():
    np.testing.assert_array_equal(
        user_profiles([[-1.0, 2.0], [3.0, 0.0]], ["a", "a"], counts=True)[1], [[2.0, 2.0]]
    )


@pytest.mark.parametrize(
    ("pins", "users", "message"),
    [
        (np.ones((3, 2)), [0, 1], r"users: expected shape \(3,\)"),
        (np.ones((2, 2)), [[0], [1]], "users: expected shape"),
        ([[1.0, -1.0]], [0], "assignments: found a negative"),
        ([[0.0, 0.0], [1.0, 0.0]], ["x", "y"], r"all zero for users x;"),
        ([[np.nan, 0.0]], [0], "assignments contains NaN"),
        (np.ones(3), [0, 1, 2], "2D array"),
    ],
)
def test_bad_input_is_named(pins, users, message):
    with pytest.raises(ValueError, match=message):
        user_profiles(pins, users)


def test_sums_that_overflow_have_a_profile_but_no_counts():
    pins, users = np.array([[1e308, 1e308], [0.5e308, 0.5e308], [1e-300, 3e-300]]), [0, 0, 1]
    profiles = user_profiles(pins, users)[1]
    np.testing.assert_allclose(profiles, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-15)
    pins[1] = 1e308
    with pytest.raises(ValueError, match="sums of the assignments: 2 of 4 values are not finite"):
        user_profiles(pins, users, counts=True)
    np.testing.assert_allclose(user_profiles(pins, users)[1], profiles, rtol=1e-15)


@pytest.mark.parametrize("distance", DISTANCES)
def test_joined_profiles_add_squared_distances_in_units_of_their_spread(distance):
    rng = np.random.default_rng(0)
    image, text = rng.dirichlet(np.ones(4), size=(2, 9)), 7 * rng.random((2, 9, 3))
    train, test = join_profiles([image, text], distance)
    expected = 0
    for kind in (image, text):
        a, b = np.sqrt(kind) if distance == "hellinger" else kind
        if distance == "cosine":
            a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b))
        spread = np.mean(np.sum((a - a.mean(axis=0)) ** 2, axis=1))
        expected = expected + cdist(a, b) ** 2 / spread
    np.testing.assert_allclose(cdist(train, test) ** 2, expected)
    scaled, _ = join_profiles([image, 100 * text], "cosine")
    np.testing.assert_allclose(scaled, join_profiles([image, text], "cosine")[0])


def test_a_kind_without_spread_says_nothing_and_no_kind_is_refused():
    profiles = np.random.default_rng(0).random((2, 6, 3))
    same = np.ones((6, 2))
    train, test = join_profiles([tuple(profiles), (same, same)])
    np.testing.assert_array_equal(reciprocal_ranks(train, test), reciprocal_ranks(*profiles))
    with pytest.raises(ValueError, match="at least one"):
        join_profiles([])


def test_what_is_regressed_out_is_the_least_squares_fit_to_the_background():
    rng = np.random.default_rng(0)
    facts = rng.normal(size=(30, 3))
    facts = np.column_stack([facts, facts[:, 0] - facts[:, 1]])  # as an aspect ratio is
    values = rng.normal(size=(30, 5))
    found = regress_out(values[20:], facts[20:], values[:20], facts[:20])
    fit = LinearRegression().fit(facts[:20, :3], values[:20])
    np.testing.assert_allclose(found, values[20:] - fit.predict(facts[20:, :3]), atol=1e-12)
    explained = 7 + facts @ rng.normal(size=(4, 5))
    left = regress_out(explained[20:], facts[20:], explained[:20], facts[:20])
    np.testing.assert_allclose(left, 0, atol=1e-12)


def test_pins_and_facts_that_do_not_belong_together_are_refused():
    pins, facts = np.ones((4, 2)), np.ones((4, 3))
    for spoilt in (
        (pins[:3], facts, pins, facts), (pins, facts[:, :2], pins, facts),
        (pins[:, :1], facts, pins, facts), (pins, facts, pins, facts[:3]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="must be of the same pins"):
            regress_out(*spoilt)


def test_whitened_are_the_principal_components_of_unit_variance_in_the_background():
    rng = np.random.default_rng(0)
    pins, background = (rng.normal(size=(n, 6)) @ np.diag([9, 5, 3, 2, 1, 0.1]) for n in (7, 40))
    found = whiten(pins, background, 4)
    expected = PCA(4, svd_solver="full", whiten=True).fit(background).transform(pins)
    np.testing.assert_allclose(np.abs(found), np.abs(expected) * np.sqrt(40 / 39), rtol=1e-10)
    own = whiten(background, background, 4)
    np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(own.T @ own / 40, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("least", [0.1, 1e-5])  # by products of columns, and by the array itself
def test_few_components_of_many_are_those_of_all(least):
    rng = np.random.default_rng(5)
    spread = np.geomspace(1, least, 30)
    background = rng.normal(size=(80, 30)) * spread
    pins = rng.normal(size=(9, 30)) * spread
    few, every = (whiten(pins, background, n) for n in (6, 29))
    np.testing.assert_allclose(few, every[:, :6], rtol=1e-9, atol=1e-10)


def test_the_largest_loading_of_a_component_is_positive():
    rng = np.random.default_rng(0)
    background = rng.normal(size=(40, 5)) @ np.diag([9, 5, 3, 2, 1])
    steps = whiten(np.eye(5), background, 5) - whiten(np.zeros((5, 5)), background, 5)
    assert (steps[np.abs(steps).argmax(axis=0), np.arange(5)] > 0).all()
    np.testing.assert_allclose(  # so the sign does not hang on that of the data
        whiten(-background, -background, 5), -whiten(background, background, 5), atol=1e-9
    )


def test_no_more_components_than_the_background_spans():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 6)) + 5
    assert whiten(rng.normal(size=(3, 6)), flat, 6).shape == (3, 2)
    assert whiten(rng.normal(size=(3, 6)), flat[:2], 6).shape == (3, 1)
    with pytest.raises(ValueError, match="all rows are equal"):
        whiten(flat, np.full((4, 6), 0.1), 2)
    with pytest.raises(ValueError, match="differ in columns"):
        whiten(flat, flat[:, :5], 2)
