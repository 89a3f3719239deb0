"""Which numbers come first."""

from __future__ import annotations

import random
import re

import pytest

from visprof.results.cite import find_ledger
from visprof.results.headline import headline_first, headline_keys
from visprof.results.scorecard import ledger_scorecard
from visprof.results.verdicts import UNANSWERABLE


def test_the_order_does_not_depend_on_that_of_the_ledger():
    keys = ["mrr.image.5", "b", "mrr.random", "mrr.image.10", "a", "map.cnn", "mrr.text.10"]
    expected = ["map.cnn", "mrr.image.10", "mrr.text.10", "mrr.random", "a", "b", "mrr.image.5"]
    for seed in range(5):
        random.Random(seed).shuffle(keys)
        assert headline_first(keys) == expected
    assert headline_keys(keys) == expected[:4]
    assert headline_first([]) == []


def test_numbers_of_users_stand_in_the_order_of_the_claims():
    users = ["variance.image.user", "pairs.differ", "pairs.distance.true"]
    assert headline_keys([*users[::-1], "pairs.bh"]) == users


@pytest.mark.parametrize("preset", ["demo", "boards", "travel"])
def test_every_value_that_the_scorecard_shows_is_in_the_headline(preset):
    ledger = find_ledger(preset=preset)
    entries = ledger.read()
    shown = {f"{entries[key]['value']:.3f}" for key in headline_keys(entries)}
    shown |= {f"{entries[key]['value']:.1%}" for key in headline_keys(entries)}
    for words in ("at least {:.0%}", "{:.0%} that the sessions allow"):
        shown |= {words.format(entries[key]["value"]) for key in headline_keys(entries)}
    card = ledger_scorecard(ledger)
    for ours in card.loc[card["verdict"] != UNANSWERABLE, "ours"]:
        first = re.split(" against | of the variance|, of at most ", ours.split(";")[0])[:2]
        first = [of for of in first if any(map(str.isdigit, of))]
        assert all(value.split(" (")[0] in shown for value in first), ours
