"""Steps: how well the embeddings retrieve pictures of the same scene (Table 1)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from visprof import embedding, maps, retrieval
from visprof.intervals import Estimate, estimate_over_seeds
from visprof.steps.data import SceneSplit
from visprof.steps.networks import Network
from visprof.steps.registry import step

__all__ = ["CLAIMED_ORDER", "example_queries", "map_numbers", "network_check", "scene_ranking"]

# Table 1, and whether training brings the Siamese network anything (our addition)
CLAIMED_ORDER = (("hybrid", "cnn"), ("cnn", "bow"), ("bow", "random"), ("siamese", "untrained"))


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
def network_check(
    scene_features: embedding.Features, scene_split: SceneSplit, network: Network
) -> Estimate | None:
    """Share of scenes with their own class in the CNN's first five; None if it knows no class."""
    classes = [name.split("/")[0] for name in network.load().classes or ()]  # "desert/sand"
    labels = np.array([*scene_split.train["label"], *scene_split.test["label"]])
    known = np.isin(labels, classes)
    if not known.any():
        return None
    first_five = np.argsort(-scene_features.outputs[known], axis=1)[:, :5]
    right = (np.array(classes)[first_five] == labels[known, None]).any(axis=1)
    interval = stats.binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return Estimate(float(right.mean()), interval.low, interval.high, len(right), "pictures")


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
