"""Variances of general taste, taste within categories, sessions and pins; and their tests."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.carry_over import PARTS, carry_over, general_taste_pvalue, taste_pvalue
from visprof.sources.vectors import simulate_embeddings

NAMES = ("general", "category", "session", "pin", "rho")


def counted(users, categories, sessions, min_pins):
    """Categories of each user with pins and effective sessions enough; of users with two."""
    found = {}
    for user in sorted(set(users)):
        for category in sorted(set(categories)):
            own = [
                s for u, c, s in zip(users, categories, sessions, strict=True)
                if (u, c) == (user, category)
            ]  # fmt: skip
            squared = sum(own.count(s) ** 2 for s in set(own))
            if len(own) >= min_pins and len(own) ** 2 >= 2 * squared:
                found.setdefault(user, []).append(category)
    return {user: of for user, of in found.items() if len(of) > 1}


def plain_shares(pins, users, categories, sessions, min_pins, left_out=None):
    """Mean squared distances over all pairs of pins, in plain loops."""
    of = counted(users, categories, sessions, min_pins)
    for c in set(categories):  # from the mean of the category over its users
        rows = categories == c
        cells = [rows & (users == user) for user in of if c in of[user]]
        centre = np.mean([pins[cell].mean(axis=0) for cell in cells], axis=0) if cells else 0
        pins = np.where(rows[:, None], pins - centre, pins)
    of.pop(left_out, None)
    rows = range(len(pins))

    def apart(i, j):
        return float(((pins[i] - pins[j]) ** 2).sum())

    def own(user, category):
        return [i for i in rows if (users[i], categories[i]) == (user, category)]

    def mean(values):
        return sum(values) / len(values) if values else np.nan

    general, taste, total, session, d0, weights, known = 0, 0, 0, 0, 0, 0, 0
    for a, b in combinations(sorted(set(categories)), 2):
        both = [user for user in of if {a, b} <= set(of[user])]
        if len(both) < 2:
            continue
        other_user, same_category, within = [], [], []
        across = [
            mean([
                apart(i, j) for i in own(user, a) for j in own(user, b)
                if sessions[i] != sessions[j]
            ])
            for user in both
        ]  # fmt: skip
        for user in both:
            for other in both:
                if user != other:
                    other_user.append(
                        mean([apart(i, j) for i in own(user, a) for j in own(other, b)])
                    )
                    for c in (a, b):
                        same_category.append(
                            mean([apart(i, j) for i in own(user, c) for j in own(other, c)])
                        )
        close = []
        for user in both:
            for c in (a, b):
                pairs = [(i, j) for i in own(user, c) for j in own(user, c) if i != j]
                close.append(mean([apart(i, j) for i, j in pairs if sessions[i] != sessions[j]]))
                within.append(mean([apart(i, j) for i, j in pairs if sessions[i] == sessions[j]]))
        weight = len(both) - 1
        general += weight * (mean(other_user) - mean(across)) / 2
        taste += weight * (mean(same_category) - mean(close)) / 2
        total += weight * mean(same_category) / 2
        session += weight * mean(close) / 2
        weights += weight
        if not np.isnan(within).all():
            d0 += weight * np.nanmean(within) / 2
            known += weight
    general, taste, total, session = (v / weights for v in (general, taste, total, session))
    d0 = d0 / known if known else np.nan
    rho = general / taste if taste > 1e-9 * total else np.nan
    shares = [general / total, (taste - general) / total, (session - d0) / total, d0 / total]
    return [*shares, rho]


def drawn(seed, n_users=5, n_pins=40, n_categories=3, n_sessions=10, d=3):
    """Users whose sessions run over several categories, of unequal sizes."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), n_pins)
    n = len(users)
    categories, sessions = rng.integers(n_categories, size=n), rng.integers(n_sessions, size=n)
    taste = rng.normal(size=(n_users, n_categories, d)) + rng.normal(size=(n_users, 1, d))
    pins = taste[users, categories] + 5 * rng.normal(size=(n_categories, d))[categories]
    pins += rng.normal(size=(n_users, n_sessions, d))[users, sessions] + rng.normal(size=(n, d))
    return pins, users, categories, sessions


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "min_pins"), [(0, 2), (1, 8), (2, 12)])
def test_shares_are_those_of_all_pairs_of_pins(seed, min_pins):
    data = drawn(seed)
    found = carry_over(*data, min_pins=min_pins)
    users = counted(*data[1:], min_pins)
    assert (found.n_users, found.n_left_out) == (len(users), 5 - len(users))
    expected = plain_shares(*data, min_pins)
    np.testing.assert_allclose([getattr(found, of) for of in NAMES], expected, atol=1e-10)
    for row, user in zip(found.without, users, strict=True):
        alone = plain_shares(*data, min_pins, left_out=user)
        np.testing.assert_allclose(row, alone, atol=1e-10)


def test_sessions_of_one_pin_leave_the_tastes():
    pins, users, categories, _ = drawn(4)
    found = carry_over(pins, users, categories, np.arange(len(pins)))
    assert np.isnan([found.session, found.pin]).all()
    estimates = found.estimates()
    assert set(estimates) == {"general", "category", "taste", "rho"}
    assert estimates["taste"].value == pytest.approx(found.general + found.category)


def test_a_user_without_a_pair_in_a_session_has_the_mean_of_the_others():
    pins, users, categories, sessions = drawn(5)
    alone = np.where(users == 2, 100 + np.arange(len(users)), sessions)
    found = carry_over(pins, users, categories, alone)
    expected = plain_shares(pins, users, categories, alone, 8)
    np.testing.assert_allclose([getattr(found, of) for of in NAMES], expected, atol=1e-10)
    assert sum(getattr(found, of) for of in PARTS) == pytest.approx(1)


@given(st.integers(0, 9), st.randoms(use_true_random=False))
def test_neither_order_nor_names_nor_what_categories_differ_in_matter(seed, random):
    pins, users, categories, sessions = drawn(seed, n_pins=24)
    expected = carry_over(pins, users, categories, sessions, 4)
    order = np.array(random.sample(range(len(users)), len(users)))
    names = np.array(random.sample([*"abcde"], 5))
    moved = pins + 100 * np.arange(3)[categories][:, None]
    found = carry_over(moved[order], names[users][order], -categories[order], sessions[order], 4)
    for name in NAMES:
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-8, nan_ok=True)
    at = np.argsort(names)
    np.testing.assert_allclose(found.without, expected.without[at], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("carry", [0.0, 0.5, 1.0])
def test_known_carry_over_is_found(carry):
    world = simulate_embeddings(
        300, 60, 8, n_classes=6, n_categories=3, class_taste=0, style_taste=2, session_length=2,
        style_spread=1, carry_over=carry,
    )  # fmt: skip
    found = carry_over(world.vectors, world.users, world.categories, world.sessions).estimates()
    assert found["rho"].low < carry < found["rho"].high
    assert found["rho"].high - found["rho"].low < 0.3
    assert found["session"].value > 0.1


def test_intervals_are_those_of_the_jackknife():
    found = carry_over(*drawn(0))
    without = found.without[:, 4]
    spread = np.sqrt(4 / 5 * ((without - without.mean()) ** 2).sum())
    rho = found.estimates()["rho"]
    assert rho.n == 5
    assert (rho.high - rho.low) / 2 == pytest.approx(2.7764451051977987 * spread)


def test_where_users_do_not_differ_there_is_no_carry_over():
    undefined = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        users, categories = np.repeat(np.arange(6), 40), np.tile(np.arange(2), 120)
        found = carry_over(rng.normal(size=(240, 2)), users, categories, np.arange(240))
        if found.general + found.category <= 0 or np.isnan(found.without[:, 4]).any():
            undefined += 1
            assert np.isnan(found.rho)
            assert "rho" not in found.estimates()
            assert "general" in found.estimates()
    assert 5 < undefined < 20


def test_too_few_users_and_equal_pins_are_refused():
    pins, users, categories, sessions = drawn(0)
    few = np.where(users < 2, categories, 0)
    with pytest.raises(
        ValueError, match="users: expected at least 3 with the same two categories of"
    ):
        carry_over(pins, users, few, sessions)
    with pytest.raises(ValueError, match="got 0; 5 of 5 users have no two"):
        carry_over(pins, users, categories, np.zeros(len(users)))
    apart = np.array([[0, 1], [0, 1], [1, 2], [1, 2], [0, 2]])[users, np.arange(len(users)) % 2]
    with pytest.raises(ValueError, match=r"same two categories of at least 8 pins .*, got 2; 0 of"):
        carry_over(pins, users, apart, np.arange(len(users)))
    with pytest.raises(ValueError, match="pins contains NaN"):
        carry_over(np.ma.masked_less(pins, 0), users, categories, sessions)
    with pytest.raises(ValueError, match="all are equal, of 5 users"):
        carry_over(np.ones_like(pins), users, categories, sessions)
    for alike in (np.array([0.1, 0.3, 0.7])[categories], 1e9 * categories + 0.1):
        for test in (carry_over, taste_pvalue, general_taste_pvalue):
            with pytest.raises(ValueError, match="pins: in each category all are equal, of 5 user"):
                test(alike[:, None], users, categories, sessions)
    with pytest.raises(ValueError, match="min_pins"):
        carry_over(pins, users, categories, sessions, min_pins=1)


# --- tests


def null_pvalues(test, n_worlds, **world):
    return np.array([
        test(of.vectors, of.users, of.categories, of.sessions, 19, seed)
        for seed in range(n_worlds)
        for of in [simulate_embeddings(
            12, 40, 4, n_classes=4, n_categories=2, class_taste=0, style_spread=1,
            session_length=2, random_state=seed, **world,
        )]
    ])  # fmt: skip


@pytest.mark.slow
def test_both_tests_hold_their_level_where_there_is_no_taste():
    for test in (taste_pvalue, general_taste_pvalue):
        p_values = null_pvalues(test, 300, style_taste=0)
        assert (p_values <= 0.05).mean() < 0.09
        assert (p_values <= 0.5).mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_a_taste_within_categories_is_no_general_one():
    p_values = null_pvalues(general_taste_pvalue, 300, style_taste=3, carry_over=0)
    assert (p_values <= 0.05).mean() < 0.09
    assert (null_pvalues(taste_pvalue, 40, style_taste=3, carry_over=0) <= 0.05).mean() > 0.8
    assert (null_pvalues(general_taste_pvalue, 40, style_taste=3) <= 0.05).mean() > 0.7


def test_what_is_dealt_is_the_statistic_of_the_shares():
    """Of the data as they are, by the sums that deals use."""
    from visprof import carry_over as module
    from visprof._cells import counted_cells

    pins, users, categories, sessions = drawn(7)
    own = users * 1000 + categories * 100 + sessions  # no session in two categories
    cells = counted_cells(pins, users, categories, own, 8)
    of = []
    for category in range(3):
        groups = cells.groups.of(cells.groups.category == category)
        sums = [groups.pins, groups.squares, groups.pins**2, module._within(groups)]
        of.append(module._taste_of(np.vstack([*sums, groups.sums.T]), groups.user[None], 5)[0])
    general, taste, *_ = module._variances(cells)[:, 0]
    assert np.mean(of) == pytest.approx(taste)  # all users have all categories
    means = cells.means
    covariances = [
        (means[:, a] - means[:, a].mean(axis=0)).ravel()
        @ (means[:, b] - means[:, b].mean(axis=0)).ravel() / 4
        for a, b in combinations(range(3), 2)
    ]  # fmt: skip
    assert general == pytest.approx(np.mean(covariances))


def test_sessions_are_dealt_whole_among_those_of_the_same_categories():
    """By deals of whole sessions, and mean squared distances over all pairs of pins."""
    pins, users, categories, sessions = drawn(0, 4, 18, n_categories=2, n_sessions=8)
    pins = pins + 3 * np.random.default_rng(0).normal(size=pins.shape)  # p is not the least
    assert set(counted(users, categories, sessions, 2)) == {0, 1, 2, 3}
    names = sorted(set(zip(users, sessions, strict=True)))
    of_pin = np.array([names.index(of) for of in zip(users, sessions, strict=True)])
    kinds = {}  # sessions by the categories that they are in: those with the first one first
    for session in range(len(names)):
        inside = set(categories[of_pin == session])
        kinds.setdefault(tuple(c not in inside for c in (0, 1)), []).append(session)
    assert len(kinds) == 3
    owners = np.tile([user for user, _ in names], (20, 1))
    rng = np.random.default_rng(2)
    for _, alike in sorted(kinds.items()):
        for deal in owners[1:]:
            deal[alike] = rng.permutation(deal[alike])

    def taste(owners):
        found = 0.0
        for c in (0, 1):
            rows = np.flatnonzero(categories == c)
            apart = ((pins[rows, None] - pins[rows]) ** 2).sum(axis=2)
            own, session = owners[of_pin[rows]], of_pin[rows]
            cells = [(own == user)[:, None] for user in range(4)]
            others = [apart[a & b.T].mean() for a, b in combinations(cells, 2)]
            close = [apart[a & a.T & (session[:, None] != session)].mean() for a in cells]
            found += np.mean(others) - np.mean(close)
        return found

    found = [taste(of) for of in owners]
    p = (1 + sum(of >= found[0] - 1e-9 for of in found[1:])) / 20
    assert taste_pvalue(pins, users, categories, sessions, 19, 2, 2) == pytest.approx(p)


@pytest.mark.slow
def test_sessions_in_several_categories_are_no_taste():
    rejected = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        users, sessions = np.repeat(np.arange(8), 40), np.tile(np.repeat(np.arange(5), 8), 8)
        pins = 2 * rng.normal(size=(8, 5, 2))[users, sessions] + rng.normal(size=(320, 2))
        rejected.append(taste_pvalue(pins, users, np.arange(320) % 2, sessions, 19, seed) <= 0.05)
    assert np.mean(rejected) < 0.08


def test_p_values_do_not_depend_on_scale_or_place():
    pins, users, categories, sessions = drawn(8)
    for test in (taste_pvalue, general_taste_pvalue):
        p = test(pins, users, categories, sessions, 99, 3)
        assert test(2.0**70 * pins, users, categories, sessions, 99, 3) == p
        moved = pins + 8 * categories[:, None]
        assert test(moved, users, categories, sessions, 99, 3) == p
        assert 0 < p <= 1
