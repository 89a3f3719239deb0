"""MiniPlaces, from repositories that are made here and fetched over the file protocol."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from test_git import Source, picture

from visprof.cli import main
from visprof.scenes import read_split
from visprof.sources import miniplaces
from visprof.sources.git import RepositoryError
from visprof.sources.miniplaces import collect_miniplaces

LISTS = {
    "data/categories.txt": b"/a/abbey 0\n/t/temple/east_asia 1\n",
    "data/val.txt": b"val/1.jpg 1\nval/2.jpg 0\nval/3.jpg 1\n",
}
PHOTOGRAPHS = {
    **{f"data/images/val/{n}.jpg": picture(n, kind="JPEG") for n in (1, 2)},
    "data/images/val/3.jpg": b"no picture",
    **{f"data/images/train/a/abbey/{n}.jpg": picture(n, kind="JPEG") for n in (11, 12, 13)},
    **{f"data/images/train/t/temple/east_asia/{n}.jpg": picture(n, kind="JPEG") for n in (21, 22)},
}


@pytest.fixture
def repositories(tmp_path):
    """Both repositories, pinned before something was removed."""
    pinned = {}
    for name, files in (("classes", LISTS), ("photographs", PHOTOGRAPHS)):
        source = Source(tmp_path / f"{name}.git")
        commit = source.commit(files, 10)
        source.commit({"README": b"moved away"}, 20, commit)
        pinned[name] = source.pinned(commit, name)
    return pinned


def test_photographs_are_parted_and_named_by_class(repositories, tmp_path):
    out = tmp_path / "out"
    summary = collect_miniplaces(
        out, train_per_class=2, short_side=24, progress=False, **repositories
    )
    assert (summary.kept, summary.boards, summary.left_out.total()) == (6, 2, 1)
    train, test = read_split(out)
    assert train["label"].tolist() == ["abbey"] * 2 + ["temple-east_asia"] * 2
    assert train["image"].str.rsplit("/", n=1).str[1].tolist() == [
        "11.jpg", "12.jpg", "21.jpg", "22.jpg"
    ]  # fmt: skip
    assert test["label"].tolist() == ["abbey", "temple-east_asia"]
    assert min(Image.open(test["image"][0]).size) == 24


def test_an_interrupted_run_goes_on(repositories, tmp_path, monkeypatch):
    out = tmp_path / "out"
    collect_miniplaces(out, progress=False, **repositories)
    lost = out / "test" / "abbey" / "2.jpg"
    lost.unlink()
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*/*/*.jpg")}
    monkeypatch.setattr(miniplaces, "fetch_commit", None)  # nothing is fetched again
    collect_miniplaces(out, progress=False, **repositories)
    assert lost.is_file()
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


def test_what_is_not_there_is_named(repositories, tmp_path):
    photographs = repositories["photographs"]
    other = repositories | {"photographs": replace(photographs, commit="0" * 40)}
    with pytest.raises(RepositoryError, match=r"has no commit 000|cannot fetch"):
        collect_miniplaces(tmp_path / "out", progress=False, **other)
    both = {"classes": repositories["classes"], "photographs": repositories["classes"]}
    with pytest.raises(RepositoryError, match="has no data/images/train/a/abbey at commit"):
        collect_miniplaces(tmp_path / "both", progress=False, **both)
    with pytest.raises(ValueError, match="train_per_class is 0"):
        collect_miniplaces(tmp_path / "out", train_per_class=0, **repositories)


def test_the_command_collects_into_a_folder(repositories, tmp_path, monkeypatch, capsys):
    for name, pinned in repositories.items():
        monkeypatch.setitem(collect_miniplaces.__kwdefaults__, name, pinned)
    out = tmp_path / "out"
    assert main(["collect", "miniplaces", "--out", str(out), "--train-per-class", "1"]) == 0
    assert "kept 4 pins on 2 boards" in capsys.readouterr().out
    assert len(read_split(out)[0]) == 2
