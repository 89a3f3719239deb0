"""Which numbers come first."""

from __future__ import annotations

import random

import pytest

from visprof.results.cite import find_ledger
from visprof.results.headline import headline_first, headline_keys
from visprof.results.scorecard import ledger_scorecard


def test_the_order_does_not_depend_on_that_of_the_ledger():
    keys = ["mrr.image.5", "b", "mrr.random", "mrr.image.10", "a", "map.cnn", "mrr.text.10"]
    expected = ["map.cnn", "mrr.image.10", "mrr.text.10", "mrr.random", "a", "b", "mrr.image.5"]
    for seed in range(5):
        random.Random(seed).shuffle(keys)
        assert headline_first(keys) == expected
    assert headline_keys(keys) == expected[:4]
    assert headline_first([]) == []


def test_the_share_by_sessions_goes_before_that_by_pins():
    assert headline_keys(["pairs.bh"]) == ["pairs.bh"]
    assert headline_keys(["pairs.bh", "pairs.bh.sessions"]) == ["pairs.bh.sessions"]


@pytest.mark.parametrize("preset", ["demo", "boards"])
def test_every_value_that_the_scorecard_shows_is_in_the_headline(preset):
    ledger = find_ledger(preset=preset)
    entries = ledger.read()
    shown = {f"{entries[key]['value']:.3f}" for key in headline_keys(entries)}
    shown |= {f"{entries[key]['value']:.1%}" for key in headline_keys(entries)}
    for ours in ledger_scorecard(ledger)["ours"]:
        if ours.startswith("no "):
            continue  # a claim may be newer than the ledger
        first = ours.split(";")[0].split(" against ")
        assert all(value.split(" (")[0] in shown for value in first), ours
