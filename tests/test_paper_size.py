"""What the page of the paper's size says of a run."""

from __future__ import annotations

import pandas as pd
import pytest

from visprof import sentences, tables
from visprof.results.scorecard import answered_by_all
from visprof.results.verdicts import DOES_NOT_HOLD, HOLDS, UNANSWERABLE

RECORD = {
    "hours": 2.26,
    "peak_mb": 4000,
    "disk_mb": 9000,
    "steps": [
        {"step": "clusters", "seconds": 60.0, "peak_mb": 1000},
        {"step": "pictures", "seconds": 8040.0, "peak_mb": 500},
        {"step": "ranks", "seconds": 30.0, "peak_mb": 4000},
    ],
}
RUN = {
    "parameters": {"n_users": 5790, "n_background": 1800, "n_pins": 100, "n_clusters": 200},
    "machine": {"cores": 2},
}


def card(**verdicts: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"name": list(verdicts), "claim": [f"claim {name}" for name in verdicts],
         "verdict": list(verdicts.values())}
    )  # fmt: skip


def test_the_longest_steps_have_rows_and_the_others_share_one():
    shown = tables.step_costs(RECORD, n=1).data
    assert shown["step"].tolist() == ["pictures", "2 others"]
    assert shown["minutes"].tolist() == pytest.approx([134, 1.5])
    assert shown["share of the time"].sum() == pytest.approx(1)
    assert shown["memory, GB"].tolist() == pytest.approx([0.5, 4])
    whole = tables.step_costs(RECORD).data
    assert whole["step"].tolist() == ["pictures", "clusters", "ranks"]


def test_sizes_and_costs_are_those_of_the_run():
    said = sentences.size_costs(RECORD, RUN)
    assert said["size.boards"] == "5,790"
    assert said["size.pictures"] == "579,000"
    assert said["size.users"] == "3,990"
    assert said["size.longest"] == "pictures"
    assert said["size.memory"] == "4.0 GB"
    assert said["size.disk"] == "9.0 GB"
    assert said["size.hours"] == "2.3"


def test_claims_that_one_study_cannot_answer_are_left_out():
    one = card(a=HOLDS, b=UNANSWERABLE, c=DOES_NOT_HOLD)
    cards = answered_by_all({"one": one, "other": card(a=HOLDS, b=HOLDS, c=HOLDS)})
    assert cards["one"]["name"].tolist() == cards["other"]["name"].tolist() == ["a", "c"]
    assert cards["one"]["verdict"].tolist() == [HOLDS, DOES_NOT_HOLD]


def test_verdicts_that_change_with_size_are_told():
    small = card(a=HOLDS, b=DOES_NOT_HOLD)
    same = sentences.size_changes(small, small)
    assert "each of the 2 claims that both runs can answer is that of the demo" in same
    told = sentences.size_changes(small, card(a=HOLDS, b=HOLDS))
    assert "1 of the 2 claims" in told
    assert f"claim b (the demo: {DOES_NOT_HOLD}; here: {HOLDS})" in told
