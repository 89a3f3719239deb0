"""Bootstrap draws and their percentile intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from visprof.intervals import percentile_interval, resample_counts


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
