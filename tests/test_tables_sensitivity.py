"""The table of settings: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables


def test_every_setting_has_a_row_and_the_pages_own_is_marked():
    rows = [
        ("alpha", 0.001, 123.456, False), ("bandwidth", 0.05, 12345.6, True),
        ("normalised_assignments", True, 1.0, True), ("normalised_assignments", False, 1.0, False),
        ("sigma_over", "pairs", 1.0, True), ("user_counts", "unit", 1.0, False),
        ("variance", "two-term", 1.0, True),
    ]  # fmt: skip
    settings = pd.DataFrame(rows, columns=["parameter", "value", "prior", "chosen"])
    settings = settings.assign(entropy=1.5, differ=0.5, shuffled=0.125)
    same = ["1", "1.50", "50.0%", "12.5%"]
    assert shown(tables.shares_by_setting(settings)) == [
        ["what", "value", "prior, pins", "entropy", "Z above the threshold", "pins shuffled", ""],
        ["weight of the prior (alpha)", "0.001", "123.5", *same[1:], ""],
        ["bandwidth (beta)", "0.05", "12,350", *same[1:], "this page"],
        ["assignments of a pin sum to 1", "yes", *same, "this page"],
        ["assignments of a pin sum to 1", "no", *same, ""],
        ["sigma² is a mean over", "pairs", *same, "this page"],
        ["sum of y", "unit", *same, ""],
        ["variance", "two-term", *same, "this page"],
    ]
