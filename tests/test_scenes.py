"""Scenes: reading class folders, the fixed split, the paper's rule for pairs."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visprof.scenes import first_scenes, read_scenes, read_split, sample_pairs, split_scenes


@pytest.fixture
def scene_folder(tmp_path):
    for label in ("park", "desert"):
        (tmp_path / label).mkdir()
        for i in range(3):
            Image.new("RGB", (8, 6), (i, 0, 0)).save(tmp_path / label / f"{i}.png")
        (tmp_path / label / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_scenes_are_listed_class_by_class_in_order(scene_folder):
    scenes = read_scenes(scene_folder)
    assert list(scenes.columns) == ["image", "label"]
    assert scenes["label"].tolist() == ["desert"] * 3 + ["park"] * 3
    assert scenes["image"].tolist() == [
        str(scene_folder / c / f"{i}.png") for c in ("desert", "park") for i in range(3)
    ]


def test_only_regular_pictures_inside_of_the_folder_are_scenes(scene_folder, caplog):
    expected = read_scenes(scene_folder)["image"].tolist()
    os.mkfifo(scene_folder / "park" / "pipe.jpg")
    (scene_folder / "park" / "gone.jpg").symlink_to("nowhere")
    (scene_folder / "park" / "out.jpg").symlink_to("/etc/hostname")
    (scene_folder / "park" / "folder.jpg").mkdir()
    (scene_folder / "linked").symlink_to(scene_folder / "park")
    for folder in ("__MACOSX", "@eaDir", ".thumbnails"):
        (scene_folder / folder).mkdir()
        Image.new("RGB", (8, 6)).save(scene_folder / folder / "x.jpg")
    Image.new("RGB", (8, 6)).save(scene_folder / "beside.jpg")
    assert read_scenes(scene_folder)["image"].tolist() == expected
    for part in ("4 hidden or of the system", "2 not a picture (.txt)", "1 a link to nothing",
                 "11 entries were left out"):  # fmt: skip
        assert part in caplog.text
    Image.new("RGB", (8, 6)).save(scene_folder / "park" / "phone.jfif")
    Image.new("RGB", (8, 6)).save(scene_folder / "park" / "suffixless", "PNG")
    assert len(read_scenes(scene_folder)) == len(expected) + 2


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_scenes(tmp_path / "nowhere")


def test_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no class folder"):
        read_scenes(tmp_path)


def test_empty_class_is_named(scene_folder):
    (scene_folder / "kitchen").mkdir()
    with pytest.raises(ValueError, match="kitchen"):
        read_scenes(scene_folder)


def _table(sizes: dict[str, int], folder: str = "x") -> pd.DataFrame:
    rows = [(f"{folder}/{c}/{i}.jpg", c) for c, n in sizes.items() for i in range(n)]
    return pd.DataFrame(rows, columns=["image", "label"])


@given(st.lists(st.integers(2, 40), min_size=1, max_size=5), st.floats(0.05, 0.95))
def test_split_is_a_stratified_partition(sizes, share):
    scenes = _table({f"class{i}": n for i, n in enumerate(sizes)})
    train, test = split_scenes(scenes, share)
    assert sorted([*train["image"], *test["image"]]) == sorted(scenes["image"])
    for i, n in enumerate(sizes):
        n_test = (test["label"] == f"class{i}").sum()
        assert 1 <= n_test <= n - 1
        assert n_test == pytest.approx(n * share, abs=1)


def test_split_ignores_folder_and_order_of_rows():
    here = _table({"park": 20, "desert": 11}, "here")
    there = _table({"desert": 11, "park": 20}, "far/away").sample(frac=1, random_state=3)
    names = [{i.split("/", 1)[1] for i in split_scenes(here)[1]["image"]}]
    names.append({i.split("/", 2)[2] for i in split_scenes(there)[1]["image"]})
    assert names[0] == names[1]


def test_test_part_is_first_by_hash_of_label_and_name():
    _, test = split_scenes(_table({"park": 7}), 3 / 7)
    names = [f"park/{i}.jpg" for i in range(7)]
    by_hash = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert sorted(test["image"]) == sorted(f"x/{name}" for name in by_hash[:3])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_bad_share_is_refused(share):
    with pytest.raises(ValueError, match="test_share"):
        split_scenes(_table({"park": 4}), share)


def test_class_of_one_cannot_be_split():
    with pytest.raises(ValueError, match="desert"):
        split_scenes(_table({"park": 4, "desert": 1}))


def test_split_needs_its_columns():
    with pytest.raises(ValueError, match="label"):
        split_scenes(pd.DataFrame({"image": ["a.jpg"]}))


@given(
    st.lists(st.integers(3, 9), min_size=2, max_size=5),
    st.integers(0, 3),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_pairs_follow_the_rule(sizes, n_similar, n_dissimilar, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    pairs, similar = sample_pairs(labels, n_similar, n_dissimilar, seed)
    assert pairs.shape == (len(similar), 2)
    assert pairs.dtype == np.int64
    assert len({frozenset(p) for p in pairs.tolist()}) == len(pairs)  # distinct, none with itself
    assert all(len(set(p)) == 2 for p in pairs.tolist())
    count = Counter(tuple(sorted((labels[i], labels[j]))) for i, j in pairs)
    expected = {(c, c): n_similar for c in range(len(sizes))} if n_similar else {}
    expected |= dict.fromkeys(combinations(range(len(sizes)), 2), n_dissimilar)
    assert count == expected
    np.testing.assert_array_equal(similar, labels[pairs[:, 0]] == labels[pairs[:, 1]])


def test_every_pair_of_a_class_can_be_drawn():
    pairs, similar = sample_pairs(list("aaaaa"), 10, 0)
    assert {tuple(sorted(p)) for p in pairs.tolist()} == set(combinations(range(5), 2))
    assert similar.all()


def test_every_pair_across_classes_can_be_drawn():
    pairs, _ = sample_pairs(list("aabbb"), 0, 6)
    drawn = {tuple(sorted(p)) for p in pairs.tolist()}
    assert drawn == {(i, j) for i in (0, 1) for j in (2, 3, 4)}


def test_pairs_within_a_class_are_drawn_evenly():
    count = Counter()
    for seed in range(2000):
        pairs, _ = sample_pairs(list("aaaaa"), 3, 0, seed)
        count.update(tuple(sorted(p)) for p in pairs.tolist())
    assert len(count) == 10
    assert max(abs(c - 600) for c in count.values()) < 5 * np.sqrt(600)


def test_constants_of_the_paper():
    labels = np.repeat(np.arange(205), 100)
    pairs, similar = sample_pairs(labels, 500, 50)
    assert similar.sum() == 102_500
    assert (~similar).sum() == 1_045_500
    assert len(pairs) == 1_148_000


def test_order_is_mixed():
    _, similar = sample_pairs(np.repeat(np.arange(4), 30), 100, 100)
    assert 0.2 < similar[:100].mean() < 0.6


def test_same_seed_same_pairs():
    labels = np.repeat(np.arange(4), 30)
    one, again, other = (sample_pairs(labels, 20, 20, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("labels", "n_similar", "n_dissimilar", "match"),
    [
        (["park"] * 9 + ["desert"] * 2, 2, 0, "desert"),
        (["park"] * 2 + ["desert"] * 2, 0, 5, "desert - park"),
        (["park"] * 9, 1, 1, "1 classes"),
        ([["park"]], 1, 1, "shape"),
        (["park", "desert"], -1, 1, "n_similar: expected .* got -1"),
        (["park", "desert"], 0, 0, "both 0"),
    ],
)
def test_impossible_pairs_say_why(labels, n_similar, n_dissimilar, match):
    with pytest.raises(ValueError, match=match):
        sample_pairs(labels, n_similar, n_dissimilar)


def parted_folder(path, train, test):
    """A folder of scenes that are parted: pictures of each class by their red."""
    for part, classes in (("train", train), ("test", test)):
        for label, reds in classes.items():
            (path / part / label).mkdir(parents=True)
            for red in reds:
                Image.new("RGB", (8, 6), (red, 0, 0)).save(path / part / label / f"{red}.png")
    return path


def test_a_folder_that_is_parted_is_taken_as_it_is(tmp_path, scene_folder):
    folder = parted_folder(
        tmp_path / "parted", {"sea": [1, 2], "hill": [3, 4]}, {"sea": [5], "hill": [6]}
    )
    (folder / ".hidden").mkdir()
    train, test = read_split(folder)
    assert train["label"].tolist() == ["hill"] * 2 + ["sea"] * 2
    assert test["image"].tolist() == [
        str(folder / "test" / "hill" / "6.png"), str(folder / "test" / "sea" / "5.png")
    ]  # fmt: skip


def test_a_folder_of_classes_is_parted_by_the_fixed_split(tmp_path):
    folder = parted_folder(tmp_path, {"train": [1, 2], "test": [3, 4], "sea": [5, 6]}, {"a": [1]})
    classes = folder / "train"  # of which two are called as parts are
    for found, expected in zip(
        read_split(classes), split_scenes(read_scenes(classes)), strict=True
    ):
        pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({"sea": [1], "hill": [2]}, {"sea": [3], "lake": [4]}, "in one alone are hill, lake"),
        ({"sea": [1], "hill": [2]}, {"sea": [3], "hill": [1]}, "1.png' shows what the training"),
        ({"sea": [1], "hill": []}, {"sea": [3], "hill": [4]}, "hill' has no picture"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, train, test, message):
    with pytest.raises(ValueError, match=message):
        read_split(parted_folder(tmp_path, train, test))


def test_the_scenes_that_are_kept_do_not_depend_on_the_others():
    scenes = pd.DataFrame(
        {"image": [f"{n}.jpg" for n in range(30)], "label": list("abc") * 10}, index=range(5, 35)
    )
    kept = first_scenes(scenes, 4)
    assert kept["label"].value_counts().tolist() == [4, 4, 4]
    assert kept["image"].tolist() == [of for of in scenes["image"] if of in set(kept["image"])]
    assert set(first_scenes(scenes, 3)["image"]) < set(kept["image"])
    assert kept.index.tolist() == list(range(12))
    for n in (0, 10, 99):
        assert first_scenes(scenes, n)["image"].tolist() == scenes["image"].tolist()
    with pytest.raises(ValueError, match="n_per_class"):
        first_scenes(scenes, -1)
