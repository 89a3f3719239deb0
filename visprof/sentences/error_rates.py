"""Sentences of how often the paper's rule and the tests err, and what they find."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof.steps.error_rates import LEVEL, POWER_PINS, SESSION_LENGTH

__all__ = ["power_found", "power_titles", "rule_error_rates"]


def rule_error_rates(false_positives: pd.DataFrame, alpha: float) -> dict[str, Any]:
    """Range of the rule's error rates, and what the prior weighs.

    Parameters
    ----------
    false_positives : DataFrame
        The step of this name.
    alpha : float
        Weight of the prior in the study.
    """
    rates, own = false_positives["value"], false_positives["alpha"] == alpha
    return {
        "prior": f"{false_positives.loc[own, 'prior'].iloc[0]:,.1f}",
        "least_rate": f"{rates.min():.1%}",
        "largest_rate": f"{rates.max():.1%}",
    }


def power_found(power: pd.DataFrame) -> dict[str, Any]:
    """What the rules find without taste, and at taste 1 with few, some and many pins.

    Parameters
    ----------
    power : DataFrame
        The step of this name.
    """
    found = power.set_index(["rule", "taste", "n_pins"])["value"].sort_index()
    without = found["pins", 0.0]
    said = {
        "session_pins": f"{SESSION_LENGTH:g}",
        "power_null_least": f"{without.min():.0%}",
        "power_null_largest": f"{without.max():.0%}",
    }
    for place, size in zip(("few", "some", "many"), POWER_PINS[-3:], strict=True):
        said[f"{place}_pins"] = f"{size:,}"
        said |= {
            f"power.{rule}.{place}": f"{found[rule, 1.0, size]:.0%}"
            for rule in ("pins", "Z", "sessions")
        }
    return said


def power_titles(threshold: float) -> dict[str, str]:
    """What each rule of the step ``power`` is, as the title of a panel.

    Parameters
    ----------
    threshold : float
        Users differ where Z is above it.
    """
    return {
        "pins": f"permutation test at {LEVEL:.0%}",
        "Z": f"$Z$ > {threshold:g}",
        "sessions": f"test, sessions of {SESSION_LENGTH:g} pins",
    }
