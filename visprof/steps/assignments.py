"""Steps: from pins to clusters, by picture and by caption."""

from __future__ import annotations

import logging
from copy import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from visprof import text
from visprof.steps.data import BoardSplit
from visprof.steps.registry import step
from visprof.vocabulary import VisualVocabulary, count_distinct

__all__ = [
    "Assignments", "assignments", "clone_as", "fit_vocabulary", "text_assignments",
    "text_embedding", "visual_vocabulary",
]  # fmt: skip

log = logging.getLogger("visprof")


@dataclass(frozen=True)
class Assignments:
    """Soft assignments of pins to clusters, rows as in the tables of `BoardSplit`."""

    background: np.ndarray
    analysed: np.ndarray


@step
def visual_vocabulary(
    pin_embedding: np.ndarray, board_split: BoardSplit, n_clusters: int, start: int
) -> VisualVocabulary:
    """Clusters of the hybrid embedding of the background's pins."""
    words = VisualVocabulary(n_clusters, random_state=start)
    return words.fit(pin_embedding[: len(board_split.background)])


@step
def assignments(
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    visual_vocabulary: VisualVocabulary,
    bandwidth: float,
    normalised: bool,
    sigma: str,
) -> Assignments:
    """Soft assignments of the hybrid embedding to clusters of the background (Eq. 2)."""
    n_background = len(board_split.background)
    words = clone_as(visual_vocabulary, bandwidth, normalised, sigma)
    return _assign(words, pin_embedding, n_background)


def clone_as(
    words: VisualVocabulary, bandwidth: float, normalised: bool, sigma: str
) -> VisualVocabulary:
    """The same clusters by another reading of Eq. 2."""
    return copy(words).set_params(bandwidth=bandwidth, normalised=normalised, sigma=sigma)


def _assign(words: VisualVocabulary, features: np.ndarray, n_background: int) -> Assignments:
    return Assignments(
        words.transform(features[:n_background]), words.transform(features[n_background:])
    )


@step
def text_embedding(
    board_split: BoardSplit, text_size: int, text_epochs: int, start: int
) -> np.ndarray | None:
    """PV-DM vectors of all captions; None where they share no word (serial numbers, say)."""
    captions = pd.concat([board_split.background, board_split.analysed])["caption"].to_numpy()
    n_background = len(board_split.background)
    if not text.repeated_words(captions[:n_background]):
        log.warning("no word is seen twice in the background's captions: no text profile")
        return None
    model = text.ParagraphVectors(text_size, epochs=text_epochs, random_state=start)
    return model.fit(captions[:n_background]).transform(captions)


@step
def text_assignments(
    text_embedding: np.ndarray | None,
    board_split: BoardSplit,
    n_clusters: int,
    bandwidth: float,
    normalised: bool,
    sigma: str,
    start: int,
) -> Assignments | None:
    """The same pipeline on captions; None where there is no text embedding."""
    if text_embedding is None:
        return None
    n_background = len(board_split.background)
    words = VisualVocabulary(n_clusters, bandwidth, normalised, sigma, random_state=start)
    words = fit_vocabulary(words, text_embedding[:n_background])
    return _assign(words, text_embedding, n_background)


def fit_vocabulary(words: VisualVocabulary, features: np.ndarray) -> VisualVocabulary:
    """Clusters of features by the settings of `words`, but no more than rows that differ."""
    n_clusters = count_distinct(features, words.n_clusters)
    if n_clusters < words.n_clusters:
        log.warning("as many clusters as rows that differ: %d", n_clusters)
    return clone(words).set_params(n_clusters=n_clusters).fit(features)
