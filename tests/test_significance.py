from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_pair import one_pair
from scipy.stats import false_discovery_control

from visprof.logodds import log_odds_z, pairwise_max_z
from visprof.profiles import user_profiles
from visprof.significance import (
    max_z_pvalues,
    pair_pvalues,
    sample_pairs,
    shuffled_counts,
    studentised_pvalues,
    true_discoveries,
)


def pins(seed, n, taste):
    return np.random.default_rng(seed).dirichlet(taste, size=n)


def test_shuffling_keeps_the_pins_and_the_size_of_each_user():
    assignments = pins(0, 30, [1, 1, 1])
    users = np.repeat(["c", "a", "b"], [5, 10, 15])
    shuffled = shuffled_counts(assignments, users, 0)
    np.testing.assert_allclose(shuffled.sum(axis=1), [10, 15, 5])
    np.testing.assert_allclose(shuffled.sum(axis=0), assignments.sum(axis=0))
    assert not np.allclose(shuffled, user_profiles(assignments, users, counts=True)[1])


def test_whole_sessions_are_shuffled_and_each_user_keeps_their_number_of_them():
    sizes = np.arange(1, 13)  # of sessions: which one a user got can be told from its size
    sessions = np.repeat(np.arange(12) % 6, sizes)  # two users have sessions of the same name
    users = np.repeat(np.repeat(["b", "a"], 6), sizes)
    pins_of = np.eye(12)[np.repeat(np.arange(12), sizes)]
    got = [shuffled_counts(pins_of, users, seed, sessions=sessions) for seed in range(20)]
    for counts in got:
        assert ((counts == 0) | (counts == sizes)).all()
        assert (counts > 0).sum(axis=1).tolist() == [6, 6]
        np.testing.assert_array_equal(counts.sum(axis=0), sizes)
    assert len({counts.tobytes() for counts in got}) > 15
    single = pins(0, 30, [1, 1, 1])
    np.testing.assert_array_equal(  # a pin a session: as without them
        shuffled_counts(single, np.arange(30) // 10, 3, sessions=np.arange(30)),
        shuffled_counts(single, np.arange(30) // 10, 3),
    )


def test_shuffling_is_seeded():
    assignments, users = pins(0, 30, [1, 1, 1]), np.arange(30) % 3
    np.testing.assert_array_equal(
        shuffled_counts(assignments, users, 1), shuffled_counts(assignments, users, 1)
    )
    assert not np.allclose(
        shuffled_counts(assignments, users, 1), shuffled_counts(assignments, users, 2)
    )


def test_shuffling_removes_a_taste():
    users = np.repeat([0, 1], 200)
    taste = np.concatenate([pins(0, 200, [9, 1]), pins(1, 200, [1, 9])])
    shuffled = shuffled_counts(taste, users, 0)
    assert abs(shuffled[0, 0] - shuffled[1, 0]) < 40  # 160 before


@pytest.mark.parametrize("variance", ["two-term", "four-term"])
def test_p_approaches_the_exact_one_over_all_splits(variance):
    i, j, g = pins(1, 4, [3, 1, 1]), pins(2, 4, [1, 1, 3]), np.ones(3)
    pooled = np.concatenate([i, j])

    def statistic(chosen):
        rest = np.setdiff1d(np.arange(8), chosen)
        y_i, y_j = pooled[list(chosen)].sum(0), pooled[rest].sum(0)
        return np.abs(log_odds_z(y_i, y_j, g, 0.5, variance)).max()

    observed = statistic(range(4))
    splits = [statistic(chosen) for chosen in itertools.combinations(range(8), 4)]
    exact = np.mean(np.array(splits) >= observed - 1e-9)
    max_z, p = one_pair(i, j, g, 0.5, 20_000, variance=variance)
    assert max_z == pytest.approx(observed)
    assert p == pytest.approx(exact, abs=0.015)


def test_p_is_uniform_under_the_null():
    taste = [0.2, 0.1, 0.1, 0.1]
    p = np.array(
        [
            one_pair(pins(s, 20, taste), pins(s + 1000, 30, taste), taste, 1.0, 99)[1]
            for s in range(300)
        ]
    )
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=4 * np.sqrt(level / 300))


def test_p_is_small_for_different_tastes_and_never_zero():
    _, p = one_pair(pins(0, 50, [5, 1, 1]), pins(1, 50, [1, 1, 5]), np.ones(3), 0.1, 199)
    assert p == 1 / 200


def test_equal_pins_give_p_one_despite_rounding():
    same = np.tile([0.1, 0.2, 0.7], (7, 1))
    assert one_pair(same, same[:5], [1, 2, 3], 0.1, 99)[1] == 1.0


def test_seeded():
    i, j = pins(0, 20, [1, 1, 1]), pins(1, 20, [1, 1, 1])
    first = one_pair(i, j, np.ones(3), 0.1, 99, random_state=1)
    assert first == one_pair(i, j, np.ones(3), 0.1, 99, random_state=1)
    others = {one_pair(i, j, np.ones(3), 0.1, 99, random_state=s)[1] for s in range(5)}
    assert len(others) > 1


def splitmix64(state):
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> shift)) * factor % 2**64
    return state ^ (state >> 31)


def test_the_random_numbers_are_those_published():
    """First outputs of SplitMix64 seeded with 1234567, as in its reference implementation."""
    state, found = 1234567, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        found.append(splitmix64(state))
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def plain_pvalues(assignments, users, pairs, background, alpha, n, variance, sessions, seed):
    """Definition of the test by plain loops, on the permutations that the seeds give.

    Of several vocabularies, p of the mean of their largest z-scores, and of each.
    """
    names = np.unique(users)
    if sessions is None:
        sessions = np.arange(len(users))
    units = {  # of each user: pins by session
        user: [
            (users == user) & (sessions == session)
            for session in np.unique(sessions[users == user])
        ]
        for user in names
    }
    seeds = np.random.SeedSequence(seed).generate_state(len(pairs), np.uint64)
    p_values = []
    for (i, j), pair_seed in zip(pairs, seeds, strict=True):
        pooled = units[names[i]] + units[names[j]]
        n_i, n_j = (np.sum(users == names[user]) for user in (i, j))

        def statistic(order, n, pooled=pooled):
            rows = np.concatenate([np.flatnonzero(pooled[unit]) for unit in order])
            largest = []
            for pins, counts in zip(assignments, background, strict=True):
                y = pins[rows[:n]].sum(axis=0), pins[rows[n:]].sum(axis=0)
                largest.append(np.abs(log_odds_z(*y, counts, alpha, variance)).max())
            return np.array([np.mean(largest), *largest])

        order = list(range(len(pooled)))
        observed = statistic(order, n_i)
        state = int(pair_seed)
        n_pins = min(n_i, n_j)
        reached = 0
        for _ in range(n):
            tried = []
            for _ in range(20):
                for place in range(len(pooled)):
                    state = (state + 0x9E3779B97F4A7C15) % 2**64
                    other = place + (splitmix64(state) >> 32) * (len(pooled) - place) // 2**32
                    order[place], order[other] = order[other], order[place]
                    if sum(pooled[unit].sum() for unit in order[: place + 1]) >= n_pins:
                        break
                # the last one is left out where this is nearer
                for end in (place, place + 1):
                    given = sum(pooled[unit].sum() for unit in order[:end])
                    if end:
                        tried.append((abs(given - n_pins), len(tried), given, order.copy()))
                if min(tried)[0] == 0:
                    break
            _, _, n_given, best = min(tried)
            reached += statistic(best, n_given) >= observed - 1e-9
        p_values.append((1 + reached) / (1 + n))
    return np.array(p_values).T


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["soft", "hard", "fractional"]),
    variance=st.sampled_from(["two-term", "four-term"]),
    by_session=st.booleans(),
    unseen=st.booleans(),
)
def test_pvalues_equal_plain_loops(seed, kind, variance, by_session, unseen):
    rng = np.random.default_rng(seed)
    users = rng.permutation(np.repeat(["c", "a", "b"], [5, 9, 7]))
    assignments = {
        "soft": rng.dirichlet(np.full(6, 0.3), 21),
        "hard": np.eye(6)[rng.integers(0, 6, 21)],
        "fractional": rng.integers(0, 3, (21, 6)) / 2,
    }[kind]
    background = rng.random(6) * ([0, 1, 1, 0, 1, 1] if unseen else 1)
    sessions = rng.integers(0, 4, 21) if by_session else None
    pairs = [[0, 1], [2, 1], [0, 2]]
    arguments = (assignments, users, pairs, background, 0.5, 40, variance)
    found = max_z_pvalues(*arguments, seed, sessions=sessions)
    counts = user_profiles(assignments, users, counts=True)[1]
    expected = pairwise_max_z(counts, background, 0.5, variance)[[0, 2, 1]]
    np.testing.assert_allclose(found.max_z, expected, rtol=1e-12)
    arguments = ([assignments], users, pairs, [background], *arguments[4:])
    np.testing.assert_allclose(found.p_values, plain_pvalues(*arguments, sessions, seed)[0])
    np.testing.assert_array_equal(found.max_z_by_seed, [found.max_z])
    np.testing.assert_array_equal(found.p_by_seed, [found.p_values])


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.integers(2, 7), min_size=1, max_size=4),
    variance=st.sampled_from(["two-term", "four-term"]),
    by_session=st.booleans(),
)
def test_the_mean_over_vocabularies_is_tested_as_by_definition(seed, sizes, variance, by_session):
    rng = np.random.default_rng(seed)
    users = rng.permutation(np.repeat([0, 1, 2], [5, 9, 7]))
    every_pins = [rng.dirichlet(np.full(k, 0.3), 21) for k in sizes]
    every_pins[0] = np.eye(sizes[0])[rng.integers(0, sizes[0], 21)]
    backgrounds = [rng.random(k) for k in sizes]
    sessions = rng.integers(0, 4, 21) if by_session else None
    pairs = [[0, 1], [0, 2], [1, 2]]
    arguments = (every_pins, users, pairs, backgrounds, 0.5, 40, variance)
    found = max_z_pvalues(*arguments, seed, sessions=sessions)
    expected = [
        pairwise_max_z(user_profiles(pins, users, counts=True)[1], background, 0.5, variance)
        for pins, background in zip(every_pins, backgrounds, strict=True)
    ]
    np.testing.assert_allclose(found.max_z_by_seed, expected, rtol=1e-12)
    np.testing.assert_allclose(found.max_z, np.mean(expected, axis=0), rtol=1e-12)
    p, *p_by_seed = plain_pvalues(*arguments, sessions, seed)
    np.testing.assert_allclose(found.p_values, p)
    np.testing.assert_allclose(found.p_by_seed, p_by_seed)


@pytest.mark.parametrize("ties", ["count", "random"])
def test_each_of_many_vocabularies_is_tested_as_if_alone(ties):
    users, pairs = np.arange(120) % 6, sample_pairs(6, 15, 0)
    hard = np.eye(4)[np.random.default_rng(0).integers(0, 4, 120)]
    many = [hard, pins(1, 120, np.full(9, 0.2)), 1e40 * pins(2, 120, np.full(5, 0.2))]
    backgrounds = [10 * vocabulary.sum(axis=0) for vocabulary in many]
    found = max_z_pvalues(many, users, pairs, backgrounds, 0.1, 99, ties=ties)
    for vocabulary, background, z, p in zip(
        many, backgrounds, found.max_z_by_seed, found.p_by_seed, strict=True
    ):
        alone = max_z_pvalues(vocabulary, users, pairs, background, 0.1, 99, ties=ties)
        np.testing.assert_array_equal(alone.max_z, z)
        np.testing.assert_array_equal(alone.p_values, p)
    same = max_z_pvalues(
        np.stack([many[1]] * 4), users, pairs, [backgrounds[1]] * 4, 0.1, 99, ties=ties
    )
    np.testing.assert_allclose(same.max_z, found.max_z_by_seed[1], rtol=1e-14)
    np.testing.assert_array_equal(same.p_values, found.p_by_seed[1])


def test_the_mean_over_vocabularies_holds_the_level_and_finds_more():
    """Vocabularies see the same pins, each with noise of its own."""
    rng = np.random.default_rng(0)
    background = np.full(6, 100.0)

    def p_values(taste):
        tastes = taste * rng.standard_normal((400, 1, 6))
        seen = [
            np.eye(6)[np.argmax(tastes + rng.gumbel(size=(400, 25, 6)) + noise, axis=2)]
            for noise in rng.gumbel(size=(8, 400, 25, 6))
        ]
        users = np.repeat(np.arange(400), 25)
        pairs = np.arange(400).reshape(-1, 2)
        every_pins = [pins.reshape(-1, 6) for pins in seen]
        return max_z_pvalues(every_pins, users, pairs, [background] * 8, 0.01, 199)

    null, differ = p_values(0.0), p_values(0.7)
    for level in (0.05, 0.2, 0.5):
        error = 4 * np.sqrt(level * (1 - level) / 200)
        assert np.mean(null.p_values <= level) == pytest.approx(level, abs=error)
    assert np.mean(differ.p_values <= 0.05) > np.mean(differ.p_by_seed <= 0.05) + 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assignments": [np.ones((6, 3)), np.ones((5, 4))]}, r"same pins .* \(6, 3\), \(5, 4\)"),
        (
            {"assignments": [np.ones((6, 3)), -np.ones((6, 4))]},
            r"assignments\[1\]: expected no neg",
        ),
        ({"background": [np.ones(3)]}, "background: .* each of the 2 vocabularies, got 1"),
        ({"background": 3.0}, "background: .* each of the 2 vocabularies, got 1"),
        ({"background": [np.ones(4), np.ones(3)]}, r"background: expected shape \(3,\)"),
        ({"users": np.zeros(5)}, "users: expected shape"),
    ],
)
def test_bad_input_of_many_vocabularies_is_named(change, message):
    good = {
        "assignments": [np.ones((6, 3)), np.ones((6, 4))],
        "users": np.arange(6) % 3,
        "pairs": [[0, 1]],
        "background": [np.ones(3), np.ones(4)],
        "alpha": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        max_z_pvalues(**(good | change))


def test_pairs_in_blocks_are_those_at_once(monkeypatch):
    assignments, users = pins(3, 300, np.full(7, 0.2)), np.arange(300) % 12
    arguments = (assignments, users, sample_pairs(12, 66, 0), np.ones(7), 0.1, 99)
    found = max_z_pvalues(*arguments)
    monkeypatch.setattr("visprof.significance._BLOCK", 0)
    monkeypatch.setattr("visprof.significance._FEWEST_PAIRS", 7)
    np.testing.assert_array_equal(max_z_pvalues(*arguments).p_values, found.p_values)


def test_float32_pins_give_the_same_pvalues():
    assignments, users = pins(3, 300, np.full(20, 0.2)), np.arange(300) % 6
    pairs = sample_pairs(6, 15, 0)
    double = max_z_pvalues(assignments, users, pairs, np.ones(20), 0.1, 199)
    single = max_z_pvalues(assignments.astype(np.float32), users, pairs, np.ones(20), 0.1, 199)
    np.testing.assert_allclose(single.max_z, double.max_z, rtol=1e-5)
    np.testing.assert_allclose(single.p_values, double.p_values, atol=1.5 / 200)


def test_threads_do_not_show(monkeypatch):
    many, users = [pins(seed, 400, np.full(9, 0.2)) for seed in (3, 4)], np.arange(400) % 20
    arguments = (many, users, sample_pairs(20, 100, 0), np.ones((2, 9)), 0.1, 99)
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 3)
    found = max_z_pvalues(*arguments)
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 1)
    alone = max_z_pvalues(*arguments)
    np.testing.assert_array_equal(alone.p_values, found.p_values)
    np.testing.assert_array_equal(alone.p_by_seed, found.p_by_seed)


def test_one_session_each_cannot_differ():
    i, j = pins(0, 30, [9, 1, 1]), pins(1, 30, [1, 1, 9])
    one = np.zeros(30)
    assert one_pair(i, j, np.ones(3), 0.1, 99, sessions=(one, one))[1] == 1.0
    assert one_pair(i, j, np.ones(3), 0.1, 99)[1] == 0.01


def test_one_large_session_does_not_make_a_user_differ():
    """It is one thing that happened once, however many pins it has."""
    i, j = np.tile([0.9, 0.1, 0.0], (60, 1)), pins(1, 60, [1, 1, 9])
    days = np.arange(60) // 3
    single = np.zeros(60)
    test = (i, j, np.ones(3), 0.1, 199)
    assert one_pair(*test, sessions=(single, days))[1] > 0.5
    assert one_pair(*test, sessions=(days, days))[1] == 1 / 200


def test_ties_ranked_at_random_hold_the_level_exactly():
    rng = np.random.default_rng(5)
    assignments = np.eye(8)[rng.integers(0, 8, 24_000)]
    users = np.repeat(np.arange(1200), 20)
    arguments = (assignments, users, np.arange(1200).reshape(-1, 2), np.ones(8), 0.1, 99)
    counted = max_z_pvalues(*arguments).p_values
    ranked = max_z_pvalues(*arguments, ties="random").p_values
    assert np.all(ranked <= counted)
    for level in (0.05, 0.2, 0.5):
        error = 4 * np.sqrt(level * (1 - level) / 600)
        assert np.mean(ranked <= level) == pytest.approx(level, abs=error)
        assert np.mean(counted <= level) < level - 0.01


def test_sessions_need_to_be_shuffled_whole():
    """All pins of a session are equal, and users are not different."""
    rng = np.random.default_rng(0)
    taste, n_pairs = np.full(10, 0.5), 400
    sessions = np.tile(np.repeat(np.arange(8), 5), 2 * n_pairs)
    assignments = np.repeat(rng.dirichlet(taste, 16 * n_pairs), 5, axis=0)
    users = np.repeat(np.arange(2 * n_pairs), 40)
    pairs = np.arange(2 * n_pairs).reshape(-1, 2)
    arguments = (assignments, users, pairs, taste, 0.1, 99)
    whole = max_z_pvalues(*arguments, sessions=sessions).p_values
    single = max_z_pvalues(*arguments).p_values
    assert np.mean(whole <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 / n_pairs))
    assert np.mean(single <= 0.05) > 0.3


def test_benjamini_hochberg_keeps_false_discoveries_few():
    """Half of the users have a taste of their own, so pairs of the others are the true nulls."""
    tastes = [[1, 1, 1, 1]] * 15 + [[8, 1, 1, 1], [1, 8, 1, 1], [1, 1, 8, 1]] * 5
    assignments = np.concatenate([pins(u, 40, taste) for u, taste in enumerate(tastes)])
    users = np.repeat(np.arange(30), 40)
    pairs = sample_pairs(30, 10**6, 0)
    p = max_z_pvalues(assignments, users, pairs, np.ones(4), 0.1, 999).p_values
    found = false_discovery_control(p) <= 0.05
    null = (pairs < 15).all(axis=1)
    assert found[~null].mean() > 0.7
    assert (found & null).sum() / found.sum() < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assignments": np.full((6, 3), np.inf)}, "assignments contains infinity"),
        ({"assignments": -np.ones((6, 3))}, "assignments: expected no negative"),
        ({"assignments": np.ones((6, 1)), "background": np.ones(1)}, "1 cluster"),
        (
            {"users": np.zeros(6), "pairs": [[0, 0]]},
            r"pairs: expected two different users, got \[0, 0\] at row 0",
        ),
        ({"users": np.zeros(5)}, "users: expected shape"),
        ({"pairs": [[0, 3]]}, r"pairs: .*got \[0, 3\]"),
        ({"pairs": [[0.0, 1.0]]}, "pairs: expected whole numbers"),
        ({"pairs": np.zeros((0, 2), int)}, "pairs: .* m >= 1"),
        ({"background": [0, 1, 0]}, "background: expected mass in at least two"),
        ({"background": [1, np.nan, 1]}, "background: .*1 NaN"),
        ({"alpha": np.nan}, "alpha"),
        ({"variance": "three-term"}, "variance"),
        ({"ties": "half"}, "ties: .*'half'"),
        ({"n_permutations": 0}, "n_permutations: expected a whole number of at least 1, got 0"),
        ({"sessions": np.zeros(5)}, r"sessions: expected shape \(6,\)"),
    ],
)
def test_bad_input_of_many_pairs_is_named(change, message):
    good = {
        "assignments": np.ones((6, 3)),
        "users": np.arange(6) % 3,
        "pairs": [[0, 1]],
        "background": np.ones(3),
        "alpha": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        max_z_pvalues(**(good | change))


@pytest.mark.parametrize("n_users", [2, 3, 10, 57])
def test_sampled_pairs_are_distinct_and_in_order(n_users):
    every = list(itertools.combinations(range(n_users), 2))
    assert [tuple(pair) for pair in sample_pairs(n_users, 10**6, 0)] == every
    n = max(1, len(every) // 3)
    drawn = [tuple(pair) for pair in sample_pairs(n_users, n, 1)]
    assert len(drawn) == n
    assert drawn == sorted(set(drawn) & set(every))


def test_every_pair_is_drawn_equally_often():
    drawn = np.concatenate([sample_pairs(6, 5, seed) for seed in range(600)])
    times = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(times) == 15
    assert np.all(np.abs(times - 200) < 5 * np.sqrt(200 * 2 / 3))


@pytest.mark.parametrize(("n_users", "n_pairs"), [(1, 5), (5, 0)])
def test_pairs_that_cannot_be_drawn(n_users, n_pairs):
    with pytest.raises(ValueError, match="n_users: .* 1" if n_users == 1 else "n_pairs: .* 0"):
        sample_pairs(n_users, n_pairs, 0)


@pytest.mark.parametrize("alpha", [1e9, 1e15, 1e20, 1e100, 1e300])
def test_a_prior_in_which_the_pins_drown_gives_no_evidence(alpha):
    i, j = pins(0, 30, [1, 1, 1]), pins(1, 30, [1, 1, 1])
    max_z, p = one_pair(i, j, [3.0, 4.0, 5.0], alpha, 199)
    assert 0 <= max_z < 1e-2
    assert p > 0.05
    with pytest.raises(ValueError, match=r"alpha=1e\+308: 6 of 6 values are not finite"):
        one_pair(i, j, [3.0, 4.0, 5.0], 1e308, 199)


@pytest.mark.parametrize("alpha", [1e20, 1e200])
def test_clusters_without_prior_are_tested_beside_a_huge_one(alpha):
    i, j = np.tile([0.0, 0.0, 1.0, 0.0], (40, 1)), np.tile([0.0, 0.0, 0.0, 1.0], (40, 1))
    i[::4], j[::4] = j[0], i[1]
    max_z, p = one_pair(i, j, [1.0, 1.0, 0.0, 0.0], alpha, 199)
    assert max_z == pytest.approx(np.log(3) / np.sqrt(1 / 30 + 1 / 10))
    assert p == 1 / 200


def test_a_prior_in_pins_is_that_of_each_background():
    users, pairs = np.repeat([0, 1, 2], 20), [[0, 1], [1, 2]]
    every = [pins(0, 60, [1, 1, 1]), pins(1, 60, [1, 1, 1, 1])]
    backgrounds = [np.array([30.0, 50, 20]), np.array([10.0, 10, 10, 10])]
    found = max_z_pvalues(every, users, pairs, backgrounds, n_permutations=99, prior_pins=20)
    for seed, (assigned, background) in enumerate(zip(every, backgrounds, strict=True)):
        alone = max_z_pvalues(
            assigned, users, pairs, background, 20 / background.sum(), n_permutations=99
        )
        np.testing.assert_array_equal(found.max_z_by_seed[seed], alone.max_z)
        np.testing.assert_array_equal(found.p_by_seed[seed], alone.p_values)
    one = one_pair(every[0][:20], every[0][20:40], backgrounds[0], prior_pins=20)
    assert one[0] == found.max_z_by_seed[0][0]
    with pytest.raises(TypeError, match="alpha: expected a finite number above 0, or prior_pins"):
        max_z_pvalues(every, users, pairs, backgrounds)


def plain_studentised(assignments, users, pairs, sessions, n, seed):
    """Definition by plain loops, on the deals that the seeds give."""
    names = np.unique(users)
    seeds = np.random.SeedSequence(seed).generate_state(len(pairs), np.uint64)
    found = []
    for (i, j), pair_seed in zip(pairs, seeds, strict=True):
        units = [
            np.flatnonzero((users == user) & (sessions == session))
            for user in names[[i, j]]
            for session in np.unique(sessions[users == user])
        ]
        sizes = np.array([len(unit) for unit in units])
        own = len(np.unique(sessions[users == names[i]]))

        def statistic(part, units=units, sizes=sizes):
            means, a = [], 0
            for side in (part, [u for u in range(len(units)) if u not in part]):
                means.append(assignments[np.concatenate([units[u] for u in side])].mean(axis=0))
                a += np.sum((sizes[side] / sizes[side].sum()) ** 2)
            return np.sum((means[0] - means[1]) ** 2) / a

        observed = statistic(list(range(own)))
        order, state = list(range(len(units))), int(pair_seed)
        n_pins = min(sizes[:own].sum(), sizes[own:].sum())
        reached = alike = 0
        for _ in range(n):
            tried = []
            for _ in range(20):
                for place in range(len(units)):
                    state = (state + 0x9E3779B97F4A7C15) % 2**64
                    other = place + (splitmix64(state) >> 32) * (len(units) - place) // 2**32
                    order[place], order[other] = order[other], order[place]
                    if sizes[order[: place + 1]].sum() >= n_pins:
                        break
                for end in (place, place + 1):
                    if end:
                        off = abs(sizes[order[:end]].sum() - n_pins)
                        tried.append((off, len(tried), order[:end]))
                if min(tried)[0] == 0:
                    break
            part = min(tried)[2]
            reached += statistic(part) >= observed * (1 - 1e-9)
            alike += sorted(part) in (list(range(own)), list(range(own, len(units))))
        found.append((observed, (1 + reached) / (1 + n), (1 + alike) / (1 + n)))
    return np.array(found).T


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["soft", "hard", "signed"]))
def test_studentised_pvalues_equal_plain_loops(seed, kind):
    rng = np.random.default_rng(seed)
    users = rng.permutation(np.repeat(["c", "a", "b"], [5, 9, 7]))
    assignments = {
        "soft": rng.dirichlet(np.full(6, 0.3), 21),
        "hard": np.eye(6)[rng.integers(0, 6, 21)],
        "signed": rng.normal(size=(21, 6)),
    }[kind]
    sessions = rng.integers(0, 4, 21)
    pairs = [[0, 1], [2, 1], [0, 2]]
    found = studentised_pvalues(assignments, users, pairs, sessions, 40, seed)
    expected = plain_studentised(assignments, users, pairs, sessions, 40, seed)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    distance, p, least_p = found
    assert (distance is found.distance) & (p is found.p) & (least_p is found.least_p)
    assert (least_p <= p).all()


def test_studentised_p_approaches_the_exact_one_over_all_deals():
    """Sessions of one length, so that all deals keep the numbers of pins."""
    rng = np.random.default_rng(2)
    means = np.concatenate([rng.normal(size=(3, 2)) + 0.8, rng.normal(size=(4, 2))])
    assignments, sessions = np.repeat(means, 3, axis=0), np.repeat(np.arange(7), 3)
    users = (sessions > 2).astype(int)

    def statistic(part):
        rest = np.setdiff1d(range(7), part)
        return np.sum((means[list(part)].mean(0) - means[rest].mean(0)) ** 2)

    deals = [statistic(part) for part in itertools.combinations(range(7), 3)]
    exact = np.mean(np.array(deals) >= deals[0] - 1e-9)
    distance, p, least_p = studentised_pvalues(assignments, users, [[0, 1]], sessions, 20_000)
    assert distance[0] == pytest.approx(deals[0] / (1 / 3 + 1 / 4))
    assert p[0] == pytest.approx(exact, abs=0.015)
    assert least_p[0] == pytest.approx(1 / 35, abs=0.005)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), exponent=st.integers(-80, 80), shift=st.floats(-3, 3))
def test_studentised_p_does_not_depend_on_order_names_scale_place_or_axes(seed, exponent, shift):
    rng = np.random.default_rng(seed)
    pins, users = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    sessions = rng.integers(0, 5, 40)
    arguments = [[0, 1], [1, 2]], sessions, 60, seed
    expected = studentised_pvalues(pins, users, *arguments)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(40)
    changed = np.ldexp(pins @ rotation + shift, exponent)[order]
    names = np.array(["x", "y", "z"])[users][order]
    found = studentised_pvalues(
        changed, names, arguments[0], np.array(list("pqrst"))[sessions][order], 60, seed
    )
    np.testing.assert_array_equal(found[1:], expected[1:])
    np.testing.assert_allclose(found.distance, np.ldexp(expected.distance, 2 * exponent), rtol=1e-9)
    assert (found.least_p <= found.p).all()


def test_equal_profiles_give_p_one_despite_rounding():
    same = np.tile([0.1, 0.2, 0.7], (24, 1))
    sessions = np.arange(24) // 3
    found = studentised_pvalues(same, np.repeat([0, 1], [9, 15]), [[0, 1]], sessions, 99)
    assert found.p == 1
    assert found.distance < 1e-30


def unequal_pvalues(sizes, taste=0.0, n_pairs=400):
    """Pairs of users with sessions of the sizes, each of them pins of one place."""
    rng = np.random.default_rng(0)
    n_sessions = [len(own) for own in sizes]
    owners = np.repeat(np.arange(2 * n_pairs), np.tile(n_sessions, n_pairs))
    tastes = taste * rng.normal(size=(2 * n_pairs, 10))
    places = soft(tastes[owners] + 2 * rng.normal(size=(len(owners), 10)))
    codes = np.repeat(np.arange(len(owners)), np.tile(np.concatenate(sizes), n_pairs))
    pairs = np.arange(2 * n_pairs).reshape(-1, 2)
    return studentised_pvalues(places[codes], owners[codes], pairs, codes, 99).p


def soft(places):
    shares = np.exp(places)
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("sizes", "most"),
    [
        (([5] * 20, [5] * 20), 0.05),
        (([5] * 10, [5] * 30), 0.05),
        (([60] + [5] * 8, [5] * 20), 0.05),
        (([20] * 5, [2] * 50), 0.08),  # five sessions against fifty: only nearly
    ],
)
def test_the_studentised_test_holds_its_level_with_unequal_sessions(sizes, most):
    error = 3 * np.sqrt(0.05 * 0.95 / 400)
    assert np.mean(unequal_pvalues(sizes) <= 0.05) < most + error
    assert np.mean(unequal_pvalues(sizes, taste=3.0) <= 0.05) > 0.6


def test_threads_do_not_show_in_studentised_pvalues(monkeypatch):
    assignments, users = pins(3, 400, np.full(9, 0.2)), np.arange(400) % 20
    arguments = assignments, users, sample_pairs(20, 100, 0), np.arange(400) // 60, 99
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 3)
    found = studentised_pvalues(*arguments)
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 1)
    np.testing.assert_array_equal(studentised_pvalues(*arguments), found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assignments": np.full((6, 3), np.inf)}, "assignments contains infinity"),
        ({"users": np.zeros(5)}, "users: expected shape"),
        ({"pairs": [[0, 3]]}, r"pairs: .*got \[0, 3\]"),
        ({"pairs": [[1, 1]]}, "pairs: expected two different users"),
        ({"sessions": [0, 1, 2, 3, 4, np.nan]}, r"sessions: 1 of 6 .* row\(s\) 5"),
        ({"n_permutations": 0}, "n_permutations: expected a whole number of at least 1, got 0"),
        ({"assignments": 1e300 * np.eye(6)}, "distances: 1 of 1 values are not finite"),
    ],
)
def test_bad_input_of_studentised_pairs_is_named(change, message):
    good = {
        "assignments": np.ones((6, 3)), "users": np.arange(6) % 3, "pairs": [[0, 1]],
        "sessions": np.arange(6),
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        studentised_pvalues(**(good | change))


# --- stopping early, and both tests at once


@st.composite
def pairs_of_users(draw):
    """Users with tastes of their own or none, as arguments of `pair_pvalues`, and a level."""
    seed, taste = draw(st.integers(0, 10**6)), draw(st.sampled_from([0.0, 1.0]))
    rng = np.random.default_rng(seed)
    tastes = np.exp(taste * rng.standard_normal((6, 5)))
    users = rng.integers(0, 6, 90) if draw(st.booleans()) else np.repeat(range(6), 15)
    sizes = draw(st.lists(st.integers(2, 9), min_size=1, max_size=3))
    every = [
        soft(rng.standard_normal((90, k)) + np.resize(tastes, (6, k))[users]) for k in sizes
    ]  # fmt: skip
    if draw(st.booleans()):
        every[0] = np.eye(sizes[0])[every[0].argmax(axis=1)]
    background = [10 * of.sum(axis=0) for of in every]
    n = draw(st.sampled_from([19, 99, 130, 400]))
    arguments = (every, users, sample_pairs(6, 15, 0), background, 0.05, n, "two-term", seed)
    sessions = rng.integers(0, 9, 90) if draw(st.booleans()) else None
    return arguments, sessions, draw(st.sampled_from([0.05, 0.1, 0.33]))


@settings(max_examples=25, deadline=None)
@given(pairs_of_users())
def test_stopping_changes_no_p_value_up_to_the_level(world):
    arguments, sessions, level = world
    every = pair_pvalues(*arguments, sessions=sessions)
    found = pair_pvalues(*arguments, sessions=sessions, level=level)
    n = arguments[5]
    h = int(np.floor(level * n * (1 + 1e-9))) + 1
    of_both = [
        (all_.p_values, own.p_values) for all_, own in zip(every[:1], found[:1], strict=True)
    ]
    of_both += [(every[0].p_by_seed, found[0].p_by_seed)]
    of_both += [(every[1].p, found[1].p), (every[1].least_p, found[1].least_p)]
    for of_all, own in of_both:
        small = of_all <= level * (1 + 1e-9)
        np.testing.assert_array_equal(own[small], of_all[small])
        assert (own[~small] > level * (1 + 1e-9)).all()
        stopped = own != of_all
        seen = h / own[stopped]
        np.testing.assert_allclose(seen, seen.round(), rtol=1e-9)
        assert ((seen.round() >= h) & (seen.round() <= n)).all()
    np.testing.assert_array_equal(found[0].max_z_by_seed, every[0].max_z_by_seed)
    assert (found[1].least_p <= found[1].p).all()


@settings(max_examples=25, deadline=None)
@given(pairs_of_users(), st.booleans())
def test_both_tests_at_once_are_each_alone(world, huge):
    arguments, sessions, level = world
    every = [1e30 * of if huge else of for of in arguments[0]]
    backgrounds = [1e30 * of if huge else of for of in arguments[3]]
    arguments = (every, *arguments[1:3], backgrounds, *arguments[4:])
    by_z, by_distance = pair_pvalues(*arguments, sessions=sessions, level=level)
    alone = max_z_pvalues(*arguments, sessions=sessions, level=level)
    for name, found in vars(by_z).items():
        np.testing.assert_array_equal(found, getattr(alone, name))
    of = np.arange(90) if sessions is None else sessions
    expected = studentised_pvalues(
        np.concatenate(every, axis=1), *arguments[1:3], of, arguments[5], arguments[7], level=level
    )
    np.testing.assert_allclose(by_distance.distance, expected.distance, rtol=1e-12)
    np.testing.assert_array_equal(by_distance.p, expected.p)
    np.testing.assert_array_equal(by_distance.least_p, expected.least_p)


def test_p_values_of_stopped_tests_are_valid():
    """Besag and Clifford's are as likely to be at most x as x, at each value that they can have."""
    rng = np.random.default_rng(3)
    assignments = soft(2 * rng.standard_normal((40_000, 6)))
    users = np.repeat(np.arange(4000), 10)
    arguments = (assignments, users, np.arange(4000).reshape(-1, 2), np.ones(6), 0.1, 99)
    by_z, by_distance = pair_pvalues(*arguments, level=0.05)
    for p in (by_z.p_values, by_distance.p):
        assert len(np.unique(p)) > 60
        for x in (0.01, 0.05, 5 / 99, 5 / 80, 0.1, 0.2, 0.5, 5 / 6):
            error = 4 * np.sqrt(x * (1 - x) / 2000)
            assert np.mean(p <= x * (1 + 1e-9)) == pytest.approx(x, abs=error)


def test_the_number_of_blocks_does_not_show_where_tests_stop(monkeypatch):
    many = [pins(seed, 300, np.full(7, 0.2)) for seed in (3, 4)]
    arguments = (many, np.arange(300) % 12, sample_pairs(12, 66, 0), np.ones((2, 7)), 0.1, 299)
    found = pair_pvalues(*arguments, level=0.05)
    monkeypatch.setattr("visprof.significance._BLOCK", 0)
    monkeypatch.setattr("visprof.significance._FEWEST_PAIRS", 7)
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 1)
    again = pair_pvalues(*arguments, level=0.05)
    np.testing.assert_array_equal(again[0].p_by_seed, found[0].p_by_seed)
    np.testing.assert_array_equal(again[1], found[1])


def test_many_units_and_wide_vocabularies_are_summed_up_alike():
    """More of both than a table of sums has room for."""
    rng = np.random.default_rng(0)
    wide, users = rng.dirichlet(np.full(5000, 0.01), 90), np.arange(90) % 3
    narrow, owners = pins(5, 3000, np.full(3, 0.3)), np.arange(3000) % 3
    for assignments, own in ((wide, users), (narrow, owners)):
        sums = assignments.sum(axis=0)
        arguments = ([assignments], own, [[0, 1], [0, 2]], [sums], 0.5, 30, "two-term")
        found = max_z_pvalues(*arguments, 7)
        np.testing.assert_allclose(found.p_values, plain_pvalues(*arguments, None, 7)[0])


@pytest.mark.parametrize("function", [max_z_pvalues, pair_pvalues])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"level": 0.0}, ValueError, "level: expected a finite number"),
        ({"level": 1.0}, ValueError, "level: expected a finite number"),
        ({"level": "5 %"}, TypeError, "level: expected a finite number"),
    ],
)
def test_a_bad_level_is_named(function, change, error, message):
    good = (np.ones((6, 3)), np.arange(6) % 3, [[0, 1]], np.ones(3), 1.0)
    with pytest.raises(error, match=message):
        function(*good, **change)


def test_ties_are_ranked_among_all_shuffles():
    good = (np.ones((6, 3)), np.arange(6) % 3, [[0, 1]], np.ones(3), 1.0)
    with pytest.raises(ValueError, match="level: ties are ranked at random among all shuffles"):
        max_z_pvalues(*good, ties="random", level=0.05)


def closed_testing(p, level):
    """All subsets: a set is discovered if every set with it is rejected by Simes' test."""
    m = len(p)

    def rejected(of):
        ordered = sorted(p[k] for k in of)
        # equal within a billionth is equal, as everywhere: .1 is at most .3 / 3
        return any(p * len(of) / j <= level * (1 + 1e-9) for j, p in enumerate(ordered, 1))

    sets = [of for size in range(1, m + 1) for of in itertools.combinations(range(m), size)]
    return m - max((len(of) for of in sets if not rejected(of)), default=0)


@given(
    p=st.lists(st.one_of(st.floats(0, 1), st.floats(0, 0.1)), min_size=1, max_size=9),
    level=st.sampled_from([0.01, 0.05, 0.3]),
)
def test_true_discoveries_are_those_of_closed_testing(p, level):
    assert true_discoveries(p, level) == closed_testing(p, level)


@given(
    seed=st.integers(0, 10**6), m=st.integers(1, 200), level=st.floats(0.01, 0.5),
    power=st.floats(1, 6),
)  # fmt: skip
def test_true_discoveries_grow_with_the_evidence(seed, m, level, power):
    rng = np.random.default_rng(seed)
    p = rng.random(m) ** power
    found = true_discoveries(p, level)
    assert found == true_discoveries(rng.permutation(p), level)
    assert found <= true_discoveries(p * rng.random(m), level)
    assert found <= true_discoveries(p, 2 * level if level < 0.5 else 0.999)
    assert found <= true_discoveries(np.append(p, 0.0), level) - 1
    assert found <= np.sum(false_discovery_control(p) <= level)  # who bounds it finds fewer
    i = np.arange(1, m + 1)  # Hommel's rule, size by size
    tail = np.sort(p)[::-1]
    kept = [s for s in i if (tail[:s][::-1] > level * np.arange(1, s + 1) / s).all()]
    assert found == m - max(kept, default=0)


def test_rounding_of_a_p_value_does_not_decide():
    assert true_discoveries([0.025 * (1 + 1e-12), 0.05]) == 2
    assert true_discoveries([0.025 * (1 + 1e-6), 0.06]) == 0
    assert true_discoveries(np.zeros(7)) == 7
    assert true_discoveries(np.ones(7)) == 0


@pytest.mark.parametrize(
    ("p", "level", "message"),
    [
        ([], 0.05, "p_values: expected shape"),
        ([0.1, 1.1], 0.05, "p_values: expected numbers from 0 to 1, got 0.1 to 1.1"),
        ([0.1, np.nan], 0.05, r"p_values: 1 of 2 .* row\(s\) 1"),
        ([0.1], 5, "level: expected a finite number above 0 and below 1"),
    ],
)
def test_p_values_that_cannot_be_are_named(p, level, message):
    with pytest.raises(ValueError, match=message):
        true_discoveries(p, level)
