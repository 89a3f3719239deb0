"""Ranks of users in one category by their pins in another."""

from __future__ import annotations

import numpy as np
import pytest
from test_carry_over import drawn

from visprof.carry_over import carry_over, general_taste_pvalue, taste_pvalue
from visprof.category_ranks import transfer_ranks
from visprof.held_out import session_halves
from visprof.rank_scores import random_mrr
from visprof.sources.vectors import simulate_embeddings


def plain_ranks(pins, users, categories, sessions, order, min_pins):
    """User by user, as the docstring says; all users have all categories, and no times tie."""
    names, found = sorted(set(users)), {}
    for b in sorted(set(categories)):
        rows = np.flatnonzero(categories == b)
        first = session_halves(users[rows], sessions[rows], order[rows])
        for a in sorted(set(categories) - {b}):
            train, same, test = [], [], []
            for user in names:
                own = rows[users[rows] == user]
                of_first = [i for i, is_first in zip(rows, first, strict=True) if is_first]
                known = sorted(set(own) & set(of_first), key=lambda i: order[i])
                held = sorted(set(own) - set(known))
                hidden = {sessions[i] for i in held}
                other = [
                    i for i in np.flatnonzero((users == user) & (categories == a))
                    if sessions[i] not in hidden
                ]  # fmt: skip
                other.sort(key=lambda i: order[i])
                m = min(len(other), len(known))
                for side, of in ((train, other), (same, known)):
                    chosen = [of[int((2 * j + 1) * len(of) / (2 * m))] for j in range(m)]
                    side.append(pins[chosen].mean(axis=0))
                test.append(pins[held].mean(axis=0))
            test = np.array(test) - np.mean(test, axis=0)
            for name, of in (("other", train), ("same", same)):
                centred = np.array(of) - np.mean(of, axis=0)
                for i, user in enumerate(names):
                    distances = ((centred[i] - test) ** 2).sum(axis=1)
                    rank = 1 + (distances < distances[i]).sum()
                    found.setdefault((name, user), []).append(1 / rank)
    return {name: [np.mean(found[name, user]) for user in names] for name in ("other", "same")}


@pytest.mark.parametrize("seed", range(4))
def test_ranks_are_those_of_plain_loops(seed):
    pins, users, categories, sessions = drawn(seed, n_users=6, n_pins=45)
    order = np.random.default_rng(seed).permutation(len(users))
    sessions = sessions + 100 * users  # one name, one session
    expected = plain_ranks(pins, users, categories, sessions, order, 4)
    found = transfer_ranks(pins, users, categories, sessions, order, "euclidean", 4)
    np.testing.assert_allclose(found.other, expected["other"])
    np.testing.assert_allclose(found.same, expected["same"])
    np.testing.assert_allclose(found.random, random_mrr(6))
    assert found.n_candidates.tolist() == [6] * 6
    shuffled = np.random.default_rng(1).permutation(len(users))
    data = (pins, users, categories, sessions, order)
    again = transfer_ranks(*(of[shuffled] for of in data), "euclidean", 4)
    np.testing.assert_array_equal(again.other, found.other)
    np.testing.assert_array_equal(again.same, found.same)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_a_taste_that_carries_over_is_found_in_other_categories(distance):
    mrr = {}
    for carry in (0.0, 1.0):
        world = simulate_embeddings(
            40, 120, 8, n_classes=6, n_categories=3, class_taste=0, style_taste=2, style_spread=2,
            carry_over=carry,
        )  # fmt: skip
        order = np.arange(len(world.users))
        found = transfer_ranks(world.vectors, world.users, world.categories, order, order, distance)
        mrr[carry] = found.other.mean(), found.same.mean(), found.random.mean()
    assert mrr[0.0][0] == pytest.approx(mrr[0.0][2], abs=0.05)
    assert mrr[0.0][1] > 2 * mrr[0.0][2]
    assert mrr[1.0][0] == pytest.approx(mrr[1.0][1], abs=0.1)


def test_pins_at_one_time_stand_in_no_order():
    pins, users, categories, sessions = drawn(3, n_pins=50)
    order = np.zeros(len(users))
    found = transfer_ranks(pins, users, categories, sessions, order)
    shuffled = np.random.default_rng(0).permutation(len(users))
    data = (pins, users, categories, sessions, order)
    again = transfer_ranks(*(of[shuffled] for of in data))
    np.testing.assert_array_equal(again.other, found.other)
    np.testing.assert_array_equal(again.same, found.same)


def test_users_whose_other_pins_are_all_of_test_sessions_are_left_out():
    pins, users, categories, sessions = drawn(3, n_users=4, n_pins=60, n_categories=2)
    sessions = np.where(users == 0, np.arange(len(users)) % 2, sessions)  # two sessions for all
    order = np.arange(len(users))
    found = transfer_ranks(pins, users, categories, sessions, order, min_pins=4)
    assert np.isfinite(found.other[1:]).all()
    assert found.n_candidates[0] in (4, 3)


def test_an_unknown_distance_is_refused():
    with pytest.raises(ValueError, match="distance: expected euclidean or cosine, got 'hellinger'"):
        transfer_ranks(*drawn(0), np.arange(300), distance="hellinger")
    with pytest.raises(ValueError, match="order: expected shape"):
        transfer_ranks(*drawn(0), np.arange(299))


def test_hundreds_of_categories_of_one_user_each_change_nothing():
    """As albums may be, each of which has a name of its own: pairs of them are not gone through."""
    pins, users, categories, sessions = drawn(1, n_users=4, n_pins=60, n_categories=2)
    n, albums = len(users), np.repeat(np.arange(500), 2)  # of two pins each
    few = pins, users, categories, sessions
    all_of = (
        np.vstack([pins, pins[np.arange(1000) % n]]), np.concatenate([users, albums % 4]),
        np.concatenate([categories, 2 + albums]), np.concatenate([sessions, 10 + np.arange(1000)]),
    )  # fmt: skip
    order = np.arange(n + 1000)
    one, other = carry_over(*few, 2), carry_over(*all_of, 2)
    np.testing.assert_allclose(other.without, one.without)
    for test in (taste_pvalue, general_taste_pvalue):
        assert test(*all_of, 19, 3, 2) == test(*few, 19, 3, 2)
    one = transfer_ranks(*few, order[:n], min_pins=2)
    other = transfer_ranks(*all_of, order, min_pins=2)
    np.testing.assert_array_equal(other.other, one.other)
    np.testing.assert_array_equal(other.same, one.same)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_a_category_that_shows_the_same_of_all_users_is_left_out(distance):
    pins, users, categories, sessions = drawn(0, n_users=6, n_pins=60)
    order, two = np.arange(len(users)), categories < 2
    alike = np.where(categories[:, None] == 2, 0.1, pins)
    found = transfer_ranks(alike, users, categories, sessions, order, distance)
    others = transfer_ranks(
        *(of[two] for of in (pins, users, categories, sessions, order)), distance
    )
    np.testing.assert_array_equal(found.other, others.other)
    np.testing.assert_array_equal(found.same, others.same)
    alone = np.where(categories[:, None] == 0, pins, 0.1)
    nothing = transfer_ranks(alone, users, categories, sessions, order, distance)
    assert np.isnan([nothing.other, nothing.same, nothing.random, nothing.n_candidates]).all()
