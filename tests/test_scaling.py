"""Powers of two that bring numbers near 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.scaling import ORDINARY, check_squares, near_one, scale_exponent, scaled

NUMBERS = st.lists(st.floats(1, 2**20) | st.floats(-(2**20), -1) | st.just(0.0), min_size=1)


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


def test_what_has_no_square_is_named():
    for largest in (0.0, 2.0**-400, 1.0, 2.0**399):
        check_squares(np.array([0.0, -largest]), "x")
    for largest in (1e-121, 1e121):
        with pytest.raises(ValueError, match=r"pins: the largest magnitude is 1e.121, too small"):
            check_squares(np.array([0.0, -largest]), "pins")


def test_arrays_share_their_exponent_and_keep_their_type():
    small, large = np.float32([1e-30]), np.array([-(2.0**100)])
    assert scale_exponent(small, large) == 101
    assert scaled(small, -101).dtype == np.float32
    assert scaled(large, 101).tolist() == [-0.5]


def test_magnitudes_too_far_apart_are_named():
    with pytest.raises(ValueError, match=r"points: magnitudes from 1e-320 to 1e\+300 are too far"):
        near_one(np.array([0.0, -1e300, 1e-320]), "points")


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=5),
    st.integers(-900, 900),
    st.sampled_from([np.float32, np.float64]),
)
def test_the_largest_magnitude_is_about_1_and_no_digit_is_lost(values, k, dtype):
    k = int(np.clip(k, -60, 60)) if dtype == np.float32 else k
    x = np.ldexp(np.array(values, dtype), k)
    exponent = scale_exponent(x)
    near = scaled(x, exponent)
    assert near.dtype == dtype
    largest = float(np.abs(x).max())
    if 0 < largest < 2.0 ** -(ORDINARY + 1) or largest >= 2.0**ORDINARY:
        assert 0.5 <= np.abs(near).max() < 1
    else:
        assert near is x
    if not largest or np.abs(x[x != 0]).min() > largest * 2.0**-60:  # else some may get too small
        np.testing.assert_array_equal(np.ldexp(near, exponent), x)


@pytest.mark.parametrize("largest", [np.finfo(float).max, np.finfo(float).smallest_subnormal])
def test_the_ends_of_the_range_have_a_unit_too(largest):
    x = np.array([0.0, -largest])
    exponent = scale_exponent(x)
    assert np.abs(scaled(x, exponent)).max() in (1 - 2.0**-53, 0.5)
    np.testing.assert_array_equal(scaled(scaled(x, exponent), -exponent), x)


def test_the_unit_of_several_arrays_is_that_of_the_largest():
    small, large = np.array([1.0]), np.array([-(2.0**100), 0.0])
    assert scale_exponent(small, large) == scale_exponent(large, small) == 101
    assert scaled(large, 0) is large


def test_what_gets_too_small_is_0_and_what_gets_too_large_is_infinite():
    x = np.array([1e-300, 1.0, 1e300])
    assert scaled(x, 900).tolist()[0] == 0
    with np.errstate(over="ignore"):
        assert np.isinf(scaled(x, -900)[2])
