"""Steps: from pins to clusters, by picture and by caption."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof import text, vocabulary
from visprof.steps.pictures import BoardSplit
from visprof.steps.registry import step

__all__ = ["Assignments", "assignments", "text_assignments"]

log = logging.getLogger("visprof")


@dataclass(frozen=True)
class Assignments:
    """Soft assignments of pins to clusters, rows as in the tables of `BoardSplit`."""

    background: np.ndarray
    analysed: np.ndarray


def _assign(
    features: np.ndarray, n_background: int, n_clusters: int, bandwidth: float, seed: int
) -> tuple[vocabulary.VisualVocabulary, Assignments]:
    words = vocabulary.VisualVocabulary(n_clusters, bandwidth=bandwidth, random_state=seed)
    background = words.fit(features[:n_background]).transform(features[:n_background])
    return words, Assignments(background, words.transform(features[n_background:]))


@step
def assignments(
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    n_clusters: int,
    bandwidth: float,
    seed: int,
) -> Assignments:
    """Soft assignments of the hybrid embedding to clusters of the background (Eq. 2)."""
    n_background = len(board_split.background)
    return _assign(pin_embedding, n_background, n_clusters, bandwidth, seed)[1]


@step
def text_assignments(
    board_split: BoardSplit,
    text_size: int,
    text_epochs: int,
    n_clusters: int,
    bandwidth: float,
    seed: int,
) -> Assignments | None:
    """The same pipeline on captions; None where they share no word (serial numbers, say)."""
    captions = pd.concat([board_split.background, board_split.analysed])["caption"].to_numpy()
    n_background = len(board_split.background)
    if not text.repeated_words(captions[:n_background]):
        log.warning("no word is seen twice in the background's captions: no text profile")
        return None
    model = text.ParagraphVectors(text_size, epochs=text_epochs, random_state=seed)
    model.fit(captions[:n_background])
    return _assign(model.transform(captions), n_background, n_clusters, bandwidth, seed)[1]
