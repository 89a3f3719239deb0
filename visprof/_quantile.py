"""Quantiles of few numbers, as NumPy's to the last bit, which looks at its arguments for longer."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantiles"]


def quantiles(values: NDArray, shares: Iterable[float]) -> list[float]:
    """Quantiles of finite numbers, interpolated in their precision: `numpy.quantile`'s "linear"."""
    ordered, found = np.sort(values, axis=None), []
    for share in shares:
        at = share * (len(ordered) - 1)
        below = int(at)
        low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
        apart, part = high - low, at - below
        found.append(float(low + apart * part if part < 0.5 else high - apart * (1 - part)))
    return found
