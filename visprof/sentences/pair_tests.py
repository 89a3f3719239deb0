"""Sentences of the tests of pairs of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above
from visprof.steps.error_rates import LEVEL
from visprof.steps.pair_tests import PairTests

__all__ = ["more_than_half", "rule_by_chance", "tested_pairs"]


def tested_pairs(tests: PairTests) -> dict[str, Any]:
    """How many users and pairs were tested.

    Parameters
    ----------
    tests : PairTests
        The step ``pair_tests``.
    """
    return {"n_users": f"{len(tests.sessions_per_user):,}", "n_tested": f"{len(tests.pairs):,}"}


def rule_by_chance(shuffled: Estimate) -> dict[str, Any]:
    """How often the rule calls pairs different whose pins are shuffled, beside a test at 5 %.

    Parameters
    ----------
    shuffled : Estimate
        Share of the pairs.
    """
    pace = "about as often as"
    if shuffled.low > LEVEL:
        pace = "more often than"
    elif shuffled.high < LEVEL:
        pace = "less often than"
    return {"shuffled": f"{shuffled:.1%}", "pace": pace}


def more_than_half(tests: PairTests, numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """Whether more than half of the pairs are shown to differ, by pins and by sessions.

    Parameters
    ----------
    tests : PairTests
        The step ``pair_tests``.
    numbers : mapping of str to Estimate
        The step ``significance_numbers``.
    """
    if tests.by_session is None:
        sessions = "Times show no sessions here, so there is nothing but pins to shuffle"
        by_sessions = "Sessions are not known here"
    else:
        sessions = (
            f"A user has {np.median(tests.sessions_per_user):g} sessions (median). With whole "
            f"sessions shuffled the test finds {numbers['pairs.significant.sessions']:.1%} of the "
            f"pairs different, {numbers['pairs.bh.sessions']:.1%} at a false discovery rate of 5 %"
        )
        by_sessions = _shown(numbers["pairs.bh.sessions"], "sessions")
    return {
        "shown": _shown(numbers["pairs.bh"], "pins"),
        "sessions": sessions,
        "shown.sessions": by_sessions,
    }


def _shown(share: Estimate, units: str) -> str:
    found = "the data do not show that more than half of the pairs differ"
    if verdict_above(share, 0.5) == "holds":
        found = "more than half of the pairs differ significantly"
    return f"Treating {units} as the independent units, {found}"
