"""Sentences of the sensitivity to parameters and ambiguous equations, each branch."""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
import pytest

from visprof import sentences

SETTINGS = pd.DataFrame([
    ("alpha", 0.1, True, 1.5, 12345.6, 0.5, 0.125, [0.0, 9.0]),
    ("bandwidth", 0.05, True, 1.5, 12345.6, 0.5, 0.125, [0.0, 9.0]),
    ("bandwidth", 1.0, False, 4.25, 100.0, 0.05, 0.0, [0.0, 1.0]),
    ("normalised_assignments", False, False, 1.5, 100.0, 0.75, 0.7, [0.0, 3.0]),
    ("user_counts", "unit", False, 1.5, 100.0, 0.0, 0.001, [0.0, 0.375]),
], columns=["parameter", "value", "chosen", "entropy", "prior", "differ", "shuffled",
            "max_z"]).assign(gap=[0.375, 0.375, 0.05, 0.05, -0.001])  # fmt: skip


@pytest.mark.parametrize(
    ("n_users", "compared"),
    [
        (1000, "on all pairs"),
        (1001, "on the pairs of 1,000 users drawn at random"),
    ],
)
def test_shares_are_told_from_least_to_most(n_users, compared):
    settings = SETTINGS.assign(max_z=SETTINGS["max_z"].map(np.array))
    assert sentences.shares_by_setting(settings, n_users, 100) == {
        "entropy": 1.5, "largest_entropy": log(100), "prior": "12,350",
        "unit.largest": 0.375, "wide.entropy": 4.25, "wide.differ": "5.0%", "compared": compared,
        "differ.least": "0.0%", "differ.most": "75.0%",
        "shuffled.least": "0.0%", "shuffled.most": "70.0%",
        "gap.least": "-0.1%", "gap.most": "37.5%",
    }  # fmt: skip
