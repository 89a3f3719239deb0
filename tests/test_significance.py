from __future__ import annotations

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control

from visprof.intervals import estimate_over_seeds
from visprof.logodds import log_odds_z, pairwise_max_z
from visprof.profiles import user_profiles
from visprof.significance import (
    at_most,
    exceeds,
    max_z_pvalue,
    max_z_pvalues,
    pair_share_draws,
    sample_pairs,
    sampled_share,
    share_over_seeds,
    shuffled_counts,
)


def pins(seed, n, taste):
    return np.random.default_rng(seed).dirichlet(taste, size=n)


def test_dealing_keeps_the_pins_and_the_size_of_each_user():
    assignments = pins(0, 30, [1, 1, 1])
    users = np.repeat(["c", "a", "b"], [5, 10, 15])
    dealt = shuffled_counts(assignments, users, 0)
    np.testing.assert_allclose(dealt.sum(axis=1), [10, 15, 5])
    np.testing.assert_allclose(dealt.sum(axis=0), assignments.sum(axis=0))
    assert not np.allclose(dealt, user_profiles(assignments, users, counts=True)[1])


def test_dealing_is_seeded():
    assignments, users = pins(0, 30, [1, 1, 1]), np.arange(30) % 3
    np.testing.assert_array_equal(
        shuffled_counts(assignments, users, 1), shuffled_counts(assignments, users, 1)
    )
    assert not np.allclose(
        shuffled_counts(assignments, users, 1), shuffled_counts(assignments, users, 2)
    )


def test_dealing_removes_a_taste():
    users = np.repeat([0, 1], 200)
    taste = np.concatenate([pins(0, 200, [9, 1]), pins(1, 200, [1, 9])])
    dealt = shuffled_counts(taste, users, 0)
    assert abs(dealt[0, 0] - dealt[1, 0]) < 40  # 160 before the deal


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
    max_z, p = max_z_pvalue(i, j, g, 0.5, 20_000, variance)
    assert max_z == pytest.approx(observed)
    assert p == pytest.approx(exact, abs=0.015)


def test_p_is_uniform_under_the_null():
    taste = [0.2, 0.1, 0.1, 0.1]
    p = np.array(
        [
            max_z_pvalue(pins(s, 20, taste), pins(s + 1000, 30, taste), taste, 1.0, 99)[1]
            for s in range(300)
        ]
    )
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=4 * np.sqrt(level / 300))


def test_p_is_small_for_different_tastes_and_never_zero():
    _, p = max_z_pvalue(pins(0, 50, [5, 1, 1]), pins(1, 50, [1, 1, 5]), np.ones(3), 0.1, 199)
    assert p == 1 / 200


def test_equal_pins_give_p_one_despite_rounding():
    same = np.tile([0.1, 0.2, 0.7], (7, 1))
    assert max_z_pvalue(same, same[:5], [1, 2, 3], 0.1, 99)[1] == 1.0


def test_seeded():
    i, j = pins(0, 20, [1, 1, 1]), pins(1, 20, [1, 1, 1])
    first = max_z_pvalue(i, j, np.ones(3), 0.1, 99, random_state=1)
    assert first == max_z_pvalue(i, j, np.ones(3), 0.1, 99, random_state=1)
    others = {max_z_pvalue(i, j, np.ones(3), 0.1, 99, random_state=s)[1] for s in range(5)}
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
                    dealt = sum(pooled[unit].sum() for unit in order[:end])
                    if end:
                        tried.append((abs(dealt - n_pins), len(tried), dealt, order.copy()))
                if min(tried)[0] == 0:
                    break
            _, _, n_dealt, best = min(tried)
            reached += statistic(best, n_dealt) >= observed - 1e-9
        p_values.append((1 + reached) / (1 + n))
    return np.array(p_values).T


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=15, deadline=None)
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


def test_what_rounding_may_not_decide():
    nearly = np.array([2 - 1e-12, 2.0, 2 + 1e-12, 2 + 1e-9, 2 + 1e-8, np.nan])
    np.testing.assert_array_equal(exceeds(nearly, 2), [0, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(at_most(nearly / 40, 0.05), [1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(exceeds(-nearly, -2), [0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(at_most([[0.05 * (1 + 1e-15)], [0.051]], 0.05), [[1], [0]])
    np.testing.assert_array_equal(exceeds([0.0, 1e-300], 0), [0, 1])


def test_one_pair_is_a_case_of_many():
    i, j = pins(0, 20, [1, 1, 1]), pins(1, 30, [1, 2, 1])
    users = np.repeat([0, 1], [20, 30])
    days = np.arange(50) // 5
    for sessions in (None, days):
        one = max_z_pvalue(
            i, j, np.ones(3), 0.1, 99, random_state=3,
            **({} if sessions is None else {"sessions_i": days[:20], "sessions_j": days[20:]}),
        )  # fmt: skip
        many = max_z_pvalues(
            np.concatenate([i, j]), users, [[0, 1]], np.ones(3), 0.1, 99, random_state=3,
            sessions=sessions,
        )  # fmt: skip
        assert one == (many.max_z[0], many.p_values[0])


def test_float32_pins_give_the_same_pvalues():
    assignments, users = pins(3, 300, np.full(20, 0.2)), np.arange(300) % 6
    pairs = sample_pairs(6, 15, 0)
    double = max_z_pvalues(assignments, users, pairs, np.ones(20), 0.1, 199)
    single = max_z_pvalues(assignments.astype(np.float32), users, pairs, np.ones(20), 0.1, 199)
    np.testing.assert_allclose(single.max_z, double.max_z, rtol=1e-5)
    np.testing.assert_allclose(single.p_values, double.p_values, atol=1.5 / 200)


def test_threads_do_not_show():
    many, users = [pins(seed, 400, np.full(9, 0.2)) for seed in (3, 4)], np.arange(400) % 20
    arguments = (many, users, sample_pairs(20, 100, 0), np.ones((2, 9)), 0.1, 99)
    threads = numba.get_num_threads()
    found = max_z_pvalues(*arguments)
    numba.set_num_threads(1)
    try:
        alone = max_z_pvalues(*arguments)
        np.testing.assert_array_equal(alone.p_values, found.p_values)
        np.testing.assert_array_equal(alone.p_by_seed, found.p_by_seed)
    finally:
        numba.set_num_threads(threads)


def test_one_session_each_cannot_differ():
    i, j = pins(0, 30, [9, 1, 1]), pins(1, 30, [1, 1, 9])
    one = np.zeros(30)
    assert max_z_pvalue(i, j, np.ones(3), 0.1, 99, sessions_i=one, sessions_j=one)[1] == 1.0
    assert max_z_pvalue(i, j, np.ones(3), 0.1, 99)[1] == 0.01


def test_one_large_session_does_not_make_a_user_differ():
    """It is one thing that happened once, however many pins it has."""
    i, j = np.tile([0.9, 0.1, 0.0], (60, 1)), pins(1, 60, [1, 1, 9])
    days = np.arange(60) // 3
    single = np.zeros(60)
    test = (i, j, np.ones(3), 0.1, 199)
    assert max_z_pvalue(*test, sessions_i=single, sessions_j=days)[1] > 0.5
    assert max_z_pvalue(*test, sessions_i=days, sessions_j=days)[1] == 1 / 200


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
        ({"assign_j": np.ones((4, 2))}, "equally many columns"),
        ({"n_permutations": 0}, "n_permutations"),
        ({"assign_i": -np.ones((4, 3))}, "assign_i: expected no negative"),
        ({"assign_i": np.full((4, 3), np.nan)}, "assign_i contains NaN"),
        ({"assign_i": np.ones((0, 3))}, "assign_i: expected at least one pin"),
        ({"sessions_i": np.ones(4)}, "pass both"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": 0.0}, "alpha"),
    ],
)
def test_bad_input_is_named(change, message):
    good = {
        "assign_i": np.ones((4, 3)),
        "assign_j": np.ones((5, 3)),
        "background": np.ones(3),
        "alpha": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        max_z_pvalue(**(good | change))


def test_users_are_resampled_as_a_plain_loop_does_and_alike_for_all_seeds():
    n, n_seeds = 7, 3
    values = np.random.default_rng(3).random((n_seeds, n * (n - 1) // 2))
    squares = np.zeros((n_seeds, n, n))
    squares[:, *np.triu_indices(n, 1)] = values
    squares += squares.swapaxes(1, 2)
    shares, draws = pair_share_draws(values, n, 0.6, n_resamples=300, random_state=5)
    rng, expected = np.random.default_rng(5), []
    for times in rng.multinomial(n, np.full(n, 1 / n), size=300):
        users = np.repeat(np.arange(n), times)
        pairs = [(a, b) for a, b in itertools.combinations(users, 2) if a != b]
        expected.append(np.mean([squares[:, a, b] > 0.6 for a, b in pairs], axis=0))
    np.testing.assert_allclose(shares, np.mean(values > 0.6, axis=1))
    np.testing.assert_allclose(draws, expected)
    for row, share, draw in zip(values, shares, draws.T, strict=True):
        alone = pair_share_draws(row, n, 0.6, n_resamples=300, random_state=5)
        np.testing.assert_array_equal(alone[0], [share])
        np.testing.assert_array_equal(alone[1], draw[:, None])


def test_draws_of_one_user_alone_have_no_pair():
    draws = pair_share_draws([3.0], 2, 2.0, n_resamples=400)[1]
    assert 150 < len(draws) < 250
    np.testing.assert_array_equal(draws, 1.0)


def test_a_value_equal_to_the_threshold_but_for_rounding_is_not_above_it():
    shares, draws = pair_share_draws([2 + 1e-12, 2 - 1e-12, 2.1], 3, 2.0)
    assert shares == 1 / 3
    assert estimate_over_seeds(shares, draws).value == 1 / 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(5), r"values: .* n_users=4, got \(5,\)"),
        (np.ones((2, 5)), r"values\[0\]: .* n_users=4, got \(5,\)"),
        (np.ones((0, 6)), r"values: expected a row for each seed, got shape \(0, 6\)"),
        ([[1.0] * 6, [1.0, np.nan] * 3], r"values\[1\]: 3 of 6 values are NaN"),
    ],
)
def test_the_number_of_pairs_is_checked(values, message):
    with pytest.raises(ValueError, match=message):
        pair_share_draws(values, 4, 2.0)


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


def dyadic_variance(values, pairs):
    residual = values - values.mean()
    return sum(
        residual[a] * residual[b]
        for a in range(len(pairs))
        for b in range(len(pairs))
        if set(pairs[a]) & set(pairs[b])
    ) / len(pairs) ** 2  # fmt: skip


def assert_wilson(low, high, share, n):
    """The shares that are 1.96 standard errors of their own away."""
    for end in (low, high):
        assert abs(end - share) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / n))


@pytest.mark.parametrize("n_seeds", [1, 2, 6])
def test_sampled_share_sums_over_pairs_that_share_a_user_and_adds_seeds(n_seeds):
    rng = np.random.default_rng(2)
    pairs = sample_pairs(12, 40, 0)
    liking = rng.random(12)
    chosen = rng.random((n_seeds, 40)) < liking[pairs].mean(axis=1)
    found = sampled_share(chosen, pairs)
    shares = chosen.mean(axis=1)
    assert found.value == pytest.approx(chosen.mean())
    of_units = max(0, dyadic_variance(chosen.mean(axis=0), pairs))
    assert found.sd_units == pytest.approx(np.sqrt(of_units))
    of_seeds = np.var(shares, ddof=1) / n_seeds if n_seeds > 1 else 0
    variance, value = of_units + of_seeds, found.value
    assert_wilson(found.low, found.high, value, min(40, value * (1 - value) / variance))
    if n_seeds == 1:
        assert found.sd_seeds is None
        assert found == sampled_share(chosen[0], pairs)
        assert found.by_seed == ((found.value, found.low, found.high),)
        return
    assert found.sd_seeds == pytest.approx(np.sqrt(of_seeds))
    for own, row in zip(found.by_seed, chosen, strict=True):
        alone = sampled_share(row, pairs)
        assert own == (alone.value, alone.low, alone.high)


def test_sampled_share_takes_the_variance_between_seeds_from_each_seed_alone():
    rng = np.random.default_rng(3)
    pairs = sample_pairs(12, 40, 0)
    chosen, alone = rng.random(40) < 0.5, rng.random((6, 40)) < rng.random((6, 1))
    found, plain = sampled_share(chosen, pairs, alone=alone), sampled_share(chosen, pairs)
    assert (found.value, found.sd_units) == (plain.value, plain.sd_units)
    of_seeds = np.var(alone.mean(axis=1), ddof=1) / 6
    assert found.sd_seeds == pytest.approx(np.sqrt(of_seeds))
    assert found.low < plain.low < plain.value < plain.high < found.high
    variance = max(0, dyadic_variance(chosen, pairs)) + of_seeds
    share = found.value
    assert_wilson(found.low, found.high, share, min(40, share * (1 - share) / variance))
    assert found.by_seed == sampled_share(alone, pairs).by_seed
    by_seed = sampled_share(alone, pairs)
    assert sampled_share(alone, pairs, alone=alone) == by_seed
    one = sampled_share(chosen, pairs, alone=alone[:1])
    assert one.sd_seeds is None
    assert (one.low, one.high) == (plain.low, plain.high)
    assert one.by_seed == by_seed.by_seed[:1]
    for wrong, message in (
        (alone[:, :-1], r"alone\[0\]: expected shape \(40,\)"),
        (alone + 0.5, r"alone\[0\]: expected true or false"),
        (np.zeros((0, 40)), "alone: expected a row for each seed"),
    ):
        with pytest.raises(ValueError, match=message):
            sampled_share(chosen, pairs, alone=wrong)


def test_sampled_share_of_disjoint_pairs_is_binomial():
    pairs = np.arange(200).reshape(-1, 2)
    found = sampled_share(np.arange(100) < 30, pairs)
    interval = binomtest(30, 100).proportion_ci(method="wilson")
    np.testing.assert_allclose((found.low, found.high), interval)
    assert found.sd_units == pytest.approx(np.sqrt(0.3 * 0.7 / 100))
    none = binomtest(0, 100).proportion_ci(method="wilson")
    for nothing in (np.zeros(100), np.zeros((5, 100))):
        found = sampled_share(nothing, pairs)
        np.testing.assert_allclose((found.value, found.low, found.high), (0, *none), atol=1e-12)


@pytest.mark.parametrize("n_seeds", [1, 6])
def test_sampled_share_covers_users_pairs_and_seeds(n_seeds):
    """Of each pair one half is chosen, over users and seeds."""
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(300):
        users = 0.8 * rng.standard_normal(80)
        pairs = sample_pairs(80, 500, seed)
        strictness = 0.8 * rng.standard_normal((n_seeds, 1)) if n_seeds > 1 else 0
        noise = rng.standard_normal((n_seeds, 500))
        found = sampled_share(users[pairs].sum(axis=1) + noise > strictness, pairs)
        covered.append(found.low <= 0.5 <= found.high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.04)


def test_share_over_seeds_of_one_is_wilsons():
    for n_chosen in (0, 7, 30):
        found = share_over_seeds([np.arange(30) < n_chosen])
        interval = binomtest(n_chosen, 30).proportion_ci(method="wilson")
        np.testing.assert_allclose((found.low, found.high), interval, atol=1e-12)
        assert (found.value, found.sd_seeds) == (n_chosen / 30, None)
        assert found.by_seed == ((found.value, found.low, found.high),)


def test_share_over_seeds_adds_what_seeds_differ_more_than_draws():
    alike = share_over_seeds([np.arange(50) < n for n in (10, 11, 9, 10)])
    interval = binomtest(40, 200).proportion_ci(method="wilson")
    np.testing.assert_allclose((alike.low, alike.high), interval)
    assert alike.sd_seeds == 0
    numbers, sizes = np.array([0, 30, 5, 20]), np.array([50, 40, 60, 50])
    chosen = [np.arange(size) < n for n, size in zip(numbers, sizes, strict=True)]
    found = share_over_seeds(chosen)
    share = numbers.sum() / sizes.sum()
    assert found.value == pytest.approx(share)
    of_units = share * (1 - share) / 200
    excess = np.var(numbers / sizes, ddof=1) - np.mean(share * (1 - share) / sizes)
    of_seeds = excess * sum((size / 200) ** 2 for size in sizes)
    assert found.sd_units == pytest.approx(np.sqrt(of_units))
    assert found.sd_seeds == pytest.approx(np.sqrt(of_seeds))
    assert_wilson(found.low, found.high, share, share * (1 - share) / (of_units + of_seeds))
    for own, row in zip(found.by_seed, chosen, strict=True):
        assert own == share_over_seeds([row]).by_seed[0]


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_share_over_seeds_covers_pairs_and_seeds(spread):
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(1000):
        rates = np.clip(0.1 + spread * rng.standard_normal(10), 0, 1)
        found = share_over_seeds(rng.random((10, 200)) < rates[:, None])
        covered.append(found.low <= 0.1 <= found.high)
    assert 0.92 < np.mean(covered) < 0.98


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([], "chosen: expected the pairs of at least one seed"),
        ([[True], []], r"chosen\[1\]: expected shape"),
        ([[True], [0.5]], r"chosen\[1\]: expected true or false .* got 0\.5 at row 0"),
    ],
)
def test_share_over_seeds_names_bad_input(chosen, message):
    with pytest.raises(ValueError, match=message):
        share_over_seeds(chosen)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], np.zeros((0, 2), int)), "m >= 1"),
        (([True], [[0, 1], [1, 2]]), r"chosen: expected shape \(2,\), got \(1,\)"),
        (([True], [[0, 1]], 1.0), "level"),
        (([[1, 0], [0, 2]], [[0, 1], [1, 2]]), r"chosen\[1\]: .* got 2 at row 1"),
    ],
)
def test_sampled_share_names_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        sampled_share(*arguments)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([5, 0, 1], r"chosen: .* got 5 at row 0, and 1 such value\(s\) in all"),
        ([1, 0, np.nan], r"chosen: 1 of 3 values are NaN or infinite, at row\(s\) 2"),
        ([0.5, -1, 0], r"chosen: .* got 0\.5 at row 0, and 2"),
    ],
)
def test_a_pair_is_chosen_or_not(chosen, message):
    with pytest.raises(ValueError, match=message):
        sampled_share(chosen, [[0, 1], [0, 2], [1, 2]])


def test_a_pair_is_of_two_users():
    with pytest.raises(ValueError, match=r"pairs: .* got \[2, 2\] at row 1"):
        sampled_share([True, False], [[0, 1], [2, 2]])


def test_a_share_of_missing_values_is_refused():
    with pytest.raises(ValueError, match=r"values: 1 of 3 values are NaN .* row\(s\) 0;"):
        pair_share_draws([np.nan, 3, 2.5], 3, 2)


@pytest.mark.parametrize("alpha", [1e9, 1e15, 1e20, 1e100, 1e300])
def test_a_prior_in_which_the_pins_drown_gives_no_evidence(alpha):
    i, j = pins(0, 30, [1, 1, 1]), pins(1, 30, [1, 1, 1])
    max_z, p = max_z_pvalue(i, j, [3.0, 4.0, 5.0], alpha, 199)
    assert 0 <= max_z < 1e-2
    assert p > 0.05
    with pytest.raises(ValueError, match=r"alpha=1e\+308: 6 of 6 values are not finite"):
        max_z_pvalue(i, j, [3.0, 4.0, 5.0], 1e308, 199)


@pytest.mark.parametrize("alpha", [1e20, 1e200])
def test_clusters_without_prior_are_tested_beside_a_huge_one(alpha):
    i, j = np.tile([0.0, 0.0, 1.0, 0.0], (40, 1)), np.tile([0.0, 0.0, 0.0, 1.0], (40, 1))
    i[::4], j[::4] = j[0], i[1]
    max_z, p = max_z_pvalue(i, j, [1.0, 1.0, 0.0, 0.0], alpha, 199)
    assert max_z == pytest.approx(np.log(3) / np.sqrt(1 / 30 + 1 / 10))
    assert p == 1 / 200


def test_sessions_of_two_users_may_be_named_differently():
    i, j = pins(0, 20, [1, 1, 1]), pins(1, 30, [1, 2, 1])
    days = np.arange(50) // 5
    test = (i, j, np.ones(3), 0.1, 99)
    words = [f"day {day}" for day in days[20:]]
    expected = max_z_pvalue(*test, sessions_i=days[:20], sessions_j=days[20:])
    assert max_z_pvalue(*test, sessions_i=days[:20], sessions_j=words) == expected


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
    one = max_z_pvalue(every[0][:20], every[0][20:40], backgrounds[0], prior_pins=20)
    assert one[0] == found.max_z_by_seed[0][0]
    with pytest.raises(TypeError, match="alpha: expected a finite number above 0, or prior_pins"):
        max_z_pvalues(every, users, pairs, backgrounds)
