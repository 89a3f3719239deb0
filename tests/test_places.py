"""Places365 as labelled scenes: a tiny data set in the published layout."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re

import pytest
from PIL import Image

from visprof._torchvision import torchvision
from visprof.scenes import read_scenes, split_scenes
from visprof.sources import places as places_module
from visprof.sources.places import collect_places, places_scenes

# the published list is not sorted the way Python sorts, so numbers and ranks differ here too
CATEGORIES = {"/b/bakery/shop": 0, "/a/abbey": 1, "/b/bakery_shop": 2}
PHOTOS = [("val_3.jpg", 1), ("val_1.jpg", 0), ("val_2.jpg", 0), ("val_4.jpg", 2), ("val_5.jpg", 0)]


def write(path, text):
    path.write_text(text)
    return path.name, hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folder of a tiny Places365, whose checksums torchvision is told."""
    source = torchvision.datasets.Places365
    text = "".join(f"{name} {number}\n" for name, number in CATEGORIES.items())
    categories = write(tmp_path / "categories_places365.txt", text)
    monkeypatch.setattr(source, "_CATEGORIES_META", categories)
    text = "".join(f"{name} {number}\n" for name, number in PHOTOS)
    lists = {"val": write(tmp_path / "places365_val.txt", text)}
    train = "/a/abbey/1.jpg 1\n/b/bakery/shop/1.jpg 0\n"
    lists["train-standard"] = write(tmp_path / "places365_train_standard.txt", train)
    monkeypatch.setattr(source, "_FILE_LIST_META", lists)
    (tmp_path / "val_256").mkdir()
    for name, _ in PHOTOS:
        Image.new("RGB", (8, 8)).save(tmp_path / "val_256" / name)
    (tmp_path / "data_256_standard").mkdir()
    return tmp_path


def test_every_photo_gets_the_category_of_its_number(places):
    scenes = places_scenes(places)
    assert list(scenes.columns) == ["image", "label"]
    names = {number: name[3:] for name, number in CATEGORIES.items()}
    expected = sorted((names[number], str(places / "val_256" / photo)) for photo, number in PHOTOS)
    assert list(zip(scenes["label"], scenes["image"], strict=True)) == expected
    for image in scenes["image"]:
        assert Image.open(image).size == (8, 8)


def test_few_of_each_class_are_the_first_of_the_list(places):
    scenes = places_scenes(places, per_class=2)
    assert scenes["label"].tolist() == ["abbey", "bakery/shop", "bakery/shop", "bakery_shop"]
    shops = scenes["image"][scenes["label"] == "bakery/shop"]
    assert [image[-9:] for image in shops] == ["val_1.jpg", "val_2.jpg"]
    assert places_scenes(places, per_class=99).equals(places_scenes(places))


def test_training_part_lies_in_its_own_folder(places):
    scenes = places_scenes(places, split="train-standard")
    assert scenes["image"].tolist() == [
        str(places / "data_256_standard/a/abbey/1.jpg"),
        str(places / "data_256_standard/b/bakery/shop/1.jpg"),
    ]


def test_scenes_can_be_split(places):
    shops = places_scenes(places).query("label == 'bakery/shop'")
    train, test = split_scenes(shops)
    assert len(train) + len(test) == 3


def test_absent_data_set_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no Places365 at {re.escape(str(tmp_path))}.*"
                       r"download=True .*--download\) to fetch it, or unpack"):  # fmt: skip
        places_scenes(tmp_path)


def test_changed_list_is_refused(places):
    with (places / "places365_val.txt").open("a") as file:
        file.write("val_6.jpg 1\n")
    with pytest.raises(FileNotFoundError, match=r"places365_val\.txt.*corrupted"):
        places_scenes(places)


def test_lists_without_pictures_are_refused(places):
    with pytest.raises(FileNotFoundError, match=r"pictures are not at .*val_large.*download=True"):
        places_scenes(places, small=False)


def test_download_keeps_what_is_there(places):
    assert places_scenes(places, download=True).equals(places_scenes(places))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"split": "test"}, "'test'; with labels there are train-standard"),
     ({"split": "all"}, "'all'"), ({"per_class": 0}, "per_class is 0")],
)  # fmt: skip
def test_impossible_arguments_are_refused(places, arguments, message):
    with pytest.raises(ValueError, match=message):
        places_scenes(places, **arguments)


def test_collected_scenes_are_what_a_study_reads(places, tmp_path):
    (places / "val_256" / "val_2.jpg").write_bytes(b"broken")
    (places / "val_256" / "val_4.jpg").unlink()
    out = tmp_path / "scenes"
    summary = collect_places(places, out, short_side=4, progress=False)
    assert (summary.kept, summary.boards) == (3, 2)
    assert sum(summary.left_out.values()) == 2
    assert summary.left_out["absent"] == 1
    scenes = read_scenes(out)
    assert scenes["label"].tolist() == ["abbey", "bakery-shop", "bakery-shop"]
    assert Image.open(scenes["image"].iloc[0]).size == (4, 4)
    before = [path.stat().st_mtime_ns for path in sorted(out.rglob("*.jpg"))]
    assert collect_places(places, out, short_side=4, progress=False) == summary
    assert [path.stat().st_mtime_ns for path in sorted(out.rglob("*.jpg"))] == before


def test_an_emptied_or_cut_picture_is_copied_again(places, tmp_path):
    out = tmp_path / "scenes"
    collect_places(places, out, progress=False)
    pictures = sorted(out.rglob("*.jpg"))
    whole = [path.read_bytes() for path in pictures]
    pictures[0].write_bytes(b"")
    pictures[1].write_bytes(whole[1][:99])
    assert collect_places(places, out, progress=False).kept == 5
    assert [path.read_bytes() for path in pictures] == whole


def test_what_is_no_regular_file_is_left_out(places, tmp_path):
    photos = [places / "val_256" / f"val_{number}.jpg" for number in (1, 2, 3)]
    for photo in photos:
        photo.unlink()
    photos[0].mkdir()
    os.mkfifo(photos[1])
    photos[2].symlink_to(photos[2])
    summary = collect_places(places, tmp_path / "scenes", progress=False)
    assert summary.kept == 2
    assert summary.left_out.pop("not a regular file") == 2
    assert summary.left_out.total() == 1  # the link to itself


def test_a_picture_that_the_disk_does_not_give_is_left_out_and_named(
    places, tmp_path, monkeypatch, caplog
):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def opened(path):
        return Broken() if path.name == "val_1.jpg" else path.open("rb")

    monkeypatch.setattr(places_module, "open_regular", opened)
    summary = collect_places(places, tmp_path / "scenes", progress=False)
    assert (summary.kept, summary.left_out) == (4, {"cannot be read": 1})
    assert "val_1.jpg" in caplog.text


def test_a_full_disk_ends_it_with_the_name_of_the_file(places, tmp_path, full_disk, dead_process):
    left = tmp_path / "scenes" / f"x.jpg.{dead_process}.part"
    left.parent.mkdir()
    left.touch()
    with full_disk(10), pytest.raises(OSError, match=r"File too large: '.*\.jpg'"):
        collect_places(places, tmp_path / "scenes", progress=False)
    assert not [path for path in (tmp_path / "scenes").rglob("*") if path.is_file()]
