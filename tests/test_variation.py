from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import pdist, squareform
from scipy.stats import special_ortho_group

from visprof.variation import global_pvalue, permutation_pvalue, variance_shares

NAMES = ("user", "session", "pin", "expected")


def world(rng, sizes, taste=0.0, within=1.0, d=4):
    """Normal pins of users with sessions of the sizes: variances `taste`, `within` and 1."""
    pins, users, sessions = [], [], []
    for user, of in enumerate(sizes):
        own = np.sqrt(taste) * rng.normal(size=d)
        for session, n in enumerate(of):
            mean = own + np.sqrt(within) * rng.normal(size=d)
            pins.append(mean + rng.normal(size=(n, d)))
            users += [user] * n
            sessions += [session] * n
    return np.concatenate(pins), np.array(users), np.array(sessions)


def counted_users(users, sessions):
    """Users with two effective sessions, by definition."""
    found = []
    for user in np.unique(users):
        sizes = np.unique(sessions[users == user], return_counts=True)[1]
        if sizes.sum() ** 2 / np.sum(sizes**2) >= 2:
            found.append(user)
    return found


def plain_shares(pins, users, sessions, left_out=()):
    """The definition, pair by pair."""
    counted = [user for user in counted_users(users, sessions) if user not in left_out]
    d0, d1, d2 = [], [], []
    for user in counted:
        same, other = [], []
        rows = np.flatnonzero(users == user)
        for a, b in itertools.permutations(rows, 2):
            squared = np.sum((pins[a] - pins[b]) ** 2)
            (same if sessions[a] == sessions[b] else other).append(squared)
        if same:
            d0.append(np.mean(same))
        d1.append(np.mean(other))
    for one, other in itertools.permutations(counted, 2):
        rows = itertools.product(np.flatnonzero(users == one), np.flatnonzero(users == other))
        d2.append(np.mean([np.sum((pins[a] - pins[b]) ** 2) for a, b in rows]))
    d0, d1, d2 = (np.mean(of) if of else np.nan for of in (d0, d1, d2))
    return np.array([1 - d1 / d2, (d1 - d0) / d2, d0 / d2, (d2 - d1) / (d2 - d0)])


def values(shares):
    return np.array([getattr(shares, name) for name in NAMES])


@given(
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=4, max_size=6),
    single=st.booleans(),
)
def test_shares_equal_plain_loops(seed, sizes, single):
    rng = np.random.default_rng(seed)
    sizes[:3] = [[1, 1, 1] if single else [2, 3, 2], [1, 3, 2], [2, 2, 4]]
    pins, users, sessions = world(rng, sizes, taste=0.5)
    order = rng.permutation(len(pins))
    pins, users, sessions = pins[order], users[order], sessions[order]
    found = variance_shares(pins, users, sessions)
    np.testing.assert_allclose(values(found), plain_shares(pins, users, sessions), rtol=1e-10)
    counted = counted_users(users, sessions)
    assert (found.n_users, found.n_left_out) == (len(counted), len(sizes) - len(counted))
    assert found.user + found.session + found.pin == pytest.approx(1)
    without = [plain_shares(pins, users, sessions, [user]) for user in counted]
    np.testing.assert_allclose(found.without, without, rtol=1e-8)
    n = len(counted)
    spread = np.sum((without - np.mean(without, axis=0)) ** 2, axis=0)
    arm = stats.t.ppf(0.95, n - 1) * np.sqrt((n - 1) / n * spread)
    ends = np.array(list(found.interval(0.9).values()))
    np.testing.assert_allclose(ends.T, [values(found) - arm, values(found) + arm], rtol=1e-8)
    assert tuple(found.interval()) == NAMES


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3), shift=st.floats(-5, 5))
def test_shares_and_p_do_not_depend_on_order_names_scale_place_or_axes(seed, scale, shift):
    rng = np.random.default_rng(seed)
    pins, users, sessions = world(rng, [[2, 3, 1], [1, 2, 4], [5, 2, 2], [3, 3]], taste=0.3)
    order = rng.permutation(len(pins))
    rotation = special_ortho_group.rvs(4, random_state=seed)
    names, days = np.array(["b", "d", "f", "h"]), np.array(["mon", "tue", "wed"])
    changed = (scale * pins @ rotation + shift)[order], names[users][order], days[sessions][order]
    found, expected = variance_shares(*changed), variance_shares(pins, users, sessions)
    np.testing.assert_allclose(values(found), values(expected), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found.without, expected.without, rtol=1e-6, atol=1e-6)
    p = permutation_pvalue(*changed, 49)
    assert p == permutation_pvalue(pins, users, sessions, 49)


def test_sessions_of_two_users_are_two_though_they_have_one_name():
    pins, users, sessions = world(np.random.default_rng(0), [[2, 3, 1], [3, 3], [2, 2]])
    named = np.array([f"{user}-{session}" for user, session in zip(users, sessions, strict=True)])
    assert values(variance_shares(pins, users, sessions)).tolist() == (
        values(variance_shares(pins, users, named)).tolist()
    )


def test_single_precision_is_summed_in_double():
    pins, users, sessions = world(np.random.default_rng(0), [[4, 5, 6]] * 5, taste=1)
    single = pins.astype(np.float32)
    found = variance_shares(single, users, sessions)
    assert values(found).tolist() == (
        values(variance_shares(single.astype(np.float64), users, sessions)).tolist()
    )


def test_without_a_pair_of_one_session_only_the_users_share_is_known():
    pins, users, sessions = world(np.random.default_rng(0), [[1] * 4] * 3)
    found = variance_shares(pins, users, sessions)
    assert found.user == pytest.approx(plain_shares(pins, users, sessions)[0])
    assert np.isnan(values(found)[1:]).all()
    intervals = found.interval()
    assert np.isfinite(intervals["user"]).all()
    assert np.isnan(intervals["pin"]).all()


def test_what_is_all_of_one_kind_is_found():
    users, sessions = np.repeat([0, 1, 2], 6), np.tile(np.repeat([0, 1], 3), 3)
    of_users = variance_shares(np.array([[0.1], [0.2], [0.7]])[users], users, sessions)
    np.testing.assert_allclose(values(of_users), [1, 0, 0, 1], rtol=0, atol=1e-15)
    balanced = np.array([[-0.1], [0.3]])[sessions]  # the same two sessions of each user
    of_sessions = variance_shares(balanced, users, sessions)
    assert of_sessions.pin == pytest.approx(0, abs=1e-15)
    assert of_sessions.user < 0


def test_who_alone_differs_leaves_nothing_to_part():
    """Without that user all pins are equal, but for rounding."""
    users, sessions = np.repeat([0, 1, 2, 3], 4), np.tile([0, 0, 1, 1], 4)
    pins = np.full((16, 3), 0.1)
    pins[:4] = np.random.default_rng(0).random((4, 3))
    found = variance_shares(pins, users, sessions)
    assert np.isfinite(values(found)).all()
    assert np.isnan(found.without[0]).all()
    assert np.isnan(found.interval()["user"]).all()


def test_shares_are_unbiased_with_unequal_sizes():
    rng = np.random.default_rng(0)
    sizes = [[2] * 10, [9, 9], [1, 5, 2, 2], [3] * 5, [1, 1, 7, 1], [4, 4, 4, 4]]
    d = 30  # so that a ratio of means is near the mean of ratios
    found = np.mean(
        [
            values(variance_shares(*world(rng, sizes, taste=0.5, within=1.5, d=d)))
            for _ in range(300)
        ],
        axis=0,
    )
    np.testing.assert_allclose(found, [1 / 6, 1 / 2, 1 / 3, 1 / 4], atol=0.012)


def test_the_interval_covers():
    rng = np.random.default_rng(1)
    sizes, truth = [[3] * 6, [8, 8, 4], [2] * 5] * 5, [1 / 6, 1 / 2, 1 / 3, 1 / 4]
    covered = []
    for _ in range(300):
        shares = variance_shares(*world(rng, sizes, taste=0.5, within=1.5, d=6))
        ends = shares.interval().values()
        covered.append([low <= true <= high for true, (low, high) in zip(truth, ends, strict=True)])
    assert (np.mean(covered, axis=0) > 0.9).all()
    assert (np.mean(covered, axis=0) < 0.99).all()


def plain_user_share(pins, users, sessions):
    """Of users all of whom are counted."""
    squared = squareform(pdist(pins, "sqeuclidean"))
    d1, d2 = [], []
    for one in np.unique(users):
        own = users == one
        apart = sessions[own][:, None] != sessions[own]
        d1.append(squared[np.ix_(own, own)][apart].mean())
        for other in np.unique(users[~own]):
            d2.append(squared[np.ix_(own, users == other)].mean())
    return 1 - np.mean(d1) / np.mean(d2)


@pytest.mark.parametrize(
    "sizes", [[[2, 2], [1, 2, 1], [3, 3]], [[3, 1, 3], [1, 1], [2, 2]], [[1, 1, 2], [2, 2, 1, 1]]]
)
def test_p_approaches_the_exact_one_over_all_deals_that_swaps_lead_to(sizes):
    pins, users, sessions = world(np.random.default_rng(3), sizes, taste=1, within=0.5)
    codes = 10 * users + sessions
    names, rows = np.unique(codes, return_inverse=True)
    observed = plain_user_share(pins, users, codes)
    found, waiting = {}, [tuple(names // 10)]
    while waiting:
        owners = waiting.pop()
        if owners in found:
            continue
        dealt = np.array(owners)[rows]
        found[owners] = plain_user_share(pins, dealt, codes) >= observed - 1e-9
        for a, b in itertools.combinations(range(len(names)), 2):
            swapped = list(owners)
            swapped[a], swapped[b] = owners[b], owners[a]
            if len(counted_users(np.array(swapped)[rows], codes)) == len(sizes):
                waiting.append(tuple(swapped))
    p = np.mean([permutation_pvalue(pins, users, sessions, 999, seed) for seed in range(20)])
    assert p == pytest.approx(np.mean(list(found.values())), abs=0.04)


def test_no_other_deal_is_no_evidence():
    """The two sessions of a user of the same size fit no other user."""
    pins, users, sessions = world(np.random.default_rng(0), [[2, 2], [3, 3]], taste=9)
    assert permutation_pvalue(pins, users, sessions, 99) == 1


def null_level(pvalue, sizes, n_worlds, within=1.0):
    rng = np.random.default_rng(0)
    p = [pvalue(*world(rng, sizes, within=within), 99) for _ in range(n_worlds)]
    return np.mean(np.array(p) <= 0.05)


@pytest.mark.parametrize(
    "sizes", [[[3] * 5] * 6, [[12, 12, 6], [2] * 15] * 3, [[9, 4, 4, 2, 2]] * 6]
)
def test_the_level_of_the_users_share_is_held(sizes):
    assert null_level(permutation_pvalue, sizes, 300) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_power_and_seeds():
    pins, users, sessions = world(np.random.default_rng(0), [[3] * 6] * 6, taste=2)
    assert permutation_pvalue(pins, users, sessions, 199) == 1 / 200
    weak = world(np.random.default_rng(1), [[3] * 4] * 4, taste=0.1)
    found = [permutation_pvalue(*weak, 99, seed) for seed in range(6)]
    assert found == [permutation_pvalue(*weak, 99, seed) for seed in range(6)]
    assert len(set(found)) > 1


def test_threads_do_not_show(monkeypatch):
    pins, users, sessions = world(np.random.default_rng(0), [[3, 4, 2, 5]] * 20, taste=0.1)
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 3)
    found = variance_shares(pins, users, sessions), permutation_pvalue(pins, users, sessions, 99)
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 1)
    alone = variance_shares(pins, users, sessions)
    np.testing.assert_array_equal(alone.without, found[0].without)
    assert permutation_pvalue(pins, users, sessions, 99) == found[1]


def soft(pins):
    shares = np.exp(pins)
    return shares / shares.sum(axis=1, keepdims=True)


def pseudo_f(profiles, owners):
    """By squared distances of pairs, as Anderson (2001) defines it."""
    squared = squareform(pdist(profiles, "sqeuclidean"))
    total = squared.sum() / 2 / len(profiles)
    within = sum(
        squared[np.ix_(owners == u, owners == u)].sum() / 2 / np.sum(owners == u)
        for u in np.unique(owners)
    )
    n_users = len(np.unique(owners))
    return ((total - within) / (n_users - 1)) / (within / (len(profiles) - n_users))


def test_the_global_p_approaches_the_exact_one_over_all_deals():
    sizes = [[3, 4, 2], [3, 3, 5], [4, 3], [8, 1]]  # a session of 2, and a user of one long one
    pins, users, sessions = world(np.random.default_rng(5), sizes, taste=0.7)
    pins = soft(pins)
    profiles, owners = [], []
    for user, of in enumerate(sizes[:3]):
        for session, n in enumerate(of):
            if n >= 3:
                rows = (users == user) & (sessions == session)
                profiles.append(np.sqrt(pins[rows].mean(axis=0)))
                owners.append(user)
    profiles, owners = np.array(profiles), np.array(owners)
    observed = pseudo_f(profiles, owners)
    exact = np.mean(
        [
            pseudo_f(profiles, np.array(dealt)) >= observed - 1e-9
            for dealt in set(itertools.permutations(owners))
        ]
    )
    assert global_pvalue(pins, users, sessions, 9999) == pytest.approx(exact, abs=0.02)
    order = np.random.default_rng(0).permutation(len(pins))
    assert global_pvalue(pins[order], users[order], sessions[order], 499) == global_pvalue(
        1e3 * pins, users, sessions, 499
    )


def test_the_global_test_holds_its_level_and_has_power():
    def pvalue(pins, users, sessions, n):
        return global_pvalue(soft(pins), users, sessions, n)

    assert null_level(pvalue, [[12, 12, 6], [3] * 10] * 3, 200) <= 0.1
    pins, users, sessions = world(np.random.default_rng(0), [[4] * 6] * 6, taste=2)
    assert pvalue(pins, users, sessions, 199) == 1 / 200
    assert global_pvalue(np.full((24, 3), 1 / 3), np.repeat([0, 1], 12), np.arange(24) // 4) == 1


@pytest.mark.parametrize(
    ("function", "change", "message"),
    [
        (variance_shares, {"pins": np.full((12, 2), np.nan)}, "pins contains NaN"),
        (variance_shares, {"pins": np.full((12, 2), 0.1)}, "pins: all are equal, of 3 users"),
        (variance_shares, {"users": np.zeros(12)}, "users: expected at least 2 .* got 1; 0 have"),
        (variance_shares, {"sessions": np.zeros(12)}, "users: expected at least 2 .* got 0; 3 hav"),
        (variance_shares, {"sessions": np.zeros(5)}, r"sessions: expected shape \(12,\)"),
        (permutation_pvalue, {"sessions": np.zeros(12)}, "users: expected at least 2"),
        (permutation_pvalue, {"n_permutations": 0}, "n_permutations: expected a whole number"),
        (global_pvalue, {"min_pins": 4}, "users: expected at least 2 with two .* 4 pins .* got 0"),
        (global_pvalue, {"assignments": -np.ones((12, 2))}, "assignments: found a negative value"),
        (global_pvalue, {"users": np.arange(5)}, r"users: expected shape \(12,\)"),
    ],
)
def test_bad_input_is_named(function, change, message):
    pins = "assignments" if function is global_pvalue else "pins"
    good = {
        pins: np.random.default_rng(0).random((12, 2)),
        "users": np.repeat([0, 1, 2], 4),
        "sessions": np.tile([0, 0, 1, 1], 3),
    }
    if function is global_pvalue:
        good["min_pins"] = 2
    with pytest.raises(ValueError, match=message):
        function(**(good | change))


def test_an_interval_needs_three_users():
    pins, users, sessions = world(np.random.default_rng(0), [[2, 2], [2, 2], [9]])
    with pytest.raises(ValueError, match=r"users: an interval needs at least 3 .* got 2 \(1 left"):
        variance_shares(pins, users, sessions).interval()
    with pytest.raises(ValueError, match="level: expected a finite number above 0 and below 1"):
        variance_shares(pins, users, sessions).interval(95)
