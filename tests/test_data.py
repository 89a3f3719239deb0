"""Steps: the pins and scenes of a study."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from visprof.steps.data import (
    BoardSplit,
    PinArrays,
    Pins,
    duplicate_numbers,
    equal_vectors,
    vector_pins,
)


def test_rows_of_all_pins_are_parted_as_the_tables_are():
    table = pd.DataFrame({"image": list("abcde")})
    split = BoardSplit(table[:2], table[2:], pd.DataFrame())
    rows = np.arange(15).reshape(5, 3)
    parted = split.arrays(rows)
    assert isinstance(parted, PinArrays)
    np.testing.assert_array_equal(parted.background, rows[:2])
    np.testing.assert_array_equal(parted.analysed, rows[2:])
    np.testing.assert_array_equal(parted.stacked(), rows)
    assert split.images == list("abcde")


def test_shares_of_near_duplicates_are_of_the_readable_pins():
    found = pd.DataFrame({"share_same_board": [0.25], "share": [0.125]})
    sheet = SimpleNamespace(duplicates=found)
    pins = Pins(pd.DataFrame({"image": list("abcdefgh")}), pd.DataFrame(), pd.DataFrame())
    numbers = duplicate_numbers(sheet, pins)
    assert {key: (of.value, of.n, of.unit) for key, of in numbers.items()} == {
        "duplicates.same_board": (0.25, 8, "pins"), "duplicates.other_board": (0.125, 8, "pins"),
    }  # fmt: skip


def test_pins_without_pictures_have_boards_and_times_of_their_own():
    pins = vector_pins(n_users=12, n_simulated_pins=3).readable
    assert pins.groupby("board").size().tolist() == [3] * 12
    assert pins["board"].iloc[[0, -1]].tolist() == ["user-00", "user-11"]
    assert (pins.groupby("board")["time"].diff().dropna() == pd.Timedelta(hours=1)).all()
    assert pins["row"].tolist() == list(range(36))


def test_repeats_are_the_only_equal_vectors():
    world = {"n_users": 4, "n_pins": 30, "random_state": 3}
    assert len(np.unique(equal_vectors({**world, "repeat_share": 0.0}))) == 120
    assert len(np.unique(equal_vectors({**world, "repeat_share": 0.5}))) < 90
