"""Users with accounts on two platforms, from their pins."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from visprof.accounts import two_platforms

RNG = np.random.default_rng(0)
N = 3 * 9  # users, and their pins: three on the first platform, six on the second
ARGUMENTS = {
    "pins": RNG.normal(size=(N, 2)),
    "users": np.repeat(["c", "a", "b"], 9),
    "second": np.tile(np.arange(9) >= 3, 3),
    "order": np.tile([5, 6, 7, 3, 1, 2, 8, 9, 4], 3),  # pins do not stand in time order
    "sizes": (0, 1, 4),
    "n_held": 2,
    "sessions": np.tile([0, 0, 0, 1, 2, 2, 1, 1, 3], 3),
}


def test_profiles_are_means_of_first_and_last_pins():
    found = two_platforms(**ARGUMENTS)
    assert found.users.tolist() == ["a", "b", "c"]
    assert found.sizes == (0, 1, 4)
    for user, name in enumerate(found.users):
        rows = np.flatnonzero(ARGUMENTS["users"] == name)
        pins = ARGUMENTS["pins"][rows]
        first = [4, 5, 3, 8]  # of the second platform, in time order: then 6 and 7
        np.testing.assert_allclose(found.source[user], pins[:3].mean(axis=0))
        np.testing.assert_array_equal(found.own[0][user], [0, 0])
        np.testing.assert_allclose(found.own[1][user], pins[4])
        np.testing.assert_allclose(found.own[4][user], pins[first].mean(axis=0))
        np.testing.assert_allclose(found.held[user], pins[[6, 7]].mean(axis=0))
        np.testing.assert_array_equal(found.held_pins[found.held_users == name], pins[[6, 7]])
        apart = pins[first] - pins[first].mean(axis=0)
        assert found.squares[user] == pytest.approx(np.square(apart).sum())
        within = pins[[4, 5]] - pins[[4, 5]].mean(axis=0)  # the other two sessions have one pin
        assert found.squares_within[user] == pytest.approx(np.square(within).sum())
    assert found.n_sessions.tolist() == [3, 3, 3]
    assert found.crowding[4].tolist() == [6, 6, 6]  # 2^2 + 1 + 1
    assert found.crowding[1].tolist() == [1, 1, 1]


def test_the_effective_number_goes_from_pins_to_sessions():
    found = two_platforms(**ARGUMENTS)
    assert found.n_effective(4, np.zeros(3)).tolist() == [4, 4, 4]
    np.testing.assert_allclose(found.n_effective(4, np.ones(3)), 16 / 6)
    np.testing.assert_allclose(found.n_effective(4, np.full(3, 0.5)), 16 / 5)
    assert found.n_effective(0, np.ones(3)).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match=r"size: expected one of \[0, 1, 4\], got 3"):
        found.n_effective(3, np.ones(3))


def test_without_sessions_each_pin_is_one():
    found = two_platforms(**ARGUMENTS | {"sessions": None})
    assert found.n_sessions.tolist() == [4, 4, 4]
    np.testing.assert_allclose(found.n_effective(4, np.ones(3)), 4)
    np.testing.assert_allclose(found.squares_within, 0)


def test_sources_of_others_leave_the_rest():
    found = two_platforms(**ARGUMENTS)
    other = found.with_sources_of([2, 0, 1])
    np.testing.assert_array_equal(other.source, found.source[[2, 0, 1]])
    assert other.held is found.held
    for order in ([0, 1], [0, 1, 3], [0, 1, -1], [0.0, 1.0, 2.0], [True, True, False]):
        with pytest.raises(ValueError, match="order: expected 3 rows, each from 0 to 2"):
            found.with_sources_of(order)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pins": [[np.nan, 0.0]] * N}, ValueError, "pins"),
        ({"users": ["a"] * 5}, ValueError, "users: expected shape"),
        ({"users": [None, *"a" * (N - 1)]}, ValueError, "users: 1 of 27 values are missing"),
        ({"second": np.zeros(N, int)}, ValueError, "second: expected True or False for each of 27"),
        ({"second": [True]}, ValueError, "second: expected True or False"),
        ({"order": np.full(N, np.nan)}, ValueError, "order"),
        ({"sessions": [1, 2]}, ValueError, "sessions: expected shape"),
        ({"second": np.ma.masked_equal(np.ones(N, bool), True)}, ValueError, "second: 27 of 27"),
        ({"pins": np.ma.masked_less(ARGUMENTS["pins"], -1)}, ValueError, "pins contains NaN"),
        ({"sizes": 5}, TypeError, "sizes: expected numbers that increase from 0, got 5"),
        ({"sizes": (1, 2)}, ValueError, "sizes: expected numbers that increase from 0"),
        ({"sizes": (0,)}, ValueError, "sizes: expected numbers that increase from 0"),
        ({"sizes": (0, 2, 2)}, ValueError, "sizes: expected numbers that increase from 0"),
        ({"sizes": (0, 1.5)}, TypeError, "sizes: expected a whole number"),
        ({"n_held": 0}, ValueError, "n_held: expected a whole number of at least 1"),
        ({"n_held": 3}, ValueError, r"users \['a', 'b', 'c'\]: each needs a pin on the first"),
        ({"second": np.arange(N) >= 3}, ValueError, r"users \['a', 'b'\]: each needs a pin"),
    ],
)  # fmt: skip
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        two_platforms(**ARGUMENTS | changes)


def test_an_index_of_its_own_does_not_matter():
    index = np.random.default_rng(1).permutation(N)
    tables = {
        name: pd.DataFrame(of, index=index) if of.ndim == 2 else pd.Series(of, index=index)
        for name, of in ARGUMENTS.items()
        if isinstance(of, np.ndarray)
    }
    plain, found = (two_platforms(**ARGUMENTS | of) for of in ({}, tables))
    for part in dataclasses.fields(plain):
        one, other = (getattr(of, part.name) for of in (plain, found))
        for key in one if isinstance(one, dict) else (...,):
            np.testing.assert_array_equal(one[key], other[key])
