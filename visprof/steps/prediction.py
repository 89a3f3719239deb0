"""Steps: does the profile find a user's next pins (Figure 6)?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof import boards, prediction, profiles
from visprof.results import Estimate
from visprof.steps.pictures import BoardSplit
from visprof.steps.registry import step
from visprof.steps.users import Assignments

__all__ = ["PROFILES", "mrr_numbers", "mrr_table", "reciprocal_ranks"]

PROFILES = ("image", "mean embedding", "text")


@step
def reciprocal_ranks(
    assignments: Assignments,
    text_assignments: Assignments | None,
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> pd.DataFrame:
    """Reciprocal rank of each user by profile and training pins (the paper, section VI-C).

    Columns profile, n_train, user, reciprocal_rank.
    """
    rows = boards.sample_pins(board_split.analysed, n_pins, random_state=seed)
    sample = board_split.analysed.iloc[rows]
    users = sample["board"].to_numpy()
    embedded = pin_embedding[len(board_split.background) :][rows]

    def profile(kind: str, pins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if kind == "mean embedding":
            names, sums = profiles.user_profiles(embedded[pins], users[pins], counts=True)
            return names, sums * len(names) / pins.sum()  # every user has equally many pins
        assigned = assignments if kind == "image" else text_assignments
        return profiles.user_profiles(assigned.analysed[rows][pins], users[pins])

    tables = []
    for kind in PROFILES:
        if kind == "text" and text_assignments is None:
            continue
        # a mean of embeddings has signs and no unit sum: only the Euclidean distance applies
        metric = "euclidean" if kind == "mean embedding" else distance
        for n_train in train_sizes:
            train, test = prediction.split_pins(sample, n_train, n_test)
            names, learnt = profile(kind, train)
            ranks = prediction.reciprocal_ranks(learnt, profile(kind, test)[1], distance=metric)
            columns = {"profile": kind, "n_train": n_train, "user": names}
            tables.append(pd.DataFrame({**columns, "reciprocal_rank": ranks}))
    return pd.concat(tables, ignore_index=True)


@step
def mrr_table(reciprocal_ranks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Figure 6: columns profile, n_train, mrr, low, high."""
    rows = [
        (*key, *prediction.mean_reciprocal_rank(of_users["reciprocal_rank"], random_state=seed))
        for key, of_users in reciprocal_ranks.groupby(["profile", "n_train"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["profile", "n_train", "mrr", "low", "high"])


@step
def mrr_numbers(
    reciprocal_ranks: pd.DataFrame, mrr_table: pd.DataFrame, seed: int
) -> dict[str, Estimate]:
    """Figure 6 in numbers, with the image profile's lead over each other one, paired by user."""
    n, unit = reciprocal_ranks["user"].nunique(), "users"
    numbers = {"mrr.random": Estimate(prediction.random_mrr(n), n=n, unit=unit)}
    for kind, n_train, *estimate in mrr_table.itertuples(index=False):
        numbers[f"mrr.{_slug(kind)}.{n_train}"] = Estimate(*estimate, n, unit)
    by_user = reciprocal_ranks.pivot(
        index="user", columns=["profile", "n_train"], values="reciprocal_rank"
    )
    for kind, n_train in by_user.columns:
        if kind != "image":
            lead = prediction.mrr_difference(
                by_user["image", n_train], by_user[kind, n_train], random_state=seed
            )
            numbers[f"mrr.image-{_slug(kind)}.{n_train}"] = Estimate(*lead, n, unit)
    return numbers


def _slug(text: str) -> str:
    return text.replace(" ", "-")
