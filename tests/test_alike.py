"""Who is most alike, and how surely."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visprof.alike import most_alike, resampled_profiles
from visprof.intervals import resample_counts
from visprof.profiles import DISTANCES, user_profiles


def pins_of(weights: dict[str, list[float]], n: int = 60, seed: int = 0):
    """Soft assignments of users who draw from clusters by these weights."""
    rng = np.random.default_rng(seed)
    pins = np.concatenate([rng.dirichlet(np.multiply(w, 5.0), n) for w in weights.values()])
    return pins, np.repeat(list(weights), n)


def test_resampled_profiles_are_means_of_the_drawn_pins():
    pins = np.random.default_rng(0).random((7, 3))
    profiles = resampled_profiles(pins, 4, random_state=1)
    for profile, counts in zip(profiles, resample_counts(7, 4, 1), strict=True):
        drawn = [pins[i] for i in range(7) for _ in range(counts[i])]
        assert profile == pytest.approx(np.sum(drawn, axis=0) / np.sum(drawn))


def test_the_likest_user_comes_first_and_is_named_in_most_draws():
    pins, users = pins_of(
        {"a": [4, 1, 1], "far": [1, 1, 4], "like": [3.9, 1.1, 1], "mid": [2, 2, 2]}
    )
    table = most_alike(pins, users, "a", random_state=3)
    assert table["user"].tolist() == ["like", "mid", "far"]
    assert table["nearest"][0] > 0.95
    assert table["nearest"].sum() == pytest.approx(1.0)
    assert (table["low"][0], table["high"][0]) == (1, 1)
    assert (table["low"][2], table["high"][2]) == (3, 3)


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_are_those_of_plain_loops(distance):
    pins, users = pins_of({"x": [1, 2, 3], "y": [3, 2, 1], "z": [1, 1, 1]}, n=9)
    names, profiles = user_profiles(pins, users)
    of = dict(zip(names, profiles, strict=True))

    def between(p, q):
        if distance == "hellinger":
            p, q = [v**0.5 for v in p], [v**0.5 for v in q]
        if distance == "cosine":
            p, q = ([v / sum(w * w for w in r) ** 0.5 for v in r] for r in (p, q))
        return sum((v - w) ** 2 for v, w in zip(p, q, strict=True)) ** 0.5

    table = most_alike(pins, users, "y", distance, n_resamples=10)
    for row in table.itertuples():
        assert row.distance == pytest.approx(between(of["y"], of[row.user]))
    assert table["distance"].is_monotonic_increasing


def test_users_of_one_taste_are_nearest_about_equally_often():
    pins, users = pins_of({name: [1, 1, 1, 1] for name in "abcdefgh"}, n=200)
    table = most_alike(pins, users, "a", n_resamples=2000)
    assert table["nearest"].max() < 0.8
    assert (table["high"] - table["low"]).min() >= 2


@given(st.integers(2, 6), st.integers(1, 5), st.integers(2, 4), st.integers(0, 99))
def test_ranks_and_shares_are_possible(n_users, n_pins, k, seed):
    rng = np.random.default_rng(seed)
    pins = rng.random((n_users * n_pins, k)) + 0.01
    users = np.repeat([f"u{i}" for i in range(n_users)], n_pins)
    table = most_alike(pins, users, "u0", n_resamples=50, random_state=seed)
    again = most_alike(pins, users, "u0", n_resamples=50, random_state=seed)
    assert table.equals(again)
    assert len(table) == n_users - 1
    assert table["nearest"].between(0, 1).all()
    assert table["nearest"].sum() >= 1 - 1e-9  # ties are nearest together
    assert (table["low"] >= 1).all()
    assert (table["low"] <= table["high"]).all()
    assert (table["high"] <= n_users - 1).all()


def test_wrong_input_is_named():
    pins, users = pins_of({"a": [1, 1], "b": [1, 1]}, n=3)
    with pytest.raises(ValueError, match="user: expected one of"):
        most_alike(pins, users, "c")
    with pytest.raises(ValueError, match="user: expected one of at least 2 users"):
        most_alike(pins[:3], users[:3], "a")
    with pytest.raises(ValueError, match="distance: expected one of euclidean"):
        most_alike(pins, users, "a", "manhattan")
    with pytest.raises(ValueError, match="n_resamples"):
        most_alike(pins, users, "a", n_resamples=0)
    for wrong, message in ((-pins, "Negative"), (pins * np.nan, "NaN")):
        with pytest.raises(ValueError, match=message):
            resampled_profiles(wrong)


@settings(max_examples=20)
@given(st.integers(-900, 900) | st.just(1023), st.sampled_from(DISTANCES))
def test_who_is_alike_does_not_depend_on_the_unit(k, distance):
    pins, users = pins_of({"x": [1, 2, 3], "y": [3, 2, 1], "z": [1, 1, 1]}, n=9)
    table, same = (most_alike(of, users, "y", distance, 10) for of in (pins, np.ldexp(pins, k)))
    assert table.equals(same)
    drawn, same = (resampled_profiles(of, 10) for of in (pins, np.ldexp(pins, k)))
    np.testing.assert_array_equal(drawn, same)


def test_users_without_a_profile_are_refused():
    pins, users = pins_of({"a": [1, 1], "b": [1, 1]}, n=3)
    pins[3:] = 0
    with pytest.raises(ValueError, match="assignments: 3 of a user's 3 pins are of no cluster"):
        most_alike(pins, users, "a", n_resamples=5)
    pins[3] = 1  # of three draws of three one in thirty holds no other
    with pytest.raises(ValueError, match="assignments: 2 of a user's 3 pins are of no cluster"):
        most_alike(pins, users, "a", n_resamples=500)
