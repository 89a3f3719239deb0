"""Steps: one reader's own board (chapter 9)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof import alike, boards
from visprof._lazy import lazily
from visprof.intervals import Estimate, percentile_interval
from visprof.steps.data import BoardSplit, PinArrays, Pins
from visprof.steps.registry import step
from visprof.steps.user_pairs import nearest_of_boards

with lazily():
    from visprof.vocabulary import VisualVocabulary, nearest_first

__all__ = ["own_board", "own_clusters", "own_numbers", "similar_boards"]

N_RESAMPLES = 1000

N_EXAMPLES = 6  # pictures shown of a cluster


@step
def own_board(board_split: BoardSplit, board: str) -> str:
    """The board asked for, or the largest of those analysed."""
    sizes = board_split.analysed.groupby("board").size()
    return boards.board_name(board) or str(sizes.idxmax())


@step
def own_clusters(
    own_board: str,
    assignments: PinArrays,
    board_split: BoardSplit,
    pin_embedding: PinArrays,
    visual_vocabulary: VisualVocabulary,
    seed: int,
) -> pd.DataFrame:
    """Clusters by how much more of them the board has than the background, the most first.

    Columns cluster, value (share of the board's profile), low, high (95 % interval, its pins drawn
    again), others (share of the other boards of the background, taken as given), own_images (pins
    that belong to no cluster more, nearest the centre first), other_images (other boards', one a
    board if there are enough boards).
    """
    background, analysed = board_split.background, board_split.analysed
    own = (analysed["board"] == own_board).to_numpy()
    other = (background["board"] != own_board).to_numpy()
    pins = assignments.analysed[own]
    drawn = alike.resampled_profiles(pins, N_RESAMPLES, seed)
    share, others = (
        of.sum(axis=0, dtype=float) / of.sum(dtype=float)
        for of in (pins, assignments.background[other])
    )
    of_own = pin_embedding.analysed[own]
    of_other = pin_embedding.background[other]
    own_images = analysed["image"].to_numpy()[own]
    other_images, other_boards = background[other]["image"], background[other]["board"].to_numpy()
    main = pins.argmax(axis=1)
    rows = []
    for cluster in np.argsort(others - share, kind="stable"):
        centre = visual_vocabulary.cluster_centers_[cluster]
        mine = np.flatnonzero(main == cluster)
        mine = mine[nearest_first(of_own[mine], centre)]
        theirs = nearest_of_boards(of_other, other_boards, centre)
        if len(theirs) < N_EXAMPLES:  # of so few boards, several pictures each
            theirs = nearest_first(of_other, centre)
        low, high = percentile_interval(drawn[:, cluster], 0.95)
        rows.append({
            "cluster": int(cluster), "value": share[cluster], "low": low, "high": high,
            "others": others[cluster], "own_images": list(own_images[mine[:N_EXAMPLES]]),
            "other_images": other_images.iloc[theirs[:N_EXAMPLES]].to_list(),
        })  # fmt: skip
    return pd.DataFrame(rows)


@step
def similar_boards(
    own_board: str,
    every_assignments: list[PinArrays],
    board_split: BoardSplit,
    distance: str,
    seed: int,
) -> pd.DataFrame:
    """Other users, the most alike first, and how surely (see `visprof.alike.most_alike`).

    Profiles are over the clusters of all seeds, side by side.
    """
    users = board_split.analysed["board"].to_numpy()
    pins = np.hstack([of.analysed for of in every_assignments])
    return alike.most_alike(pins, users, own_board, distance, N_RESAMPLES, random_state=seed)


@step
def own_numbers(
    own_board: str,
    own_clusters: pd.DataFrame,
    similar_boards: pd.DataFrame,
    pins: Pins,
    near_duplicates: np.ndarray,
) -> dict[str, Estimate]:
    """Chapter 9 in numbers: the board's first cluster, its own clusters, and who is like it.

    ``yours.shared`` is the share of its pins of which the most alike has a near-duplicate.
    """
    first, nearest = own_clusters.iloc[0], similar_boards.iloc[0]
    own, other = (
        near_duplicates[pins.readable["board"] == board] for board in (own_board, nearest["user"])
    )
    n_pins = len(own)
    above = (own_clusters["low"] > own_clusters["others"]).mean()
    return {
        "yours.first": Estimate(first["value"], first["low"], first["high"], n_pins, "pins"),
        "yours.first.others": Estimate(first["others"]),
        "yours.above": Estimate(above, n=len(own_clusters), unit="clusters"),
        "yours.nearest": Estimate(nearest["nearest"], n=N_RESAMPLES, unit="draws"),
        "yours.nearest.chance": Estimate(
            1 / len(similar_boards), n=len(similar_boards), unit="users"
        ),
        "yours.shared": Estimate(np.isin(own, other).mean(), n=n_pins, unit="pins"),
    }
