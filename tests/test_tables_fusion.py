"""Tables of categories and styles: every cell as it is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate
from visprof.steps.fusion_worlds import FUSION_TASTES

ABOVE = Estimate(0.1, 0.05, 0.2)


def test_the_pin_by_hand_is_what_the_profile_gives():
    """Every number of the table that is worked out by hand, computed."""
    rows = shown(tables.fusion_by_hand())[1:]
    counts = np.array([[2, 1], [0, 0]])
    of_category = (1 + counts.sum(axis=1)) / (2 + 3)
    of_style = (1 + counts) / (2 + counts.sum(axis=1, keepdims=True))
    chances = (of_category[:, None] * of_style).ravel()
    assert chances.sum() == pytest.approx(1)
    for row, chance in zip(rows, chances, strict=True):
        top, bottom = row[2].rsplit("= ", 1)[1].split("/")
        assert int(top) / int(bottom) == pytest.approx(chance)
        assert row[3] == f"{np.log2(chance / 0.25):+.2f}"


def test_worlds_have_a_row_each_with_what_was_expected():
    models = ("fusion", "categories", "styles within categories")
    models += ("fusion less categories", "fusion less styles within categories")
    rows = [
        (taste, measure, model, ABOVE)
        for taste in FUSION_TASTES
        for measure in ("MRR", "bits")
        for model in models
    ]
    found = shown(
        tables.fusion_tastes(pd.DataFrame(rows, columns=["taste", "measure", "model", "estimate"]))
    )
    assert [row[0] for row in found[1:]] == list(FUSION_TASTES)
    value, difference = "0.100 (0.050 to 0.200)", "+0.100 (+0.050 to +0.200)"
    assert found[-1] == [
        "styles in one class", "fusion ahead of both", *[value] * 3, *[difference] * 2,
    ]  # fmt: skip


def test_known_strengths_have_bias_and_coverage():
    row = {
        "strength": 4.0, "part": "intra", "truth": 0.1, "mean": 0.1125, "bias": 0.0125,
        "covered": 0.9, "low": 0.85, "high": 0.935, "recovered": 4.25,
    }  # fmt: skip
    assert shown(tables.fusion_recovery(pd.DataFrame([row]))) == [
        ["strength (pins)", "bits of", "true", "estimated", "bias", "covered", "strength found"],
        ["4", "styles within", "0.1000", "0.1125", "+0.0125", "90.0% (85.0% to 93.5%)", "4.2"],
    ]


def test_power_has_a_column_for_each_number_of_users():
    power = pd.DataFrame({
        "strength": [4.0, 4.0, 16.0, 16.0], "truth": [0.123, 0.123, 0.01, 0.01],
        "n_users": [10, 20, 10, 20], "found": [0.5, 1.0, 0.05, 0.8],
        "low": [0.4, 0.9, 0.0, 0.7], "high": [0.6, 1.0, 0.1, 0.9],
    })  # fmt: skip
    assert shown(tables.fusion_power(power)) == [
        ["strength (pins)", "true bits a pin", "10 users", "20 users"],
        ["4", "0.1230", "50% (40% to 60%)", "100% (90% to 100%)"],
        ["16", "0.0100", "5% (0% to 10%)", "80% (70% to 90%)"],
    ]  # fmt: skip


def test_levels_are_shown_by_pins_of_a_session():
    row = {
        "session_pins": 5, "rejected": 0.05, "low": 0.02, "high": 0.09, "bits": -0.001,
        "bits_low": -0.002, "bits_high": 0.0, "untempered": -0.3,
    }  # fmt: skip
    assert shown(tables.fusion_level(pd.DataFrame([row])))[1] == [
        "5", "5.0% (2.0% to 9.0%)", "-0.0010 (-0.0020 to 0.0000)", "-0.3000",
    ]  # fmt: skip


def test_bits_are_shown_by_part_and_untempered_where_there_are_sessions():
    parts = ("inter", "styles", "interaction", "intra", "fusion", "flat")
    numbers = {f"fusion.bits.{part}": ABOVE for part in parts}
    numbers |= {f"fusion.bits.untempered.{part}": Estimate(0.5) for part in parts}
    with_sessions = shown(tables.fusion_bits(numbers | {"fusion.icc": Estimate(0.3)}))
    assert with_sessions[0] == ["part", "bits a pin", "every pin counted whole"]
    assert with_sessions[1] == ["categories (inter)", "0.100 (0.050 to 0.200)", "0.500"]
    without = shown(tables.fusion_bits(numbers | {"fusion.icc": Estimate(0.0)}))
    assert [len(row) for row in without] == [2] * 7


def test_fusion_stands_before_what_it_is_compared_with():
    found = pd.DataFrame({
        "profile": ["fusion", "image"], "estimate": [ABOVE, Estimate(0.5)],
        "lead": [None, Estimate(-0.4)], "p_holm": [np.nan, 0.0126],
    })  # fmt: skip
    assert shown(tables.fusion_mrr(found)) == [
        ["profile", "MRR", "fusion less this", "p (Holm)"],
        ["fusion", "0.100 (0.050 to 0.200)", "", ""],
        ["image", "0.500", "-0.400", "0.013"],
    ]


def test_styles_have_their_truth_where_it_is_known():
    styles = pd.DataFrame({
        "style": [1, 2], "name": ["darker", "<b>"], "share": [0.25, 0.75], "truth": ["night", ""],
        "purity": [0.8, np.nan],
    })  # fmt: skip
    found = shown(tables.style_clusters(styles))
    assert found == [
        ["style", "in words", "share of the background", "commonest true style"],
        ["1", "darker", "25.0%", "night (80%)"], ["2", "<b>", "75.0%", ""],
    ]  # fmt: skip
    assert len(shown(tables.style_clusters(styles.assign(truth="")))[0]) == 3


def test_one_users_taste_has_a_row_a_category():
    taste = pd.DataFrame([{
        "category": "sea", "pins": 1200, "own": 0.4, "everyone": 0.1, "style": "darker",
        "own_style": 0.5, "everyone_style": 0.25,
    }])  # fmt: skip
    assert shown(tables.fusion_user(taste))[1] == [
        "sea", "1,200", "40.0%", "10.0%", "darker", "50.0%", "25.0%",
    ]  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_grains_have_a_row_each_and_the_truth_where_it_is_known(known):
    told = (0.75, 0.5) if known else (np.nan, np.nan)
    parts = dict.fromkeys(("inter", "intra", "interaction", "fusion", "mrr"), Estimate(0.25))
    row = {"categories": 6, **parts, "told_class": told[0], "told_style": told[1]}
    found = shown(tables.fusion_grain(pd.DataFrame([row])))[1]
    assert found == ["6", *["0.250"] * 5, *(["75%", "50%"] if known else [])]
