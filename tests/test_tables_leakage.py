"""Tables of batches and repeated pictures: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate


def test_batches_have_a_row_a_split_and_a_column_a_profile():
    rows = [
        ("by number", "image", Estimate(0.5, 0.4, 0.6)), ("by number", "text", Estimate(0.3)),
        ("batches kept whole", "image", Estimate(0.2, 0.1, 0.3)),
        ("batches kept whole", "text", Estimate(0.1)),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["split", "profile", "estimate"])
    assert shown(tables.batch_effect(table)) == [
        ["split", "image", "text"],
        ["by number", "0.500 (0.400 to 0.600)", "0.300"],
        ["batches kept whole", "0.200 (0.100 to 0.300)", "0.100"],
    ]


def test_without_boards_that_keep_training_pins_there_is_one_row_that_says_so():
    table = pd.DataFrame([], columns=["split", "profile"])
    assert shown(tables.batch_effect(table)) == [
        ["split"], ["none: fewer than two boards keep training pins"]
    ]  # fmt: skip


def test_near_duplicates_have_a_row_a_rule_even_where_rules_leave_the_same_pins():
    rows = [
        (rule, 1234, 0.5, name, Estimate(value))
        for rule in ("neither", "all pins")
        for name, value in (("mean embedding", 0.25), ("image", 0.125))
    ]
    columns = ["rule", "pins_left", "leaked", "profile", "estimate"]
    assert shown(tables.near_duplicates(pd.DataFrame(rows, columns=columns))) == [
        ["near-duplicates", "pins left", "test pins with one in training", "image",
         "mean embedding"],
        ["neither", "1,234", "50.0%", "0.125", "0.250"],
        ["all pins", "1,234", "50.0%", "0.125", "0.250"],
    ]  # fmt: skip
