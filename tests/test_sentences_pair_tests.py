"""Sentences of the tests of pairs, each branch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate
from visprof.significance import PairPValues, StudentisedPValues
from visprof.steps.pair_tests import PairTests

PVALUES = PairPValues(*(np.zeros(3) for _ in range(len(PairPValues.__dataclass_fields__))))
BY_DISTANCE = StudentisedPValues(*(np.zeros(3) for _ in range(3)))


def pair_tests(by_session=PVALUES):
    pairs = np.zeros((1500, 2), int)
    return PairTests(pairs, PVALUES, by_session, BY_DISTANCE, np.array([1, 2, 7, 10] * 300))


def test_users_and_pairs_are_counted():
    assert sentences.tested_pairs(pair_tests()) == {"n_users": "1,200", "n_tested": "1,500"}


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.06, 0.2, "more often than"),
        (0.01, 0.04, "less often than"),
        (0.05, 0.2, "about as often as"),
        (0.01, 0.05, "about as often as"),
    ],
)
def test_the_rule_on_shuffled_pins_is_set_beside_a_test_at_5_per_cent(low, high, said):
    found = sentences.rule_by_chance(Estimate(0.045, low, high))
    assert found == {"shuffled": f"4.5% ({low:.1%} to {high:.1%})", "pace": said}


def found(true=0.6, ceiling=0.9, attainable=0.95):
    by_session = {
        f"pairs.{rule}.sessions": Estimate(0.9, 0.8, 1.0) for rule in ("significant", "bh")
    }
    by_distance = {"true": true, "ceiling": ceiling, "attainable": attainable}
    return by_session | {
        f"pairs.distance.{name}": Estimate(value) for name, value in by_distance.items()
    }


@pytest.mark.parametrize(
    ("numbers", "answer"),
    [
        (found(), "More than half of the pairs of users differ"),
        (found(true=0.5), "More than half of the pairs of users differ"),
        (
            found(true=0.3),
            "It could have been up to 90%. Whether more than half of the pairs differ is not "
            "resolved: a lower bound cannot show that most pairs are alike",
        ),
        (
            found(true=0.3, ceiling=0.4, attainable=0.45),
            "Only 45% of the pairs have sessions enough for any p-value of at most 5 %, and the "
            "bound could be 40% at most, whatever the pictures show: whether more than half of "
            "the pairs differ cannot be answered with these data",
        ),
    ],
)
def test_the_bound_answers_unless_the_sessions_do_not_allow_it(numbers, answer):
    assert sentences.more_than_half(pair_tests(), numbers) == {
        "sessions": "A user has 4.5 sessions (median). With whole sessions shuffled the test of "
        "Z finds 90.0% (80.0% to 100.0%) of the pairs different, 90.0% (80.0% to 100.0%) at a "
        "false discovery rate of 5 %",
        "answer": answer,
    }


def test_without_sessions_the_text_says_so():
    told = sentences.more_than_half(pair_tests(None), found())["sessions"]
    assert told == "There are no sessions here: each pin is exchanged by itself"


def of_variance(low, high):
    user = Estimate(0.05, low, high, 14, "users")
    numbers = {"variance.image.user": user, "variance.image.user.p": Estimate(0.01)}
    shares = pd.DataFrame({"profile": ["image"], "share": ["user"]})
    return sentences.user_variance(shares, numbers)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.09, "users differ"),
        (-0.01, 0.11, "the interval does not tell whether users differ"),
        (-0.2, -0.1, "users differ less than chance would have it"),
    ],
)
def test_the_share_of_users_is_told_with_what_it_decides(low, high, said):
    assert of_variance(low, high) == (
        f"The user accounts for 5.0% ({low:.1%} to {high:.1%}) of how a pin's clusters vary (14 "
        f"users): {said}. A permutation test of this share, whole sessions shuffled among all "
        "users, has p = 0.01"
    )


def test_too_few_users_with_sessions_have_no_shares():
    assert sentences.user_variance(pd.DataFrame(), {}).startswith("Fewer than three users have two")


def calibration():
    """What the benchmark keeps, made up: two settings without a difference, and two with one."""
    rates = {"user share": 0.01, "pairs, studentised": 0.05, "pairs, maximum z": 0.04}
    rows = [("equal", 0.0, 1, 0.06), ("odd", 0.0, 2, 0.7), ("equal", 0.1, 9, 1), ("odd", 0.1, 8, 1)]
    worlds = [
        {
            "setting": setting, "user": {"truth": share},
            "rejected": {test: rate * times for test, rate in rates.items()} | {"global": of_all},
        }
        for setting, share, times, of_all in rows
    ]  # fmt: skip
    return {"settings": {"worlds": 200, "users": 14, "shares": [0.0, 0.1]}, "worlds": worlds}


def test_errors_of_tests_by_session_are_told_by_their_range_and_the_worst():
    assert sentences.session_tests(calibration()) == {
        "session_tests.distance": "5.0% to 10.0%", "session_tests.z": "4.0% to 8.0%",
        "session_tests.share": "1.0% to 2.0%", "session_tests.global": "70%",
        "session_tests.setting": "odd", "session_tests.worlds": 200, "session_tests.users": 14,
        "session_tests.shares": "10%",
    }  # fmt: skip
