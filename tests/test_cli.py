"""The command line, called as `main([...])`."""

from __future__ import annotations

import io

import numpy as np
import pygit2
import pytest
from PIL import Image

from visprof import cli
from visprof.boards import read_boards
from visprof.cli import main
from visprof.sources.collect import CollectSummary


@pytest.fixture
def folder(tmp_path):
    for board in ("a", "b"):
        (tmp_path / "src" / board).mkdir(parents=True)
        for k in range(2):
            Image.new("RGB", (300, 200), (k, 0, 0)).save(tmp_path / "src" / board / f"{k}.png")
    (tmp_path / "src" / "a" / "bad.png").write_bytes(b"bad")
    return tmp_path / "src"


@pytest.fixture
def listed(tmp_path):
    """A list of one repository that is there and one that is not."""
    repository = pygit2.init_repository(str(tmp_path / "r.git"), bare=True)
    tree = repository.TreeBuilder()
    for k in range(3):
        file = io.BytesIO()
        Image.fromarray(np.full((200, 300, 3), k, np.uint8)).save(file, "PNG")
        tree.insert(f"{k}.png", repository.create_blob(file.getvalue()), 0o100644)
    who = pygit2.Signature("a", "a@example.org", 86_400, 0)
    commit = repository.create_commit("refs/heads/main", who, who, "m", tree.write(), [])

    def write(*urls: str):
        lines = [f"board{k},{url},{commit},not stated" for k, url in enumerate(urls)]
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["board_id,url,commit,licence", *lines]) + "\n")
        return str(path)

    return write, (tmp_path / "r.git").as_uri()


def test_collect_folder(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["collect", "folder", str(folder), "--out", str(out), "--short-side", "20"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "kept 4 pins on 2 boards"
    assert "not a picture" in printed.out
    assert printed.err == ""
    with Image.open(read_boards(out)["image"][0]) as picture:
        assert picture.size == (30, 20)


def test_collect_git(listed, tmp_path, capsys):
    write, url = listed
    arguments = ["--list", write(url), "--out", str(tmp_path / "out"), "--max-pins", "2"]
    arguments += ["--cache", str(tmp_path / "cache"), "--short-side", "50"]
    assert main(["collect", "git", *arguments]) == 0
    assert capsys.readouterr().out.startswith("kept 2 pins on 1 boards\n")
    assert (tmp_path / "cache" / "board0.git").is_dir()
    assert len(read_boards(tmp_path / "out")) == 2


def test_a_failed_repository_is_named_and_the_status_is_1(listed, tmp_path, capsys):
    write, url = listed
    path = write(url, (tmp_path / "absent").as_uri())
    assert main(["collect", "git", "--list", path, "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr().out
    assert "kept 3 pins on 1 boards" in printed
    assert "board1: cannot fetch" in printed


def test_an_error_is_one_line_and_the_status_is_1(tmp_path, capsys):
    out = str(tmp_path / "out")
    for arguments in (
        ["folder", str(tmp_path / "absent"), "--out", out],
        ["git", "--list", str(tmp_path / "absent.csv"), "--out", out],
        ["git", "--max-pins", "0", "--out", out],
        ["unsplash", str(tmp_path / "absent"), "--out", out],
    ):
        assert main(["collect", *arguments]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("visprof: ")
        assert printed.err.count("\n") == 1


def test_an_interrupted_run_says_how_to_go_on(folder, tmp_path, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "collect_folder", interrupt)
    assert main(["collect", "folder", str(folder), "--out", str(tmp_path / "out")]) == 130
    assert "goes on from here" in capsys.readouterr().err


def test_pinterest_takes_its_token_from_the_environment_alone(tmp_path, capsys, monkeypatch):
    arguments = ["collect", "pinterest", "--out", str(tmp_path / "out")]
    monkeypatch.delenv("PINTEREST_ACCESS_TOKEN", raising=False)
    assert main(arguments) == 1
    assert "PINTEREST_ACCESS_TOKEN" in capsys.readouterr().err
    seen = {}

    def collect_pinterest(out, **options):
        seen.update(options, out=out)
        return CollectSummary(0, {}, 0)

    monkeypatch.setenv("PINTEREST_ACCESS_TOKEN", "a secret")
    monkeypatch.setattr("visprof.sources.pinterest.collect_pinterest", collect_pinterest)
    assert main(arguments) == 0
    assert seen == {"out": str(tmp_path / "out"), "token": "a secret", "progress": False}
    assert "a secret" not in "".join(capsys.readouterr())


def test_unsplash_gets_its_options(tmp_path, monkeypatch):
    seen = {}

    def collect_unsplash(folder, out, **options):
        seen.update(options, folder=folder, out=out)
        return CollectSummary(0, {}, 0)

    monkeypatch.setattr("visprof.sources.unsplash.collect_unsplash", collect_unsplash)
    assert main(["collect", "unsplash", "tables", "--out", "o", "--width", "90"]) == 0
    assert seen == {
        "folder": "tables", "out": "o", "width": 90, "min_pins": 20, "max_boards": None,
        "progress": False,
    }  # fmt: skip


@pytest.mark.parametrize("words", [[], ["collect"], ["collect", "git"], ["collect", "nowhere"]])
def test_a_wrong_command_prints_the_usage(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "usage: visprof" in capsys.readouterr().err


def test_every_command_has_help(capsys):
    for source in ("git", "folder", "unsplash", "pinterest"):
        with pytest.raises(SystemExit) as stopped:
            main(["collect", source, "--help"])
        assert stopped.value.code == 0
        assert "--out DIR" in capsys.readouterr().out
