"""Powers of two that bring numbers of any size to about 1 and leave their digits as they are.

Squares and sums of finite numbers leave the range of floating point where these are very large or
very small: distances become infinite, or all 0, and whatever is ranked by them ties. What does not
depend on the unit of its input is computed in a unit of the input's size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_unit", "unit_exponent"]

# In single precision squares from 2**-64 to 2**64 can be added up, and differ in all their digits.
ORDINARY = 32


def unit_exponent(*arrays: NDArray) -> int:
    """Exponent of the power of two that is a unit for all the arrays together.

    Parameters
    ----------
    *arrays : ndarray of float
        Finite and not empty.

    Returns
    -------
    int
        e such that the largest magnitude is in [2**(e - 1), 2**e). Of ordinary numbers, those up
        to 2**32 and not all below 2**-33, it is 0: they are computed with as they are.
    """
    exponent = int(np.frexp(max(max(x.max(), -x.min()) for x in arrays))[1])
    return exponent if abs(exponent) > ORDINARY else 0


def in_unit(x: NDArray, exponent: int) -> NDArray:
    """Divide by 2**exponent: exactly, unless a number gets too small for its type (then to 0).

    Parameters
    ----------
    x : ndarray of float
    exponent : int
        From `unit_exponent`; of other numbers than `x`, perhaps.

    Returns
    -------
    ndarray of float
        Of the type of `x`; `x` itself where the exponent is 0. Numbers that get too large are
        infinite.
    """
    if exponent == 0:
        return x
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(x, -exponent)
