"""Steps: embeddings of labelled scenes, and how well each finds the same scene (Table 1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from visprof import bow, embedding, maps, retrieval, siamese
from visprof.intervals import Estimate, estimate_over_seeds
from visprof.shares import wilson_interval
from visprof.steps.data import SceneSplit
from visprof.steps.networks import Network, SiameseTraining, siamese_part
from visprof.steps.registry import step

__all__ = [
    "CLAIMED_ORDER", "class_mean_ap", "example_queries", "map_numbers", "network_numbers",
    "scene_descriptors", "scene_embeddings", "scene_ranking", "scene_words",
]  # fmt: skip

# Table 1, and whether training brings the Siamese network anything (our addition)
CLAIMED_ORDER = (("hybrid", "cnn"), ("cnn", "bow"), ("bow", "random"), ("siamese", "untrained"))


@step
def scene_descriptors(scene_split: SceneSplit) -> list[np.ndarray]:
    """SIFT descriptors of the labelled scenes: training ones, then test ones."""
    return bow.sift_descriptors(scene_split.images)


@step
def scene_words(
    scene_descriptors: list[np.ndarray], scene_split: SceneSplit, n_words: int, start: int
) -> np.ndarray:
    """SIFT and bag of words of the test scenes, the words learnt on the training scenes."""
    n_train = len(scene_split.train)
    words = bow.BagOfVisualWords(n_words, random_state=start).fit(scene_descriptors[:n_train])
    return words.transform(scene_descriptors[n_train:])


@step
def scene_embeddings(
    folder: Path,
    scene_features: embedding.Features,
    scene_split: SceneSplit,
    scene_words: np.ndarray,
    siamese_training: SiameseTraining,
    network: Network,
    device: str,
    scale_blocks: bool,
    start: int,
) -> dict[str, np.ndarray]:
    """Embeddings of the test scenes by each method of Table 1, and by some for comparison."""
    n_train, images = len(scene_split.train), scene_split.images
    learnt = siamese_part(folder, scene_features, images, siamese_training, network, device)
    learnt = learnt[n_train:]
    n_outputs, width = siamese_training.state["last.weight"].shape
    untrained = siamese.SiameseEmbedding(
        None, width, n_outputs, siamese_training.output_norm, start
    )
    siamese.calibrate(untrained, scene_features.features[:n_train])
    cnn = scene_features.outputs[n_train:]
    return {
        "hybrid": embedding.hybrid_embedding(cnn, learnt, scale_blocks),
        "scaled": embedding.hybrid_embedding(cnn, learnt, scale_blocks=True),
        "cnn": np.float64(cnn),
        "siamese": learnt,
        "untrained": siamese.siamese_outputs(untrained, scene_features.features[n_train:]),
        "bow": scene_words,
    }


@step
def scene_ranking(
    scene_embeddings: dict[str, np.ndarray], scene_split: SceneSplit
) -> dict[str, retrieval.RankingMetrics]:
    """Ranking metrics of the test scenes by each method."""
    labels = scene_split.test["label"].to_numpy()
    return {
        method: retrieval.ranking_metrics(features, labels)
        for method, features in scene_embeddings.items()
    }


@step
def class_mean_ap(
    scene_ranking: dict[str, retrieval.RankingMetrics], scene_split: SceneSplit
) -> pd.DataFrame:
    """Mean average precision of the queries of each class: a row a class, a column a method."""
    labels = scene_split.test["label"].to_numpy()
    by_method = {method: of.class_mean_ap(labels) for method, of in scene_ranking.items()}
    return pd.DataFrame(by_method, index=sorted(set(labels)))


@step
def example_queries(
    scene_embeddings: dict[str, np.ndarray],
    scene_ranking: dict[str, retrieval.RankingMetrics],
    scene_split: SceneSplit,
) -> pd.DataFrame:
    """Queries that the hybrid embedding answers best to worst, each of another class.

    Columns query, neighbours (positions among the test scenes, nearest first), average_precision.
    """
    labels = scene_split.test["label"].to_numpy()
    scores = scene_ranking["hybrid"].average_precision
    nearest = maps.nearest_neighbours(scene_embeddings["hybrid"], min(8, len(labels) - 1))
    rows, shown = [], set()
    for share in (1.0, 0.5, 0.25, 0.0):
        free = np.flatnonzero(~np.isin(labels, list(shown)) & ~np.isnan(scores))
        if len(free):
            order = free[np.argsort(scores[free], kind="stable")]
            query = order[round(share * (len(order) - 1))]
            shown.add(labels[query])
            rows.append((query, nearest[query], scores[query]))
    return pd.DataFrame(rows, columns=["query", "neighbours", "average_precision"])


@step
def network_numbers(
    scene_features: embedding.Features, scene_split: SceneSplit, network: Network
) -> dict[str, Estimate]:
    """Share of scenes with their own class in the CNN's first five; none if it knows no class."""
    classes = [name.split("/")[0] for name in network.load().classes or ()]  # "desert/sand"
    labels = np.array([*scene_split.train["label"], *scene_split.test["label"]])
    known = np.isin(labels, classes)
    if not known.any():
        return {}
    first_five = np.argsort(-scene_features.outputs[known], axis=1)[:, :5]
    right = (np.array(classes)[first_five] == labels[known, None]).any(axis=1)
    share, n = float(right.mean()), len(right)
    share = Estimate(share, *wilson_interval(share, n), n, "pictures")
    return {"network.top5": share}


@step
def map_numbers(
    every_scene_ranking: list[dict[str, retrieval.RankingMetrics]],
    scene_split: SceneSplit,
    seed: int,
) -> dict[str, Estimate]:
    """Table 1 in both readings, by method, and the differences that are claimed.

    Keys ``map.hybrid`` (mean average precision), ``map.hybrid.area`` (area under the averaged
    curve), ``map.hybrid-cnn`` and ``map.hybrid-cnn.area`` (paired differences).
    """
    labels = scene_split.test["label"].to_numpy()
    n, unit = len(labels), "pictures"
    n_seeds = len(every_scene_ranking)
    values: dict[tuple[str, str], np.ndarray] = {}  # (S,) by method and reading
    draws: dict[tuple[str, str], np.ndarray] = {}  # (b, S)
    for method in every_scene_ranking[0]:
        rankings = [of[method] for of in every_scene_ranking]
        drawn = [retrieval.resampled_metrics(of, labels, random_state=seed) for of in rankings]
        found = [(ranking.mean_ap, ranking.pr_area) for ranking in rankings]
        for place, reading in enumerate(("", ".area")):
            values[method, reading] = np.array([of[place] for of in found])
            draws[method, reading] = np.column_stack([of[place] for of in drawn])
    numbers = {
        f"map.{method}{reading}": estimate_over_seeds(
            value, draws[method, reading], random_state=seed
        ).of(n, unit)
        for (method, reading), value in values.items()
    }
    exact = {"": retrieval.random_mean_ap(labels), ".area": retrieval.random_pr_area(labels)}
    for reading, random in exact.items():
        numbers[f"map.random{reading}"] = Estimate(random, n=n, unit=unit)
        # the random value is exact, so it only shifts the interval
        values["random", reading] = np.full(n_seeds, random)
        draws["random", reading] = np.float64(random)
        for better, worse in CLAIMED_ORDER:
            numbers[f"map.{better}-{worse}{reading}"] = estimate_over_seeds(
                values[better, reading] - values[worse, reading],
                draws[better, reading] - draws[worse, reading],
                random_state=seed,
            ).of(n, unit)
    return numbers
