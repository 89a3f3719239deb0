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


def test_halves_of_boards_have_a_row_each():
    numbers = {
        "halves.random": Estimate(0.1), "halves.pins.image": Estimate(0.9, 0.8, 1.0),
        "halves.pins.file-facts": Estimate(0.5), "halves.time.image": Estimate(0.25),
        "halves.time.file-facts": Estimate(0.125),
    }  # fmt: skip
    assert shown(tables.board_halves(numbers)) == [
        ["halves", "image", "file facts"],
        ["pins at random", "0.900 (0.800 to 1.000)", "0.500"],
        ["first and last sessions", "0.250", "0.125"],
    ]
    assert shown(tables.board_halves({})) == [["halves"], ["none: no two users with 8 sessions"]]


def test_preference_has_a_row_for_each_kind_of_others_pictures():
    numbers = {
        "preference.any.image": Estimate(0.75), "preference.facts.image": Estimate(0.5, 0.4, 0.6)
    }  # fmt: skip
    assert shown(tables.preference(numbers)) == [
        ["others' pictures", "image"], ["any", "0.750"],
        ["with the same file facts", "0.500 (0.400 to 0.600)"],
    ]  # fmt: skip
