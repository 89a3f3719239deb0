"""How often a few pictures find their user: by plain loops, and at the ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.identification import identification_rates


def drawn(seed, n=5, d=3, m=40):
    rng = np.random.default_rng(seed)
    profiles = rng.dirichlet(np.ones(d), n)
    users = rng.integers(0, n, m)
    return profiles, rng.dirichlet(np.ones(d), m), users


@given(st.integers(0, 10_000), st.sampled_from(["euclidean", "hellinger", "cosine"]))
def test_rates_are_those_of_plain_loops(seed, distance):
    profiles, pictures, users = drawn(seed)
    scaled = {
        "euclidean": lambda v: v,
        "hellinger": np.sqrt,
        "cosine": lambda v: v / np.sqrt(v @ v),
    }[distance]
    found = identification_rates(profiles, pictures, users, [1, 3], distance, 7, seed)
    for user in range(len(profiles)):
        own = np.flatnonzero(users == user)
        rng = np.random.default_rng([seed, user])
        order = rng.permuted(np.tile(own, (7, 1)), axis=1)
        for column, size in enumerate([1, 3]):
            if len(own) < size:
                assert np.isnan(found[user, column])
                continue
            right = 0
            for draw in order:
                query = scaled(np.mean([pictures[pin] for pin in draw[:size]], axis=0))
                away = [float(((query - scaled(of)) ** 2).sum()) for of in profiles]
                right += away[user] == min(away)
            assert found[user, column] == pytest.approx(right / 7)


def test_equal_profiles_share_the_draw():
    found = identification_rates([[1.0, 0.0]] * 4, [[1.0, 0.0]] * 4, [0, 1, 2, 3], [1])
    assert found.tolist() == [[0.25]] * 4


def test_pictures_like_their_profile_are_found_and_others_are_not():
    found = identification_rates(np.eye(3), np.eye(3)[[0, 0, 2]], [0, 0, 1], [1, 2])
    assert found[0].tolist() == [1, 1]
    assert found[1, 0] == 0
    assert np.isnan([found[1, 1], *found[2]]).all()


def test_a_users_draws_do_not_depend_on_the_others():
    profiles, pictures, users = drawn(1)
    some = users < 2
    alone = identification_rates(profiles, pictures[some], users[some], [2])
    assert alone[:2].tolist() == identification_rates(profiles, pictures, users, [2])[:2].tolist()


def test_nobody_is_sought():
    assert np.isnan(identification_rates(np.eye(2), np.empty((0, 2)), np.empty(0, int), [1])).all()


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"probes": [[1.0, 0.0, 0.0]]}, ValueError, "widths differ"),
        ({"users": [0, 1]}, ValueError, "users"),
        ({"users": ["a"]}, TypeError, "rows of the gallery"),
        ({"users": [-1]}, ValueError, "-1 has no profile; there are 2"),
        ({"users": [2]}, ValueError, "2 has no profile; there are 2"),
        ({"n_pictures": [0]}, ValueError, "n_pictures"),
        ({"n_draws": 0}, ValueError, "n_draws"),
        ({"distance": "taxi"}, ValueError, "distance"),
        ({"probes": [[np.nan, 0.0]]}, ValueError, "probes"),
    ],
)
def test_bad_input_is_named(change, error, told):
    good = {"gallery": np.eye(2), "probes": [[1.0, 0.0]], "users": [0], "n_pictures": [1]}
    with pytest.raises(error, match=told):
        identification_rates(**{**good, **change})
