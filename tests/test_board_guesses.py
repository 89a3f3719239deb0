"""Rounds of guessing boards: what is asked and shown, and how often the profile is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visprof.steps import board_guesses as guesses
from visprof.steps.data import BoardSplit, PinArrays

N_USERS, N_PINS, N_TEST, TRAIN_SIZES = 7, 24, 8, (4, 12)
PARAMETERS = {
    "n_pins": N_PINS, "n_test": N_TEST, "train_sizes": TRAIN_SIZES, "distance": "euclidean",
}  # fmt: skip


def study_of(tastes):
    """Pins of users with shares of clusters near their tastes, by two seeds."""
    boards = np.repeat([f"user{i}" for i in range(len(tastes))], N_PINS)
    times = pd.Timestamp("2015-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(boards)), "h")
    images = [f"{board}-{i % N_PINS}" for i, board in enumerate(boards)]
    pins = pd.DataFrame({"board": boards, "image": images, "time": times, "caption": ""})
    rng = np.random.default_rng(0)
    every = [
        PinArrays(np.ones((1, 5)), np.stack([rng.dirichlet(40 * tastes[i // N_PINS] + 0.1)
                                             for i in range(len(boards))]))
        for _ in range(2)
    ]  # fmt: skip
    return every, BoardSplit(pins[:0], pins, pd.DataFrame())


@pytest.fixture(scope="module")
def studied():
    return study_of(np.random.default_rng(1).dirichlet(np.ones(5), N_USERS))


def test_rounds_ask_about_held_out_pins_and_show_training_pins(studied):
    every, split = studied
    found = guesses.board_guesses(every, split, **PARAMETERS, seed=0)
    rounds = found.rounds
    assert rounds.groupby("round").size().tolist() == [4] * N_USERS
    assert rounds.loc[rounds["own"], "board"].is_unique
    for _, of_round in rounds.groupby("round"):
        assert of_round["board"].is_unique
        assert of_round["own"].sum() == 1
        assert sorted(of_round["order"]) == [1, 2, 3, 4]
        own = of_round["board"][of_round["own"]].item()
        asked = of_round["asked"].iloc[0]
        assert len(set(asked)) == 5
        held_out = {f"{own}-{place}" for place in range(N_PINS - N_TEST, N_PINS)}
        assert set(asked) <= held_out
        for row in of_round.itertuples():
            shown = [f"{row.board}-{place}" for place in range(TRAIN_SIZES[-1])]
            assert len(row.images) == 6
            assert set(row.images) <= set(shown)
    assert found.n_rounds == guesses.N_DRAWS * N_USERS


def test_the_order_of_the_profile_is_that_of_distances(studied):
    every, split = studied
    pins, rows = every[0].analysed, split.analysed.reset_index(drop=True)
    place = rows.groupby("board").cumcount()
    for _, of_round in guesses.board_guesses(every, split, **PARAMETERS, seed=3).rounds.groupby(
        "round"
    ):
        asked = pins[rows["image"].isin(of_round["asked"].iloc[0])].mean(axis=0)
        away = [
            np.linalg.norm(
                pins[(rows["board"] == board) & (place < TRAIN_SIZES[-1])].mean(axis=0) - asked
            )
            for board in of_round["board"]
        ]
        np.testing.assert_array_equal(np.argsort(away), np.argsort(of_round["order"]))


def test_users_far_apart_are_found_at_once_and_equal_ones_by_chance():
    apart = guesses.board_guesses(*study_of(np.eye(5)), **PARAMETERS, seed=0)
    assert (apart.first.value, apart.mrr.value) == (1, 1)
    every, split = study_of(np.eye(5))
    same = [PinArrays(of.background, np.ones_like(of.analysed)) for of in every]
    tied = guesses.board_guesses(same, split, **PARAMETERS, seed=0)
    assert (tied.first.value, tied.mrr.value) == (0, pytest.approx(1 / 2.5))


def test_boards_fewer_than_a_round_has_and_more_than_are_drawn_from(studied, monkeypatch):
    every, split = study_of(np.eye(5)[:3])
    assert set(guesses.board_guesses(every, split, **PARAMETERS, seed=0).rounds["order"]) == {
        1, 2, 3,
    }  # fmt: skip
    monkeypatch.setattr(guesses, "N_USERS", 5)
    found = guesses.board_guesses(*studied, **PARAMETERS, seed=0)
    assert found.rounds["board"].nunique() == 5
    assert found.first.n == 5
