"""Intervals by bootstrap and jackknife, over units and over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks import class_intervals
from visprof.intervals import (
    COVERAGE,
    estimate_over_seeds,
    jackknife_over_seeds,
    mean_draws,
    mean_over_seeds,
    percentile_interval,
    resample_counts,
)


def test_each_draw_has_as_many_units_as_there_are_and_follows_the_seed():
    times = resample_counts(7, 50, random_state=1)
    assert times.shape == (50, 7)
    assert (times.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(times, resample_counts(7, 50, random_state=1))
    assert not np.array_equal(times, resample_counts(7, 50, random_state=2))


def test_interval_of_a_mean_agrees_with_scipy():
    values = np.random.default_rng(0).gamma(2.0, size=80)
    draws = resample_counts(80, 20_000, random_state=0) @ values / 80
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    np.testing.assert_allclose(percentile_interval(draws, 0.95), expected, rtol=0.01)


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1])
def test_impossible_levels_are_refused(level):
    with pytest.raises(ValueError, match="level"):
        percentile_interval(np.arange(5.0), level)


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ([1.0, np.nan], r"draws: 1 of 2 values are NaN or infinite, at row\(s\) 1"),
        ([], "draws: expected shape"),
        ([-1.7e308, 1.7e308], "quantiles of the draws: 2 of 2 values are not finite"),
    ],
)
def test_draws_without_an_interval_are_refused(draws, message):
    with pytest.raises(ValueError, match=message):
        percentile_interval(draws, 0.9)


def test_no_resamples_are_refused():
    with pytest.raises(ValueError, match="n_resamples"):
        resample_counts(5, 0, random_state=0)


def test_means_of_draws_equal_plain_loops():
    rng = np.random.default_rng(0)
    values, times = rng.normal(size=(6, 2)), resample_counts(6, 9, random_state=0)
    drawn = [np.repeat(np.arange(6), row) for row in times]
    expected = [[values[units, column].mean() for column in (0, 1)] for units in drawn]
    np.testing.assert_allclose(mean_draws(values, times), expected)
    np.testing.assert_allclose(mean_draws(values[:, 0], times), np.array(expected)[:, 0])


@pytest.mark.parametrize(
    ("values", "times", "message"),
    [
        ([1.0, np.nan], [[1, 1]], r"values: 1 of 2 values are NaN or infinite, at row\(s\) 1"),
        ([[1.0, 2.0], [1.0, np.inf]], [[1, 1]], r"values\[:, 1\]: 1 of 2 .* at row\(s\) 1"),
        ([1.0, 2.0], [[1, 1, 1]], r"times: expected whole numbers of shape \(b, 2\), b >= 1"),
        ([1.0, 2.0], [[1.0, 1.0]], "times: expected whole numbers .* got float64"),
        ([1.0, 2.0], [[1, 1], [3, -1]], r"times: expected draws of 2 .* in row\(s\) 1"),
        ([1.0, 2.0], [[0, 1], [1, 1]], r"times: expected draws of 2 .* in row\(s\) 0"),
        (np.ones((2, 0)), [[1, 1]], r"values: expected at least one column, got shape \(2, 0\)"),
    ],
)
def test_what_is_no_draw_of_the_units_is_refused(values, times, message):
    with pytest.raises(ValueError, match=message):
        mean_draws(values, times)


def seeded(n_seeds, b=200, seed=0, spread=1.0):
    """Values by seed, and bootstrap draws of units that all seeds share."""
    rng = np.random.default_rng(seed)
    values = spread * rng.normal(size=n_seeds)
    return values, values + rng.normal(size=(b, 1)) + 0.1 * rng.normal(size=(b, n_seeds))


def test_one_seed_has_the_interval_of_its_draws():
    values, draws = seeded(1)
    found = estimate_over_seeds(values, draws)
    low, high = percentile_interval(draws[:, 0], COVERAGE)
    assert (found.value, found.low, found.high) == (values[0], low, high)
    assert found.by_seed == ((values[0], low, high),)
    assert found.sd_units == pytest.approx(np.std(draws[:, 0]))
    assert found.sd_seeds is None


@pytest.mark.parametrize("n_seeds", [2, 3, 10])
def test_several_seeds_equal_plain_loops_over_the_same_stream(n_seeds):
    values, draws = seeded(n_seeds)
    found = estimate_over_seeds(values, draws, random_state=7)
    rng = np.random.default_rng([7, n_seeds])
    times = rng.multinomial(n_seeds, [1 / n_seeds] * n_seeds, size=len(draws))
    stretch = np.sqrt(n_seeds / (n_seeds - 1))
    means = []
    for row, drawn in zip(draws, times, strict=True):
        plain = sum(row) / n_seeds
        resampled = sum(t * value for t, value in zip(drawn, row, strict=True)) / n_seeds
        means.append(min(max(plain + stretch * (resampled - plain), draws.min()), draws.max()))
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]))
    assert found.value == pytest.approx(sum(values) / n_seeds)
    assert found.sd_units == pytest.approx(np.std([np.mean(row) for row in draws]))
    of_seeds = sum((value - found.value) ** 2 for value in values) / (n_seeds - 1)
    assert found.sd_seeds == pytest.approx(np.sqrt(of_seeds / n_seeds))
    for seed, own in enumerate(found.by_seed):
        assert own == (values[seed], *percentile_interval(draws[:, seed], COVERAGE))
    assert (found.n, found.unit) == (None, "")


@pytest.mark.parametrize("n_seeds", [2, 3, 10])
def test_the_interval_is_as_wide_as_both_draws_make_it(n_seeds):
    """The stretch makes up for the variance that a draw of few seeds lacks, by (S - 1) / S."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=n_seeds)
    draws = values + 0.5 * rng.normal(size=(40_000, 1))
    found = estimate_over_seeds(values, draws)
    # draws far from their ends, so nothing is clipped
    times = np.random.default_rng([0, n_seeds]).multinomial(
        n_seeds, [1 / n_seeds] * n_seeds, size=len(draws)
    )
    weights = 1 + (times - 1) * np.sqrt(n_seeds / (n_seeds - 1))
    sd = np.std((weights * draws).mean(axis=1))
    assert sd == pytest.approx(np.hypot(found.sd_units, found.sd_seeds), rel=0.02)
    if n_seeds == 10:
        assert (found.high - found.low) / 2 == pytest.approx(1.96 * sd, rel=0.05)


@given(
    st.integers(1, 6), st.integers(1, 30), st.integers(0, 99), st.sampled_from([0.0, 1.0, 1e6]),
)  # fmt: skip
def test_no_end_lies_beyond_all_draws(n_seeds, b, seed, spread):
    values, draws = seeded(n_seeds, b, seed, spread)
    found = estimate_over_seeds(values, draws, seed)
    assert draws.min() <= found.low <= found.high <= draws.max()
    assert found == estimate_over_seeds(values, draws, seed)
    for column, (_, low, high) in zip(draws.T, found.by_seed, strict=True):
        assert column.min() <= low <= high <= column.max()


def test_equal_seeds_add_nothing():
    values, draws = seeded(1)
    found = estimate_over_seeds(np.repeat(values, 5), np.repeat(draws, 5, axis=1))
    assert (found.low, found.high) == pytest.approx(percentile_interval(draws[:, 0], 0.95))
    assert found.sd_seeds == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("values", "draws", "message"),
    [
        ([], np.ones((9, 0)), "values: expected shape"),
        ([1.0, 2.0], np.ones((9, 3)), r"draws: expected shape \(b, 2\), a column a seed, got"),
        ([1.0, 2.0], np.ones(9), r"draws: expected shape \(b, 2\), a column a seed, got \(9,\)"),
        ([1.0, 2.0], np.ones((0, 2)), r"draws.*: expected shape \(n,\), n >= 1, got \(0,\)"),
        ([1.0, np.nan], np.ones((9, 2)), r"values: 1 of 2 values are NaN .* at row\(s\) 1"),
        ([1.0, 2.0], [[1, 2], [1, np.nan]], r"draws\[:, 1\]: 1 of 2 .* at row\(s\) 1"),
    ],
)
def test_seeds_and_draws_that_do_not_match_are_refused(values, draws, message):
    with pytest.raises(ValueError, match=message):
        estimate_over_seeds(values, draws)


def means_left_out(own):
    """Means of units' own values (n, S), and without each unit."""
    return own.mean(axis=0), (own.sum(axis=0) - own) / (len(own) - 1)


@pytest.mark.parametrize("n", [2, 8, 30])
def test_the_jackknife_of_a_mean_is_students_interval(n):
    own = np.random.default_rng(n).gamma(1.0, size=(n, 1))
    found = jackknife_over_seeds(*means_left_out(own))
    students = stats.ttest_1samp(own[:, 0], 0).confidence_interval(COVERAGE)
    assert (found.low, found.high) == pytest.approx((students.low, students.high))
    assert found.sd_units == pytest.approx(stats.sem(own[:, 0]))
    assert found.by_seed == ((found.value, found.low, found.high),)
    assert found.sd_seeds is None


def test_the_jackknife_adds_the_variance_of_seeds():
    rng = np.random.default_rng(0)
    own = rng.normal(size=(12, 1)) + rng.normal(size=5) + 0.1 * rng.normal(size=(12, 5))
    values, left_out = means_left_out(own)
    found = jackknife_over_seeds(values, left_out)
    of_units, of_seeds = own.mean(axis=1).var(ddof=1) / 12, values.var(ddof=1) / 5
    freedom = (of_units + of_seeds) ** 2 / (of_units**2 / 11 + of_seeds**2 / 4)
    arm = stats.t.ppf(0.975, freedom) * np.sqrt(of_units + of_seeds)
    assert (found.low, found.high) == pytest.approx((values.mean() - arm, values.mean() + arm))
    assert (found.sd_units**2, found.sd_seeds**2) == pytest.approx((of_units, of_seeds))
    for seed, one in enumerate(found.by_seed):
        alone = jackknife_over_seeds(values[[seed]], left_out[:, [seed]])
        assert one == (alone.value, alone.low, alone.high)


def test_equal_seeds_add_nothing_to_the_jackknife():
    values, left_out = means_left_out(np.random.default_rng(1).normal(size=(6, 1)))
    one = jackknife_over_seeds(values, left_out)
    found = jackknife_over_seeds(np.repeat(values, 4), np.repeat(left_out, 4, axis=1))
    assert (found.low, found.high) == pytest.approx((one.low, one.high))
    constant = jackknife_over_seeds([3.0, 3.0], np.full((5, 2), 3.0))
    assert (constant.low, constant.high, constant.sd_units) == (3.0, 3.0, 0.0)


@pytest.mark.parametrize(
    ("values", "left_out", "message"),
    [
        ([1.0, 2.0], np.ones((9, 3)), r"left_out: expected shape \(n, 2\) with n > 1"),
        ([1.0], np.ones((1, 1)), r"left_out: expected shape \(n, 1\) with n > 1"),
        ([1.0], [[1.0], [np.nan]], "left_out.*NaN"),
        ([np.nan], np.ones((9, 1)), "values: 1 of 1 values are NaN"),
    ],
)
def test_values_that_cannot_be_jackknifed_are_refused(values, left_out, message):
    with pytest.raises(ValueError, match=message):
        jackknife_over_seeds(values, left_out)


@pytest.mark.slow
def test_intervals_over_few_classes_cover():
    found = pd.concat(class_intervals.coverage(400, n) for n in (8, 20))
    differences = found[found["number"] == "difference of mAP"]
    assert differences["jackknife and t"].between(0.85, 0.99).all()
    assert (differences["jackknife and t"] > differences["percentile"]).all()


@pytest.mark.parametrize("n_seeds", [1, 4])
def test_means_over_seeds_have_the_same_draws_of_units_for_all(n_seeds):
    values = np.random.default_rng(0).gamma(2.0, size=(n_seeds, 30, 3))
    found = mean_over_seeds(values, "users", 500, 5)
    times = resample_counts(30, 500, random_state=5)
    for column, number in enumerate(found):
        draws = np.stack([times @ of[:, column] / 30 for of in values], axis=1)
        means = values[:, :, column].mean(axis=1)
        expected = estimate_over_seeds(means, draws, 5)
        got = (number.value, number.low, number.high, number.sd_units)
        assert got == pytest.approx(
            (expected.value, expected.low, expected.high, expected.sd_units)
        )
        np.testing.assert_allclose(number.by_seed, expected.by_seed)
        assert number.sd_seeds == (None if n_seeds == 1 else pytest.approx(expected.sd_seeds))
        assert (number.n, number.unit) == (30, "users")
    first, second, _ = found
    shifted = mean_over_seeds(values - values[:, :, :1], "users", 500, 5)[1]
    assert shifted.value == pytest.approx(second.value - first.value)
    constant = mean_over_seeds(values * 0 + 3, "users", 500, 5)[0]
    assert (constant.low, constant.high) == pytest.approx((3, 3))


@pytest.mark.parametrize("n_seeds", [1, 5])
@pytest.mark.slow
def test_intervals_cover_the_draw_of_units_and_of_seeds(n_seeds):
    """Users and seeds with effects of their own; the truth is 0, or the one seed's."""
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(300):
        of_seeds = 0.3 * rng.normal(size=(n_seeds, 1, 1)) if n_seeds > 1 else 0
        noise = 0.5 * rng.normal(size=(n_seeds, 60, 1))
        values = of_seeds + rng.normal(size=(1, 60, 1)) + noise
        (found,) = mean_over_seeds(values, "users", 400, seed)
        covered.append(found.low <= 0 <= found.high)
    # percentile intervals of a mean over so few seeds are somewhat too short
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03 if n_seeds == 1 else 0.08)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((3, 4)), r"values: expected shape \(S, n, m\), none of them 0, got \(3, 4\)"),
        (np.ones((3, 0, 2)), "values: expected shape"),
        (np.full((2, 3, 1), np.nan), "values.*: 3 of 3 values are NaN"),
        (np.full((2, 3, 1), np.inf), "values.*: 3 of 3 values are NaN or infinite"),
    ],
)
def test_values_without_a_mean_over_seeds_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        mean_over_seeds(values, "users")
