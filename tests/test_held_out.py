from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.held_out import held_out_profiles
from visprof.vocabulary import VisualVocabulary


def pins_of(seed, n_users, n_pins):
    """Embeddings, users and times of pins in no order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_users * n_pins)
    users = np.repeat([f"user {number}" for number in range(n_users)], n_pins)[order]
    times = np.tile(np.arange(n_pins), n_users)[order]
    return rng.normal(size=(len(order), 3)), users, times


def by_plain_loops(rows, users, times, n_train, n_test):
    """Mean of each user's first rows, and of the last ones."""
    sides = []
    for user in sorted(set(users)):
        own = sorted((time, row) for row, time in enumerate(times) if users[row] == user)
        taken = [row for _, row in own]
        sides.append((rows[taken[:n_train]].mean(axis=0), rows[taken[-n_test:]].mean(axis=0)))
    return map(np.array, zip(*sides, strict=True))


@given(st.integers(0, 99), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_profiles_are_means_of_first_and_last_pins(seed, n_users, n_train, n_test):
    rows, users, times = pins_of(seed, n_users, n_train + n_test + 2)
    found = held_out_profiles(rows, users, times, n_train=n_train, n_test=n_test)
    train, test = by_plain_loops(rows, users, times, n_train, n_test)
    assert found.users.tolist() == sorted(set(users))
    np.testing.assert_allclose(found.train, train)
    np.testing.assert_allclose(found.test, test)


def test_with_a_vocabulary_they_are_means_of_assignments():
    rows, users, times = pins_of(0, 4, 10)
    words = VisualVocabulary(5, bandwidth="auto", random_state=0).fit(rows)
    found = held_out_profiles(rows, users, times, words, n_train=6, n_test=4)
    train, test = by_plain_loops(words.transform(rows), users, times, 6, 4)
    np.testing.assert_allclose(found.train, train)
    np.testing.assert_allclose(found.test, test)
    np.testing.assert_allclose(found.train.sum(axis=1), 1)


@pytest.mark.parametrize(
    "times_as",
    [
        lambda times: times.tolist(),
        lambda times: np.datetime64("2015-01-01") + times,
        lambda times: pd.Series(pd.to_datetime(times, unit="D", utc=True), index=times),
    ],
    ids=["numbers", "days", "a column of a table"],
)
def test_times_and_users_may_be_numbers_dates_and_columns(times_as):
    rows, users, times = pins_of(0, 3, 8)
    expected = held_out_profiles(rows, users, times, n_train=4, n_test=3)
    users = pd.Series(users, index=times)
    found = held_out_profiles(pd.DataFrame(rows), users, times_as(times), n_train=4, n_test=3)
    np.testing.assert_array_equal(found.train, expected.train)
    np.testing.assert_array_equal(found.test, expected.test)


def test_pins_of_one_time_keep_their_order_or_are_parted_from_the_held_out_ones():
    rows, users, times = [[1.0], [2.0], [3.0], [4.0]], ["a"] * 4, [0, 1, 1, 2]
    found = held_out_profiles(rows, users, times, n_train=2, n_test=2)
    assert (found.train.item(), found.test.item()) == (1.5, 3.5)
    apart = held_out_profiles(rows, users, times, n_train=2, n_test=2, keep_batches=True)
    assert (apart.train.item(), apart.test.item()) == (1.0, 3.5)


def test_a_user_without_a_pin_to_learn_from_is_named():
    users, times = ["a", "a", "b", "b"], [0, 1, 5, 5]
    with pytest.raises(ValueError, match=r"train: no pins left of \['b'\], all being of one time"):
        held_out_profiles(np.eye(4), users, times, n_train=1, n_test=1, keep_batches=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n_train": 9}, r"fewer than n_train \+ n_test = 12 pins: 'user 0' \(8\)"),
        ({"users": ["a"] * 23}, r"users: expected shape \(24,\)"),
        ({"users": [None] * 24}, "users: 24 of 24 values are missing"),
        ({"times": range(23)}, "times: expected shape"),
        ({"times": [np.nan] * 24}, "times: 24 of 24 values are missing"),
        ({"embeddings": np.full((24, 2), np.nan)}, "embeddings contains NaN"),
        ({"embeddings": np.zeros(24)}, "Expected 2D array"),
        ({"n_test": 0}, "n_test: expected a whole number"),
    ],
)
def test_what_cannot_be_used_is_an_error_that_says_why(change, told):
    rows, users, times = pins_of(0, 3, 8)
    given = {"embeddings": rows, "users": users, "times": times, "n_train": 4, "n_test": 3}
    with pytest.raises(ValueError, match=told):
        held_out_profiles(**(given | change))


def test_times_of_several_kinds_cannot_be_put_in_order():
    with pytest.raises(TypeError, match="times: values of several kinds"):
        held_out_profiles(np.eye(2), ["a", "a"], ["monday", 2.5], n_train=1, n_test=1)
