"""Sentences of error rates and of power."""

from __future__ import annotations

import pandas as pd

from visprof import sentences


def test_the_range_of_error_rates_is_over_all_settings_and_the_prior_is_the_studys():
    rates = pd.DataFrame({
        "alpha": [0.1, 1.0, 1.0], "prior": [123.0, 1234.56, 1234.56], "value": [0.5, 0.002, 0.25]
    })  # fmt: skip
    assert sentences.rule_error_rates(rates, 1.0) == {
        "prior": "1,234.6", "least_rate": "0.2%", "largest_rate": "50.0%"
    }  # fmt: skip


def test_power_is_told_without_taste_and_at_taste_1():
    rows = [
        (rule, taste, n_pins, base + taste / 10 + n_pins / 1000)
        for rule, base in (("Z", 0.1), ("pins", 0.2), ("sessions", 0.0))
        for taste in (2.0, 1.0, 0.0)
        for n_pins in (10, 30, 100, 300)
    ]
    power = pd.DataFrame(rows, columns=["rule", "taste", "n_pins", "value"])
    assert sentences.power_found(power) == {
        "session_pins": "5",
        "power_null_least": "21%", "power_null_largest": "50%",
        "few_pins": "30", "some_pins": "100", "many_pins": "300",
        "power.pins.few": "33%", "power.pins.some": "40%", "power.pins.many": "60%",
        "power.Z.few": "23%", "power.Z.some": "30%", "power.Z.many": "50%",
        "power.sessions.few": "13%", "power.sessions.some": "20%", "power.sessions.many": "40%",
    }  # fmt: skip


def test_panels_of_power_say_the_rule():
    assert sentences.power_titles(2.5) == {
        "pins": "permutation test at 5%",
        "Z": "$Z$ > 2.5",
        "sessions": "test, sessions of 5 pins",
    }
