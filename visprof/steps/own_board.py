"""Steps: one reader's own board (chapter 9), and what stands in where there are few pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils.extmath import row_norms

from visprof import alike, boards, scenes
from visprof.intervals import Estimate, percentile_interval
from visprof.sources import world
from visprof.steps.assignments import Assignments
from visprof.steps.data import BoardSplit, Pins, SceneSplit
from visprof.steps.registry import step, variant
from visprof.steps.sensitivity import nearest_of_boards
from visprof.vocabulary import VisualVocabulary

__all__ = [
    "board_split", "own_alike", "own_board", "own_clusters", "own_numbers",
    "scene_split",
]  # fmt: skip

N_RESAMPLES = 1000
N_EXAMPLES = 6  # pictures shown of a cluster


@variant(scenes="simulated")
def scene_split(folder: Path, scenes_per_class: int, picture_size: int, seed: int) -> SceneSplit:
    """Drawn scenes, where the reader has no labelled photographs."""
    world.write_scenes(folder, n_per_class=scenes_per_class, size=picture_size, random_state=seed)
    return SceneSplit(*scenes.split_scenes(scenes.read_scenes(folder / "scenes")))


@variant(background_source="all")
def board_split(pins: Pins, min_pins: int, active_since: str) -> BoardSplit:
    """All pins as background, where boards are too few to set some aside."""
    kept, funnel = boards.filter_boards(pins.readable, min_pins, active_since)
    if kept["board"].nunique() < 2:
        raise ValueError(
            f"one board alone passes the filters (min_pins={min_pins}, active_since="
            f"{active_since}); at least 2 are needed to compare: add boards, or lower min_pins"
        )
    return BoardSplit(pins.readable, kept, funnel)


@step
def own_board(board_split: BoardSplit, board: str) -> str:
    """The board asked for, or the largest of those analysed."""
    sizes = board_split.analysed.groupby("board").size()
    return boards.board_name(board) or str(sizes.idxmax())


@step
def own_clusters(
    own_board: str,
    assignments: Assignments,
    board_split: BoardSplit,
    pin_embedding: np.ndarray,
    visual_vocabulary: VisualVocabulary,
    seed: int,
) -> pd.DataFrame:
    """Clusters by how much more of them the board has than the background, the most first.

    Columns cluster, share (of the board's profile), low, high (95 % interval, its pins drawn
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
    of_own = pin_embedding[len(background) :][own]
    of_other = pin_embedding[: len(background)][other]
    own_images = analysed["image"].to_numpy()[own]
    other_images, other_boards = background[other]["image"], background[other]["board"].to_numpy()
    main = pins.argmax(axis=1)
    rows = []
    for cluster in np.argsort(others - share, kind="stable"):
        centre = visual_vocabulary.cluster_centers_[cluster]
        mine = np.flatnonzero(main == cluster)
        mine = mine[np.argsort(row_norms(of_own[mine] - centre, squared=True), kind="stable")]
        theirs = nearest_of_boards(of_other, other_boards, centre)
        if len(theirs) < N_EXAMPLES:  # of so few boards, several pictures each
            theirs = np.argsort(row_norms(of_other - centre, squared=True), kind="stable")
        low, high = percentile_interval(drawn[:, cluster], 0.95)
        rows.append({
            "cluster": int(cluster), "share": share[cluster], "low": low, "high": high,
            "others": others[cluster], "own_images": list(own_images[mine[:N_EXAMPLES]]),
            "other_images": other_images.iloc[theirs[:N_EXAMPLES]].to_list(),
        })  # fmt: skip
    return pd.DataFrame(rows)


@step
def own_alike(
    own_board: str,
    every_assignments: list[Assignments],
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
    own_alike: pd.DataFrame,
    pins: Pins,
    near_duplicates: np.ndarray,
) -> dict[str, Estimate]:
    """Chapter 9 in numbers: the board's first cluster, its own clusters, and who is like it.

    ``yours.shared`` is the share of its pins of which the most alike has a near-duplicate.
    """
    first, nearest = own_clusters.iloc[0], own_alike.iloc[0]
    own, other = (
        near_duplicates[pins.readable["board"] == board] for board in (own_board, nearest["user"])
    )
    n_pins = len(own)
    above = (own_clusters["low"] > own_clusters["others"]).mean()
    return {
        "yours.first": Estimate(first["share"], first["low"], first["high"], n_pins, "pins"),
        "yours.first.others": Estimate(first["others"]),
        "yours.above": Estimate(above, n=len(own_clusters), unit="clusters"),
        "yours.nearest": Estimate(nearest["nearest"], n=N_RESAMPLES, unit="draws"),
        "yours.nearest.chance": Estimate(1 / len(own_alike), n=len(own_alike), unit="users"),
        "yours.shared": Estimate(np.isin(own, other).mean(), n=n_pins, unit="pins"),
    }
