"""A study: one set of parameters, and the steps of the paper computed from it.

Each step is a function below whose arguments name what it needs: other steps, parameters, or
``folder`` (a folder of its own). ``Study(...)["table1"]`` therefore computes what Table 1 needs and
nothing else. A step's value is kept on disk under a key made of its parameters, the keys of the
steps it needs, and the source of the library modules it uses: change one parameter and only what
follows from it is computed again, whichever chapter asks.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.manifold import trustworthiness

from visprof import (
    backbones,
    boards,
    bow,
    datasheet,
    duplicates,
    embedding,
    logodds,
    memo,
    prediction,
    profiles,
    retrieval,
    scenes,
    siamese,
    significance,
    text,
    vocabulary,
)
from visprof.results import Estimate, Ledger
from visprof.sources import world

__all__ = ["PRESETS", "STEPS", "Parameters", "Study"]

log = logging.getLogger("visprof")


def _parameter(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Parameters:
    """Every parameter of a study; the defaults are the preset ``demo``."""

    data: str = _parameter("", "folder with boards/ and scenes/; empty: the simulated world")
    seed: int = _parameter(0, "seed of every draw")
    device: str = _parameter("cpu", "where networks run: cpu or cuda")
    # the simulated world, used where data is empty
    n_users: int = _parameter(80, "simulated users, one board each")
    world_pins: int = _parameter(100, "pins of each simulated user")
    class_taste: float = _parameter(1.0, "how much tastes over classes differ; 0: not at all")
    style_taste: float = _parameter(1.0, "how much tastes over styles differ; 0: not at all")
    drift: float = _parameter(0.0, "share of a taste that is replaced over a board's life")
    session_length: float = _parameter(1.0, "mean pins of a session: one scene, style and day")
    repeat_share: float = _parameter(0.0, "share of pins that repeat a picture of their board")
    shared_share: float = _parameter(0.0, "share of pins that show another board's picture")
    caption_words: float = _parameter(0.7, "share of captions that name the scene")
    scenes_per_class: int = _parameter(50, "labelled scenes drawn of each class")
    picture_size: int = _parameter(96, "side of a drawn picture in pixels")
    # boards
    min_pins: int = _parameter(100, "least pins of an analysed board")
    active_since: str = _parameter("2014-07-01", "an analysed board has a pin since this date")
    n_background: int = _parameter(20, "boards set aside for vocabulary and prior")
    background_source: str = _parameter(
        "active", "background from the boards that pass the filters (active) or from the rest"
    )
    # networks
    backbone: str = _parameter("efficientnet-lite0", "the CNN")
    weights: str = _parameter("", "file of its weights; empty: the packaged or published ones")
    image_size: int = _parameter(128, "side of the CNN's input in pixels; 0: its own default")
    n_outputs: int = _parameter(205, "outputs of the Siamese network")
    margin: float = _parameter(20.0, "margin m of the contrastive loss (Eq. 1)")
    lr_last: float = _parameter(1e-3, "learning rate of the last layer")
    lr_rest: float = _parameter(0.0, "learning rate of the other layers; 0: frozen")
    batch_size: int = _parameter(128, "pairs of a training batch")
    n_iterations: int = _parameter(1500, "training batches")
    n_similar: int = _parameter(200, "similar pairs drawn of each class")
    n_dissimilar: int = _parameter(50, "dissimilar pairs drawn of each pair of classes")
    scale_blocks: bool = _parameter(False, "give both blocks of the hybrid embedding equal spread")
    n_words: int = _parameter(410, "visual words of SIFT + bag of words")
    # profiles
    n_clusters: int = _parameter(100, "visual clusters")
    bandwidth: float = _parameter(0.05, "beta of the soft assignment (Eq. 2)")
    # the map
    n_map: int = _parameter(2000, "background pins on the map, at most")
    perplexity: float = _parameter(30.0, "perplexity of t-SNE")
    # pairwise differences
    alpha: float = _parameter(0.01, "weight of the background prior (Eq. 4)")
    variance: str = _parameter("two-term", "variance of the log-odds (Eq. 5): two-term, four-term")
    threshold: float = _parameter(2.0, "users differ where Z is above it")
    # prediction
    n_pins: int = _parameter(100, "pins sampled of each board")
    n_test: int = _parameter(50, "the last pins of the sample, to be found")
    train_sizes: tuple[int, ...] = _parameter((10, 20, 30, 40, 50), "first pins to learn from")
    distance: str = _parameter("euclidean", "between profiles: euclidean, hellinger, cosine")
    text_size: int = _parameter(100, "dimensions of the PV-DM text embedding")
    text_epochs: int = _parameter(100, "passes over the captions; few leave short ones unlearnt")


PRESETS: dict[str, dict[str, Any]] = {
    # the simulated world, minutes on two cores
    "demo": {},
    # the demo at a size for tests, seconds
    "tiny": {
        "n_users": 12,
        "world_pins": 20,
        "scenes_per_class": 6,
        "picture_size": 64,
        "min_pins": 20,
        "n_background": 4,
        "image_size": 64,
        "n_outputs": 16,
        "n_iterations": 40,
        "n_similar": 3,
        "n_dissimilar": 2,
        "n_words": 20,
        "n_clusters": 8,
        "n_map": 80,
        "perplexity": 10.0,
        "n_pins": 20,
        "n_test": 10,
        "train_sizes": (5, 10),
        "text_size": 10,
    },
    # real boards and labelled photographs from a folder, with a Places365 network
    "boards": {
        "background_source": "rest",
        "n_background": 20,
        "backbone": "squeezenet-places365",
        "weights": "squeezenet_places365.safetensors",
        "image_size": 0,
        "n_clusters": 50,
        "n_similar": 1000,
        "n_dissimilar": 500,
    },
    # the paper's constants; margin, batch size and alpha are not given there. It needs the data,
    # the network's weights and a GPU
    "paper": {
        "device": "cuda",
        "n_background": 1800,
        "backbone": "alexnet",
        "image_size": 0,
        "margin": 1.0,
        "lr_last": 1e-5,
        "lr_rest": 1e-7,
        "n_iterations": 50_000,
        "n_similar": 500,
        "n_dissimilar": 50,
        "n_clusters": 200,
        "bandwidth": 1.0,
        "n_map": 10_000,
        "perplexity": 30.0,
        "alpha": 1.0,
    },
}

REAL_PRESETS = ("boards", "paper")
PROFILES = ("image", "mean embedding", "text")
STEPS: dict[str, Callable[..., Any]] = {}


def step(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a function as a step of the study."""
    STEPS[function.__name__] = function
    return function


# ---------------------------------------------------------------- pictures


@step
def data_folder(
    folder: Path,
    data: str,
    n_users: int,
    world_pins: int,
    class_taste: float,
    style_taste: float,
    drift: float,
    session_length: float,
    repeat_share: float,
    shared_share: float,
    caption_words: float,
    scenes_per_class: int,
    picture_size: int,
    seed: int,
) -> Path:
    """Folder with ``boards/`` and ``scenes/``: the reader's own, or a simulated world."""
    if data:
        for part in ("boards", "scenes"):
            if not (Path(data) / part).is_dir():
                raise FileNotFoundError(
                    f"data={data!r} has no folder {part}/: it must hold boards/ (a manifest.csv, "
                    "or a folder of pictures a board) and scenes/ (a folder of pictures a class)"
                )
        return Path(data)
    users = world.simulate_world(
        n_users,
        world_pins,
        class_taste=class_taste,
        style_taste=style_taste,
        drift=drift,
        session_length=session_length,
        repeat_share=repeat_share,
        shared_share=shared_share,
        caption_words=caption_words,
        random_state=seed,
    )
    world.write_world(users, folder, size=picture_size)
    world.write_scenes(folder, n_per_class=scenes_per_class, size=picture_size, random_state=seed)
    return folder


@dataclass(frozen=True)
class Pins:
    """All pins of the data: those whose picture can be read, and the others with the reason."""

    readable: pd.DataFrame
    unreadable: pd.DataFrame


@step
def pins(data_folder: Path) -> Pins:
    """All pins of the data."""
    readable, unreadable = boards.split_readable(boards.read_boards(data_folder / "boards"))
    if len(unreadable):
        named = "; ".join(unreadable["reason"].head())
        log.warning("%d unreadable pictures were skipped: %s", len(unreadable), named)
    return Pins(readable, unreadable)


@dataclass(frozen=True)
class BoardSplit:
    """Pins of a study after the filters, by their use."""

    background: pd.DataFrame
    analysed: pd.DataFrame
    funnel: pd.DataFrame

    @property
    def images(self) -> list[str]:
        """Pictures of all pins: the background's, then the analysed boards'."""
        return [*self.background["image"], *self.analysed["image"]]


@step
def board_split(
    pins: Pins,
    min_pins: int,
    active_since: str,
    n_background: int,
    background_source: str,
    seed: int,
) -> BoardSplit:
    """Boards that pass the filters, as background and analysed."""
    kept, funnel = boards.filter_boards(pins.readable, min_pins, active_since)
    background, analysed = boards.background_split(
        pins.readable, kept, n_background, background_source, random_state=seed
    )
    return BoardSplit(background, analysed, funnel)


@step
def near_duplicates(pins: Pins) -> np.ndarray:
    """Cluster of near-duplicate pictures that each readable pin belongs to, (n,) int."""
    signatures = duplicates.picture_signatures(list(pins.readable["image"]))
    return duplicates.duplicate_clusters(signatures)


@step
def data_sheet(
    pins: Pins, board_split: BoardSplit, near_duplicates: np.ndarray
) -> datasheet.Datasheet:
    """Counts, spans, time resolution, captions, duplicates and licences of all pins."""
    return datasheet.describe(pins.readable, board_split.funnel, pins.unreadable, near_duplicates)


@dataclass(frozen=True)
class SceneSplit:
    """Labelled scenes: for training the Siamese network and for Table 1."""

    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def images(self) -> list[str]:
        """Pictures of all scenes: the training ones, then the test ones."""
        return [*self.train["image"], *self.test["image"]]


@step
def scene_split(data_folder: Path) -> SceneSplit:
    """Labelled scenes by a fixed split."""
    return SceneSplit(*scenes.split_scenes(scenes.read_scenes(data_folder / "scenes")))


# ---------------------------------------------------------------- embedding


@dataclass(frozen=True)
class Network:
    """Which CNN, and where its weights are."""

    name: str
    weights: str | None
    image_size: int | None

    def load(self) -> backbones.Backbone:
        """Return the CNN as published, whatever training did to an earlier one."""
        return backbones.load_backbone(self.name, self.weights, self.image_size)


@step
def network(data: str, backbone: str, weights: str, image_size: int) -> Network:
    """The CNN of the study."""
    return Network(backbone, _weights_file(data, weights) or None, image_size or None)


def _weights_file(data: str, weights: str) -> str:
    """Path of the weights, which lie beside the pictures they are used for; none is empty."""
    return str(Path(data) / weights) if data and weights else weights


@step
def scene_features(
    folder: Path, scene_split: SceneSplit, network: Network, device: str
) -> embedding.FeatureStore:
    """CNN's features and outputs of the labelled scenes: training ones, then test ones."""
    return embedding.embed_images(scene_split.images, network.load(), folder, device=device)


@step
def pin_features(
    folder: Path, board_split: BoardSplit, network: Network, device: str
) -> embedding.FeatureStore:
    """CNN's features and outputs of all pins."""
    return embedding.embed_images(board_split.images, network.load(), folder, device=device)


@dataclass(frozen=True)
class SiameseTraining:
    """A trained Siamese network: its weights and what was logged on the way."""

    state: dict[str, Any]
    log: pd.DataFrame
    n_similar: int
    n_dissimilar: int


@step
def siamese_training(
    scene_features: embedding.FeatureStore,
    scene_split: SceneSplit,
    network: Network,
    device: str,
    n_outputs: int,
    margin: float,
    lr_last: float,
    lr_rest: float,
    batch_size: int,
    n_iterations: int,
    n_similar: int,
    n_dissimilar: int,
    seed: int,
) -> SiameseTraining:
    """Train the Siamese network on pairs of training scenes (Eq. 1)."""
    pairs, similar = scenes.sample_pairs(
        scene_split.train["label"], n_similar, n_dissimilar, random_state=seed
    )
    features = scene_features.features
    if lr_rest == 0:  # the trunk stays as it is: its features, once computed, are the input
        trunk, inputs = None, siamese.array_inputs(features)
    else:
        trunk = network.load()
        inputs = siamese.image_inputs(scene_split.images, trunk)
    model = siamese.SiameseEmbedding(trunk, features.shape[1], n_outputs, random_state=seed)
    training_log = siamese.train_siamese(
        model,
        inputs,
        pairs,
        similar,
        margin=margin,
        lr_last=lr_last,
        lr_rest=lr_rest,
        batch_size=batch_size,
        n_iterations=n_iterations,
        random_state=seed,
        device=device,
    )
    return SiameseTraining(
        model.state_dict(), training_log, int(similar.sum()), int((~similar).sum())
    )


def _siamese_outputs(
    folder: Path,
    store: embedding.FeatureStore,
    images: list[str],
    training: SiameseTraining,
    network: Network,
    device: str,
) -> np.ndarray:
    """Outputs of the trained Siamese network; its trunk sees the pictures again if it learnt."""
    last = training.state["last.weight"]
    learnt = any(key.startswith("backbone.") for key in training.state)
    trunk = network.load() if learnt else None
    model = siamese.SiameseEmbedding(trunk, last.shape[1], last.shape[0])
    model.load_state_dict(training.state)
    if trunk is not None:  # it has the learnt weights now
        store = embedding.embed_images(images, trunk, folder, device=device)
    return siamese.siamese_outputs(model, store.features)


@step
def scene_embeddings(
    folder: Path,
    scene_features: embedding.FeatureStore,
    scene_split: SceneSplit,
    siamese_training: SiameseTraining,
    network: Network,
    device: str,
    scale_blocks: bool,
    n_words: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Embeddings of the test scenes by each method of Table 1, and by the Siamese net alone."""
    n_train, images = len(scene_split.train), scene_split.images
    siamese_part = _siamese_outputs(
        folder, scene_features, images, siamese_training, network, device
    )[n_train:]
    cnn = scene_features.outputs[n_train:]
    words = bow.BagOfVisualWords(n_words, random_state=seed).fit(images[:n_train])
    return {
        "hybrid": embedding.hybrid_embedding(cnn, siamese_part, scale_blocks),
        "scaled": embedding.hybrid_embedding(cnn, siamese_part, scale_blocks=True),
        "cnn": np.asarray(cnn),
        "siamese": siamese_part,
        "bow": words.transform(images[n_train:]),
    }


@step
def pin_embedding(
    folder: Path,
    pin_features: embedding.FeatureStore,
    board_split: BoardSplit,
    siamese_training: SiameseTraining,
    network: Network,
    device: str,
    scale_blocks: bool,
) -> np.ndarray:
    """Hybrid embedding of all pins, (n_background + n_analysed, d)."""
    siamese_part = _siamese_outputs(
        folder, pin_features, board_split.images, siamese_training, network, device
    )
    return embedding.hybrid_embedding(pin_features.outputs, siamese_part, scale_blocks)


# ---------------------------------------------------------------- the metric and the map


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
def network_check(
    scene_features: embedding.FeatureStore, scene_split: SceneSplit, network: Network
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
def background_map(
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    n_map: int,
    perplexity: float,
    seed: int,
) -> pd.DataFrame:
    """t-SNE plane of a sample of background pins: columns x, y, row, and those of the pins."""
    from openTSNE import TSNE  # here, since it takes a second that other steps need not wait for

    background = board_split.background
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(background), min(n_map, len(background)), replace=False)
    tsne = TSNE(perplexity=perplexity, initialization="pca", random_state=seed, n_jobs=-1)
    plane = np.asarray(tsne.fit(pin_embedding[rows]))
    pins = background.iloc[rows].reset_index(drop=True)
    return pins.assign(x=plane[:, 0], y=plane[:, 1], row=rows)


@step
def map_trustworthiness(pin_embedding: np.ndarray, background_map: pd.DataFrame) -> float:
    """Share of trust in the plane's ten nearest neighbours; of 2,000 pins where there are more."""
    shown = background_map.head(2000)  # rows are in random order; the measure needs n x n
    return float(
        trustworthiness(
            pin_embedding[shown["row"]],
            shown[["x", "y"]],
            n_neighbors=min(10, (len(shown) - 1) // 2),
        )
    )


# ---------------------------------------------------------------- users


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


@dataclass(frozen=True)
class PairwiseDifferences:
    """Z of every pair of users (Eq. 7), and the same where pins are dealt at random."""

    users: np.ndarray
    max_z: np.ndarray
    dealt_max_z: np.ndarray


@step
def pairwise_differences(
    assignments: Assignments, board_split: BoardSplit, alpha: float, variance: str, seed: int
) -> PairwiseDifferences:
    """Largest absolute log-odds z-score of every pair of analysed users (Eqs. 4-7)."""
    background = assignments.background.sum(axis=0)
    pin_users = board_split.analysed["board"].to_numpy()
    users, counts = profiles.user_profiles(assignments.analysed, pin_users, counts=True)
    dealt = significance.dealt_counts(assignments.analysed, pin_users, random_state=seed)
    return PairwiseDifferences(
        users,
        logodds.pairwise_max_z(counts, background, alpha, variance),
        logodds.pairwise_max_z(dealt, background, alpha, variance),
    )


@step
def reciprocal_ranks(
    assignments: Assignments,
    text_assignments: Assignments | None,
    pin_embedding: np.ndarray,
    board_split: BoardSplit,
    n_pins: int,
    n_test: int,
    train_sizes: tuple[int, ...],
    distance: str,
    seed: int,
) -> pd.DataFrame:
    """Reciprocal rank of each user by profile and training pins (the paper, section VI-C).

    Columns profile, n_train, user, reciprocal_rank.
    """
    rows = boards.sample_pins(board_split.analysed, n_pins, random_state=seed)
    sample = board_split.analysed.iloc[rows]
    users = sample["board"].to_numpy()
    embedded = pin_embedding[len(board_split.background) :][rows]

    def profile(kind: str, pins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if kind == "mean embedding":
            names, sums = profiles.user_profiles(embedded[pins], users[pins], counts=True)
            return names, sums * len(names) / pins.sum()  # every user has equally many pins
        assigned = assignments if kind == "image" else text_assignments
        return profiles.user_profiles(assigned.analysed[rows][pins], users[pins])

    tables = []
    for kind in PROFILES:
        if kind == "text" and text_assignments is None:
            continue
        # a mean of embeddings has signs and no unit sum: only the Euclidean distance applies
        metric = "euclidean" if kind == "mean embedding" else distance
        for n_train in train_sizes:
            train, test = prediction.split_pins(sample, n_train, n_test)
            names, learnt = profile(kind, train)
            ranks = prediction.reciprocal_ranks(learnt, profile(kind, test)[1], distance=metric)
            columns = {"profile": kind, "n_train": n_train, "user": names}
            tables.append(pd.DataFrame({**columns, "reciprocal_rank": ranks}))
    return pd.concat(tables, ignore_index=True)


# ---------------------------------------------------------------- headline numbers


@step
def map_numbers(
    scene_ranking: dict[str, retrieval.RankingMetrics], scene_split: SceneSplit, seed: int
) -> dict[str, Estimate]:
    """Table 1: mean average precision by method, and the differences that the paper claims."""
    labels = scene_split.test["label"].to_numpy()
    n, unit = len(labels), "pictures"
    random = retrieval.random_mean_ap(labels)
    numbers = {"map.random": Estimate(random, n=n, unit=unit)}
    for method, ranking in scene_ranking.items():
        interval = retrieval.mean_ap_interval(ranking.average_precision, labels, random_state=seed)
        numbers[f"map.{method}"] = Estimate(ranking.mean_ap, *interval, n, unit)
        numbers[f"map.{method}.area"] = Estimate(ranking.pr_area, n=n, unit=unit)
    for better, worse in (("hybrid", "cnn"), ("cnn", "bow")):
        difference = retrieval.mean_ap_difference_interval(
            scene_ranking[better].average_precision,
            scene_ranking[worse].average_precision,
            labels,
            random_state=seed,
        )
        numbers[f"map.{better}-{worse}"] = Estimate(*difference, n, unit)
    bow_map = numbers["map.bow"]  # the random value is exact, so it only shifts the interval
    shifted = (value - random for value in (bow_map.value, bow_map.low, bow_map.high))
    numbers["map.bow-random"] = Estimate(*shifted, n, unit)
    return numbers


@step
def pair_numbers(
    pairwise_differences: PairwiseDifferences, threshold: float, seed: int
) -> dict[str, Estimate]:
    """Figure 5 in numbers: share of pairs with Z above the threshold, and where pins are dealt."""
    n_users = len(pairwise_differences.users)
    unit = "pairs of users"
    n = len(pairwise_differences.max_z)
    return {
        key: Estimate(
            *significance.share_of_pairs(z, n_users, threshold, random_state=seed), n, unit
        )
        for key, z in (
            ("pairs.differ", pairwise_differences.max_z),
            ("pairs.differ.dealt", pairwise_differences.dealt_max_z),
        )
    }


@step
def mrr_table(reciprocal_ranks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Figure 6: columns profile, n_train, mrr, low, high."""
    rows = [
        (*key, *prediction.mean_reciprocal_rank(of_users["reciprocal_rank"], random_state=seed))
        for key, of_users in reciprocal_ranks.groupby(["profile", "n_train"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["profile", "n_train", "mrr", "low", "high"])


@step
def mrr_numbers(
    reciprocal_ranks: pd.DataFrame, mrr_table: pd.DataFrame, seed: int
) -> dict[str, Estimate]:
    """Figure 6 in numbers, with the image profile's lead over each other one, paired by user."""
    n, unit = reciprocal_ranks["user"].nunique(), "users"
    numbers = {"mrr.random": Estimate(prediction.random_mrr(n), n=n, unit=unit)}
    for kind, n_train, *estimate in mrr_table.itertuples(index=False):
        numbers[f"mrr.{_slug(kind)}.{n_train}"] = Estimate(*estimate, n, unit)
    by_user = reciprocal_ranks.pivot(
        index="user", columns=["profile", "n_train"], values="reciprocal_rank"
    )
    for kind, n_train in by_user.columns:
        if kind != "image":
            lead = prediction.mrr_difference(
                by_user["image", n_train], by_user[kind, n_train], random_state=seed
            )
            numbers[f"mrr.image-{_slug(kind)}.{n_train}"] = Estimate(*lead, n, unit)
    return numbers


def _slug(text: str) -> str:
    return text.replace(" ", "-")


# ---------------------------------------------------------------- the machinery


class Study:
    """The paper on one set of parameters.

    Parameters
    ----------
    preset : str
        One of `PRESETS`.
    home : path, optional
        Folder in which steps are kept; by default ``_build/cache`` of the checkout, or of the
        working folder where the package is installed elsewhere.
    **changes
        Parameters that differ from the preset's; None leaves the preset's value.

    Raises
    ------
    ValueError
        If the preset or a parameter is unknown (the known ones are listed), or a preset for real
        pictures gets no data.

    Examples
    --------
    >>> study = Study("tiny", n_clusters=10)
    >>> study["mrr_numbers"]["mrr.image.10"].n
    8
    """

    def __init__(self, preset: str = "demo", home: str | Path | None = None, **changes: Any):
        if preset not in PRESETS:
            raise ValueError(f"preset is {preset!r}; known: {', '.join(PRESETS)}")
        names = [f.name for f in dataclasses.fields(Parameters)]
        unknown = sorted(set(changes) - set(names))
        if unknown:
            raise ValueError(
                f"unknown parameter(s) {', '.join(unknown)}; known: {', '.join(names)}"
            )
        given = {name: value for name, value in changes.items() if value is not None}
        if "train_sizes" in given:
            given["train_sizes"] = tuple(given["train_sizes"])
        self.preset = preset
        of_preset = Parameters(**PRESETS[preset])
        if given.get("backbone", of_preset.backbone) != of_preset.backbone:
            given.setdefault("weights", "")  # the preset's weights are those of its own network
        self.parameters = dataclasses.replace(of_preset, **given)
        if preset in REAL_PRESETS and not self.data:
            raise ValueError(
                f"the preset {preset!r} is for real pictures: pass data=FOLDER (make book "
                f"PRESET={preset} DATA=FOLDER), a folder with boards/ and scenes/"
            )
        self.home = Path(home) if home is not None else _default_home()
        self._values: dict[str, Any] = {}
        self._keys: dict[str, str] = {}

    def __getitem__(self, name: str) -> Any:
        """Value of a step: from memory, from disk, or computed now with all that it needs."""
        if name not in STEPS:
            raise KeyError(f"no step {name!r}; known: {', '.join(STEPS)}")
        if name not in self._values:
            self._values[name] = memo.keep(self._folder(name), lambda: self._compute(name))
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        """Value of a parameter."""
        if name.startswith("_") or name not in {f.name for f in dataclasses.fields(Parameters)}:
            raise AttributeError(name)
        return getattr(self.parameters, name)

    def key(self, name: str) -> str:
        """Key of a step: its parameters, its needs' keys and its code, as one hash."""
        if name not in self._keys:
            parts: dict[str, str] = {"step": name, "code": memo.code_version(STEPS[name])}
            for needed in inspect.signature(STEPS[name]).parameters:
                if needed in STEPS:
                    parts[needed] = self.key(needed)
                elif needed == "data":
                    parts[needed] = memo.fingerprint(self.data) if self.data else ""
                elif needed == "weights":
                    file = _weights_file(self.data, self.weights)
                    parts[needed] = memo.fingerprint(file) if file else ""
                elif needed != "folder":
                    parts[needed] = repr(getattr(self.parameters, needed))
                else:  # values may name files in the step's folder: not valid from another home
                    parts[needed] = str(self.home.resolve())
            self._keys[name] = memo.digest(json.dumps(parts, sort_keys=True))
        return self._keys[name]

    def _compute(self, name: str) -> Any:
        needs = inspect.signature(STEPS[name]).parameters
        values = {
            needed: self[needed] if needed in STEPS else getattr(self.parameters, needed)
            for needed in needs
            if needed != "folder"
        }
        if "folder" in needs:
            values["folder"] = self._folder(name)
        start = time.perf_counter()
        value = STEPS[name](**values)
        log.info("%s: computed in %.1f s", name, time.perf_counter() - start)
        return value

    def _folder(self, name: str) -> Path:
        return self.home.resolve() / name / self.key(name)

    @property
    def source(self) -> str:
        """What the study looks at, in words."""
        if self.data:
            return f"the pictures of the folder “{Path(self.data).name}” (preset {self.preset})"
        return f"the simulated world of {self.n_users} users (preset {self.preset})"

    @property
    def n_features(self) -> int:
        """Dimension of the CNN's features below its last layer."""
        return self["scene_features"].features.shape[1]

    @property
    def n_cnn_outputs(self) -> int:
        """Dimension of the CNN's output."""
        return self["scene_features"].outputs.shape[1]

    def headline(self) -> dict[str, Estimate]:
        """All headline numbers: Table 1, Figure 5 and Figure 6."""
        return {**self["map_numbers"], **self["pair_numbers"], **self["mrr_numbers"]}

    def record(self, numbers: Mapping[str, Estimate], ledger: str | Path) -> None:
        """Write numbers with this study's parameters into a ledger; no path, no ledger."""
        if str(ledger):
            Ledger(ledger).write(numbers, dataclasses.asdict(self.parameters), self.preset)


def _default_home() -> Path:
    checkout = Path(__file__).resolve().parent.parent
    base = checkout if (checkout / "pyproject.toml").exists() else Path.cwd()
    return base / "_build" / "cache"
