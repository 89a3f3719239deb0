from __future__ import annotations

import itertools

import numpy as np
import pytest

from visprof.logodds import log_odds_z
from visprof.profiles import user_profiles
from visprof.significance import dealt_counts, max_z_pvalue, share_of_pairs


def pins(seed, n, taste):
    return np.random.default_rng(seed).dirichlet(taste, size=n)


def test_dealing_keeps_the_pins_and_the_size_of_each_user():
    assignments = pins(0, 30, [1, 1, 1])
    users = np.repeat(["c", "a", "b"], [5, 10, 15])
    dealt = dealt_counts(assignments, users, 0)
    np.testing.assert_allclose(dealt.sum(axis=1), [10, 15, 5])
    np.testing.assert_allclose(dealt.sum(axis=0), assignments.sum(axis=0))
    assert not np.allclose(dealt, user_profiles(assignments, users, counts=True)[1])


def test_dealing_is_seeded():
    assignments, users = pins(0, 30, [1, 1, 1]), np.arange(30) % 3
    np.testing.assert_array_equal(
        dealt_counts(assignments, users, 1), dealt_counts(assignments, users, 1)
    )
    assert not np.allclose(dealt_counts(assignments, users, 1), dealt_counts(assignments, users, 2))


def test_dealing_removes_a_taste():
    users = np.repeat([0, 1], 200)
    taste = np.concatenate([pins(0, 200, [9, 1]), pins(1, 200, [1, 9])])
    dealt = dealt_counts(taste, users, 0)
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


def test_blocks_do_not_show(monkeypatch):
    i, j = pins(0, 20, [1, 1, 1]), pins(1, 20, [1, 1, 1])
    whole = max_z_pvalue(i, j, np.ones(3), 0.1, 200)
    monkeypatch.setattr("visprof.significance._BLOCK_PERMUTATIONS", 7)
    assert max_z_pvalue(i, j, np.ones(3), 0.1, 200) == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assign_j": np.ones((4, 2))}, "equally many columns"),
        ({"n_permutations": 0}, "n_permutations"),
        ({"assign_i": -np.ones((4, 3))}, "assign_i: expected no negative"),
        ({"assign_i": np.full((4, 3), np.nan)}, "assign_i contains NaN"),
        ({"alpha": -1.0}, "alpha"),
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


def test_share_of_pairs_resamples_users_as_a_plain_loop_does():
    n = 7
    values = np.random.default_rng(3).random(n * (n - 1) // 2)
    square = np.zeros((n, n))
    square[np.triu_indices(n, 1)] = values
    square += square.T
    share, low, high = share_of_pairs(values, n, 0.6, n_resamples=300, random_state=5)
    rng, shares = np.random.default_rng(5), []
    for times in rng.multinomial(n, np.full(n, 1 / n), size=300):
        users = np.repeat(np.arange(n), times)
        pairs = [(a, b) for a, b in itertools.combinations(users, 2) if a != b]
        shares.append(np.mean([square[a, b] > 0.6 for a, b in pairs]))
    assert share == np.mean(values > 0.6)
    np.testing.assert_allclose((low, high), np.quantile(shares, [0.025, 0.975]))


def test_share_of_pairs_checks_the_number_of_pairs():
    with pytest.raises(ValueError, match="n_users=4"):
        share_of_pairs(np.ones(5), 4, 2.0)
