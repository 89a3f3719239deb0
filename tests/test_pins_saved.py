"""Pins saved: where a curve of own pins first reaches a level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.pins_saved import pins_saved, pins_saved_estimate
from visprof.rank_scores import random_mrr

RNG = np.random.default_rng(0)


def test_pins_saved_are_where_the_line_is_reached():
    curve, sizes = [0.1, 0.2, 0.4], [0, 2, 5]
    for level, expected in ((0.3, 3.5), (0.2, 2), (0.4, 5), (0.15, 1), (0.1, 0), (0, 0), (0.5, 5)):
        assert pins_saved(curve, level, sizes) == pytest.approx(expected)


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0, 1),
)  # fmt: skip
def test_pins_saved_are_the_first_that_a_fine_grid_finds(curve, level):
    sizes = [0, 1, 3, 9]
    found = float(pins_saved(curve, level, sizes))
    at = np.linspace(0, 9, 9001)
    reached = np.interp(at, sizes, curve) >= level - 1e-12
    expected = at[reached][0] if reached.any() else 9
    assert found <= expected + 2e-3
    assert np.interp(found, sizes, curve) >= level - 1e-9 or found == 9


def test_pins_saved_are_found_of_many_curves_at_once():
    curves, levels = RNG.random((3, 4, 5)), RNG.random((3, 4))
    found = pins_saved(curves, levels, range(5))
    for place in np.ndindex(3, 4):
        assert found[place] == pins_saved(curves[place], levels[place], range(5))


@pytest.mark.parametrize(
    ("curve", "level", "sizes", "message"),
    [
        ([0.1, 0.2], 0.1, [0, 1, 2], "expected"),
        ([0.1, 0.2], [0.1], [0, 1], "expected"),
        ([0.1], 0.1, [0], "expected"),
        ([0.1, 0.2], 0.1, [1, 0], "sizes: expected increasing numbers"),
        ([0.1, np.nan], 0.1, [0, 1], "curve"),
        ([0.1, 0.2], np.inf, [0, 1], "level"),
    ],
)
def test_what_is_no_curve_is_refused(curve, level, sizes, message):
    with pytest.raises(ValueError, match=message):
        pins_saved(curve, level, sizes)


def test_an_estimate_is_of_means_over_users_and_censored_where_these_are():
    own = {0: np.full((1, 6), 0.1), 2: np.full((1, 6), 0.2), 5: np.full((1, 6), 0.3)}
    plain = pins_saved_estimate(own, np.full((1, 6), 0.25), 50)
    assert (plain.value, plain.low, plain.high) == pytest.approx((3.5, 3.5, 3.5))
    assert (plain.n, plain.unit) == (6, "users")
    late = pins_saved_estimate(own, RNG.uniform(0.2, 0.6, (1, 6)), 200, 1)
    assert late.value <= late.high == 5
    twice = pins_saved_estimate(
        {n: np.repeat(of, 2, axis=0) for n, of in own.items()}, np.full((2, 6), 0.25), 50
    )
    assert twice.value == pytest.approx(3.5)
    assert len(twice.by_seed) == 2
    with pytest.raises(ValueError, match="expected one shape"):
        pins_saved_estimate(own, np.full((1, 5), 0.25))


def test_scores_that_differ_by_rounding_are_equal():
    third = 0.1 + 0.2  # a little above 0.3
    assert pins_saved([0.3, 0.2, 0.4], third, [0, 1, 2]) == 0
    assert pins_saved([0.1, 0.3, 0.2], third, [0, 1, 20]) == 1
    assert pins_saved([third - 1e-10, third - 5e-11, third], third, [0, 1, 20]) == 0
    # a source that says nothing is worth nothing, however its random rank was added up
    for n in range(2, 60):
        level = sum(1 / rank for rank in range(n, 0, -1)) / n
        assert pins_saved([random_mrr(n), random_mrr(n) / 2, 1.0], level, [0, 1, 5]) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"own": {}}, r"two numbers of own pins at least, got \[\] and \(1, 2\)"),
        ({"own": {0: [[0.1, 0.2]], 1: [[0.1]]}}, r"one shape .* got \[\(1, 2\), \(1, 1\)\]"),
        ({"own": {0: [[0.1, np.nan]], 1: [[0.1, 0.2]]}}, r"own\[0\]: 1 of 2 values are NaN"),
        ({"own": {"a": [[0.1, 0.2]], 1: [[0.1, 0.2]]}}, "own: known pins: expected a whole number"),
        ({"transferred": [[np.nan, 0.1]]}, "transferred: 1 of 2 values are NaN"),
        ({"transferred": [["x", "y"]]}, "transferred: expected numbers"),
    ],
)
def test_scores_of_an_estimate_are_named_if_they_are_wrong(changes, message):
    arguments = {"own": {0: [[0.1, 0.2]], 1: [[0.2, 0.3]]}, "transferred": [[0.1, 0.2]]}
    with pytest.raises((TypeError, ValueError), match=message):
        pins_saved_estimate(**arguments | changes, n_resamples=9)
