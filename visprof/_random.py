"""Random numbers of compiled code: a counter, mixed, so that every row has a stream of its own."""

from __future__ import annotations

import numpy as np

from visprof._numba import njit

__all__ = ["GOLDEN", "mixed", "uniform"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # what is added to the counter before each draw


@njit
def mixed(state):  # pragma: no cover  (compiled)
    """Random bits of a counter: SplitMix64 (Steele, Lea and Flood 2014)."""
    bits = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@njit
def uniform(state):  # pragma: no cover  (compiled)
    """A number of [0, 1) of a counter: 53 random bits."""
    return np.float64(mixed(state) >> np.uint64(11)) * 2.0**-53
