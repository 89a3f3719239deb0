"""Sessions held out in turn, beside plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from visprof.held_sessions import HeldSessions
from visprof.profiles import DISTANCES, distance_points


def pins_of(n_users=6, seed=0, taste=0.0):
    """Users with 1 to 6 sessions of 1 to 4 pins; pins in any order."""
    rng = np.random.default_rng(seed)
    users, sessions = [], []
    for user in range(n_users):
        for session in range(1 + user % 6):
            size = rng.integers(1, 5)
            users += [f"user {user}"] * size
            sessions += [f"day {session}"] * size
    weights = 1 + taste * np.eye(n_users)[[int(user[5:]) for user in users]]
    pins = np.array([rng.dirichlet(of) for of in weights])
    order = rng.permutation(len(pins))
    return pins[order], np.array(users)[order], np.array(sessions)[order]


@pytest.mark.parametrize("distance", DISTANCES)
def test_each_session_is_ranked_as_a_plain_loop_does(distance):
    pins, users, sessions = pins_of()
    held = HeldSessions(pins, users, sessions, 3, distance)
    expected = {}
    for user in np.unique(users):
        days = np.unique(sessions[users == user])
        if len(days) < 3:
            continue
        found = []
        for day in days:
            out = (users == user) & (sessions == day)
            candidates = {
                other: pins[(users == other) & ~out].mean(axis=0) for other in np.unique(users)
            }
            at = distance_points([pins[out].mean(axis=0)], distance, "x")[0]
            apart = {
                other: np.sum((distance_points([of], distance, "x")[0] - at) ** 2)
                for other, of in candidates.items()
            }
            found.append(1 / rankdata(list(apart.values()))[list(apart).index(user)])
        expected[user] = np.mean(found)
    assert held.users[held.eligible].tolist() == list(expected)
    np.testing.assert_allclose(held.reciprocal_ranks(), list(expected.values()))


def test_equal_profiles_share_the_mean_of_their_ranks():
    pins, users, sessions = pins_of()
    held = HeldSessions(np.full_like(pins, 0.3), users, sessions)
    np.testing.assert_allclose(held.reciprocal_ranks(), 1 / 3.5)


def test_dealt_sessions_are_at_anybodys_and_those_of_a_taste_are_not():
    pins, users, sessions = pins_of(12, taste=30.0)
    held = HeldSessions(pins, users, sessions)
    dealt = held.dealt(40, random_state=1)
    assert dealt.shape == (40,)
    assert held.reciprocal_ranks().mean() > dealt.max()
    np.testing.assert_array_equal(dealt, held.dealt(40, random_state=1))
    nobody = HeldSessions(*pins_of(12))
    observed, dealt = nobody.reciprocal_ranks().mean(), nobody.dealt(40)
    assert dealt.min() <= observed <= dealt.max()


def test_bad_input_is_named():
    pins, users, sessions = pins_of()
    with pytest.raises(ValueError, match="sessions: expected shape"):
        HeldSessions(pins, users, sessions[:-1])
    with pytest.raises(ValueError, match="fewest"):
        HeldSessions(pins, users, sessions, fewest=1)
    with pytest.raises(ValueError, match="expected one of"):
        HeldSessions(pins, users, sessions, distance="cityblock").reciprocal_ranks()
