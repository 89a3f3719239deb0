"""Tables of batches and repeated pictures: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate
from visprof.steps.robustness import BatchEffect


def test_batches_have_a_row_a_split_and_a_column_a_profile():
    rows = [
        ("by number", "image", Estimate(0.5, 0.4, 0.6)), ("by number", "text", Estimate(0.3)),
        ("batches kept whole", "image", Estimate(0.2, 0.1, 0.3)),
        ("batches kept whole", "text", Estimate(0.1)),
    ]  # fmt: skip
    batches = effect(pd.DataFrame(rows, columns=["split", "profile", "estimate"]))
    days = effect(pd.DataFrame([], columns=["split", "profile"]))
    assert shown(tables.batch_effect({"batches": batches, "days": days})) == [
        ["compared by", "split", "image", "text"],
        ["batches", "by number", "0.500 (0.400 to 0.600)", "0.300"],
        ["batches", "batches kept whole", "0.200 (0.100 to 0.300)", "0.100"],
        ["days", "none: fewer than two boards keep training pins", "", ""],
    ]


def effect(table):
    return BatchEffect(table, 9, 5, 4, 3.5)


def test_near_duplicates_have_a_row_a_rule_even_where_rules_leave_the_same_pins():
    rows = [
        (rule, 1234, 0.5, name, Estimate(value))
        for rule in ("neither", "all pins")
        for name, value in (("mean embedding", 0.25), ("image", 0.125))
    ]
    columns = ["rule", "pins_left", "leaked", "profile", "estimate"]
    assert shown(tables.near_duplicates(pd.DataFrame(rows, columns=columns))) == [
        ["near-duplicates", "pins left", "test pins with one in training",
         "mean embedding", "image"],
        ["neither", "1,234", "50.0%", "0.250", "0.125"],
        ["all pins", "1,234", "50.0%", "0.250", "0.125"],
    ]  # fmt: skip


def test_batches_that_no_split_parts_are_said_in_a_line():
    none = BatchEffect(pd.DataFrame(), 9, 0, 9, 50.0)
    said = tables.batch_effect({"batches": none, "days": none})
    assert said.data.startswith("Here no split parts pins that came together (batches, days)")


def test_what_no_split_parts_has_no_rows_beside_what_some_do():
    rows = [("by number", "image", Estimate(0.5)), ("days kept whole", "image", Estimate(0.2))]
    days = effect(pd.DataFrame(rows, columns=["split", "profile", "estimate"]))
    none = BatchEffect(days.table, 9, 0, 9, 50.0)
    assert [row[0] for row in shown(tables.batch_effect({"batches": none, "days": days}))] == [
        "compared by", "days", "days",
    ]  # fmt: skip


def test_rules_that_leave_no_pin_out_are_said_in_a_line():
    rows = [
        (rule, 1234, 0.0, name, Estimate(value, value - 0.1, value + 0.1))
        for rule in ("neither", "all pins")
        for name, value in (("mean embedding", 0.25), ("image", 0.125))
    ]
    columns = ["rule", "pins_left", "leaked", "profile", "estimate"]
    assert tables.near_duplicates(pd.DataFrame(rows, columns=columns)).data == (
        "Here no rule leaves a pin out. The MRR by all pins: mean embedding 0.250 (0.150 to "
        "0.350), image 0.125 (0.025 to 0.225)."
    )
