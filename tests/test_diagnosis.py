"""What an expert would notice of a run."""

from __future__ import annotations

import pytest

from visprof.intervals import Estimate
from visprof.results.diagnosis import diagnose

KEY = "mrr.image.50"
SOUND = {
    KEY: Estimate(0.5, 0.4, 0.6, 60, "users", sd_units=0.04, sd_seeds=0.01),
    f"{KEY}.optimistic": Estimate(0.501),
    f"{KEY}.pessimistic": Estimate(0.499),
    "mrr.random": Estimate(0.078),
    "assignments.entropy": Estimate(0.6, n=100, unit="clusters"),
    "assignments.empty": Estimate(0.0, n=100, unit="clusters"),
}


def test_of_a_sound_run_there_is_nothing_to_say():
    assert diagnose(SOUND, KEY) == []
    assert diagnose({"a": Estimate(1.0)}, "a") == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"assignments.entropy": Estimate(0.987)}, "nearly uniform: entropy 0.99 of the largest"),
        ({"assignments.empty": Estimate(2.5, n=100)}, "2.5 of 100 clusters are empty"),
        ({f"{KEY}.pessimistic": Estimate(0.4)}, "ranks tied: 0.400 to 0.501 by how ties break"),
        ({KEY: Estimate(0.5, 0.4, 0.6, 8, "users")}, "few users (8): the interval is too narrow"),
        ({KEY: Estimate(0.5, 0.4, 0.6, sd_units=0.01, sd_seeds=0.02)}, "seeds differ more than"),
        ({"mrr.random": Estimate(0.45)}, "the interval does not lie above 0.45"),
    ],
)
def test_each_weakness_is_told_alone(changes, said):
    (told,) = diagnose(SOUND | changes, KEY)
    assert said in told
