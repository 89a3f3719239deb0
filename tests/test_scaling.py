"""Powers of two that bring numbers near 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visprof.scaling import near_one, scale_exponent, scaled

NUMBERS = st.lists(st.floats(1, 2**20) | st.floats(-(2**20), -1) | st.just(0.0), min_size=1)


@settings(derandomize=True, max_examples=50)
@given(numbers=NUMBERS, exponent=st.integers(-1000, 1000))
def test_no_digit_changes(numbers, exponent):
    x = np.ldexp(np.array(numbers), exponent)
    result = near_one(x, "x")
    power = scale_exponent(x)
    np.testing.assert_array_equal(np.ldexp(result, power), x)
    if power:
        assert 0.5 <= np.abs(result).max() < 1
    else:
        assert result is x


@pytest.mark.parametrize("x", [[0.0], [1.0, -3e9], [1e-9, 0.0], [-4e9]])
def test_ordinary_numbers_are_left_alone(x):
    assert scale_exponent(np.array(x)) == 0


def test_arrays_share_their_exponent_and_keep_their_type():
    small, large = np.float32([1e-30]), np.array([-(2.0**100)])
    assert scale_exponent(small, large) == 101
    assert scaled(small, -101).dtype == np.float32
    assert scaled(large, 101).tolist() == [-0.5]


def test_magnitudes_too_far_apart_are_named():
    with pytest.raises(ValueError, match=r"points: magnitudes from 1e-320 to 1e\+300 are too far"):
        near_one(np.array([0.0, -1e300, 1e-320]), "points")
