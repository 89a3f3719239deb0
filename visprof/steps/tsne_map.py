"""Steps: the map of pins and of scenes (Figure 4), and how far to trust it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from visprof import maps
from visprof.intervals import Estimate
from visprof.steps.data import BoardSplit, PinArrays, SceneSplit
from visprof.steps.registry import step

__all__ = ["background_map", "map_quality", "scene_map"]


@step
def background_map(
    pin_embedding: PinArrays,
    board_split: BoardSplit,
    n_map: int,
    perplexity: float,
    seed: int,
) -> pd.DataFrame:
    """t-SNE plane of a sample of background pins: columns x, y, row, and those of the pins."""
    background = board_split.background
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(background), min(n_map, len(background)), replace=False)
    pins = background.iloc[rows].reset_index(drop=True).assign(row=rows)
    return _laid_out(pins, pin_embedding.background[rows], perplexity, seed)


def _laid_out(
    pictures: pd.DataFrame, features: np.ndarray, perplexity: float, seed: int
) -> pd.DataFrame:
    """A table of pictures with their places x, y in the plane of t-SNE."""
    plane = maps.tsne_plane(features, perplexity, random_state=seed)
    return pictures.assign(x=plane[:, 0], y=plane[:, 1])


@step
def scene_map(
    scene_embeddings: dict[str, np.ndarray], scene_split: SceneSplit, perplexity: float, seed: int
) -> pd.DataFrame:
    """t-SNE plane of the test scenes' hybrid embedding: columns x, y, image, label."""
    return _laid_out(scene_split.test, scene_embeddings["hybrid"], perplexity, seed)


@step
def map_quality(
    pin_embedding: PinArrays,
    background_map: pd.DataFrame,
    scene_embeddings: dict[str, np.ndarray],
    scene_map: pd.DataFrame,
    seed: int,
) -> dict[str, Estimate]:
    """How far to trust the planes of pins and of scenes: neighbourhoods, purity, chance."""
    of_pins = pin_embedding.background[background_map["row"]]
    of_scenes = scene_embeddings["hybrid"]
    return {
        **_plane_quality("pins", of_pins, background_map, background_map["board"], seed),
        **_plane_quality("scenes", of_scenes, scene_map, scene_map["label"], seed),
    }


def _plane_quality(
    unit: str, features: np.ndarray, places: pd.DataFrame, labels: pd.Series, seed: int
) -> dict[str, Estimate]:
    """Scores of a plane with intervals over labels, and what they are by chance."""
    labels, plane = labels.to_numpy(), places[["x", "y"]].to_numpy()
    n, k = len(features), maps.neighbourhood(len(features))
    embedded, planar = (maps.nearest_neighbours(points, k) for points in (features, plane))
    seen, true = (maps.label_purity(neighbours, labels) for neighbours in (planar, embedded))
    scores = {
        "preservation": maps.preservation(embedded, planar),
        "trust": maps.trust(features, planar),
        "purity.plane": seen,
        "purity.embedding": true,
        "purity.plane-embedding": seen - true,
    }
    estimates = {
        "preservation.chance": (k / (n - 1),),
        "trust.chance": (maps.chance_trust(n, k),),
        "purity.chance": (maps.chance_purity(labels),),
    }
    for key, score in scores.items():
        if len(np.unique(labels)) > 1:
            estimates[key] = maps.mean_interval(score, labels, random_state=seed)
        else:  # one board alone gives no interval
            estimates[key] = (float(score.mean()),)
    return {
        f"plane.{unit}.{key}": Estimate(*estimate, n=n, unit=unit)
        for key, estimate in estimates.items()
    }
