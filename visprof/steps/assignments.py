"""Steps: from pins to clusters, by picture and by caption."""

from __future__ import annotations

import logging
from copy import copy

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.registry import step

with lazily():
    from sklearn.base import clone

    from visprof import text
    from visprof.vocabulary import VisualVocabulary, assignment_entropy, count_distinct

__all__ = [
    "assignment_numbers", "assignment_spread", "assignments", "clone_as", "fit_vocabulary",
    "text_assignments", "text_embedding", "visual_vocabulary", "vocabulary_settings",
]  # fmt: skip

log = logging.getLogger("visprof")


@step
def vocabulary_settings(
    n_clusters: int, bandwidth: float, normalised_assignments: bool, sigma_over: str, seed: int
) -> VisualVocabulary:
    """The study's vocabulary before it has seen any picture, to be fitted to others."""
    return VisualVocabulary(
        n_clusters, bandwidth, normalised_assignments, sigma_over, random_state=seed
    )


@step
def visual_vocabulary(pin_embedding: PinArrays, n_clusters: int, start: int) -> VisualVocabulary:
    """Clusters of the hybrid embedding of the background's pins."""
    return VisualVocabulary(n_clusters, random_state=start).fit(pin_embedding.background)


@step
def assignments(
    pin_embedding: PinArrays,
    visual_vocabulary: VisualVocabulary,
    bandwidth: float,
    normalised_assignments: bool,
    sigma_over: str,
) -> PinArrays:
    """Soft assignments of the hybrid embedding to clusters of the background (Eq. 2)."""
    return _assign(
        clone_as(visual_vocabulary, bandwidth, normalised_assignments, sigma_over), pin_embedding
    )


@step
def assignment_spread(assignments: PinArrays) -> dict[str, float]:
    """How the analysed pins lie among the clusters.

    ``entropy``: mean of their assignments', as a share of the largest, log(k). ``empty``: clusters
    that are no pin's first.
    """
    of_pins = assignments.analysed
    n_clusters = of_pins.shape[1]
    totals = of_pins.sum(axis=1, keepdims=True, dtype=float)
    near = totals[:, 0] > 0  # without normalisation, a pin may be too far from all of them
    entropy = assignment_entropy(of_pins[near] / totals[near]).mean() / np.log(n_clusters)
    n_empty = n_clusters - len(np.unique(of_pins.argmax(axis=1)))
    return {"entropy": float(entropy), "empty": float(n_empty)}


@step
def assignment_numbers(
    every_assignment_spread: list[dict[str, float]], n_clusters: int
) -> dict[str, Estimate]:
    """Means of `assignment_spread` over seeds: ``assignments.entropy``, ``assignments.empty``."""
    return {
        f"assignments.{name}": Estimate(
            float(np.mean([of[name] for of in every_assignment_spread])), n=n_clusters,
            unit="clusters",
        )
        for name in every_assignment_spread[0]
    }  # fmt: skip


def clone_as(
    words: VisualVocabulary, bandwidth: float, normalised_assignments: bool, sigma_over: str
) -> VisualVocabulary:
    """The same clusters by another interpretation of Eq. 2."""
    return copy(words).set_params(
        bandwidth=bandwidth, normalised_assignments=normalised_assignments, sigma_over=sigma_over
    )


def _assign(words: VisualVocabulary, features: PinArrays) -> PinArrays:
    return PinArrays(words.transform(features.background), words.transform(features.analysed))


@step
def text_embedding(
    board_split: BoardSplit, text_size: int, text_epochs: int, start: int
) -> PinArrays | None:
    """PV-DM vectors of all captions; None where they share no word (serial numbers, say)."""
    captions = pd.concat([board_split.background, board_split.analysed])["caption"].to_numpy()
    learnt_from = board_split.arrays(captions).background
    if not text.repeated_words(learnt_from):
        log.warning("no word is seen twice in the background's captions: no text profile")
        return None
    model = text.ParagraphVectors(text_size, epochs=text_epochs, random_state=start)
    return board_split.arrays(model.fit(learnt_from).transform(captions))


@step
def text_assignments(
    text_embedding: PinArrays | None,
    n_clusters: int,
    bandwidth: float,
    normalised_assignments: bool,
    sigma_over: str,
    start: int,
) -> PinArrays | None:
    """The same pipeline on captions; None where there is no text embedding."""
    if text_embedding is None:
        return None
    words = VisualVocabulary(
        n_clusters, bandwidth, normalised_assignments, sigma_over, random_state=start
    )
    words = fit_vocabulary(words, text_embedding.background)
    return _assign(words, text_embedding)


def fit_vocabulary(words: VisualVocabulary, features: np.ndarray) -> VisualVocabulary:
    """Clusters of features by the settings of `words`, but no more than rows that differ."""
    n_clusters = count_distinct(features, words.n_clusters)
    if n_clusters < words.n_clusters:
        log.warning("as many clusters as rows that differ: %d", n_clusters)
    return clone(words).set_params(n_clusters=n_clusters).fit(features)
