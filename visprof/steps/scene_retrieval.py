"""Steps: embeddings of labelled scenes, and how well each finds the same scene (Table 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from visprof import maps, probes, scene_table, scenes
from visprof._lazy import lazily
from visprof.intervals import Estimate
from visprof.scene_table import Readings
from visprof.shares import wilson_interval
from visprof.steps.data import SceneSplit
from visprof.steps.networks import Network, SiameseTraining, siamese_part
from visprof.steps.registry import step

with lazily():
    from visprof import bow, embedding, retrieval, siamese
    from visprof.siamese_training import train_last_layer

__all__ = [
    "CLAIMED_ORDER", "HeldOutSplit", "SceneScores", "class_mean_ap", "example_queries",
    "held_out_retrieval", "map_numbers", "network_numbers", "probe_retrieval", "scene_descriptors",
    "scene_embeddings", "scene_ranking", "scene_scores", "scene_words",
]  # fmt: skip

CLAIMED_ORDER = (("hybrid", "cnn"), ("cnn", "bow"), ("bow", "random"))  # Table 1
# and our additions: what training brings the Siamese network, and what the labels alone would
COMPARED = (*CLAIMED_ORDER, ("siamese", "untrained"), ("siamese", "cnn"), ("hybrid", "probe"))
COMPARED_HELD_OUT = (("hybrid", "cnn"), ("siamese", "cnn"))
ENDINGS = {"mean_ap": "", "pr_area": ".area"}  # of keys, by reading
MOST_WORD_SCENES = 2000  # more would give the words hardly other descriptors to learn from
FEWEST_CLASSES = 4  # two in each half


@step
def scene_descriptors(scene_split: SceneSplit) -> list[np.ndarray]:
    """SIFT descriptors of labelled scenes: those that words are learnt from, then test ones."""
    return bow.sift_descriptors([*_word_scenes(scene_split), *scene_split.test["image"]])


def _word_scenes(scene_split: SceneSplit) -> list[str]:
    """Training scenes that visual words are learnt from, spread over the classes."""
    images = scene_split.train["image"].to_list()
    places = np.linspace(0, len(images), min(len(images), MOST_WORD_SCENES), endpoint=False)
    return [images[int(place)] for place in places]


@step
def scene_words(
    scene_descriptors: list[np.ndarray], scene_split: SceneSplit, n_words: int, start: int
) -> np.ndarray:
    """SIFT and bag of words of the test scenes, the words learnt on the training scenes."""
    n_train = len(_word_scenes(scene_split))
    words = bow.BagOfVisualWords(n_words, random_state=start).fit(scene_descriptors[:n_train])
    return words.transform(scene_descriptors[n_train:])


@step(kept=False)
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
    return {
        **scene_table.with_hybrids(scene_features.outputs[n_train:], learnt, scale_blocks),
        "untrained": siamese.siamese_outputs(untrained, scene_features.features[n_train:]),
        "bow": scene_words,
    }


@step(kept=False)
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
    names = network.load().classes or ()  # "desert/sand", which is desert-sand here, or desert
    as_named = np.array([[name.replace("/", "-"), name.split("/")[0]] for name in names])
    labels = np.array([*scene_split.train["label"], *scene_split.test["label"]])
    known = np.isin(labels, as_named)
    if not known.any():
        return {}
    first_five = np.argsort(-scene_features.outputs[known], axis=1)[:, :5]
    right = (as_named[first_five] == labels[known, None, None]).any(axis=(1, 2))
    share, n = float(right.mean()), len(right)
    share = Estimate(share, *wilson_interval(share, n), n, "pictures")
    return {"network.top5": share}


@dataclass(frozen=True)
class SceneScores:
    """How well each method finds test scenes, and what the hybrid's distances are made of.

    Attributes
    ----------
    readings : dict of str to Readings
        By method.
    cnn_share : float
        Share of the CNN's outputs in the squared distance of two test scenes, on average.
    """

    readings: dict[str, Readings]
    cnn_share: float


@step
def scene_scores(
    scene_embeddings: dict[str, np.ndarray],
    scene_ranking: dict[str, retrieval.RankingMetrics],
    scene_split: SceneSplit,
) -> SceneScores:
    """Both readings of Table 1 by each method, and the weight of the hybrid's blocks."""
    labels = scene_split.test["label"].to_numpy()
    # the mean squared distance of two rows is twice the sum of the columns' variances
    variances = scene_embeddings["hybrid"].var(axis=0)
    n_outputs = scene_embeddings["cnn"].shape[1]
    return SceneScores(
        {method: scene_table.class_readings(of, labels) for method, of in scene_ranking.items()},
        float(variances[:n_outputs].sum() / variances.sum()),
    )


@step
def probe_retrieval(
    scene_features: embedding.Features, scene_split: SceneSplit
) -> dict[str, Readings]:
    """What classifiers that learn from the same labels find: a linear probe, and discriminants."""
    labels = scene_split.train["label"].to_numpy()
    train, test = np.split(np.asarray(scene_features.features), [len(labels)])
    embedded = probes.label_embeddings(train, labels, test)
    return scene_table.rank_embeddings(embedded, scene_split.test["label"].to_numpy())


@dataclass(frozen=True)
class HeldOutSplit:
    """How well each method finds test scenes of classes that training has not seen.

    Attributes
    ----------
    readings : dict of str to Readings
        By method, of the classes of both halves.
    random : ndarray of shape (2,)
        Both readings of a random ranking.
    """

    readings: dict[str, Readings]
    random: np.ndarray


@step
def held_out_retrieval(
    scene_features: embedding.Features,
    scene_split: SceneSplit,
    n_outputs: int,
    output_norm: str,
    margin: float,
    lr_last: float,
    batch_size: int,
    n_iterations: int,
    n_similar: int,
    n_dissimilar: int,
    scale_blocks: bool,
    n_class_splits: int,
    seed: int,
) -> list[HeldOutSplit]:
    """Table 1 on classes that training has not seen, for each split of the classes.

    The last layer learns from training scenes of one half of the classes, and test scenes of the
    other half are ranked among themselves; then the halves change places. Empty where classes are
    too few for halves.
    """
    labels = np.concatenate([scene_split.train["label"], scene_split.test["label"]])
    is_test = np.arange(len(labels)) >= len(scene_split.train)
    sizes = scene_split.test["label"].value_counts()
    rows = np.flatnonzero(np.isin(labels, sizes.index[sizes > 1]))  # of one scene there is no query
    if (sizes > 1).sum() < FEWEST_CLASSES:
        return []
    features = np.asarray(scene_features.features)

    def half(learnt_from: np.ndarray, ranked: np.ndarray, start: int) -> dict[str, Readings]:
        pairs, similar = scenes.sample_pairs(labels[learnt_from], n_similar, n_dissimilar, start)
        model = siamese.SiameseEmbedding(None, features.shape[1], n_outputs, output_norm, start)
        train_last_layer(
            model, features, learnt_from[pairs], similar, margin=margin, lr_last=lr_last,
            batch_size=batch_size, n_iterations=n_iterations, random_state=start, progress=False,
        )  # fmt: skip
        learnt = siamese.siamese_outputs(model, features[ranked])
        embedded = scene_table.with_hybrids(scene_features.outputs[ranked], learnt, scale_blocks)
        return scene_table.rank_embeddings(embedded, labels[ranked])

    splits = []
    for start in range(seed, seed + n_class_splits):
        parted = [rows[mask] for mask in retrieval.held_out_classes(labels[rows], start)]
        learnt_from, ranked = ([of[mask[of]] for of in parted] for mask in (~is_test, is_test))
        halves = [half(learnt_from[1 - k], ranked[k], start) for k in (0, 1)]
        readings = {m: scene_table.joined_readings([of[m] for of in halves]) for m in halves[0]}
        random = [scene_table.random_values(labels[of]) for of in ranked]
        splits.append(HeldOutSplit(readings, np.average(random, 0, [len(of) for of in ranked])))
    return splits


@step
def map_numbers(
    every_scene_scores: list[SceneScores],
    probe_retrieval: dict[str, Readings],
    held_out_retrieval: list[HeldOutSplit],
    scene_split: SceneSplit,
) -> dict[str, Estimate]:
    """Table 1 in both readings, by method, and the differences that are claimed.

    Keys ``map.hybrid`` (mean average precision), ``map.hybrid.area`` (area under the averaged
    curve), ``map.hybrid-cnn`` and ``map.hybrid-cnn.area`` (paired differences), ``map.cnn_share``
    (share of the CNN in the hybrid's squared distances), and the same of ``map.heldout`` for
    classes that training has not seen.
    """
    labels = scene_split.test["label"].to_numpy()
    seeds = every_scene_scores
    by_method = {method: [of.readings[method] for of in seeds] for method in seeds[0].readings}
    by_method |= {method: [of] * len(seeds) for method, of in probe_retrieval.items()}
    numbers = _table_1("map", by_method, scene_table.random_values(labels), COMPARED)
    share = float(np.mean([of.cnn_share for of in seeds]))
    numbers["map.cnn_share"] = Estimate(share, n=len(labels), unit="pictures")
    if splits := held_out_retrieval:
        unseen = {method: [of.readings[method] for of in splits] for method in splits[0].readings}
        random = np.mean([of.random for of in splits], axis=0)
        numbers |= _table_1("map.heldout", unseen, random, COMPARED_HELD_OUT)
    return numbers


def _table_1(
    key: str,
    by_method: dict[str, list[Readings]],
    random: np.ndarray,
    compared: Sequence[tuple[str, str]],
) -> dict[str, Estimate]:
    """Numbers of a table, by the keys of the ledger."""
    return {
        f"{key}.{method}{ENDINGS[reading]}": number
        for method, row in scene_table.table_one(by_method, random, compared).items()
        for reading, number in row.items()
    }
