"""Steps: clusters and boards in words, by what a network sees in them and by captions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from visprof._lazy import lazily
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.networks import Network
from visprof.steps.pin_parts import softmax
from visprof.steps.registry import step, variant
from visprof.steps.user_pairs import nearest_of_boards

with lazily():
    from sklearn.feature_extraction import text as sklearn_text
    from sklearn.pipeline import Pipeline

    from visprof import cluster_labelling as labelling
    from visprof import embedding
    from visprof.vocabulary import VisualVocabulary

__all__ = [
    "NO_NAME", "ClassProbabilities", "board_names", "class_probabilities", "cluster_names",
    "drawn_class_probabilities", "named_clusters", "no_class_probabilities", "no_names",
    "no_names_of_boards",
]  # fmt: skip

NO_NAME = "no name"
NAMES = {"fire", "mill"}  # words of scikit-learn's list of stop words that name something
N_TERMS = 3  # names of a board, by each source
BOARD_SHARE = 0.1  # of a board's pins that a name stands for, at least: a board holds many things
# of them at most, for a word of captions: what most have names the board, and not its taste
CAPTION_SHARE = 0.5
N_SHOWN, N_EXAMPLES = 20, 4  # clusters of which pictures are shown, and pictures of each
COLUMNS = ["name", "source", "z", "purity", "others"]


@dataclass(frozen=True)
class ClassProbabilities:
    """Classes in words, and the probability of each for all pins, (n_pins, c), background first.

    `told_by` says whose classes they are.
    """

    names: tuple[str, ...]
    of_pins: np.ndarray
    told_by: str


@step(kept=False)
def class_probabilities(pin_features: embedding.Features, network: Network) -> ClassProbabilities:
    """Probabilities of the CNN's own classes; none where they have no names.

    Places writes ``desert/sand`` and ``art_gallery``.
    """
    names = network.load().classes or ()
    told = tuple(name.replace("_", " ").replace("/", ", ") for name in names)
    outputs = np.asarray(pin_features.outputs)[:, : len(told)]
    p = softmax(outputs) if told else np.zeros((len(outputs), 0))
    return ClassProbabilities(told, p.astype(np.float32), f"the {len(told):,} classes of the CNN")


@variant("class_probabilities", drawn=False)
def no_class_probabilities() -> None:
    """There is no picture that a network could look at."""


@variant("class_probabilities", data="")
def drawn_class_probabilities(
    pin_features: embedding.Features, scene_probe: Pipeline
) -> ClassProbabilities:
    """Probabilities of the labelled scenes' classes, where pictures are drawn.

    The CNN knows photographs of objects, and none of these classes: a probe of its features, which
    learnt from labelled scenes and has seen no pin, stands for the network of scenes.
    """
    p = scene_probe.predict_proba(np.float64(pin_features.features))
    names = tuple(str(name).replace("_", " ") for name in scene_probe.classes_)
    return ClassProbabilities(
        names, p.astype(np.float32), f"the {len(names):,} classes of labelled scenes"
    )


@step
def cluster_names(
    assignments: PinArrays,
    board_split: BoardSplit,
    class_probabilities: ClassProbabilities | None,
    pin_truth: pd.DataFrame | None,
) -> pd.DataFrame:
    """Clusters in words, by their background pins: columns cluster, pins, name, source, ...

    A pin is of the cluster that it is assigned to most. `name` is the class that sets the cluster
    apart most, or else the word of captions of two boards or more that does, or else `NO_NAME`;
    `source` is "classes", "captions" or "". Then z, purity (share of the pins whose likeliest class
    it is, or whose caption has the word), others (the same of all other pins), word (of captions,
    whatever the name; empty: none), word_z, word_purity; and where it is known, truth (the
    commonest true scene) and truth_purity.
    """
    clusters = assignments.background.argmax(axis=1)
    pins = board_split.background
    found = _named(
        clusters, pins, class_probabilities, board_split, "background", owners=pins["board"]
    )
    n_clusters = assignments.background.shape[1]
    table = found.groupby(["group", "source"], sort=False).first()
    rows = []
    for cluster in range(n_clusters):
        own = clusters == cluster
        names = {
            source: table.loc[(cluster, source)].to_dict() | {"source": source}
            for source in ("classes", "captions")
            if (cluster, source) in table.index
        }
        word = names.get("captions", {})
        best = names.get("classes") or word
        row = {
            "cluster": cluster, "pins": int(own.sum()),
            "name": best.get("term", NO_NAME), "source": best.get("source", ""),
            **{of: best.get(of, np.nan) for of in ("z", "purity", "others")},
            "word": word.get("term", ""), "word_z": word.get("z", np.nan),
            "word_purity": word.get("purity", np.nan), "truth": "", "truth_purity": np.nan,
        }  # fmt: skip
        if pin_truth is not None and own.any():
            scenes = pin_truth["scene"].iloc[: len(pins)][own].value_counts(normalize=True)
            scenes = scenes.sort_index().sort_values(ascending=False, kind="stable")
            row["truth"] = str(scenes.index[0]).replace("_", " ")
            row["truth_purity"] = float(scenes.iloc[0])
        rows.append(row)
    return pd.DataFrame(rows)


@variant("cluster_names", drawn=False)
def no_names() -> pd.DataFrame:
    """There is neither a picture nor a caption."""
    words = ["word", "word_z", "word_purity"]
    return pd.DataFrame(columns=["cluster", "pins", *COLUMNS, *words, "truth", "truth_purity"])


@step
def named_clusters(
    cluster_names: pd.DataFrame,
    pin_embedding: PinArrays,
    visual_vocabulary: VisualVocabulary,
    board_split: BoardSplit,
) -> pd.DataFrame:
    """The clusters of most pins, with the background's pictures nearest the centre, one a board."""
    background = board_split.background
    boards = background["board"].to_numpy()
    shown = cluster_names.sort_values("pins", ascending=False, kind="stable").head(N_SHOWN)
    images = []
    for cluster in shown["cluster"]:
        centre = visual_vocabulary.cluster_centers_[cluster]
        nearest = nearest_of_boards(pin_embedding.background, boards, centre)[:N_EXAMPLES]
        images.append(background["image"].iloc[nearest].to_list())
    return shown.assign(images=images).reset_index(drop=True)


@step
def board_names(
    board_split: BoardSplit, class_probabilities: ClassProbabilities | None
) -> pd.DataFrame:
    """Analysed boards in words, each against all other analysed boards.

    Columns board, name, source ("classes" or "captions"), z, purity, others; of each board and
    source up to three names, the largest z first. A board that nothing sets apart has no row.
    """
    pins = board_split.analysed
    found = _named(
        pins["board"].to_numpy(str), pins, class_probabilities, board_split, "analysed",
        min_purity=BOARD_SHARE,
    )  # fmt: skip
    found = found[(found["source"] == "classes") | (found["purity"] <= CAPTION_SHARE)]
    found = found.groupby(["group", "source"], sort=False).head(N_TERMS)
    return found.rename(columns={"group": "board", "term": "name"})[["board", *COLUMNS]]


@variant("board_names", drawn=False)
def no_names_of_boards() -> pd.DataFrame:
    """There is neither a picture nor a caption."""
    return pd.DataFrame(columns=["board", *COLUMNS])


def _named(
    groups: np.ndarray,
    pins: pd.DataFrame,
    classes: ClassProbabilities | None,
    split: BoardSplit,
    use: str,
    owners: pd.Series | None = None,
    **options: float,
) -> pd.DataFrame:
    """Distinctive terms of groups of pins: columns group, term, z, purity, others, source."""
    tables = []
    if classes is not None and classes.names:
        of_pins = getattr(split.arrays(classes.of_pins), use)
        names, counts, holding, sizes = labelling.class_counts(groups, of_pins)
        told = labelling.distinctive_terms(counts, holding, sizes, classes.names, **options)
        tables.append(told.assign(group=names[told["group"]], source="classes"))
    captions = pins["caption"].to_list()
    names, terms, counts, sizes = labelling.word_counts(
        groups,
        captions,
        None if owners is None else owners.to_numpy(str),
        sklearn_text.ENGLISH_STOP_WORDS - NAMES,
    )
    told = labelling.distinctive_terms(counts, counts, sizes, terms, **options)
    tables.append(told.assign(group=names[told["group"]], source="captions"))
    return pd.concat(tables, ignore_index=True)
