"""The table of settings: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables


def test_every_other_setting_has_a_row_below_the_pages_own():
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
        ["what", "value", "prior, pins", "entropy", "Z above the threshold", "pins shuffled"],
        ["as on this page", "", "12,350", *same[1:]],
        ["weight of the prior (alpha)", "0.001", "123.5", *same[1:]],
        ["assignments of a pin sum to 1", "no", *same],
        ["sum of y", "unit", *same],
    ]
