"""Steps: halves of a board's pins, and preference for single pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pin_tables import N_PINS, N_USERS, SPLIT, pin_parts_of, random_parts, table

from visprof import boards
from visprof.held_out import session_halves
from visprof.prediction import reciprocal_ranks
from visprof.steps import lifetime
from visprof.steps.data import BoardSplit


def plain_halves(users, sessions, order):
    """Session by session, as the docstring says."""
    first = np.zeros(len(users), bool)
    for user in set(users):
        own = [i for i in range(len(users)) if users[i] == user]
        names = sorted({sessions[i] for i in own})
        names.sort(key=lambda name: min(order[i] for i in own if sessions[i] == name))
        before = 0
        for place, name in enumerate(names):
            members = [i for i in own if sessions[i] == name]
            is_first = 2 * before + len(members) <= len(own)
            if place == 0 or (is_first and place < len(names) - 1):
                first[members] = True
            before += len(members)
    return first


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=40), st.data()
)
def test_halves_are_those_of_plain_loops(pins, data):
    pins += [(user, session) for user in range(3) for session in (5, 6)]  # two at least
    pins = data.draw(st.permutations(pins))
    users, sessions = map(list, zip(*pins, strict=True))
    order = data.draw(st.lists(st.integers(0, 9), min_size=len(pins), max_size=len(pins)))
    found = session_halves(users, sessions, order)
    assert found.tolist() == plain_halves(users, sessions, order).tolist()
    for user in set(users):  # neither half is empty
        own = found[np.array(users) == user]
        assert own.any()
        assert not own.all()


def test_users_of_one_session_cannot_be_halved():
    with pytest.raises(ValueError, match=r"single session cannot be halved: \['b'\]"):
        session_halves([*"aab"], [1, 2, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="order"):
        session_halves([*"aab"], [1, 2, 1], [1, 2])


def drifting(turn, of_session=0.0, n_users=10, n_sessions=12, seed=0):
    """Users with sessions of five pins, whose taste turns as time goes on, and what steps know."""
    rng = np.random.default_rng(seed)
    each = np.repeat(np.arange(n_users * n_sessions), 5)
    users, place = each // n_sessions, each % n_sessions
    own = np.eye(n_users)
    late = (place / (n_sessions - 1))[:, None]
    taste = (1 - turn * late) * own[users] + turn * late * own[(users + 1) % n_users]
    noise = of_session * rng.normal(size=(n_users * n_sessions, n_users))[each]
    embedded = taste + noise + 0.3 * rng.normal(size=(len(each), n_users))
    pins = table(
        n_users, 5 * n_sessions, np.tile(np.repeat(np.arange(n_sessions) * 24, 5), n_users)
    )
    split = BoardSplit(pd.DataFrame(), pins, pd.DataFrame())
    return {"image": np.exp(embedded), "embedding": embedded}, split, each


def halves_of(parts, split, sessions, n_repeats=3):
    ranks = [
        lifetime.half_ranks(parts, split, sessions, "euclidean", n_repeats, seed) for seed in (0, 1)
    ]
    return lifetime.half_numbers(ranks, seed=0)


@pytest.mark.slow
def test_drift_and_sessions_are_told_apart():
    steady, turning = halves_of(*drifting(0.0)), halves_of(*drifting(1.0))
    for name in ("image", "mean-embedding"):
        assert steady[f"halves.time.{name}"].value == 1
        assert turning[f"halves.sessions-time.{name}"].low > 0.2  # drift costs
        assert abs(turning[f"halves.pins-sessions.{name}"].value) < 0.1  # and sessions nothing
    sessions = halves_of(*drifting(0.0, of_session=3.0))
    assert sessions["halves.pins-sessions.mean-embedding"].low > 0
    assert abs(sessions["halves.sessions-time.mean-embedding"].value) < 0.15
    assert steady["halves.random"].value == pytest.approx(np.mean(1 / np.arange(1, 11)))


def test_early_and_late_halves_are_ranked_as_plain_loops_do():
    parts, split, sessions = drifting(0.7, of_session=1.0)
    found = lifetime.half_ranks(parts, split, sessions, "euclidean", 2, 0)
    users = split.analysed["board"].to_numpy()
    early = np.tile(np.repeat(np.arange(12) < 6, 5), 10)
    one, other = (
        [parts["embedding"][half & (users == user)].mean(axis=0) for user in np.unique(users)]
        for half in (early, ~early)
    )
    expected = (reciprocal_ranks(one, other) + reciprocal_ranks(other, one)) / 2
    np.testing.assert_allclose(found["time", "mean embedding"], expected)


def test_without_sessions_or_with_too_few_there_are_no_halves():
    parts, split, sessions = drifting(0.0)
    assert halves_of(parts, split, None) == {}
    assert halves_of(parts, split, sessions // 2) == {}  # six each
    few = np.where(sessions < 12, sessions, 99)  # one user has many
    assert halves_of(parts, split, few) == {}


def plain_auc(profile, pictures, users, strata, user):
    shares = []
    for own in np.flatnonzero(users == user):
        others = (users != user) & (strata == strata[own])
        if others.any():
            far = ((pictures - profile) ** 2).sum(axis=1)
            shares.append(np.mean((far[others] > far[own]) + (far[others] == far[own]) / 2))
    return np.mean(shares) if shares else np.nan


def test_preference_is_that_of_plain_loops_among_matched_pictures():
    parts = random_parts()
    split = parts["board_split"]
    times = np.random.default_rng(1).integers(0, 90, (N_USERS, N_PINS)) * 24
    split = BoardSplit(split.background, table(N_USERS, N_PINS, np.sort(times)), split.funnel)
    of_pins = pin_parts_of(parts)
    found = lifetime.preference(
        of_pins, parts["file_facts"], split, **SPLIT, distance="euclidean", seed=3
    )
    rows = boards.sample_pins(split.analysed, SPLIT["n_pins"], random_state=3).reshape(N_USERS, -1)
    held = rows[:, -SPLIT["n_test"] :].ravel()
    users = np.repeat(np.arange(N_USERS), SPLIT["n_test"])
    month = split.analysed["time"].dt.strftime("%Y-%m").to_numpy()[held]
    facts = np.array([str(row) for row in np.round(parts["file_facts"].analysed[held]) + 0.0])
    strata = {"any": np.zeros(len(held)), "month": month, "facts": facts}
    for (matched, name), part in {
        (matched, name): part
        for matched in strata
        for name, part in (("image", "image"), ("mean embedding", "embedding"))
    }.items():
        values = of_pins[part]
        most = max(SPLIT["train_sizes"])
        expected = [
            plain_auc(values[rows[u, :most]].mean(axis=0), values[held], users, strata[matched], u)
            for u in range(N_USERS)
        ]
        np.testing.assert_allclose(found[matched, name], expected)
    assert np.isfinite(found["facts", "image"]).sum() > 1


def test_users_without_pictures_to_compare_are_left_out():
    of = {
        ("any", "image"): np.array([0.6, 0.8, 0.7]),
        ("month", "image"): np.array([0.5, np.nan, 0.9]),
    }
    alone = {("facts", "image"): np.array([np.nan, np.nan, 0.9])}
    numbers = lifetime.preference_numbers([of | alone, of | alone], seed=0)
    assert numbers.keys() == {"preference.any.image", "preference.month.image"}
    assert numbers["preference.month.image"].value == pytest.approx(0.7)
    assert numbers["preference.month.image"].n == 2
