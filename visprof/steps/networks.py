"""Steps: features of pictures, the Siamese network, and the hybrid embedding of pins."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visprof import scenes
from visprof._lazy import lazily
from visprof.blocks import Client
from visprof.hybrid import hybrid_embedding
from visprof.sources import vectors
from visprof.steps.data import BoardSplit, PinArrays, SceneSplit
from visprof.steps.registry import step, variant

with lazily():
    from visprof import architectures, backbones, embedding, siamese
    from visprof.siamese_training import image_inputs, train_last_layer, train_siamese

__all__ = [
    "Network", "SiameseTraining", "embed_all", "feature_store", "network", "no_pin_features",
    "pin_embedding", "pin_features", "pin_siamese", "scene_features", "siamese_part",
    "siamese_training", "vector_embedding",
]  # fmt: skip


@dataclass(frozen=True)
class Network:
    """Which CNN, where its weights are, and the precision that it runs in ("fp32" or "bf16")."""

    name: str
    weights: str | None
    image_size: int | None
    precision: str

    def load(self) -> architectures.Backbone:
        """Return the CNN as published, whatever training did to an earlier one."""
        return backbones.load_backbone(self.name, self.weights, self.image_size)


@step
def network(backbone: str, weights: str, image_size: int, device: str, precision: str) -> Network:
    """The CNN of the study, and the precision of all that it does.

    "auto" is decided here, once: a timing that was repeated by each step could tell one this and
    the other that, and a store of features is of one precision.
    """
    chosen = Network(backbone, weights or None, image_size or None, precision)
    if precision == "auto":
        faster = embedding.faster_precision(chosen.load(), device)
        chosen = dataclasses.replace(chosen, precision=faster)
    return chosen


@step
def feature_store(folder: Path, network: Network, device: str) -> embedding.FeatureStore:
    """Store of all that the CNN has made of pictures: other data add to it, none is made twice."""
    return embedding.FeatureStore(folder)


def embed_all(
    images: list[str],
    trunk: architectures.Backbone,
    folder: Path,
    device: str,
    precision: str,
    client: Client | None = None,
) -> embedding.Features:
    """Features of pictures that must all be readable: rows stand for them by position."""
    features = embedding.embed_images(
        images, trunk, folder, device=device, precision=precision, client=client
    )
    if features.unreadable:
        raise ValueError("; ".join(features.unreadable.values()))
    return features


@step
def scene_features(
    scene_split: SceneSplit,
    feature_store: embedding.FeatureStore,
    network: Network,
    device: str,
    client: Client | None = None,
) -> embedding.Features:
    """CNN's features and outputs of the labelled scenes: training ones, then test ones."""
    return embed_all(
        scene_split.images, network.load(), feature_store.folder, device, network.precision, client
    )


@step
def pin_features(
    board_split: BoardSplit,
    feature_store: embedding.FeatureStore,
    network: Network,
    device: str,
    client: Client | None = None,
) -> embedding.Features:
    """CNN's features and outputs of all pins."""
    return embed_all(
        board_split.images, network.load(), feature_store.folder, device, network.precision, client
    )


@variant("pin_features", drawn=False)
def no_pin_features(board_split: BoardSplit) -> None:
    """There is no picture that a CNN could look at."""


@dataclass(frozen=True)
class SiameseTraining:
    """A trained Siamese network: its weights and what was logged on the way."""

    state: dict[str, Any]
    output_norm: str
    log: pd.DataFrame
    n_similar: int
    n_dissimilar: int


@step
def siamese_training(
    folder: Path,
    scene_features: embedding.Features,
    scene_split: SceneSplit,
    network: Network,
    device: str,
    n_outputs: int,
    output_norm: str,
    margin: float,
    lr_last: float,
    lr_rest: float,
    batch_size: int,
    n_iterations: int,
    n_similar: int,
    n_dissimilar: int,
    start: int,
) -> SiameseTraining:
    """Train the Siamese network on pairs of training scenes (Eq. 1)."""
    pairs, similar = scenes.sample_pairs(
        scene_split.train["label"], n_similar, n_dissimilar, random_state=start
    )
    features = scene_features.features
    trunk = network.load() if lr_rest else None
    model = siamese.SiameseEmbedding(trunk, features.shape[1], n_outputs, output_norm, start)
    settings: dict[str, Any] = {
        "margin": margin, "lr_last": lr_last, "batch_size": batch_size,
        "n_iterations": n_iterations, "random_state": start, "device": device,
        "checkpoint": folder / "checkpoint.pt",
    }  # fmt: skip
    if trunk is None:  # it stays as it is: its features, once computed, are the input
        training_log = train_last_layer(model, features, pairs, similar, **settings)
    else:
        inputs = image_inputs(scene_split.images, trunk)
        training_log = train_siamese(
            model, inputs, pairs, similar, lr_rest=lr_rest, precision=network.precision, **settings
        )
    return SiameseTraining(
        model.state_dict(), output_norm, training_log, int(similar.sum()), int((~similar).sum())
    )


def siamese_part(
    folder: Path,
    features: embedding.Features,
    images: list[str],
    training: SiameseTraining,
    network: Network,
    device: str,
) -> np.ndarray:
    """Outputs of the trained Siamese network; its trunk sees the pictures again if it learnt."""
    last = training.state["last.weight"]
    learnt = any(key.startswith("backbone.") for key in training.state)
    trunk = network.load() if learnt else None
    model = siamese.SiameseEmbedding(trunk, last.shape[1], last.shape[0], training.output_norm)
    model.load_state_dict(training.state)
    if trunk is not None:  # it has the learnt weights now
        features = embed_all(images, trunk, folder, device, network.precision)
    return siamese.siamese_outputs(model, features.features)


@step
def pin_siamese(
    folder: Path,
    pin_features: embedding.Features,
    board_split: BoardSplit,
    siamese_training: SiameseTraining,
    network: Network,
    device: str,
) -> np.ndarray:
    """Outputs of the trained Siamese network for all pins, (n, n_outputs)."""
    return siamese_part(folder, pin_features, board_split.images, siamese_training, network, device)


@step(kept=False)
def pin_embedding(
    pin_features: embedding.Features,
    pin_siamese: np.ndarray,
    board_split: BoardSplit,
    scale_blocks: bool,
) -> PinArrays:
    """Hybrid embedding of all pins, (n_background, d) and (n_analysed, d)."""
    return board_split.arrays(hybrid_embedding(pin_features.outputs, pin_siamese, scale_blocks))


@variant("pin_embedding", drawn=False)
def vector_embedding(board_split: BoardSplit, vector_world: dict[str, float]) -> PinArrays:
    """Simulated embeddings of all pins, (n_background, d) and (n_analysed, d)."""
    simulated = vectors.simulate_embeddings(**vector_world).vectors
    background, analysed = (
        simulated[pins["row"].to_numpy()] for pins in (board_split.background, board_split.analysed)
    )
    return PinArrays(background, analysed)
