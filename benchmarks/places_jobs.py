"""What a CPU does for `benchmarks.places_training` while the GPU learns.

Rankings, and all of Table 1 that needs no layer but the last to learn. Each job runs in a process
of its own.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from visprof.bow import BagOfVisualWords, sift_descriptors
from visprof.paper_training import PaperTraining, train_network
from visprof.probes import label_embeddings
from visprof.results.provenance import provenance
from visprof.retrieval import held_out_classes
from visprof.scene_table import rank_embeddings, with_hybrids
from visprof.siamese import SiameseEmbedding, calibrate, siamese_outputs


@dataclasses.dataclass(frozen=True)
class Scenes:
    """What the published network makes of the photographs.

    Attributes
    ----------
    features : ndarray of float32, shape (n, d)
        Of the photographs of training.
    labels : ndarray of str, shape (n,)
        Their classes.
    test_features, test_labels : ndarray
        Likewise of the test photographs.
    cnn : ndarray of float32, shape (m, c)
        Outputs for the test photographs.
    """

    features: np.ndarray
    labels: np.ndarray
    test_features: np.ndarray
    test_labels: np.ndarray
    cnn: np.ndarray


def ranked(embeddings: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, Any]:
    """Readings of embeddings, as the log keeps them."""
    return {name: of.record() for name, of in rank_embeddings(embeddings, labels).items()}


def ranked_run(cnn: np.ndarray, siamese: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Rank the embeddings of a run."""
    return {"ranked": ranked(with_hybrids(cnn, siamese), labels)}


def last_layer(
    scenes: Scenes, settings: PaperTraining, fold: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Train the last layer alone, a probe and discriminants; rank the test photographs.

    A fold is the number of a deal of classes into halves, and which of them is trained on; the
    other one is tested on.
    """
    classes, shown = None, np.ones(len(scenes.test_labels), dtype=bool)
    known = np.ones(len(scenes.labels), dtype=bool)
    if fold is not None:
        known = held_out_classes(scenes.labels, fold[0])[fold[1]]
        classes = np.unique(scenes.labels[known])
        shown = ~np.isin(scenes.test_labels, classes)
    model, log = train_network(
        None, None, scenes.features, scenes.labels, settings, classes=classes, progress=False
    )
    untrained = SiameseEmbedding(
        None, scenes.features.shape[1], settings.n_outputs, random_state=settings.random_state
    )
    calibrate(untrained, scenes.features[known])
    features, learnt = scenes.test_features[shown], (scenes.features[known], scenes.labels[known])
    embeddings = {
        **with_hybrids(scenes.cnn[shown], siamese_outputs(model, features)),
        "untrained": siamese_outputs(untrained, features),
        **label_embeddings(*learnt, features),
    }
    return {
        "settings": dataclasses.asdict(settings),
        "log": log.to_dict("list"),
        "ranked": ranked(embeddings, scenes.test_labels[shown]),
    }


def margin(scenes: Scenes, settings: PaperTraining) -> dict[str, Any]:
    """Train the last layer alone at another margin or rate."""
    model, log = train_network(None, None, scenes.features, scenes.labels, settings, progress=False)
    siamese = siamese_outputs(model, scenes.test_features)
    return {
        "settings": dataclasses.asdict(settings),
        "log": log.to_dict("list"),
        **ranked_run(scenes.cnn, siamese, scenes.test_labels),
    }


def bag_of_words(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    """SIFT and a bag of 410 words, learnt on the photographs of training."""
    words = BagOfVisualWords().fit(sift_descriptors(train["image"].tolist()))
    found = words.transform(sift_descriptors(test["image"].tolist()))
    return {"ranked": ranked({"bow": found}, test["label"].to_numpy())}


def origin() -> dict[str, Any]:
    """By what, and on what, all of it is made."""
    return provenance()
