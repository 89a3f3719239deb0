"""Tables of the data."""

from __future__ import annotations

import pandas as pd

from visprof import tables


def test_the_first_boards_are_those_of_the_alphabet():
    pins = pd.DataFrame({"board": ["c", "a", "a", "d", "b"]})
    assert tables.first_boards(pins, 3) == ["a", "b", "c"]
    assert tables.first_boards(pins, 9) == ["a", "b", "c", "d"]
