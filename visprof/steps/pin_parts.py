"""Steps: what profiles are means of, of every pin."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import softmax

from visprof import embedding, palette, profiles
from visprof import file_facts as files
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.registry import step, variant

__all__ = ["file_facts", "no_file_facts", "no_palettes", "palettes", "pin_parts", "whitened"]


@step
def palettes(board_split: BoardSplit) -> np.ndarray | None:
    """Mean and spread of the colours of each analysed pin's picture, (n_analysed, 6)."""
    return palette.picture_palettes(list(board_split.analysed["image"]))


@variant("palettes", drawn=False)
def no_palettes(board_split: BoardSplit) -> None:
    """There is no picture that has colours."""


@step
def file_facts(board_split: BoardSplit) -> PinArrays | None:
    """Facts of all pins' files, in units of their spread over the background's.

    None where all files are of one size and format, as those of the simulated world.
    """
    pins = pd.concat([board_split.background, board_split.analysed], ignore_index=True)
    of_background = np.arange(len(pins)) < len(board_split.background)
    columns = files.fact_columns(files.file_facts(pins), of_background)
    return None if columns is None else board_split.arrays(columns)


@variant("file_facts", drawn=False)
def no_file_facts(board_split: BoardSplit) -> None:
    """There is no file."""


@step
def whitened(pin_embedding: PinArrays, board_split: BoardSplit, n_components: int) -> PinArrays:
    """Principal components of all pins, each of unit variance over the background's."""
    stacked = pin_embedding.stacked()
    return board_split.arrays(profiles.whiten(stacked, pin_embedding.background, n_components))


@step(kept=False)
def pin_parts(
    assignments: PinArrays,
    text_assignments: PinArrays | None,
    pin_embedding: PinArrays,
    whitened: PinArrays,
    pin_features: embedding.Features | None,
    palettes: np.ndarray | None,
    file_facts: PinArrays | None,
    board_split: BoardSplit,
) -> dict[str, np.ndarray]:
    """What profiles are means of, of every analysed pin; what the data do not give is left out."""
    parts = {
        "image": assignments.analysed,
        "embedding": pin_embedding.analysed,
        "whitened": whitened.analysed,
    }
    if file_facts is not None:
        parts["facts"] = file_facts.analysed
        parts["image less facts"] = _less_facts(assignments, file_facts)
        parts["embedding less facts"] = _less_facts(pin_embedding, file_facts)
        parts["whitened less facts"] = _less_facts(whitened, file_facts)
    if text_assignments is not None:
        parts["text"] = text_assignments.analysed
    if pin_features is not None:
        outputs = board_split.arrays(pin_features.outputs).analysed
        parts["labels"] = softmax(np.float64(outputs), axis=1)
    if palettes is not None:
        parts["palette"] = palettes
    return parts


def _less_facts(pins: PinArrays, facts: PinArrays) -> np.ndarray:
    """What is left of analysed pins without their files' facts, by a fit to the background."""
    return profiles.regress_out(pins.analysed, facts.analysed, pins.background, facts.background)
