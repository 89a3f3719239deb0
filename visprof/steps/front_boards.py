"""Step: the boards that the front page shows, and what was found of each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof.steps.data import BoardSplit
from visprof.steps.registry import step
from visprof.steps.user_pairs import PairwiseDifferences

__all__ = ["N_BOARDS", "front_boards"]

N_BOARDS = 4  # the paper's Figure 1


@step(kept=False)
def front_boards(
    board_split: BoardSplit,
    every_reciprocal_ranks: list[pd.DataFrame],
    differences_by_seed: PairwiseDifferences,
    threshold: float,
    n_pins_shown: int,
    seed: int,
) -> pd.DataFrame:
    """The first boards by name: pins of each, and how it fares in Figures 5 and 6.

    Columns board, images (drawn at random, in the order of time), rank (of its later pins by its
    image profile, the median over seeds), n_train (pins of that profile), n_users, differs (from
    how many of the other users by Z, the mean over seeds).
    """
    pins, users = board_split.analysed, differences_by_seed.users
    ranks = pd.concat(every_reciprocal_ranks, ignore_index=True)
    ranks = ranks[ranks["profile"] == "image"]
    n_train = int(ranks["n_train"].max())
    rank = ranks[ranks["n_train"] == n_train].groupby("user")["rank"].median()
    above = (differences_by_seed.max_z > threshold).mean(axis=0)
    n_differ = np.zeros(len(users))
    for of in np.triu_indices(len(users), 1):  # either side of each pair
        n_differ += np.bincount(of, weights=above, minlength=len(users))
    differs = pd.Series(n_differ, index=users)
    rng = np.random.default_rng(seed)
    rows = []
    for board in sorted(rank.index)[:N_BOARDS]:
        images = pins.loc[pins["board"] == board, "image"].to_numpy()
        chosen = rng.choice(len(images), min(n_pins_shown, len(images)), replace=False)
        rows.append(
            {
                "board": board, "images": images[np.sort(chosen)].tolist(),
                "rank": float(rank[board]), "n_train": n_train, "n_users": len(users),
                "differs": float(differs[board]),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
