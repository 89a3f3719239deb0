"""Numbers that differ by rounding alone are equal."""

from __future__ import annotations

import numpy as np

from visprof.ties import at_most, exceeds


def test_what_rounding_may_not_decide():
    nearly = np.array([2 - 1e-12, 2.0, 2 + 1e-12, 2 + 1e-9, 2 + 1e-8, np.nan])
    np.testing.assert_array_equal(exceeds(nearly, 2), [0, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(at_most(nearly / 40, 0.05), [1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(exceeds(-nearly, -2), [0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(at_most([[0.05 * (1 + 1e-15)], [0.051]], 0.05), [[1], [0]])
    np.testing.assert_array_equal(exceeds([0.0, 1e-300], 0), [0, 1])
