"""Shares of pairs, and their intervals for users, pairs and seeds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from visprof.intervals import estimate_over_seeds
from visprof.shares import pair_share_draws, sampled_share, share_over_seeds, wilson_interval
from visprof.significance import sample_pairs


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
@pytest.mark.slow
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


@given(st.integers(1, 400), st.floats(0, 1))
def test_the_interval_of_a_share_is_scipys(n, share):
    count = round(share * n)
    expected = binomtest(count, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson_interval(count / n, n), expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("share", "n", "message"), [(1.5, 3, "share"), (-0.1, 3, "share"), (0.5, 0, "n")]
)
def test_what_is_no_share_of_anything_is_refused(share, n, message):
    with pytest.raises(ValueError, match=f"{message}: expected"):
        wilson_interval(share, n)
