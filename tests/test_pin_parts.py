"""Steps: what profiles are means of, of every pin."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pin_tables import N_BACKGROUND, NOT_WITHOUT_PICTURES, pin_parts_of, random_parts
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from visprof import text
from visprof.parameters import Parameters
from visprof.profiles import whiten
from visprof.sources.vectors import simulate_embeddings
from visprof.steps.data import BoardSplit, SceneSplit
from visprof.steps.pin_parts import (
    file_facts,
    label_shares,
    no_sentence_vectors,
    pin_classes,
    pin_truth,
    probe_histogram,
    scene_probe,
    sentence_vectors,
    vector_truth,
    whitened,
    within_class,
    word_bags,
)
from visprof.steps.registry import find_step


@pytest.fixture
def parts():
    return random_parts()


def test_each_part_is_of_the_analysed_pins(parts):
    found = pin_parts_of(parts)
    for part, name in (
        ("image", "assignments"), ("text", "text_assignments"), ("embedding", "pin_embedding"),
        ("whitened", "whitened"), ("facts", "file_facts"),
    ):  # fmt: skip
        np.testing.assert_array_equal(found[part], parts[name].analysed)
    for part, name in (("palette", "palettes"), ("probe", "probe_histogram"),
                       ("within class", "within_class"), ("labels", "label_shares")):  # fmt: skip
        np.testing.assert_array_equal(found[part], parts[name])
    assert found["words"] is parts["word_bags"]["words"]
    assert found["sentences"] is parts["sentence_vectors"]


def test_shares_of_labels_are_the_softmax_of_outputs(parts):
    split = parts["board_split"]
    outputs = np.random.default_rng(1).normal(size=(len(split.images), 3))
    found = label_shares(SimpleNamespace(outputs=outputs), split)
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, shares[N_BACKGROUND:])
    assert label_shares(None, split) is None


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("image less facts", "assignments"),
        ("embedding less facts", "pin_embedding"),
        ("whitened less facts", "whitened"),
    ],
)
def test_facts_are_regressed_out_by_a_fit_to_the_background(parts, part, name):
    facts, values = parts["file_facts"], parts[name]
    fit = LinearRegression().fit(facts.background, values.background)
    expected = values.analysed - fit.predict(facts.analysed)
    np.testing.assert_allclose(pin_parts_of(parts)[part], expected, atol=1e-12)


def test_what_the_data_do_not_give_is_no_part(parts):
    parts |= dict.fromkeys(NOT_WITHOUT_PICTURES)
    assert list(pin_parts_of(parts)) == ["image", "embedding", "whitened", "within class"]


def test_facts_are_of_the_files_of_all_pins_the_backgrounds_first(tmp_path):
    for name, size in {"a": (20, 10), "b": (10, 10), "c": (40, 10)}.items():
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    background, analysed = (
        pd.DataFrame({"image": [str(tmp_path / f"{name}.png") for name in names]})
        for names in ("ab", "c")
    )
    facts = file_facts(BoardSplit(background, analysed, pd.DataFrame()))
    # width and aspect are 20 and 10 pixels in the background: one above the mean, one below
    np.testing.assert_allclose(facts.background[:, :2], [[1, 1], [-1, -1]])
    np.testing.assert_allclose(facts.analysed[:, :2], [[3, 3]])
    alike = BoardSplit(background[:1], background[:1], pd.DataFrame())
    assert file_facts(alike) is None


def test_all_pins_are_whitened_by_the_background(parts):
    embedded = parts["pin_embedding"]
    found = whitened(embedded, parts["board_split"], n_components=2)
    np.testing.assert_allclose(found.background.var(axis=0), 1)
    expected = whiten(embedded.analysed, embedded.background, 2)
    np.testing.assert_allclose(found.analysed, expected)


def test_within_a_class_is_what_its_mean_in_the_background_leaves(parts):
    rng = np.random.default_rng(0)
    embedded, split = parts["pin_embedding"], parts["board_split"]
    classes = rng.choice([0, 1, 2, 4], N_BACKGROUND + len(split.analysed))
    classes[:N_BACKGROUND] = [0, 2, 0, 2, 2]
    found = within_class(embedded, classes, split)
    for row, of, value in zip(found, classes[N_BACKGROUND:], embedded.analysed, strict=True):
        some = embedded.background[classes[:N_BACKGROUND] == of]
        mean = (some if len(some) else embedded.background).mean(axis=0)
        np.testing.assert_allclose(row, value - mean)


def test_classes_are_the_true_ones_or_the_likeliest():
    features = SimpleNamespace(outputs=np.array([[0, 1, 2], [9, 1, 2], [5, 1, 7]]))
    assert pin_classes(None, features).tolist() == [1, 0, 1]
    truth = pd.DataFrame({"scene": ["b", "b", "a"]})
    assert pin_classes(truth, features).tolist() == [1, 1, 0]


def test_the_probe_learns_from_training_scenes_alone(parts):
    rng = np.random.default_rng(0)
    scenes = SceneSplit(
        pd.DataFrame({"label": ["x", "y"] * 6}), pd.DataFrame({"label": ["x", "y"]})
    )
    split = parts["board_split"]
    of_scenes = rng.normal(size=(14, 3))
    of_pins = rng.normal(size=(N_BACKGROUND + len(split.analysed), 3))
    probe = scene_probe(SimpleNamespace(features=of_scenes), scenes)
    found = probe_histogram(probe, SimpleNamespace(features=of_pins), split)
    expected = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-8))
    expected.fit(of_scenes[:12], scenes.train["label"])
    np.testing.assert_allclose(found, expected.predict_proba(of_pins[N_BACKGROUND:]), atol=1e-4)


def test_words_are_the_backgrounds_if_it_shares_any():
    analysed = pd.DataFrame({"caption": ["sea cliff", "hill"]})
    split = BoardSplit(pd.DataFrame({"caption": ["sea", "sea hill"]}), analysed, pd.DataFrame())
    assert word_bags(split)["words"].tolist() == [[0, 1, 0], [1, 0, 0]]  # hill, sea, neither
    once = BoardSplit(pd.DataFrame({"caption": ["sea", "hill"]}), analysed, pd.DataFrame())
    assert word_bags(once) is None


def test_sentences_are_encoded_only_where_the_study_asks():
    asked = Parameters(sentence_encoder=True)
    assert find_step("sentence_vectors", asked) is sentence_vectors
    assert find_step("sentence_vectors", Parameters()) is no_sentence_vectors
    assert no_sentence_vectors(None) is None


def test_without_sentences_no_other_part_changes(parts):
    there = pin_parts_of(parts)
    without = pin_parts_of(parts | {"sentence_vectors": None})
    assert there.keys() - without.keys() == {"sentences"}
    for part, values in without.items():
        np.testing.assert_array_equal(values, there[part])


def test_sentences_are_of_the_analysed_pins_if_captions_share_words(monkeypatch):
    analysed = pd.DataFrame({"caption": ["sea cliff", "hill"]})
    split = BoardSplit(pd.DataFrame({"caption": ["sea", "sea hill"]}), analysed, pd.DataFrame())
    monkeypatch.setattr(text, "sentence_vectors", lambda captions: captions)
    assert sentence_vectors(split) == ["sea cliff", "hill"]
    once = BoardSplit(pd.DataFrame({"caption": ["sea", "hill"]}), analysed, pd.DataFrame())
    assert sentence_vectors(once) is None


def test_truth_is_read_by_picture(tmp_path):
    folder = tmp_path / "boards"
    folder.mkdir()
    truth = pd.DataFrame(
        {"image": ["a/1.jpg", "b/2.jpg"], "scene": ["coast", "desert"], "style": ["dusk", "fog"]}
    )
    split = BoardSplit(
        pd.DataFrame({"image": [str(folder / "b/2.jpg")]}),
        pd.DataFrame({"image": [str(folder / "a/1.jpg")]}),
        pd.DataFrame(),
    )
    assert pin_truth(split, tmp_path, "boards") is None
    truth.to_csv(folder / "truth.csv", index=False)
    assert pin_truth(split, tmp_path, "boards").to_numpy().tolist() == [
        ["desert", "fog"], ["coast", "dusk"],
    ]  # fmt: skip
    truth[:1].to_csv(folder / "truth.csv", index=False)  # a picture was added
    assert pin_truth(split, tmp_path, "boards") is None


def test_truth_of_a_world_that_is_not_drawn():
    split = BoardSplit(
        pd.DataFrame({"row": [5, 6]}), pd.DataFrame({"row": [0, 1, 11]}), pd.DataFrame()
    )
    world = {"n_users": 3, "n_pins": 4, "random_state": 2}
    truth = vector_truth(split, world)
    expected = simulate_embeddings(**world)
    rows = [5, 6, 0, 1, 11]
    np.testing.assert_array_equal(truth["scene"], expected.labels[rows])
    np.testing.assert_array_equal(truth["style"], expected.styles[rows])
