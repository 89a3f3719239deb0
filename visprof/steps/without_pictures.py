"""Steps of a world that is not drawn: embeddings without pictures, at the paper's size in seconds.

They stand in for steps of the same name where ``drawn`` is False.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof.sources import vectors
from visprof.steps.data import BoardSplit, Pins
from visprof.steps.registry import step, variant

__all__ = [
    "near_duplicates", "palettes", "pin_embedding", "pin_features", "pin_sessions", "pin_truth",
    "pins", "vector_world",
]  # fmt: skip

FIRST_DAY = "2014-07-01"  # every board is active since


@variant(drawn=False)
def pins(n_users: int, world_pins: int) -> Pins:
    """Pins of simulated users, an hour after each other, with neither picture nor caption."""
    users = np.repeat(np.arange(n_users), world_pins)
    hour = np.tile(np.arange(world_pins), n_users)
    time = pd.Timestamp(FIRST_DAY, tz="UTC") + pd.to_timedelta(hour, unit="h")
    width = len(str(n_users - 1))
    table = pd.DataFrame(
        {
            "board": [f"user-{user:0{width}d}" for user in users],
            "image": "",
            "time": time,
            "caption": "",
            "row": np.arange(len(users)),  # of the simulated embeddings
        }
    )
    nothing = pd.DataFrame(columns=["entry", "reason"])
    return Pins(table, table.iloc[:0].assign(reason=""), nothing)


@variant(drawn=False)
def pin_features(board_split: BoardSplit) -> None:
    """There is no picture that a CNN could look at."""


@variant(drawn=False)
def palettes(board_split: BoardSplit) -> None:
    """Nor one that has colours."""


@variant(drawn=False)
def pin_sessions(board_split: BoardSplit) -> None:
    """Times an hour apart tell no session."""


@step
def vector_world(
    n_users: int,
    world_pins: int,
    class_taste: float,
    style_taste: float,
    session_length: float,
    repeat_share: float,
    seed: int,
) -> dict[str, float]:
    """What to simulate: the embeddings themselves are made faster than they are read from disk."""
    return {
        "n_users": n_users,
        "n_pins": world_pins,
        "class_taste": class_taste,
        "style_taste": style_taste,
        "session_length": session_length,
        "repeat_share": repeat_share,
        "random_state": seed,
    }


@variant(drawn=False)
def pin_embedding(board_split: BoardSplit, vector_world: dict[str, float]) -> np.ndarray:
    """Simulated embeddings of all pins, the background's first, (n_background + n_analysed, d)."""
    rows = pd.concat([board_split.background["row"], board_split.analysed["row"]])
    return vectors.simulate_embeddings(**vector_world).vectors[rows.to_numpy()]


@variant(drawn=False)
def pin_truth(board_split: BoardSplit, vector_world: dict[str, float]) -> pd.DataFrame:
    """Scene and style of all pins, the background's first, by number."""
    rows = pd.concat([board_split.background["row"], board_split.analysed["row"]]).to_numpy()
    world = vectors.simulate_embeddings(**vector_world)
    return pd.DataFrame({"scene": world.labels[rows], "style": world.styles[rows]})


@variant(drawn=False)
def near_duplicates(vector_world: dict[str, float]) -> np.ndarray:
    """Cluster of equal embeddings that each pin belongs to, (n,) int: repeats, and nothing else."""
    embeddings = vectors.simulate_embeddings(**vector_world).vectors
    # four coordinates tell two embeddings apart
    return np.unique(embeddings[:, :4], axis=0, return_inverse=True)[1]
