"""Steps: which category each pin is of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from visprof.parameters import CATEGORY_RULES
from visprof.scene_groups import scene_groups
from visprof.sources.vectors import simulate_embeddings
from visprof.steps import pin_categories as steps
from visprof.steps.data import BoardSplit
from visprof.steps.pin_parts import scene_probe
from visprof.study import Study


def pins_of(*boards, images="", captions=""):
    """Pins of boards, one a row, with pictures and captions."""
    return pd.DataFrame({"board": boards}).assign(image=images, caption=captions)


def names_of(categories):
    return [categories.names[code] for code in categories.codes]


def test_classes_are_true_ones_or_the_likeliest_of_a_probe():
    features = np.array([[0.0, 0.1], [5.0, 0.0], [0.0, 5.0], [5.1, 0.2], [0.1, 5.2], [0.2, 0.0]])
    labels = ["street", "coast", "lake", "coast", "lake", "street"]
    scenes = SimpleNamespace(train=pd.DataFrame({"label": labels}))
    probe = scene_probe(SimpleNamespace(features=features), scenes)
    pins = SimpleNamespace(features=np.float32([[4.0, 0.1], [0.0, 0.3], [0.0, 6.0]]))
    assert steps.scene_classes(None, probe, pins).tolist() == ["coast", "street", "lake"]
    truth = pd.DataFrame({"scene": ["temple", "street", "temple"]})
    assert steps.scene_classes(truth, probe, pins).tolist() == ["temple", "street", "temple"]


def test_categories_are_groups_of_classes_in_the_order_of_their_names():
    classes = np.array(["street", "coast", "lake", "temple", "coast"])
    found = steps.scene_categories(classes)
    assert found.names == ("landmarks", "town", "water")
    assert names_of(found) == scene_groups(classes).tolist()
    split = BoardSplit(pins_of("b", "b"), pins_of("a", "a", "c"), pd.DataFrame())
    own = steps.analysed_categories(found, split)
    assert own.tolist() == ["water", "landmarks", "water"]


def test_folders_below_a_boards_own_are_categories(tmp_path):
    top = tmp_path / "boards"
    top.mkdir()
    images = ["b/Sea/1.jpg", "b/2.jpg", "a/sea/2014/3.jpg", "a/Food/4.jpg"]
    images = [str(top / image) for image in images]
    split = BoardSplit(
        pins_of("b", "b", images=images[:2]), pins_of("a", "a", images=images[2:]), None
    )
    found = steps.folder_categories(split, tmp_path, "boards")
    assert names_of(found) == ["sea", "(none)", "sea", "food"]
    flat = BoardSplit(
        pins_of("b", images=images[1:2]), pins_of("a", images=[f"{top}/a/5.jpg"]), None
    )
    assert steps.folder_categories(flat, tmp_path, "boards") is None


def test_names_of_folders_are_one_however_they_are_typed(tmp_path):
    (tmp_path / "boards").mkdir()
    folders = ["Café", "CAFE\u0301", " café ", "straße", "STRASSE", "<b>|$x$", "b", "(none)"]
    images = [f"{tmp_path}/boards/b/{folder}/1.jpg" for folder in folders]
    split = BoardSplit(
        pins_of(*"bbbb", images=images[:4]), pins_of(*"bbbb", images=images[4:]), None
    )
    found = steps.folder_categories(split, tmp_path, "boards")
    assert names_of(found) == ["café"] * 3 + ["strasse"] * 2 + ["<b>|$x$", "b", "(none)"]


def test_a_manifest_may_list_pictures_anywhere_but_categories_are_below_the_boards_name(tmp_path):
    """As Pinterest's, by size; by digest; in full; from above; through a link."""
    (tmp_path / "data" / "boards").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    below = [
        ("236/hills/1.jpg", "(none)"), ("ab/cd.jpg", "(none)"), ("others/sea/1.jpg", "(none)"),
        ("236/hills/sea/1.jpg", "sea"), ("../boards/hills/sea/1.jpg", "sea"),
        ("hills/../hills/town/1.jpg", "town"), (f"{tmp_path}/data/boards/hills/lake/1.jpg", "lake"),
    ]  # fmt: skip
    for data in (tmp_path / "data", tmp_path / "link"):
        images = [str(data / "boards" / image) for image, _ in below]
        split = BoardSplit(pins_of(images=images[:0]), pins_of(*["hills"] * 7, images=images), None)
        found = steps.folder_categories(split, data, "boards")
        assert names_of(found) == [name for _, name in below]
    split = BoardSplit(pins_of(images=[]), pins_of(*["hills"] * 3, images=images[:3]), None)
    assert steps.folder_categories(split, tmp_path / "link", "boards") is None


def test_pictures_may_be_given_in_full_where_the_data_are_not(tmp_path, monkeypatch):
    (tmp_path / "data" / "boards").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    image = f"{tmp_path}/data/boards/a/sea/1.jpg"
    split = BoardSplit(pins_of(images=[]), pins_of("a", images=image), None)
    assert steps.folder_categories(split, Path("data"), "boards").names == ("sea",)


def test_words_are_those_that_part_most_background_boards():
    background = pins_of(
        *"aabbccdd",
        captions=[
            "sea, and dusk IMG_2",
            "oak",
            "oak; and oak sea",
            "",
            "Dusk and",
            "x1",
            "oak",
            "",
        ],
    )
    analysed = pins_of(*"xyz", captions=["a dusk at sea", "and", "oak sea"])
    found = steps.word_categories(BoardSplit(background, analysed, None))
    assert found.names == ("(none)", "dusk", "oak", "sea")
    assert names_of(found) == [
        "sea", "oak", "oak", "(none)", "dusk", "(none)", "oak", "(none)", "dusk", "(none)", "oak",
    ]  # fmt: skip


def test_a_word_of_most_of_a_boards_captions_does_not_part_it():
    background = pins_of(*"aaabbb", captions=["all sea", "all", "all", "all sea", "all", "x"])
    analysed = pins_of("c", captions=["all sea"])
    assert steps.word_categories(BoardSplit(background, analysed, None)).names == ("(none)", "sea")
    alone = background.assign(caption=["all sea", "all", "all", "all hills", "all", "all"])
    assert steps.word_categories(BoardSplit(alone, analysed, None)) is None


def test_of_many_words_those_of_the_most_boards_are_taken_and_of_equals_the_first():
    told = " ".join(["zz", "ff", "bb", "cc", "dd", "ee", "aa"])
    background = pins_of(*"aabbcc", captions=[told, "", told, "", "zz", ""])
    found = steps.word_categories(BoardSplit(background, pins_of("x", captions=["ff gg"]), None))
    assert names_of(found)[-1] == "(none)"  # the seventh
    each = pins_of(*"abcdef", captions=["aa", "bb", "cc", "dd", "ee", "zz"])
    found = steps.word_categories(BoardSplit(background, each, None))
    assert names_of(found)[-6:] == ["aa", "bb", "cc", "dd", "ee", "zz"]


def test_simulated_embeddings_have_groups_and_classes_by_number(tmp_path):
    study = Study("tiny", home=tmp_path, drawn=False)
    world = simulate_embeddings(**study["vector_world"])
    split = study["board_split"]
    rows = np.concatenate([split.background["row"], split.analysed["row"]])
    found = study["pin_categories"]
    assert set(found.names) <= set("01234")
    assert names_of(found) == world.categories[rows].astype(str).tolist()
    assert study["scene_classes"].tolist() == world.labels[rows].astype(str).tolist()


def test_the_rule_decides_what_a_category_is():
    scenes, folders, words = (steps.named_categories(["a"], rule) for rule in CATEGORY_RULES[1:])
    assert [of.rule for of in (scenes, folders, words)] == ["scenes", "folders", "words"]
    for rule, expected in zip(
        CATEGORY_RULES, (folders, scenes, folders, words), strict=True
    ):  # fmt: skip
        assert steps.pin_categories(rule, scenes, folders, words) is expected
    assert steps.pin_categories("auto", scenes, None, words) is scenes
    with pytest.raises(ValueError, match=r"category_rule='folders': no board has folders"):
        steps.pin_categories("folders", scenes, None, words)
    with pytest.raises(ValueError, match=r"category_rule='words': captions of no two background"):
        steps.pin_categories("words", scenes, folders, None)
