"""Steps: what profiles are means of, of every pin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from visprof import file_facts as files
from visprof import palette, probes, profiles
from visprof._lazy import lazily
from visprof.sources import vectors
from visprof.steps.data import BoardSplit, PinArrays, SceneSplit
from visprof.steps.registry import step, variant

with lazily():
    from sklearn.pipeline import Pipeline

    from visprof import embedding, text

__all__ = [
    "PARTS", "as_codes", "file_facts", "fixed_parts", "label_shares", "no_file_facts",
    "no_palettes", "no_probe", "no_sentence_vectors", "palettes", "pin_classes", "pin_parts",
    "pin_truth", "plain_parts", "probe_histogram", "scene_probe", "sentence_vectors", "softmax",
    "vector_truth", "whitened", "within_class", "word_bags",
]  # fmt: skip

PARTS = (
    "image", "embedding", "whitened", "within class", "words", "weighted words", "facts",
    "image less facts", "embedding less facts", "whitened less facts", "text", "sentences",
    "labels", "probe", "palette",
)  # fmt: skip
PROBE_STRENGTH = 1.0  # scikit-learn's own: it was not tuned on any data


@step
def palettes(board_split: BoardSplit) -> np.ndarray | None:
    """Mean and spread of the colours of each analysed pin's picture, (n_analysed, 6)."""
    return palette.picture_palettes(list(board_split.analysed["image"]))


@variant("palettes", drawn=False)
def no_palettes(board_split: BoardSplit) -> None:
    """There is no picture that has colours."""


@step
def file_facts(board_split: BoardSplit) -> PinArrays | None:
    """Facts of all pins' files, in units of their spread over the background's.

    None where all files are of one size and format, as those of the simulated world.
    """
    pins = pd.concat([board_split.background, board_split.analysed], ignore_index=True)
    of_background = np.arange(len(pins)) < len(board_split.background)
    columns = files.fact_columns(files.file_facts(pins), of_background)
    return None if columns is None else board_split.arrays(columns)


@variant("file_facts", drawn=False)
def no_file_facts(board_split: BoardSplit) -> None:
    """There is no file."""


@step
def whitened(pin_embedding: PinArrays, board_split: BoardSplit, n_components: int) -> PinArrays:
    """Principal components of all pins, each of unit variance over the background's."""
    stacked = pin_embedding.stacked()
    return board_split.arrays(profiles.whiten(stacked, pin_embedding.background, n_components))


@step
def pin_truth(
    board_split: BoardSplit, data_folder: Path, boards_folder: str
) -> pd.DataFrame | None:
    """Scene and style of all pins, the background's first; None where they are not known."""
    truth = data_folder / boards_folder / "truth.csv"
    if not truth.exists():
        return None
    known = pd.read_csv(truth).set_index("image")
    images = [Path(image).relative_to(truth.parent).as_posix() for image in board_split.images]
    if not known.index.is_unique or not set(images) <= set(known.index):
        return None  # pictures were added to a simulated world
    return known.loc[images].reset_index(drop=True)


@variant("pin_truth", drawn=False)
def vector_truth(board_split: BoardSplit, vector_world: dict[str, float]) -> pd.DataFrame:
    """Scene and style of all pins, the background's first, by number."""
    rows = pd.concat([board_split.background["row"], board_split.analysed["row"]]).to_numpy()
    world = vectors.simulate_embeddings(**vector_world)
    return pd.DataFrame({"scene": world.labels[rows], "style": world.styles[rows]})


@step
def pin_classes(
    pin_truth: pd.DataFrame | None, pin_features: embedding.Features | None
) -> np.ndarray:
    """Class of each pin, by number: the true one, or else the one that the CNN finds likeliest."""
    if pin_truth is not None:
        return as_codes(pin_truth["scene"])
    return as_codes(pin_features.outputs.argmax(axis=1))


def as_codes(names: ArrayLike) -> np.ndarray:
    """Numbers of names, in their order."""
    return pd.factorize(np.asarray(names), sort=True)[0]


@step(kept=False)
def within_class(
    pin_embedding: PinArrays, pin_classes: np.ndarray, board_split: BoardSplit
) -> np.ndarray:
    """Embedding of analysed pins less the mean of their class over the background.

    A class that the background lacks has the mean of all.
    """
    of_background = pin_embedding.background
    classes = board_split.arrays(pin_classes)
    means = np.tile(of_background.mean(axis=0), (pin_classes.max() + 1, 1))
    there, sums = profiles.user_profiles(of_background, classes.background, counts=True)
    means[there] = sums / np.bincount(classes.background)[there, None]
    return pin_embedding.analysed - means[classes.analysed]


@step
def scene_probe(scene_features: embedding.Features, scene_split: SceneSplit) -> Pipeline:
    """Linear probe of the CNN's features.

    It learns from the training scenes, as the Siamese network does: of the same labels.
    """
    labels = scene_split.train["label"]
    return probes.fit_linear_probe(scene_features.features[: len(labels)], labels, PROBE_STRENGTH)


@step
def probe_histogram(
    scene_probe: Pipeline, pin_features: embedding.Features, board_split: BoardSplit
) -> np.ndarray | None:
    """Class probabilities of each analysed pin, by the probe of the CNN's features."""
    pins = board_split.arrays(pin_features.features).analysed
    return scene_probe.predict_proba(np.float64(pins))


@variant("probe_histogram", drawn=False)
def no_probe(board_split: BoardSplit) -> None:
    """There is no picture that a CNN could look at."""


@step(kept=False)
def label_shares(
    pin_features: embedding.Features | None, board_split: BoardSplit
) -> np.ndarray | None:
    """Probabilities of the CNN's own classes for each analysed pin; None without pictures.

    The same for all seeds.
    """
    if pin_features is None:
        return None
    return softmax(board_split.arrays(pin_features.outputs).analysed)


@step
def word_bags(board_split: BoardSplit) -> dict[str, np.ndarray] | None:
    """Shares of words in each analysed pin's caption, as they are and by tf-idf.

    The vocabulary is that of the background; None where its captions share no word.
    """
    learnt_from = board_split.background["caption"].to_list()
    if not text.repeated_words(learnt_from):
        return None
    captions = board_split.analysed["caption"].to_list()
    return {
        "words": text.word_shares(captions, learnt_from),
        "weighted words": text.word_shares(captions, learnt_from, weighted=True),
    }


@step
def sentence_vectors(board_split: BoardSplit) -> np.ndarray | None:
    """Vectors of analysed pins' captions by a sentence encoder, (n_analysed, 384).

    None where the background's captions share no word: then there is no profile of captions.
    """
    if not text.repeated_words(board_split.background["caption"].to_list()):
        return None
    return text.sentence_vectors(board_split.analysed["caption"].to_list())


@variant("sentence_vectors", sentence_encoder=False)
def no_sentence_vectors(board_split: BoardSplit) -> None:
    """Nobody asked for the encoder, which is an extra."""


@step(kept=False)
def fixed_parts(
    label_shares: np.ndarray | None,
    probe_histogram: np.ndarray | None,
    word_bags: dict[str, np.ndarray] | None,
    sentence_vectors: np.ndarray | None,
    palettes: np.ndarray | None,
    file_facts: PinArrays | None,
) -> dict[str, np.ndarray]:
    """Those of `pin_parts` that are the same for all seeds: what is made of them is made once."""
    given = {
        **(word_bags or {}), "sentences": sentence_vectors, "labels": label_shares,
        "probe": probe_histogram, "palette": palettes,
        "facts": None if file_facts is None else file_facts.analysed,
    }  # fmt: skip
    return {part: values for part, values in given.items() if values is not None}


@step(kept=False)
def plain_parts(
    assignments: PinArrays,
    text_assignments: PinArrays | None,
    pin_embedding: PinArrays,
    whitened: PinArrays,
    fixed_parts: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Those of `pin_parts` from which nothing is taken off: many steps need no more."""
    parts = {
        "image": assignments.analysed,
        "embedding": pin_embedding.analysed,
        "whitened": whitened.analysed,
        **fixed_parts,
    }
    if text_assignments is not None:
        parts["text"] = text_assignments.analysed
    return parts


@step(kept=False)
def pin_parts(
    plain_parts: dict[str, np.ndarray],
    assignments: PinArrays,
    pin_embedding: PinArrays,
    whitened: PinArrays,
    within_class: np.ndarray,
    file_facts: PinArrays | None,
) -> dict[str, np.ndarray]:
    """What profiles are means of, of every analysed pin; what the data do not give is left out."""
    parts = plain_parts | {"within class": within_class}
    if file_facts is not None:
        parts["image less facts"] = _less_facts(assignments, file_facts)
        parts["embedding less facts"] = _less_facts(pin_embedding, file_facts)
        parts["whitened less facts"] = _less_facts(whitened, file_facts)
    return {part: parts[part] for part in PARTS if part in parts}


def softmax(outputs: np.ndarray) -> np.ndarray:
    """Shares of labels, (n, c), by their outputs, (n, c).

    Works in one array: of the paper's size it takes 3 GB, and SciPy's has three.
    """
    shares = outputs.astype(np.float64)
    shares -= shares.max(axis=1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def _less_facts(pins: PinArrays, facts: PinArrays) -> np.ndarray:
    """What is left of analysed pins without their files' facts, by a fit to the background."""
    return profiles.regress_out(pins.analysed, facts.analysed, pins.background, facts.background)
