"""A few users with places of their own in the plane, for the tests of pairs of users."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof.steps.assignments import assignments, visual_vocabulary
from visprof.steps.data import BoardSplit

EQ2 = {"bandwidth": 0.1, "normalised_assignments": True, "sigma_over": "pairs"}
EQ4 = {"user_counts": "sum", "alpha": 0.05, "variance": "two-term"}
N_USERS, N_PINS, N_BOARDS = 9, 14, 4


def table(prefix, n_boards):
    boards = np.repeat([f"{prefix}{i}" for i in range(n_boards)], N_PINS)
    return pd.DataFrame({"board": boards, "image": [f"{b}-{i}" for i, b in enumerate(boards)]})


def separate_users():
    """Users of whom each has a place of its own in the plane."""
    split = BoardSplit(table("back", N_BOARDS), table("user", N_USERS), pd.DataFrame())
    rng = np.random.default_rng(0)
    n = (N_BOARDS + N_USERS) * N_PINS
    places = np.repeat(rng.normal(size=(N_BOARDS + N_USERS, 2)), N_PINS, axis=0)
    embedding = split.arrays((places + rng.normal(size=(n, 2))).astype(np.float32))
    words = visual_vocabulary(embedding, n_clusters=6, start=0)
    return {"pin_embedding": embedding, "board_split": split, "visual_vocabulary": words}


def assigned(parts, **eq2):
    """Assignments of the users' pins by Eq. 2 as it is read."""
    return assignments(parts["pin_embedding"], parts["visual_vocabulary"], **eq2)
