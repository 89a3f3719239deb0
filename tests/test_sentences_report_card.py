"""Sentences of a report card, each branch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from visprof import sentences
from visprof.intervals import Estimate
from visprof.steps.board_card import BoardChange, Identification

FIRST, LAST = pd.Timestamp("2015-06-03", tz="UTC"), pd.Timestamp("2016-01-20", tz="UTC")


def change(times="known", p=0.2, last=LAST):
    return BoardChange(times, FIRST, last, 10, 12, 4, p, pd.DataFrame())


@pytest.mark.parametrize(
    ("changed", "n", "said"),
    [
        (change(), (22, 3), "22 pictures, compared with 3 other boards; from 3 June 2015 to "
         "20 January 2016. The network is lite."),
        (change(last=FIRST), (1, 1), "1 picture, compared with 1 other board; all of 3 June 2015. "
         "The network is lite."),
        (change("files"), (1234, 3), "1,234 pictures, compared with 3 other boards. The network "
         "is lite."),
    ],
)  # fmt: skip
def test_what_the_card_is_about(changed, n, said):
    assert sentences.card_about(*n, changed, "lite") == said


def test_a_share_stands_with_its_interval_beside_others():
    said = sentences.card_share(0.123, 0.05, 0.2, 0.011)
    assert said == "12.3% of this board (5.0% to 20.0%), 1.1% of others"


@pytest.mark.parametrize(
    ("low", "said"),
    [
        ([0.1, 0.3, 0.0], "Of 1 of 3 clusters the board has more than others: the whole 95% "
         "interval of its share lies above theirs."),
        ([0.1, 0.1, 0.0], "Of none of 3 clusters does the board have more than others, as far as "
         "its number of pictures can tell."),
    ],
)  # fmt: skip
def test_clusters_that_are_the_boards_own_are_counted(low, said):
    assert sentences.card_clusters(pd.DataFrame({"low": low, "others": 0.2})) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (change("files"), "those of the files, which copying changes"),
        (change("one session", np.nan), "All pictures are of one session"),
        (
            change(p=0.01),
            "They differ more than chance would have it (p = 0.010, sessions shuffled)",
        ),
        (change(p=0.2), "They are not told from chance (p = 0.200, sessions shuffled)"),
    ],
)
def test_change_is_told_or_why_it_is_not(changed, said):
    told = sentences.card_change(changed)
    assert said in told
    sizes = "Its first 10 pictures are set beside its last 12, of 4 sessions in all."
    assert told.startswith(sizes) == (changed.times == "known")


def test_shares_of_both_halves_stand_with_their_intervals():
    halves = {"early": 0.1, "early_low": 0.05, "early_high": 0.2, "late": 0.4, "late_low": 0.3}
    row = SimpleNamespace(**halves, late_high=0.555)
    assert sentences.card_shift(row) == (
        "10.0% (5.0% to 20.0%) of the early pictures, 40.0% (30.0% to 55.5%) of the late ones"
    )


def alike(nearest, n=3):
    return pd.DataFrame({
        "user": ["ann", "ben", "eva"][:n], "distance": 0.1, "nearest": nearest, "low": 1,
        "high": [2, 1, 1][:n],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("table", "shared", "said"),
    [
        (alike(0.6), 0.0, "ann is the most alike: it is the nearest in 60% of the draws of "
         "pictures (one at random: 33%), its rank 1 to 2 in 95% of them; several may be about as "
         "near."),
        (alike(0.96), 0.2, "ann is the most alike: it is the nearest in 96% of the draws of "
         "pictures (one at random: 33%), its rank 1 to 2 in 95% of them; surely so. 20% of the "
         "pictures are on both boards, or nearly so."),
        (alike(1.0, 1), 0.0, "There is one other board, ann, so it is the most alike."),
    ],
)  # fmt: skip
def test_the_most_alike_is_told_with_how_surely(table, shared, said):
    assert sentences.card_alike(table, shared) == said


def sought(ahead=None):
    rates = {("image", 1): Estimate(0.25, 0.1, 0.4), ("image", 3): Estimate(0.5)}
    if ahead is not None:
        rates |= {("file facts", 1): Estimate(0.1, 0.0, 0.2), ("file facts", 3): Estimate(0.4)}
    rows = [("ann", profile, size, 0.75) for profile, size in rates if size == 1]
    columns = ["board", "profile", "n_pictures", "found"]
    by_size = {} if ahead is None else {1: Estimate(0.15, 0.1, 0.2), 3: Estimate(0.1, *ahead)}
    return Identification(pd.DataFrame(rows, columns=columns), rates, by_size, 20)


def test_how_findable_boards_are_and_this_one():
    said = sentences.card_found(sought(), "ann")
    assert said[0].startswith("Among 20 people")
    assert "the right one in 5% of the cases" in said[0]
    assert said[1:] == [
        "from 1 picture 25% (10% to 40%) are found, this board in 75% of the draws",
        "from 3 pictures 50% are found",
    ]
    assert sentences.card_found(sought(), "ben")[1] == "from 1 picture 25% (10% to 40%) are found"


def test_boards_that_nothing_can_seek_are_told():
    nothing = Identification(sought().by_board[:0], {}, {}, 20)
    assert sentences.card_found(nothing, "ann") == [
        "Boards have too few later pictures to seek them by."
    ]


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        ((0.02, 0.2), "less often than the pictures do."),
        (
            (-0.01, 0.2),
            "about as often as the pictures do, so that what pictures find may be how files were "
            "made.",
        ),
        ((-0.2, -0.01), "more often than the pictures do, which may find how files were made."),
    ],
)
def test_what_files_alone_tell_is_set_beside_pictures(ahead, said):
    told = sentences.card_facts(sought(ahead), "ann")
    assert told[0].endswith(said)
    assert told[1] == "from 1 picture 10% (0% to 20%) are found, this board in 75% of the draws"


def test_files_that_are_all_alike_tell_nothing():
    assert sentences.card_facts(sought(), "ann") == [
        "Nothing: all files are of one size and format, or there are too few."
    ]
