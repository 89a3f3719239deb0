"""Sentences of the tests of pairs of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    at_least,
    verdict_above,
)  # fmt: skip
from visprof.steps.error_rates import LEVEL
from visprof.steps.pair_tests import PairTests

__all__ = ["more_than_half", "rule_by_chance", "session_tests", "tested_pairs", "user_variance"]


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


def session_tests(kept: Mapping[str, Any]) -> dict[str, Any]:
    """How often tests by session err, and which of them errs most, and where.

    Parameters
    ----------
    kept : mapping
        What ``benchmarks.variation`` keeps.
    """
    shares = kept["settings"]["shares"]
    alike = [world for world in kept["worlds"] if world["user"]["truth"] == shares[0]]
    errs = {test: [world["rejected"][test] for world in alike] for test in alike[0]["rejected"]}
    worst = max(alike, key=lambda world: world["rejected"]["global"])
    said = {
        of: f"{min(errs[test]):.1%} to {max(errs[test]):.1%}"
        for of, test in (
            ("distance", "pairs, studentised"), ("z", "pairs, maximum z"), ("share", "user share")
        )
    } | {
        "global": f"{worst['rejected']['global']:.0%}", "setting": worst["setting"],
        "worlds": kept["settings"]["worlds"], "users": kept["settings"]["users"],
        "shares": " and ".join(f"{share:.0%}" for share in shares[1:]),
    }  # fmt: skip
    return {f"session_tests.{name}": of for name, of in said.items()}


def more_than_half(tests: PairTests, numbers: Mapping[str, Estimate]) -> dict[str, Any]:
    """What the tests find, and whether more than half of the pairs differ in truth.

    Parameters
    ----------
    tests : PairTests
        The step ``pair_tests``.
    numbers : mapping of str to Estimate
        The step ``significance_numbers``.
    """
    if tests.by_session is None:
        sessions = "There are no sessions here: each pin is exchanged by itself"
    else:
        sessions = (
            f"A user has {np.median(tests.sessions_per_user):g} sessions (median). With whole "
            f"sessions shuffled the test of Z finds {numbers['pairs.significant.sessions']:.1%} "
            f"of the pairs different, {numbers['pairs.bh.sessions']:.1%} at a false discovery rate "
            "of 5 %"
        )
    true, ceiling = (numbers[f"pairs.distance.{of}"].value for of in ("true", "ceiling"))
    attainable = numbers["pairs.distance.attainable"].value
    if not at_least(ceiling, 0.5):
        answer = (
            f"Only {attainable:.0%} of the pairs have sessions enough for any p-value of at most "
            f"5 %, and the bound could be {ceiling:.0%} at most, whatever the pictures show: "
            "whether more than half of the pairs differ cannot be answered with these data"
        )
    elif at_least(true, 0.5):
        answer = "More than half of the pairs of users differ"
    else:
        answer = (
            f"It could have been up to {ceiling:.0%}. Whether more than half of the pairs differ "
            "is not resolved: a lower bound cannot show that most pairs are alike"
        )
    return {"sessions": sessions, "answer": answer}


def user_variance(shares: pd.DataFrame, numbers: Mapping[str, Estimate]) -> str:
    """How much of what a pin's clusters vary is its user, and whether users differ at all.

    Parameters
    ----------
    shares : DataFrame
        The step ``variance_table``.
    numbers : mapping of str to Estimate
        The step ``variance_numbers``.
    """
    if shares.empty:
        return (
            "Fewer than three users have two effective sessions here, so what is of the user "
            "cannot be told from what is of the session"
        )
    user = numbers["variance.image.user"]
    verdict = {
        HOLDS: "users differ", DOES_NOT_HOLD: "users differ less than chance would have it",
        NOT_RESOLVED: "the interval does not tell whether users differ",
    }[verdict_above(user, 0)]  # fmt: skip
    return (
        f"The user accounts for {user:.1%} of how a pin's clusters vary ({user.n} users): {verdict}"
        ". A permutation test of this share, whole sessions shuffled among all users, has "
        f"p = {numbers['variance.image.user.p'].value:.3g}"
    )
