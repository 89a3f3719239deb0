"""Steps: the category of every pin, by what its picture shows, its folder or its caption."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from visprof import boards
from visprof._lazy import lazily
from visprof.feature_store import Features
from visprof.object_stores import is_url
from visprof.scene_groups import scene_groups
from visprof.sources import vectors
from visprof.steps.data import BoardSplit
from visprof.steps.pin_parts import as_codes
from visprof.steps.registry import step, variant

with lazily():
    from sklearn.feature_extraction import text as sklearn_text
    from sklearn.pipeline import Pipeline

    from visprof.words import words

__all__ = [
    "N_WORDS", "PinCategories", "analysed_categories", "folder_categories", "named_categories",
    "no_folder_categories", "no_word_categories", "pin_categories", "scene_categories",
    "scene_classes", "vector_categories", "vector_classes", "word_categories",
]  # fmt: skip

N_WORDS = 6  # that captions are parted by
NONE = "(none)"  # category of pins in no folder, or of no such word


@dataclass(frozen=True)
class PinCategories:
    """Category of each pin by number, the background's first, the names, and what they are of."""

    codes: np.ndarray
    names: tuple[str, ...]
    rule: str = "scenes"


def named_categories(of_pins: ArrayLike, rule: str = "scenes") -> PinCategories:
    """Categories of pins that go by name, in the order of their names."""
    names = np.asarray(of_pins, dtype=str)
    return PinCategories(as_codes(names), tuple(np.unique(names).tolist()), rule)


@step
def scene_classes(
    pin_truth: pd.DataFrame | None, scene_probe: Pipeline, pin_features: Features
) -> np.ndarray:
    """Class of scenes of each pin by name, (n_pins,) of str, the background's first.

    The true class where it is known, or else the one that a probe of the CNN's features finds
    likeliest among those of the labelled scenes.
    """
    if pin_truth is not None:
        return pin_truth["scene"].to_numpy(str)
    return scene_probe.predict(np.float64(pin_features.features)).astype(str)


@variant("scene_classes", drawn=False)
def vector_classes(pin_truth: pd.DataFrame) -> np.ndarray:
    """True classes of simulated embeddings, by number."""
    return pin_truth["scene"].to_numpy(str)


@step
def scene_categories(scene_classes: np.ndarray) -> PinCategories:
    """Groups of scenes: which group the class of a pin's scene is of."""
    return named_categories(scene_groups(scene_classes))


@variant("scene_categories", drawn=False)
def vector_categories(board_split: BoardSplit, vector_world: dict[str, float]) -> PinCategories:
    """Groups of classes of simulated embeddings, by number."""
    rows = pd.concat([board_split.background["row"], board_split.analysed["row"]]).to_numpy()
    return named_categories(vectors.simulate_embeddings(**vector_world).categories[rows])


@step
def folder_categories(
    board_split: BoardSplit, data_folder: Path, boards_folder: str
) -> PinCategories | None:
    """Sub-folders of a board: the first folder below the board's that a picture is in.

    The board's is the one of its name; a manifest that lists pictures elsewhere has no sub-folders.
    Folders of one name, in whatever case, are one category on all boards. None where no board has a
    sub-folder with pictures.
    """
    top = boards.boards_folder(data_folder, boards_folder)
    owners = [*board_split.background["board"], *board_split.analysed["board"]]
    of_pins = zip(board_split.images, owners, strict=True)
    names = [
        _folder_below(image if is_url(image) else os.path.relpath(image, top), owner)
        for image, owner in of_pins
    ]
    if set(names) == {NONE}:
        return None
    return named_categories(names, "folders")


def _folder_below(image: str, board: str) -> str:
    """First folder of a picture's path below that of its board, as others write it."""
    folders = [boards.board_name(folder) for folder in Path(image).parts[:-1]]
    if board not in folders[:-1]:
        return NONE
    return unicodedata.normalize("NFC", folders[folders.index(board) + 1].casefold()) or NONE


@variant("folder_categories", drawn=False)
def no_folder_categories(board_split: BoardSplit) -> None:
    """There is no picture that lies in a folder."""


@step
def word_categories(board_split: BoardSplit) -> PinCategories | None:
    """Words of captions: the first one, in a pin's caption, of those that part most boards.

    A word parts a background board if at most half of its captions have it: what most have names
    the board and not a category. The six words of the most boards are taken, of at least two, and
    no articles, prepositions and the like. None where there is no such word.
    """
    captions = pd.concat([board_split.background["caption"], board_split.analysed["caption"]])
    told = [words(caption) for caption in captions]
    owners = board_split.background["board"]
    pins = {(at, word) for at, own in enumerate(told[: len(owners)]) for word in own}
    n_captions = Counter((owners.iloc[at], word) for at, word in pins)
    n_pins = owners.value_counts()
    n_boards = Counter(
        word for (owner, word), n in n_captions.items()
        if 2 * n <= n_pins[owner] and word not in sklearn_text.ENGLISH_STOP_WORDS
    )  # fmt: skip
    shared = sorted(
        (word for word, n in n_boards.items() if n > 1), key=lambda w: (-n_boards[w], w)
    )
    if not shared:
        return None
    chosen = set(shared[:N_WORDS])
    return named_categories([next((w for w in own if w in chosen), NONE) for own in told], "words")


@variant("word_categories", drawn=False)
def no_word_categories(board_split: BoardSplit) -> None:
    """There is no caption."""


@step(kept=False)
def pin_categories(
    category_rule: str,
    scene_categories: PinCategories,
    folder_categories: PinCategories | None,
    word_categories: PinCategories | None,
) -> PinCategories:
    """Categories by the rule of the study; "auto" is folders where boards have any, else scenes.

    Raises
    ------
    ValueError
        If the data have no such categories; the message says what to do.
    """
    if category_rule == "auto":
        return folder_categories or scene_categories
    found = {"scenes": scene_categories, "folders": folder_categories, "words": word_categories}
    categories = found[category_rule]
    if categories is None:
        lacking = {
            "folders": "no board has folders of pictures in its own folder, the one of its name: "
            "sort pictures into such folders, one a category",
            "words": "captions of no two background boards share a word: name files in words",
        }
        raise ValueError(
            f"category_rule={category_rule!r}: {lacking[category_rule]}, or take "
            "category_rule='scenes'"
        )
    return categories


@step(kept=False)
def analysed_categories(pin_categories: PinCategories, board_split: BoardSplit) -> np.ndarray:
    """Category of each analysed pin by name, (n_analysed,) of str."""
    return np.array(pin_categories.names)[board_split.arrays(pin_categories.codes).analysed]
