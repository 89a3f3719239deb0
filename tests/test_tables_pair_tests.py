"""Tables of the tests of pairs, and the example by hand of chapter 7."""

from __future__ import annotations

from itertools import combinations
from math import comb, log, sqrt

import numpy as np
import pandas as pd
import pytest
from shown_tables import shown
from test_sentences_pair_tests import calibration

from visprof import tables
from visprof.intervals import Estimate
from visprof.logodds import log_odds_z


def test_the_pair_by_hand_has_three_exchanges_of_which_the_real_one_is_largest():
    assert shown(tables.session_exchanges()) == [
        ["days of A", "days of B", "pins of A (sea, hills)", "pins of B (sea, hills)", "Z"],
        ["Monday and Tuesday", "Wednesday", "4, 0", "0, 2", "2.47"],
        ["Monday and Wednesday", "Tuesday", "2, 2", "2, 0", "1.35"],
        ["Tuesday and Wednesday", "Monday", "2, 2", "2, 0", "1.35"],
    ]
    # Eqs. 4 to 6 by hand, with a prior of one pin in either cluster: of the sea, and of hills
    odds = log(5 / 1) - log(1 / 3)
    assert f"{odds / sqrt(1 / 5 + 1 / 1):.2f}" == "2.47"
    assert odds / sqrt(1 / 1 + 1 / 3) < odds / sqrt(1 / 5 + 1 / 1)


def test_pin_by_pin_the_real_one_is_one_of_fifteen_and_the_largest():
    pins = np.repeat(np.eye(2), [4, 2], axis=0)  # the last two are B's
    z = []
    for of_b in combinations(range(6), 2):
        a, b = (pins[np.isin(range(6), of_b) == own].sum(axis=0) for own in (False, True))
        z.append(np.abs(log_odds_z(a, b, np.ones(2), 1.0)).max())
    assert len(z) == 15
    assert z[-1] == max(z) > 2
    assert np.sum(np.isclose(z, z[-1])) == 1


def test_four_equal_sessions_each_are_the_fewest_that_can_differ_significantly():
    least = {m: 2 / comb(2 * m, m) for m in range(1, 6)}
    assert (least[3], least[4]) == pytest.approx((2 / 20, 2 / 70))
    assert [m for m, p in least.items() if p < 0.05] == [4, 5]


def test_shares_by_rule_are_those_that_there_are():
    numbers = {
        "pairs.tested.differ": Estimate(0.5, 0.4, 0.6),
        "pairs.significant": Estimate(0.3, 0.2, 0.4),
        "pairs.bh": Estimate(0.2, 0.1, 0.3),
    }
    sessions = {
        "pairs.significant.sessions": Estimate(0.1, 0.05, 0.2),
        "pairs.bh.sessions": Estimate(0.0, 0.0, 0.1),
    }
    names = [
        "Z > 2.5 (the paper)", "Z, pins shuffled", "Z, pins shuffled, FDR 5 %",
        "Z, sessions shuffled", "Z, sessions shuffled, FDR 5 %",
    ]  # fmt: skip
    by_pin, every = (tables.shares_by_rule(of, 2.5) for of in (numbers, sessions | numbers))
    assert by_pin["name"].to_list() == names[:3]
    assert every["name"].to_list() == names
    assert every.columns.to_list() == ["name", "value", "low", "high"]
    assert every.iloc[3, 1:].to_list() == [0.1, 0.05, 0.2]


def test_shares_of_variance_are_told_by_profile_and_what_is_unknown_is_left_empty():
    rows = [("image", "user", 0.1), ("image", "session", 0.2), ("image", "pin", 0.7),
            ("palette", "user", 0.3)]  # fmt: skip
    shares = pd.DataFrame(
        [(*row, Estimate(row[2], row[2] - 0.05, row[2] + 0.05)) for row in rows],
        columns=["profile", "share", "value", "estimate"],
    )
    assert shown(tables.variance_shares(shares)) == [
        ["profile", "user", "session", "pin itself"],
        ["image", "0.100 (0.050 to 0.150)", "0.200 (0.150 to 0.250)", "0.700 (0.650 to 0.750)"],
        ["palette", "0.300 (0.250 to 0.350)", "", ""],
    ]


def test_tests_by_session_have_a_row_a_setting_with_level_and_power():
    assert shown(tables.session_tests(calibration())) == [
        ["how users collect", "distance of a pair", "Z of a pair", "share of users",
         "global (not used)"],
        ["equal", "5% / 45%", "4% / 36%", "1% / 9%", "6% / 100%"],
        ["odd", "10% / 40%", "8% / 32%", "2% / 8%", "70% / 100%"],
    ]  # fmt: skip
