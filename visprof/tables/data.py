"""Tables of the data."""

from __future__ import annotations

import pandas as pd

__all__ = ["first_boards"]


def first_boards(pins: pd.DataFrame, n: int) -> list[str]:
    """Names of the first boards in the order of the alphabet.

    Parameters
    ----------
    pins : DataFrame
        A table of pins.
    n : int
        How many boards, at most.
    """
    return sorted(pins["board"].unique())[:n]
