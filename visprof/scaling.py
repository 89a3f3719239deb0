"""Numbers of any magnitude brought near 1, by a power of two: no digit changes.

Squares and sums of finite numbers may overflow or vanish, and then everything ties. What depends on
scale in a known way, such as the order of distances, is computed from scaled numbers instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_squares", "near_one", "scale_exponent", "scaled"]

SQUARED = 400  # magnitudes from 2**-400 to 2**400 have sums of squares, in double precision
ORDINARY = 32  # magnitudes from 2**-32 to 2**32 are left alone: single precision squares them


def scale_exponent(*arrays: NDArray, ordinary: int = ORDINARY) -> int:
    """Exponent of the power of two about as large as the largest magnitude of all arrays.

    Parameters
    ----------
    *arrays : ndarray
        Finite numbers, at least one in each.
    ordinary : int, default=32
        Largest magnitudes from ``2**-ordinary`` to ``2**ordinary`` are left alone.

    Returns
    -------
    int
        0 where the largest magnitude is ordinary, or 0.
    """
    largest = max(float(max(array.max(), -array.min())) for array in arrays)
    exponent = int(np.frexp(largest)[1])
    return exponent if largest and abs(exponent) > ordinary else 0


def scaled(x: NDArray, exponent: int) -> NDArray:
    """Divide by ``2**exponent``: a copy, but `x` itself where the exponent is 0.

    Parameters
    ----------
    x : ndarray
    exponent : int
        Of `scale_exponent`.

    Returns
    -------
    ndarray
        Of the same type; the largest magnitude is from 1/2 to 1.

    Examples
    --------
    >>> scaled(np.array([1.0, 3.0]), 2)  # divided by 2**2
    array([0.25, 0.75])
    """
    return np.ldexp(x, -exponent) if exponent else x


def check_squares(x: NDArray, name: str) -> None:
    """Check that squares of numbers are neither all 0 nor infinite.

    Parameters
    ----------
    x : ndarray
        Finite numbers, at least one.
    name : str
        What they are, for messages.

    Raises
    ------
    ValueError
        If the largest magnitude is out of the range from ``2**-400`` to ``2**400``, and not 0.
    """
    if scale_exponent(x, ordinary=SQUARED):
        raise ValueError(
            f"{name}: the largest magnitude is {np.abs(x).max():.3g}, too small or too large to be "
            "squared; rescale them"
        )


def near_one(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Divide by the power of two about as large as the largest magnitude, where not ordinary.

    Parameters
    ----------
    x : ndarray of float64
        Finite numbers, at least one.
    name : str
        What they are, for messages.

    Returns
    -------
    ndarray
        `x` itself where its largest magnitude is ordinary.

    Raises
    ------
    ValueError
        If the smallest would lose digits: magnitudes are about 300 orders apart.
    """
    exponent = scale_exponent(x)
    result = scaled(x, exponent)
    if exponent and np.any(np.ldexp(result, exponent) != x):
        magnitudes = np.abs(x[x != 0])
        raise ValueError(
            f"{name}: magnitudes from {magnitudes.min():.3g} to {magnitudes.max():.3g} are too far "
            "apart to compute with; rescale the columns, or leave out the rows far from all others"
        )
    return result
