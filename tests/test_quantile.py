"""Quantiles of few numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from visprof._quantile import quantiles

FINITE = {"allow_nan": False, "allow_infinity": False}


@given(
    arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e9, 1e9, **FINITE)),
    st.lists(st.floats(0, 1), max_size=3),
)
def test_they_are_numpys_to_the_last_bit(values, shares):
    assert quantiles(values, shares) == np.quantile(values, shares).tolist()


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6)),
        elements=st.floats(-1, 1, width=32, **FINITE),
    ),
    st.floats(0, 1),
)  # fmt: skip
def test_numbers_of_single_precision_stay_so(values, share):
    assert quantiles(values, [share]) == [float(np.quantile(values, share))]


def test_values_are_left_in_their_order():
    values = np.array([3.0, 1.0, 2.0])
    assert quantiles(values, (0.0, 0.5, 1.0)) == [1.0, 2.0, 3.0]
    assert values.tolist() == [3.0, 1.0, 2.0]
