"""The table of error rates: every cell as it is shown."""

from __future__ import annotations

from itertools import product

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate


def test_error_rates_have_a_row_an_assignment_and_a_column_a_number_of_pins():
    rates = pd.DataFrame(
        product(("hard", "soft"), (30, 1000), ("two-term", "four-term")),
        columns=["assignment", "n_pins", "variance"],
    )
    null = {
        "null.rule.hard.30": Estimate(0.01, 0.005, 0.02), "null.rule.hard.1000": Estimate(0.5),
        "null.rule.soft.30": Estimate(0.02), "null.rule.soft.1000": Estimate(0.25, 0.2, 0.3),
    }  # fmt: skip
    assert shown(tables.rule_error_rates(rates, null)) == [
        ["assignment", "30 pins", "1,000 pins"],
        ["hard", "1.0% (0.5% to 2.0%)", "50.0%"],
        ["soft", "2.0%", "25.0% (20.0% to 30.0%)"],
    ]
