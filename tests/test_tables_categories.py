"""Tables of taste across categories: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate

NUMBERS = {
    "carry.general.embedding": Estimate(0.02, 0.01, 0.03),
    "carry.category.embedding": Estimate(0.03, -0.01, 0.07),
    "carry.taste.embedding": Estimate(0.05, 0.02, 0.08),
    "carry.rho.embedding": Estimate(0.4, 0.1, 0.7),
    "carry.general.embedding.p": Estimate(0.01),
    "carry.taste.embedding.p": Estimate(0.002),
    "carry.general.file-facts.p": Estimate(0.5),
    "carry.general.file-facts": Estimate(-0.01, -0.02, 0.01),
    "carry.mrr.other.embedding": Estimate(0.3, 0.2, 0.4),
    "carry.mrr.same.embedding": Estimate(0.5, 0.4, 0.6),
    "carry.mrr.same-other.embedding": Estimate(0.2, 0.1, 0.3),
}


def test_categories_have_their_pins_and_users():
    census = pd.DataFrame(
        {"user": list("abab"), "category": ["sea", "sea", "town", "town"],
         "pins": [900, 300, 5, 10], "counts": [True, True, False, True]}
    )  # fmt: skip
    assert shown(tables.category_users(census)) == [
        ["category", "pins", "users with any", "users who count"],
        ["sea", "1,200", "2", "2"], ["town", "15", "2", "1"],
    ]  # fmt: skip


def test_parts_and_carry_over_stand_in_a_row_and_say_what_is_not_defined():
    rows = shown(tables.taste_parts(NUMBERS))
    assert rows[1:] == [
        ["embedding", "2.0% (1.0% to 3.0%)", "0.010", "3.0% (-1.0% to 7.0%)", "not defined",
         "not defined", "0.40 (0.10 to 0.70)"],
        ["file facts", "-1.0% (-2.0% to 1.0%)", "0.500", *["not defined"] * 4],
    ]  # fmt: skip
    assert rows[0][-1] == "carry-over"
    assert shown(tables.taste_parts({})) == [
        ["feature"], ["none: too few users have two categories"]
    ]  # fmt: skip


def test_each_rule_of_categories_has_a_row():
    numbers = {
        "carry.by-scenes.users": Estimate(20), "carry.by-scenes.n": Estimate(3),
        "carry.by-scenes.general": Estimate(0.02, 0.01, 0.03),
        "carry.by-scenes.general.p": Estimate(0.01),
        "carry.by-scenes.category": Estimate(0.03, -0.01, 0.07),
        "carry.by-scenes.taste.p": Estimate(0.002),
        "carry.by-scenes.rho": Estimate(0.4, 0.1, 0.7), "carry.by-words.users": Estimate(2),
    }  # fmt: skip
    heading, *rows = shown(tables.carry_over_by_rule(numbers))
    assert heading == [
        "a category is", "users", "categories", "general taste", "p of no general taste",
        "taste within the category", "p of no taste", "carry-over",
    ]  # fmt: skip
    assert rows == [
        ["a group of scenes", "20", "3", "2.0% (1.0% to 3.0%)", "0.010", "3.0% (-1.0% to 7.0%)",
         "0.002", "0.40 (0.10 to 0.70)"],
        ["a word of the caption", "2", *["too few users"] * 6],
    ]  # fmt: skip
    del numbers["carry.by-scenes.rho"]
    assert shown(tables.carry_over_by_rule(numbers))[1][-1] == "not defined"


def test_ranks_by_another_category_stand_beside_those_by_the_same():
    assert shown(tables.category_mrr(NUMBERS))[1:] == [
        ["embedding", "0.300 (0.200 to 0.400)", "0.500 (0.400 to 0.600)",
         "+0.200 (+0.100 to +0.300)"],
    ]  # fmt: skip
    assert shown(tables.category_mrr({}))[1:] == [["none: too few users have two categories"]]


def test_rows_of_figures_have_what_there_is():
    parts = tables.taste_part_rows(NUMBERS)
    assert parts[["feature", "part", "value"]].to_numpy().tolist() == [
        ["embedding", "general taste", 0.02], ["embedding", "taste within the category", 0.03],
        ["file facts", "general taste", -0.01],
    ]  # fmt: skip
    mrr = tables.category_mrr_rows(NUMBERS)
    assert mrr["trained"].tolist() == ["another category", "the same category"]
    assert mrr["high"].tolist() == [0.4, 0.6]
    assert tables.category_mrr_rows({}).empty


def test_worlds_show_what_estimates_are_worth():
    known = pd.DataFrame(
        {"carry_over": [0.5], "n_users": [30], "worlds": [200], "defined": [0.995],
         "mean": [0.52], "low": [0.49], "high": [0.55], "coverage": [0.945],
         "above_zero": [0.8], "half_width": [0.41]}
    )  # fmt: skip
    assert shown(tables.carry_over_worlds(known))[1:] == [
        ["0.5", "30", "0.520 (0.490 to 0.550)", "94.5%", "80.0%", "0.41", "99.5%"]
    ]
    nan = float("nan")
    one = known.assign(worlds=1, defined=1.0, low=nan, high=nan)  # it tells nothing of others
    none = known.assign(
        defined=0.0, mean=nan, low=nan, high=nan, coverage=nan, above_zero=0.0, half_width=nan
    )
    assert shown(tables.carry_over_worlds(pd.concat([one, none])))[1:] == [
        ["0.5", "30", "0.520", "94.5%", "80.0%", "0.41", "100.0%"],
        ["0.5", "30", "not defined", "not defined", "0.0%", "not defined", "0.0%"],
    ]
