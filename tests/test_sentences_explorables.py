"""Captions of the figures to try, each branch."""

from __future__ import annotations

import pandas as pd

from visprof import sentences
from visprof.intervals import Estimate
from visprof.steps.board_guesses import BoardGuesses


def test_how_many_users_are_shown_and_what_is_dealt():
    whole = sentences.explored_pairs(60, 60, sessions=False)
    assert "Of all 60 users" in whole
    assert "users' pins are dealt" in whole
    part = sentences.explored_pairs(60, 3990, sessions=True)
    assert "Of 60, drawn at random, of the 3,990 users" in part
    assert "pins or whole sessions are dealt" in part


def test_the_pairs_of_a_power_are_counted():
    assert "Shares of 2,000 simulated pairs" in sentences.explored_power(2000)


def test_what_is_dealt_between_two_users_is_told():
    assert "with whole sessions dealt" in sentences.compared_users(sessions=True)
    assert "with pins dealt" in sentences.compared_users(sessions=False)
    assert "its name in words" in sentences.compared_users(sessions=False, named=True)
    assert "name" not in sentences.compared_users(sessions=True)


def test_seeds_are_told_where_there_are_several():
    assert "the 1,200 users; a mean over users and 3 seeds" in sentences.explored_ranks(1200, 3)
    assert "seeds" not in sentences.explored_ranks(8, 1)


def test_the_rounds_of_a_game_are_counted():
    rounds = pd.DataFrame(
        {"round": [1, 1, 2, 2], "images": [["a", "b", "c"]] * 4, "asked": [["d"] * 5] * 4}
    )
    told = sentences.guessed_boards(BoardGuesses(rounds, Estimate(0.5), Estimate(0.6), 1200))
    assert "5 pictures of a user's held-out pins" in told
    assert "2 boards, each with 3 of its training pins" in told
    assert "over 1,200 rounds" in told
