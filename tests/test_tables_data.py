"""Tables of the data."""

from __future__ import annotations

import pandas as pd

from visprof import tables


def test_the_first_boards_are_those_of_the_alphabet():
    pins = pd.DataFrame({"board": ["c", "a", "a", "d", "b"]})
    assert tables.first_boards(pins, 3) == ["a", "b", "c"]
    assert tables.first_boards(pins, 9) == ["a", "b", "c", "d"]


def test_filters_that_take_no_board_are_said_in_a_line_and_others_drawn():
    steps = {"step": ["all", "long", "active"]}
    every = tables.filtered_boards(pd.DataFrame({**steps, "boards": 1080, "pins": 12000}))
    assert every.data == (
        "Here every board passes every filter: all 1,080 are left, with all 12,000 pins."
    )
    some = pd.DataFrame({**steps, "boards": [9, 9, 8], "pins": [90, 90, 80]})
    assert tables.filtered_boards(some).numbers["boards"].tolist() == [9, 9, 8]


def test_times_that_are_all_distinct_are_said_in_a_line_and_others_drawn():
    boards = pd.DataFrame({"board": ["a", "b"], "pins": [100, 30], "distinct_times": [100, 30]})
    boards = boards.assign(largest_batch=1 / boards["pins"])
    said = tables.resolved_times(boards)
    assert said.data == "Here every pin has a time of its own, on each of the 2 boards."
    drawn = tables.resolved_times(boards.assign(distinct_times=[100, 29]))
    assert drawn.numbers["distinct_times"].tolist() == [100, 29]
