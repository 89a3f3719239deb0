"""Steps: whose are these pictures? Rounds for a reader and for the profile (beyond the paper)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import boards, profiles, ties
from visprof.intervals import Estimate, mean_over_seeds
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.profile_kinds import PROFILES, drawn_pins, mean_profiles
from visprof.steps.registry import step

__all__ = ["BoardGuesses", "board_guesses"]

N_BOARDS, N_PICTURES, N_EXAMPLES = 4, 5, 6  # of a round, asked about, and shown of a board
N_ROUNDS, N_DRAWS = 10, 20  # shown to a reader, and of each user for the profile's score
N_USERS = 100  # among whom boards are drawn, at most


@dataclass(frozen=True)
class BoardGuesses:
    """Rounds in which one of a few boards is sought by later pictures of it.

    `rounds` has the shown ones: columns round, board, own (whether it is the one), order (place at
    which the profile guesses it, from 1), images (of the board's training pins), asked (the images
    that one is asked about). `first` and `mrr` are how often the profile is right at once, and its
    mean reciprocal rank, over `n_rounds` rounds of all users and all seeds.
    """

    rounds: pd.DataFrame
    first: Estimate
    mrr: Estimate
    n_rounds: int


@step
def board_guesses(
    every_assignments: list[PinArrays],
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> BoardGuesses:
    """The image profile's guesses whose five held-out pictures are, among four boards.

    The training profiles are ranked by their distance to the profile of the five pictures: the
    other way round than in Figure 6, as a reader would look at it.
    """
    rng = np.random.default_rng(seed)
    sample = drawn_pins(board_split.analysed, n_pins, seed)
    chosen = rng.permutation(sample["board"].unique())[:N_USERS]
    sample = sample[sample["board"].isin(chosen)]
    first, last = boards.split_pins(sample, train_sizes[-1], n_test)
    users, codes = np.unique(sample["board"].to_numpy(), return_inverse=True)
    n, n_boards = len(users), min(N_BOARDS, len(users))
    others = rng.permuted(np.tile(np.arange(1, n), (N_DRAWS, n, 1)), axis=2)[..., : n_boards - 1]
    own = np.arange(n)[None, :, None]
    candidates = np.concatenate([np.tile(own, (N_DRAWS, 1, 1)), (own + others) % n], axis=2)
    held_out = np.flatnonzero(last).reshape(n, n_test)  # pins are sorted by user
    asked = rng.permuted(np.tile(held_out, (N_DRAWS, 1, 1)), axis=2)[..., :N_PICTURES]
    rows = sample.index.to_numpy()
    kind = PROFILES["image"].usual(distance)
    away = np.stack([
        _distances(of.analysed[rows], first, codes, candidates, asked, kind)
        for of in every_assignments
    ])  # fmt: skip
    ranks = _own_ranks(away)
    scores = np.stack([ranks == 1, 1 / ranks], axis=-1).mean(axis=1)
    right, mrr = mean_over_seeds(scores, "users", random_state=seed)

    images, shown = sample["image"].to_numpy(), []
    training = np.flatnonzero(first).reshape(n, -1)
    examples = np.linspace(0, training.shape[1] - 1, N_EXAMPLES).round().astype(int)
    for number, user in enumerate(rng.permutation(n)[:N_ROUNDS], start=1):
        order = np.argsort(np.argsort(away[0, 0, user], kind="stable")) + 1
        for place in rng.permutation(n_boards):
            board = candidates[0, user, place]
            shown.append({
                "round": number, "board": users[board], "own": place == 0, "order": order[place],
                "images": images[training[board, np.unique(examples)]].tolist(),
                "asked": images[asked[0, user]].tolist(),
            })  # fmt: skip
    return BoardGuesses(pd.DataFrame(shown), right, mrr, N_DRAWS * n)


def _distances(
    pins: np.ndarray,
    first: np.ndarray,
    users: np.ndarray,
    candidates: np.ndarray,
    asked: np.ndarray,
    distance: str,
) -> np.ndarray:
    """Squared distances of candidates' profiles to those of pictures, (N_DRAWS, n, n_boards)."""
    train = profiles.distance_points(mean_profiles(pins[first], users[first]), distance, "train")
    query = pins[asked].mean(axis=2, dtype=float)
    query = profiles.distance_points(query.reshape(-1, query.shape[-1]), distance, "pictures")
    query = query.reshape(*asked.shape[:2], 1, -1)
    return ((train[candidates] - query) ** 2).sum(axis=-1)


def _own_ranks(away: np.ndarray) -> np.ndarray:
    """Rank of the first of the last axis; tied ones share the mean of their ranks."""
    own = away[..., :1]
    nearer, as_near = away < own * (1 - ties.TIE), away <= own * (1 + ties.TIE)
    return (1 + nearer.sum(axis=-1) + as_near.sum(axis=-1)) / 2
