"""Sentences of the tests of pairs, each branch."""

from __future__ import annotations

import numpy as np
import pytest

from visprof import sentences
from visprof.intervals import Estimate
from visprof.significance import PairPValues
from visprof.steps.pair_tests import PairTests

PVALUES = PairPValues(*(np.zeros(3) for _ in range(len(PairPValues.__dataclass_fields__))))
MANY, FEW = Estimate(0.7, 0.6, 0.8), Estimate(0.4, 0.3, 0.55)


def pair_tests(by_session=PVALUES):
    pairs = np.zeros((1500, 2), int)
    return PairTests(pairs, PVALUES, by_session, np.array([1, 2, 7, 10] * 300))


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


SHOWN = {
    MANY: "Treating {} as the independent units, more than half of the pairs differ significantly",
    FEW: "Treating {} as the independent units, the data do not show that more than half of the "
    "pairs differ",
}


@pytest.mark.parametrize("pins", [MANY, FEW])
@pytest.mark.parametrize("sessions", [MANY, FEW])
def test_more_than_half_of_the_pairs_are_shown_to_differ_or_not(pins, sessions):
    numbers = {
        "pairs.bh": pins,
        "pairs.bh.sessions": sessions,
        "pairs.significant.sessions": Estimate(0.9, 0.8, 1.0),
    }
    assert sentences.more_than_half(pair_tests(), numbers) == {
        "shown": SHOWN[pins].format("pins"),
        "sessions": "A user has 4.5 sessions (median). With whole sessions shuffled the test finds "
        f"90.0% (80.0% to 100.0%) of the pairs different, {sessions:.1%} at a false discovery rate "
        "of 5 %",
        "shown.sessions": SHOWN[sessions].format("sessions"),
    }


@pytest.mark.parametrize("pins", [MANY, FEW])
def test_without_sessions_the_text_says_so(pins):
    assert sentences.more_than_half(pair_tests(None), {"pairs.bh": pins}) == {
        "shown": SHOWN[pins].format("pins"),
        "sessions": "Times show no sessions here, so there is nothing but pins to shuffle",
        "shown.sessions": "Sessions are not known here",
    }
