"""Steps: the data of a study, pins of boards and labelled scenes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from visprof import boards, datasheet, duplicates, scenes
from visprof.blocks import Client
from visprof.digests import digest, picture_digest
from visprof.intervals import Estimate
from visprof.pictures import map_pictures
from visprof.sources import vectors, world
from visprof.steps.registry import step, variant

__all__ = [
    "BoardSplit", "PinArrays", "Pins", "SceneSplit", "all_as_background", "board_split",
    "data_digest", "data_folder", "data_sheet", "drawn_scene_split", "duplicate_numbers",
    "equal_vectors", "near_duplicates", "picture_contents", "pins", "scene_split",
    "vector_contents", "vector_pins", "vector_world",
]  # fmt: skip

log = logging.getLogger("visprof")

N_CATEGORIES = 5  # of the classes of pins without pictures, as of drawn ones
FIRST_DAY = "2014-07-01"  # of the pins without pictures: every board is active since


@step
def data_folder(
    folder: Path,
    data: str,
    n_users: int,
    n_simulated_pins: int,
    class_taste: float,
    style_taste: float,
    carry_over: float,
    drift: float,
    session_length: float,
    repeat_share: float,
    shared_share: float,
    caption_words: float,
    scenes_per_class: int,
    picture_size: int,
    seed: int,
    client: Client | None = None,
) -> Path:
    """Folder with boards (`boards.boards_folder`) and ``scenes/``: one's own, or simulated."""
    if data and not Path(data).is_dir():
        raise FileNotFoundError(
            f"there is no folder data={data!r}; it must hold boards/ (a manifest.csv, or a folder "
            "of pictures a board) and, unless training_scenes='simulated', scenes/ (a folder of "
            "pictures a class)"
        )
    if data:
        return Path(data)
    users = world.simulate_world(
        n_users,
        n_simulated_pins,
        class_taste=class_taste,
        style_taste=style_taste,
        carry_over=carry_over,
        drift=drift,
        session_length=session_length,
        repeat_share=repeat_share,
        shared_share=shared_share,
        caption_words=caption_words,
        random_state=seed,
    )
    world.write_world(users, folder, size=picture_size, client=client)
    world.write_scenes(
        folder, n_per_class=scenes_per_class, size=picture_size, random_state=seed, client=client
    )
    return folder


@step
def vector_world(
    n_users: int,
    n_simulated_pins: int,
    class_taste: float,
    style_taste: float,
    carry_over: float,
    session_length: float,
    repeat_share: float,
    seed: int,
) -> dict[str, float]:
    """What to simulate: the embeddings themselves are made faster than they are read from disk."""
    return {
        "n_users": n_users,
        "n_pins": n_simulated_pins,
        "class_taste": class_taste,
        "style_taste": style_taste,
        "carry_over": carry_over,
        "n_categories": N_CATEGORIES,
        "session_length": session_length,
        "repeat_share": repeat_share,
        "random_state": seed,
    }


@step
def data_digest(data: str, boards_folder: str, scenes_folder: str, weights: str) -> str:
    """Digest of what is read of the reader's own data; empty where all is simulated."""
    if not data:
        return ""
    read = [
        boards.boards_folder(data, boards_folder),
        Path(data) / scenes_folder,
        *([Path(weights)] if weights else []),
    ]
    return datasheet.content_digest(path for path in read if path.exists())


@dataclass(frozen=True)
class Pins:
    """All pins of the data: those whose picture can be read, and the others with the reason.

    Entries of a folder that are no pins have a reason, too.
    """

    readable: pd.DataFrame
    unreadable: pd.DataFrame
    left_out: pd.DataFrame


@step
def pins(data_folder: Path, boards_folder: str) -> Pins:
    """All pins of the data."""
    found, left_out = boards.survey_boards(boards.boards_folder(data_folder, boards_folder))
    readable, unreadable = boards.split_readable(found)
    if len(unreadable):
        first = unreadable.head().itertuples()
        named = "; ".join(f"{pin.image}: {pin.reason}" for pin in first)
        log.warning("%d unreadable pictures were skipped: %s", len(unreadable), named)
    return Pins(readable, unreadable, left_out)


@variant("pins", drawn=False)
def vector_pins(n_users: int, n_simulated_pins: int) -> Pins:
    """Pins of simulated users, an hour after each other, with neither picture nor caption."""
    users = np.repeat(np.arange(n_users), n_simulated_pins)
    hour = np.tile(np.arange(n_simulated_pins), n_users)
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


@step
def picture_contents(pins: Pins) -> np.ndarray:
    """Digest of each readable pin's file, (n,): equal ones show the same picture."""
    return np.array(map_pictures(picture_digest, pins.readable["image"]), dtype="S40")


@variant("picture_contents", drawn=False)
def vector_contents(vector_world: dict[str, float]) -> np.ndarray:
    """Digest of each pin's embedding, (n,), where there is no picture."""
    embeddings = vectors.simulate_embeddings(**vector_world).vectors
    # four coordinates tell two embeddings apart
    return np.array([digest(row.tobytes().hex()) for row in embeddings[:, :4]], dtype="S20")


@dataclass(frozen=True)
class PinArrays:
    """What is known of the pins of a study: a row a pin, as in the tables of `BoardSplit`."""

    background: np.ndarray
    analysed: np.ndarray

    def stacked(self) -> np.ndarray:
        """Rows of all pins, the background's first."""
        return np.concatenate([self.background, self.analysed])


@dataclass(frozen=True)
class BoardSplit:
    """Pins of a study after the filters, by their use."""

    background: pd.DataFrame
    analysed: pd.DataFrame
    funnel: pd.DataFrame

    @property
    def images(self) -> list[str]:
        """Pictures of all pins: the background's, then the analysed boards'."""
        return [*self.background["image"], *self.analysed["image"]]

    def arrays(self, rows: np.ndarray) -> PinArrays:
        """Rows that stand for all pins, the background's first, by their use."""
        n_background = len(self.background)
        return PinArrays(rows[:n_background], rows[n_background:])


@step
def board_split(
    pins: Pins,
    min_pins: int,
    active_since: str,
    n_background: int,
    background_source: str,
    seed: int,
) -> BoardSplit:
    """Boards that pass the filters, as background and analysed."""
    kept, funnel = boards.filter_boards(pins.readable, min_pins, active_since)
    background, analysed = boards.background_split(
        pins.readable, kept, n_background, background_source, random_state=seed
    )
    return BoardSplit(background, analysed, funnel)


@variant("board_split", background_source="all")
def all_as_background(pins: Pins, min_pins: int, active_since: str) -> BoardSplit:
    """All pins as background, where boards are too few to set some aside."""
    kept, funnel = boards.filter_boards(pins.readable, min_pins, active_since)
    if kept["board"].nunique() < 2:
        raise ValueError(
            f"one board alone passes the filters (min_pins={min_pins}, active_since="
            f"{active_since}); at least 2 are needed to compare: add boards, or lower min_pins"
        )
    return BoardSplit(pins.readable, kept, funnel)


@step
def near_duplicates(pins: Pins) -> np.ndarray:
    """Cluster of near-duplicate pictures that each readable pin belongs to, (n,) int."""
    signatures = duplicates.picture_signatures(list(pins.readable["image"]))
    return duplicates.duplicate_clusters(signatures)


@variant("near_duplicates", drawn=False)
def equal_vectors(vector_world: dict[str, float]) -> np.ndarray:
    """Cluster of equal embeddings that each pin belongs to, (n,) int: repeats, and nothing else."""
    embeddings = vectors.simulate_embeddings(**vector_world).vectors
    # four coordinates tell two embeddings apart
    return np.unique(embeddings[:, :4], axis=0, return_inverse=True)[1]


@step
def data_sheet(
    pins: Pins, board_split: BoardSplit, near_duplicates: np.ndarray
) -> datasheet.Datasheet:
    """Counts, spans, time resolution, captions, duplicates and licences of all pins."""
    return datasheet.describe(
        pins.readable, board_split.funnel, pins.unreadable, near_duplicates, pins.left_out
    )


@step
def duplicate_numbers(data_sheet: datasheet.Datasheet, pins: Pins) -> dict[str, Estimate]:
    """Shares of pins that have a near-duplicate on their own board, and on another one."""
    found, n = data_sheet.duplicates.iloc[0], len(pins.readable)
    return {
        "duplicates.same_board": Estimate(float(found["share_same_board"]), n=n, unit="pins"),
        "duplicates.other_board": Estimate(float(found["share"]), n=n, unit="pins"),
    }


@dataclass(frozen=True)
class SceneSplit:
    """Labelled scenes: for training the Siamese network and for Table 1."""

    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def images(self) -> list[str]:
        """Pictures of all scenes: the training ones, then the test ones."""
        return [*self.train["image"], *self.test["image"]]


@step
def scene_split(
    data_folder: Path, scenes_folder: str, n_train_scenes: int, n_test_scenes: int
) -> SceneSplit:
    """Labelled scenes by a fixed split."""
    if not (data_folder / scenes_folder).is_dir():
        raise FileNotFoundError(
            f"data={str(data_folder)!r} has no folder {scenes_folder}/ (a folder of pictures a "
            "class); put it there, or pass the name of another as scenes_folder, or "
            "training_scenes=simulated"
        )
    return _first_of_each_class(data_folder / scenes_folder, n_train_scenes, n_test_scenes)


@variant("scene_split", training_scenes="simulated")
def drawn_scene_split(
    folder: Path,
    scenes_per_class: int,
    picture_size: int,
    n_train_scenes: int,
    n_test_scenes: int,
    seed: int,
    client: Client | None = None,
) -> SceneSplit:
    """Drawn scenes, where the reader has no labelled photographs."""
    world.write_scenes(
        folder, n_per_class=scenes_per_class, size=picture_size, random_state=seed, client=client
    )
    return _first_of_each_class(folder / "scenes", n_train_scenes, n_test_scenes)


def _first_of_each_class(folder: Path, n_train_scenes: int, n_test_scenes: int) -> SceneSplit:
    train, test = scenes.read_split(folder)
    return SceneSplit(
        scenes.first_scenes(train, n_train_scenes), scenes.first_scenes(test, n_test_scenes)
    )
