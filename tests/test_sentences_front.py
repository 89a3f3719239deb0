"""Sentences of the front page: every branch."""

from __future__ import annotations

import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate


@pytest.mark.parametrize(
    ("rank", "place"),
    [
        (1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
        (21, "21st"), (112, "112th"), (1023, "1,023rd"), (6.5, "ranked 6.5"),
    ],
)  # fmt: skip
def test_a_board_is_told_by_its_place_and_by_whom_it_differs_from(rank, place):
    boards = pd.DataFrame(
        {"board": ["a"], "rank": [float(rank)], "n_train": 50, "n_users": 1060, "differs": 31.4}
    )
    assert sentences.board_findings(boards, 2.0) == [
        f"Later pins {place} of 1,060; Z\xa0>\xa02 against 31 of 1,059."
    ]


CHANCE = 0.45  # of five users, about


@pytest.mark.parametrize(
    ("image", "mean", "told"),
    [
        (Estimate(0.8, 0.7, 0.9), Estimate(0.7, 0.6, 0.8),
         "both the paper's profile and the mean embedding find them"),
        (Estimate(0.5, 0.47, 0.53), Estimate(0.9, 0.8, 0.95),
         "the paper's profile barely finds them, and the mean embedding does"),
        (Estimate(0.8, 0.7, 0.9), Estimate(0.5, 0.4, 0.6),
         "the paper's profile finds them, and the mean embedding cannot be shown to"),
        (Estimate(0.5, 0.4, 0.6), Estimate(0.8, 0.7, 0.9),
         "the paper's profile cannot be shown to find them, and the mean embedding does"),
        (Estimate(0.3, 0.2, 0.4), Estimate(0.5, 0.4, 0.6),
         "neither the paper's profile nor the mean embedding can be shown to find them"),
    ],
)  # fmt: skip
def test_the_title_is_tested_by_users_who_differ_in_style_alone(image, mean, told):
    rows = [
        (taste, 5, profile, estimate)
        for taste in ("neither", "styles only")
        for profile, estimate in (("image", image), ("mean embedding", mean))
    ]
    worlds = pd.DataFrame(rows, columns=["taste", "n_users", "profile", "estimate"])
    found = sentences.style_worlds(worlds)
    assert found["finding"] == (
        "The title's test. Only a profile that sees beyond labels can find users who differ in "
        f"style alone. Of 5 such simulated users, {told}."
    )
    assert found["values"] == {"paper's profile": image.value, "mean embedding": mean.value}
    assert found["random"] == pytest.approx(sum(1 / rank for rank in range(1, 6)) / 5)


def test_captions_of_the_headline_figures_have_their_values():
    numbers = {
        "pairs.differ": Estimate(0.496), "pairs.differ.dealt": Estimate(0.0021),
        "mrr.image.50": Estimate(0.7802, 0.7, 0.9), "mrr.random": Estimate(0.078),
    }  # fmt: skip
    assert sentences.headline_values(numbers, 50) == {
        "front.differ": "50%", "front.dealt": "0.2%", "front.image": "0.78", "front.random": "0.08",
    }  # fmt: skip
