"""Pictures in object stores: as from files, on fsspec's memory and on a bucket in a folder."""

from __future__ import annotations

import sys
from functools import partial
from types import SimpleNamespace

import fsspec
import numpy as np
import pandas as pd
import pytest
from board_files import save_picture, write_manifest
from fsspec.implementations.local import LocalFileSystem

from visprof import boards, duplicates, file_facts
from visprof.backbones import load_backbone
from visprof.digests import picture_digest
from visprof.embedding import embed_images
from visprof.file_digests import file_digests
from visprof.object_stores import object_state, open_bytes, read_object
from visprof.pictures import read_image, why_unreadable
from visprof.sources.collect import collect_folder
from visprof.steps import pin_categories

N = 9
KINDS = fsspec.get_filesystem_class.__globals__["_registry"]  # that fsspec has imported


class Bucket(LocalFileSystem):
    """Stands in for a store by its name: a folder of this machine."""

    protocol = "s3"
    cachable = False
    folder = None
    said: Exception | None = None  # by a store that does not answer
    read: list[str]

    @classmethod
    def _strip_protocol(cls, path):
        return str(cls.folder / path.removeprefix("s3://")) if path.startswith("s3:") else path

    def cat_file(self, path, *args, **kwargs):
        if self.said:
            raise self.said
        self.read.append(path)
        return super().cat_file(path, *args, **kwargs)


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """The kind of store that `s3` is in a test."""
    (tmp_path / "stores").mkdir()
    monkeypatch.setattr(Bucket, "folder", tmp_path / "stores")
    monkeypatch.setattr(Bucket, "read", [], raising=False)
    monkeypatch.setitem(KINDS, "s3", Bucket)
    return Bucket


@pytest.fixture(params=["memory", "s3"])
def pictures(request, tmp_path, bucket):
    """The same pictures as files and as objects, and how one is put there."""
    (tmp_path / "here").mkdir()
    store = fsspec.filesystem(request.param)

    def url(name):
        return f"{request.param}://album-of-tests/{name}"

    def put(name, content):
        if request.param == "s3":
            store.makedirs("s3://album-of-tests", exist_ok=True)
        store.pipe_file(url(name), content)
        return url(name)

    files = [tmp_path / "here" / f"{seed}.png" for seed in range(N)]
    for seed, file in enumerate(files):
        save_picture(file, seed)
        put(file.name, file.read_bytes())
    yield SimpleNamespace(files=files, urls=[url(file.name) for file in files], put=put, url=url)
    if request.param == "memory":
        store.rm("/album-of-tests", recursive=True)


def test_an_object_is_what_the_file_is(pictures, tmp_path):
    for file, url in zip(pictures.files, pictures.urls, strict=True):
        assert read_object(url) == file.read_bytes()
        assert picture_digest(url) == picture_digest(file)
        assert read_image(url).tobytes() == read_image(file).tobytes()
        with open_bytes(url) as one, open_bytes(file) as other:
            assert one.read(9) == other.read(9)
    here, there = (
        (
            file_digests(names, tmp_path / "index.sqlite"),
            duplicates.picture_signatures(names),
            file_facts.file_facts(pd.DataFrame({"image": names})),
        )
        for names in (pictures.files, pictures.urls)
    )
    assert here[0] == there[0]
    for name in ("sha256", "dhash", "thumb"):
        np.testing.assert_array_equal(getattr(here[1], name), getattr(there[1], name))
    pd.testing.assert_frame_equal(here[2], there[2])


def test_features_are_those_of_files_bit_for_bit(pictures, tmp_path, caplog):
    broken = pictures.put("broken.png", b"milk, bread")
    embed = partial(
        embed_images, backbone=load_backbone("squeezenet-places365", "random", 64), batch_size=4,
        progress=False,
    )  # fmt: skip
    here = embed(pictures.files, folder=tmp_path / "files")
    there = embed([*pictures.urls, broken], folder=tmp_path / "objects")
    for name in ("features", "outputs"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    assert list(there.unreadable) == [N]
    assert f"cannot read the picture {broken!r}: not a picture" in caplog.text
    both = embed([*pictures.urls, *pictures.files], folder=tmp_path / "files")
    assert both.rows.tolist() == [*here.rows, *here.rows]  # known by content, wherever it lies


def test_objects_that_are_known_are_not_read_again_until_they_change(pictures, tmp_path, bucket):
    index = tmp_path / "index.sqlite"
    first = file_digests(pictures.urls, index)
    states = [object_state(url) for url in pictures.urls]
    bucket.read.clear()
    assert file_digests(pictures.urls[::-1], index) == first[::-1]
    assert bucket.read == []
    save_picture(pictures.files[3], seed=100)
    pictures.put("3.png", pictures.files[3].read_bytes())
    changed = [object_state(url) for url in pictures.urls]
    assert [i for i in range(N) if states[i] != changed[i]] == [3]
    assert file_digests(pictures.urls, index) == file_digests(pictures.files, index) != first
    assert bucket.read in ([], [pictures.urls[3]])


def test_an_object_that_is_not_there_is_named(pictures, tmp_path):
    gone = pictures.url("gone.png")
    for call in (read_object, object_state, picture_digest, read_image):
        with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*/gone.png'"):
            call(gone)
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        file_digests([*pictures.urls, gone], tmp_path / "index.sqlite")
    assert why_unreadable(gone) == "no such file"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError("Forbidden"), "Forbidden"), (TimeoutError(), "TimeoutError"),
        (RuntimeError("no credentials"), "RuntimeError"),
    ],
)  # fmt: skip
def test_a_store_that_does_not_answer_stops_all_and_is_no_fault_of_a_picture(
    bucket, monkeypatch, error, said
):
    monkeypatch.setattr(bucket, "said", error)
    for call in (read_image, why_unreadable, picture_digest):
        with pytest.raises(OSError, match=f"'s3://album/1.png' cannot be read: {said}$") as caught:
            call("s3://album/1.png")
        assert caught.value.__cause__ is error


@pytest.mark.parametrize("scheme", ["s3", "gs", "abfs"])
def test_a_package_that_is_missing_is_named(scheme, monkeypatch, tmp_path):
    package = {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}[scheme]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(KINDS, scheme, raising=False)
    said = f"{package} is not installed, which reads {scheme}://: pip install {package}"
    for call in (read_image, partial(file_digests, index=tmp_path / "index.sqlite")):
        given = f"{scheme}://album/1.png"
        with pytest.raises(ModuleNotFoundError, match=said):
            call(given if call is read_image else [given])


@pytest.mark.parametrize(
    "url", ["https://site/1.png", "file:///etc/hostname", "zip://1::file:///a"]
)
def test_urls_of_anything_else_are_refused(url, tmp_path):
    with pytest.raises(ValueError, match=r"'lawn\.jpg' is of no object store that is known"):
        read_object("lawn.jpg")
    for call in (read_object, object_state, read_image, picture_digest):
        with pytest.raises(ValueError, match=r"is of no object store that is known \(s3, gs, abfs"):
            call(url)
    rows = [("ann", "a.png", "2014-01-01", ""), ("ann", url, "2014-01-02", "")]
    write_manifest(tmp_path, rows)
    said = rf"column image is a URL of no object store .* in line 3 \('{url}'\)"
    with pytest.raises(ValueError, match=said):
        boards.read_boards(tmp_path)


# --- manifests ------------------------------------------------------------------------------------


@pytest.fixture
def listed(pictures, tmp_path):
    """A folder whose manifest lists objects, one that is gone, and a file."""
    folder = tmp_path / "boards"
    save_picture(folder / "own.png", seed=50)
    images = ["own.png", *pictures.urls, pictures.url("gone.png")]
    days = pd.date_range("2014-01-01", periods=len(images)).strftime("%Y-%m-%d")
    write_manifest(folder, [("ann", *of, "") for of in zip(images, days, strict=True)])
    return folder


def test_a_manifest_may_list_objects(pictures, listed):
    readable, unreadable = boards.split_readable(boards.read_boards(listed))
    assert readable["image"].tolist() == [str(listed / "own.png"), *pictures.urls]
    assert unreadable["reason"].tolist() == ["no such file"]


def test_objects_are_collected_as_files_are(pictures, listed, tmp_path):
    summary = collect_folder(listed, tmp_path / "out", progress=False)
    assert (summary.kept, summary.left_out) == (N + 1, {"no such file": 1})
    table = pd.read_csv(tmp_path / "out" / "manifest.csv")
    assert table["source"].tolist() == ["own.png", *pictures.urls]
    assert not table["image"].str.contains("://").any()


def test_categories_of_objects_are_folders_below_the_one_of_the_board(tmp_path, monkeypatch):
    (tmp_path / "here" / "boards").mkdir(parents=True)
    (tmp_path / "here" / "boards" / "manifest.csv").touch()
    (tmp_path / "ann" / "work").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "ann" / "work")  # of this machine's folders none is a category
    images = ["s3://album/ann/Garden/1.png", "s3://album/ann/sea/x/2.png", "s3://album/3.png"]
    table = pd.DataFrame({"board": "ann", "image": images})
    split = pin_categories.BoardSplit(table.iloc[:0], table, pd.DataFrame())
    found = pin_categories.folder_categories(split, tmp_path / "here", "boards")
    assert found.names == ("(none)", "garden", "sea")
