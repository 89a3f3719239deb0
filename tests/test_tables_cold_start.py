"""Tables of transfer between platforms: every cell as it is shown."""

from __future__ import annotations

import pandas as pd
from shown_tables import shown

from visprof import tables
from visprof.intervals import Estimate
from visprof.steps.cold_start import OWN_PINS, PRIMARY


def test_scores_of_a_world_have_a_row_a_profile():
    rows = [
        (world, profile, metric, n, value + n / 10, value, value + n / 5)
        for world in ("two platforms", "one platform")
        for profile, value in ((OWN_PINS, 0.125), ("none", 0.25))
        for metric in ("mrr", "auc")
        for n in (0, 1, 2)
    ]
    columns = ["world", "profile", "metric", "n_known", "value", "low", "high"]
    found = pd.DataFrame(rows, columns=columns)
    assert shown(tables.platform_scores(found, "one platform", "mrr")) == [
        ["profile", "no pin", "1 pin"], [OWN_PINS, "0.125", "0.225 (0.125 to 0.325)"],
        ["not translated", "0.250", "0.350 (0.250 to 0.450)"],
    ]  # fmt: skip


def test_known_platforms_have_pins_with_one_decimal_and_gains_with_three():
    rows = [
        (60, 0.5, "mrr.saved", 3.14, 4.44, 2.35, 0.9, 0.85, 0.95),
        (20, 1.0, "auc.gain.5", 0.0125, 0.0124, 0.01, 1.0, 0.9, 1.0),
    ]
    columns = [
        "n_users",
        "common",
        "quantity",
        "truth",
        "mean",
        "median",
        "coverage",
        "low",
        "high",
    ]
    assert shown(tables.known_platforms(pd.DataFrame(rows, columns=columns))) == [
        ["number", "users", "common taste", "truth", "mean", "median", "intervals that cover it"],
        ["pins saved (MRR)", "60", "0.5", "3.1", "4.4", "2.4", "90% (85% to 95%)"],
        ["gain in AUC, 5 pins", "20", "1", "0.013", "0.012", "0.010", "100% (90% to 100%)"],
    ]


def test_shuffled_tests_have_shares_of_worlds():
    rows = [(20, 0.0, 0.05, 0.02, 0.1)]
    found = pd.DataFrame(rows, columns=["n_users", "common", "value", "low", "high"])
    assert shown(tables.shuffled_tests(found)) == [
        ["users", "common taste", "worlds in which transfer is found"],
        ["20", "0", "5% (2% to 10%)"],
    ]


def test_pseudo_platforms_without_users_enough_say_so():
    numbers = {"transfer.gap.users": Estimate(12), "transfer.format.users": Estimate(3)}
    key = "transfer.gap.file-facts"
    numbers |= {
        f"{key}.p": Estimate(0.25), f"{key}.mrr.gain.0": Estimate(0.125, -0.25, 0.5),
        f"{key}.mrr.gain.10": Estimate(-0.5), f"{key}.mrr.saved": Estimate(10.0, 2.0, 10.0),
    }  # fmt: skip
    rows = [
        ("gap", "file facts", pins, metric, 0, Estimate(value))
        for pins, value in ((OWN_PINS, 0.25), (PRIMARY, 0.375))
        for metric in ("mrr", "auc")
    ]
    columns = ["split", "profile", "pins", "metric", "n_known", "estimate"]
    found = pd.DataFrame(rows, columns=columns)
    assert shown(tables.pseudo_platform_scores(found, numbers)) == [
        ["platforms", "users", "profile", "MRR, no pin", "p", "gain, no pin", "gain, 10 pins",
         "pins saved"],
        ["before and after a gap", "12", "file facts", "0.375", "0.250",
         "+0.125 (-0.250 to +0.500)", "-0.500", "at least 10 (2.0 to at least 10)"],
        ["two formats of files", "3", "too few", "", "", "", "", ""],
    ]  # fmt: skip
    alone = {"transfer.gap.users": Estimate(0), "transfer.format.users": Estimate(3)}
    assert shown(tables.pseudo_platform_scores(found[:0], alone)) == [
        ["platforms", "users", "profile"], ["before and after a gap", "0", "too few"],
        ["two formats of files", "3", "too few"],
    ]  # fmt: skip
