"""Tables of when pins were added: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate


def test_boards_by_days_have_a_row_each_and_the_profiles_of_figure_6():
    rows = [
        (days, n, name, Estimate(value))
        for days, n in (("at least 8", 12), ("fewer", 5))
        for name, value in (("image", 0.5), ("palette", 0.9), ("file facts", 0.25))
    ]
    found = pd.DataFrame(rows, columns=["days", "n_users", "profile", "estimate"])
    assert shown(tables.mrr_by_days(found)) == [
        ["days", "users", "image", "file facts"],
        ["at least 8", "12", "0.500", "0.250"], ["fewer", "5", "0.500", "0.250"],
    ]  # fmt: skip
    assert shown(tables.mrr_by_days(found[:0])) == [["days"], ["no board has pins of 8 days"]]


def test_held_out_sessions_stand_beside_dealt_ones():
    numbers = {
        "sessions.random": Estimate(0.1), "sessions.file-facts": Estimate(0.5, 0.4, 0.6),
        "sessions.file-facts.dealt": Estimate(0.125), "sessions.file-facts.p": Estimate(0.01),
    }  # fmt: skip
    assert shown(tables.held_sessions(numbers)) == [
        ["profile", "MRR of held-out sessions", "sessions dealt among users", "p"],
        ["file facts", "0.500 (0.400 to 0.600)", "0.125", "0.01"],
    ]
    assert shown(tables.held_sessions({})) == [["profile"], ["none: too few sessions"]]
