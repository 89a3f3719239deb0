"""Clusters and boards in words: right where the truth is known, and nothing else is made again."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from visprof import figures, sentences, tables
from visprof.steps.data import BoardSplit, PinArrays
from visprof.steps.registry import STEPS
from visprof.steps.taste_words import (
    BOARD_SHARE,
    N_EXAMPLES,
    NO_NAME,
    ClassProbabilities,
    board_names,
    class_probabilities,
    cluster_names,
    no_names,
    no_names_of_boards,
)
from visprof.study import Study

CLASSES = ("art gallery", "sea", "hill")
LARGER = {
    "n_users": 24, "n_simulated_pins": 60, "n_background": 12, "n_clusters": 16,
    "scenes_per_class": 20, "n_seeds": 1,
}  # fmt: skip
N = 120  # pins of each use, of four boards


@pytest.fixture
def split():
    boards = np.repeat(["ann", "ben", "eva", "kim"], N // 4)
    background = pd.DataFrame({"board": boards, "image": "", "caption": ""})
    return BoardSplit(background, background.copy(), pd.DataFrame())


def told(classes, p=0.9):
    """Probabilities of pins that a network is rather sure of."""
    found = np.full((len(classes), len(CLASSES)), (1 - p) / (len(CLASSES) - 1))
    found[np.arange(len(classes)), classes] = p
    return found.astype(np.float32)


def of_clusters(clusters, n_clusters=3):
    return PinArrays(np.eye(n_clusters)[clusters], np.eye(n_clusters)[clusters])


def test_a_cluster_has_the_name_of_its_class(split):
    clusters = np.arange(N) % 3
    p = ClassProbabilities(CLASSES, told(np.tile(clusters, 2)), "the classes")
    found = cluster_names(of_clusters(clusters, 4), split, p, None)
    assert found["name"].tolist() == [*CLASSES, NO_NAME]  # the last has no pin
    assert found["source"].tolist() == ["classes"] * 3 + [""]
    assert found["pins"].tolist() == [40, 40, 40, 0]
    assert found["purity"].tolist()[:3] == [1, 1, 1]
    assert found["others"].tolist()[:3] == [0, 0, 0]
    assert (found["word"] == "").all()
    assert found["truth_purity"].isna().all()


def test_where_classes_tell_nothing_captions_do(split):
    clusters = np.arange(N) % 3
    words = np.array(["harbour at dusk", "a mill", "IMG_1"])[clusters]
    split.background["caption"] = words
    flat = ClassProbabilities(CLASSES, told(np.zeros(2 * N, int)), "the classes")
    for p in (flat, None, ClassProbabilities((), np.zeros((2 * N, 0)), "none")):
        found = cluster_names(of_clusters(clusters), split, p, None)
        assert found["name"].tolist() == ["dusk", "mill", NO_NAME]
        assert found["source"].tolist() == ["captions", "captions", ""]
        assert found["word"].tolist() == ["dusk", "mill", ""]
        assert found["purity"].tolist()[:2] == [1, 1]


def test_the_word_of_one_board_names_no_cluster(split):
    clusters = np.repeat([0, 1, 2, 2], N // 4)  # the boards themselves
    split.background["caption"] = np.array(["harbour", "mill", ""])[clusters]
    found = cluster_names(of_clusters(clusters), split, None, None)
    assert found["name"].tolist() == [NO_NAME] * 3


def test_the_truth_is_set_beside_a_name(split):
    clusters = np.arange(N) % 3
    truth = pd.DataFrame({"scene": np.array(["open_sea", "hill", "hill"])[np.tile(clusters, 2)]})
    truth.loc[:11, "scene"] = "lake"  # of each cluster four
    found = cluster_names(of_clusters(clusters), split, None, truth)
    assert found["truth"].tolist() == ["open sea", "hill", "hill"]
    assert found["truth_purity"].tolist() == [0.9, 0.9, 0.9]


def test_a_board_has_up_to_three_names_of_each_source(split):
    rng = np.random.default_rng(0)
    own = {"ann": [0.8, 0.1, 0.1], "ben": [0.1, 0.8, 0.1], "eva": [0.3, 0.3, 0.4]}
    classes = np.concatenate([rng.choice(3, N // 4, p=own.get(b, own["eva"])) for b in own] * 2)
    classes = np.concatenate([classes, rng.integers(0, 3, 2 * N - len(classes))])
    split.analysed["caption"] = np.where(
        (split.analysed["board"] == "kim") & (np.arange(N) % 2), "mill race dam weir kims", ""
    )
    split.analysed.loc[split.analysed["board"] == "kim", "caption"] += " kims"
    found = board_names(
        split, ClassProbabilities(CLASSES, told(np.concatenate([classes[N:], classes[:N]])), "")
    )
    assert found.loc[found["board"] == "ann", "name"].tolist() == ["art gallery"]
    kim = found[(found["board"] == "kim") & (found["source"] == "captions")]
    assert kim["name"].tolist() == ["dam", "mill", "race"]
    assert (found["purity"] >= BOARD_SHARE).all()


def test_classes_are_the_networks_own_in_words():
    class Named:
        classes = ("desert/sand", "art_gallery")

    class Network:
        def __init__(self, of):
            self.load = lambda: of

    class Features:
        outputs = np.array([[0.0, np.log(3)], [2.0, 2.0]])

    found = class_probabilities(Features, Network(Named))
    assert found.names == ("desert, sand", "art gallery")
    assert found.of_pins == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))
    assert found.told_by == "the 2 classes of the CNN"
    Named.classes = None
    assert class_probabilities(Features, Network(Named)).of_pins.shape == (2, 0)


def test_without_pictures_there_are_no_names():
    assert no_names().empty
    assert no_names_of_boards().empty
    found = sentences.names_of_clusters(no_names(), "")
    assert found["names"].startswith("Of 0 clusters")


@pytest.mark.slow
def test_names_in_the_simulated_world_are_the_true_scenes(home, caplog):
    """Of clusters whose pins are mostly of one scene, at least four in five have its name.

    A name is right where it is the scene; none, and another word for it, count as wrong.
    """
    study = Study("tiny", home=home, **LARGER)
    names = study["cluster_names"]
    judged = names[names["truth_purity"] >= sentences.AGREED]
    assert len(judged) >= 8
    assert (judged["name"] == judged["truth"]).mean() >= 0.8
    with caplog.at_level(logging.INFO, "visprof"):
        again = Study("tiny", home=home, **LARGER)
        shown = again["named_clusters"]
        assert not again["board_names"].columns.empty
    computed = {record.args[0] for record in caplog.records if "computed" in record.msg}
    new = {"named_clusters", "board_names", "class_probabilities", "pin_embedding"}
    assert computed <= new  # the last two are not kept
    assert shown["pins"].is_monotonic_decreasing
    assert (shown["images"].map(len) == N_EXAMPLES).all()
    figure = figures.named_clusters(tables.with_names(shown, names))
    assert len(figure.axes) == len(shown)


def test_no_other_step_needs_a_name():
    from visprof.steps.registry import needed_steps

    own = {"class_probabilities", "cluster_names", "named_clusters", "board_names"}
    others = {name: of for name, of in STEPS.items() if name not in own}
    assert not any(own & set(needed_steps(of).values()) for of in others.values())


def test_labels_stand_in_the_order_of_the_clusters():
    names = pd.DataFrame({"cluster": [2, 0, 1], "name": ["sea", "hill", "no name"]})
    assert tables.cluster_labels(names) == ["hill", "no name", "sea"]
    assert tables.cluster_labels(names[:0]) == []
