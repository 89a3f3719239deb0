"""The command line, called as `main([...])`."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pygit2
import pytest
from PIL import Image
from small_book import run_here, write_book

from visprof import cli
from visprof.boards import read_boards
from visprof.book import runs
from visprof.cli import main
from visprof.intervals import Estimate
from visprof.results.headline import headline_keys
from visprof.results.ledger import Ledger
from visprof.sources.collect import CollectSummary

ROOT = Path(__file__).resolve().parent.parent


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


@pytest.mark.parametrize("command", ["serve", "watch"])
@pytest.mark.parametrize("port", ["65536", "-1", "x"])
def test_a_port_that_there_is_not_is_told(command, port, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([command, f"--port={port}"])
    assert f"argument --port: {port!r} is no port: a number up to 65535" in capsys.readouterr().err


def kept_run(folder, name, **numbers):
    """A run with these numbers, as `visprof run` would have left it."""
    (folder / name).mkdir(parents=True)
    record = {"chapter": "06-prediction", "given": {}, "parameters": {"preset": "tiny"}}
    (folder / name / "run.json").write_text(json.dumps(record))
    estimates = {key: Estimate(value, value - 0.1, value + 0.1) for key, value in numbers.items()}
    Ledger(folder / name / "numbers.json").write(estimates, {"n_clusters": len(name)}, "tiny")
    return folder / name


def test_run_gives_the_chapter_its_parameters_and_tells_what_there_is(
    tmp_path, capsys, monkeypatch
):
    folder, seen = kept_run(tmp_path, "run", a=0.5), []
    (folder / "figures").mkdir()
    (folder / "figures" / "fig.svg").write_text("<svg/>")

    def run_chapter(*given):
        seen.append(given)
        return runs.read_run(folder)

    monkeypatch.setattr(runs, "run_chapter", run_chapter)
    words = ["-p", "n_clusters=5", "-p", "weights=a=b", "--preset", "tiny", "--data", "d"]
    assert main(["run", "06-prediction", *words, "--name", "mine", "--out", "o"]) == 0
    given = {"preset": "tiny", "data": "d", "n_clusters": "5", "weights": "a=b"}
    assert seen == [("06-prediction", given, "o", "mine", Path("."), sys.stderr)]
    printed = capsys.readouterr().out
    assert str(folder) in printed
    assert "html/index.html" in printed
    assert "1 figures" in printed
    assert f"1 numbers; visprof results {folder} lists them" in printed
    assert printed.endswith("\na  0.5 (0.4 to 0.6)\n")
    assert main(["run", "06-prediction", "--preset", "tiny", "-p", "preset=demo"]) == 1
    assert "preset is given twice: tiny and demo" in capsys.readouterr().err


def test_run_lists_the_parameters_after_a_wrong_one(tmp_path, capsys):
    words = ["--root", str(ROOT), "--out", str(tmp_path / "runs")]
    for wrong, message in (
        ("n_cluster=5", "no parameter n_cluster; did you mean n_clusters?"),
        ("n_clusters=five", "n_clusters='five' is not of the declared type"),
        ("distance=foo", "it must be euclidean or hellinger or cosine"),
    ):
        assert main(["run", "06-prediction", "-p", wrong, *words]) == 1
        error = capsys.readouterr().err
        assert message in error.splitlines()[-1]
        assert "  n_clusters: int = 100  visual clusters" in error
    with pytest.raises(SystemExit):
        main(["run", "06-prediction", "-p", "n_clusters", *words])
    assert "is not of the form NAME=VALUE" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_run_ends_with_the_headline_numbers_and_their_intervals(tmp_path, capsys, monkeypatch):
    numbers = {"mrr.image.5": 0.5, "mrr.image.10": 0.6, "mrr.text.10": 0.4, "batches.by-number": 0}
    folder = kept_run(tmp_path, "run", **numbers)
    monkeypatch.setattr(runs, "run_chapter", lambda *_: runs.read_run(folder))
    assert main(["run", "6"]) == 0
    told = capsys.readouterr().out.split("\n\n")[1]
    lines = ["mrr.image.10  0.6 (0.5 to 0.7)", "mrr.text.10   0.4 (0.3 to 0.5)"]
    assert told.splitlines() == lines


def test_run_of_a_page_without_headline_numbers_ends_with_its_first(tmp_path, capsys, monkeypatch):
    folder = kept_run(tmp_path, "run", **{f"null.{n:02}": n for n in range(20)})
    monkeypatch.setattr(runs, "run_chapter", lambda *_: runs.read_run(folder))
    assert main(["run", "7"]) == 0
    told = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert len(told) == cli.MOST_NUMBERS
    assert told[0] == "null.00  0 (-0.1 to 0.1)"


@pytest.fixture
def failing(tmp_path):
    """Root of a book whose one chapter fails."""
    root = write_book(tmp_path / "root")
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text().replace('print("lowest"', '1 / 0\nprint("lowest"'))
    return root


@pytest.mark.parametrize("words", [["run", "1"], ["build"]])
def test_an_error_of_a_chapter_is_one_message_that_names_the_file_of_its_traceback(
    words, failing, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("visprof.book.execute._run_notebook", run_here)
    assert main([*words, "--root", str(failing), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err.splitlines()
    message, traceback = error[-2:]
    told = r"visprof: book/01-numbers\.md: cell \d failed: ZeroDivisionError: division by zero"
    assert re.fullmatch(told, message)
    assert all("running" in line for line in error[:-2])  # what it does, and no traceback
    kept = Path(traceback.removeprefix("(traceback: ").removesuffix(")"))
    assert "1 / 0" in kept.read_text()


def test_parameters_of_a_chapter(capsys):
    assert main(["parameters", "05-pairwise", "--preset", "tiny", "--root", str(ROOT)]) == 0
    assert "  n_clusters: int = 8  visual clusters" in capsys.readouterr().out
    assert main(["parameters", "05-pairwise", "--preset", "huge", "--root", str(ROOT)]) == 1
    assert "known: demo, tiny" in capsys.readouterr().err
    assert main(["parameters", "05-pairs", "--root", str(ROOT)]) == 1
    assert "there are 01-data" in capsys.readouterr().err


def test_compare_finds_runs_by_name_and_by_folder(tmp_path, capsys):
    short, longer = kept_run(tmp_path, "one", a=0.5, b=1), kept_run(tmp_path, "three", a=0.75)
    for words in (["one", "three", "--out", str(tmp_path)], [str(short), str(longer)]):
        assert main(["compare", *words]) == 0
        lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
        assert f"A: {short}" in lines
        assert "n_clusters 3 5" in lines
        assert "a 0.5 (0.4 to 0.6) 0.75 (0.65 to 0.85) +0.25" in lines
        assert not [line for line in lines if line.startswith("b ")]
    same = kept_run(tmp_path, "four", a=1)
    assert main(["compare", str(short), str(longer), str(same)]) == 0
    printed = capsys.readouterr().out
    assert "a 0.5 (0.4 to 0.6) 0.75 (0.65 to 0.85) 1 (0.9 to 1.1) +0.25 +0.5" in " ".join(
        printed.split()
    )
    assert "C less A is not paired by user: no values of users are kept." in printed
    assert main(["compare", "one", "two", "--out", str(tmp_path)]) == 1
    assert "there are: four, one, three" in capsys.readouterr().err


def test_results_and_cite(tmp_path, capsys):
    run = str(kept_run(tmp_path, "run", a=0.5))
    assert main(["results", run]) == 0
    assert capsys.readouterr().out.split() == [
        "key", "value", "95", "%", "interval", "n", "a", "0.5", "0.4", "to", "0.6",
    ]  # fmt: skip
    assert main(["cite", "a", run]) == 0
    assert capsys.readouterr().out.startswith("% a = 0.5 (95 % interval 0.4 to 0.6)\n")
    assert main(["cite", "mrr.imag.50"]) == 1
    assert "near it: mrr.image.50" in capsys.readouterr().err
    assert main(["results", "--preset", "boards"]) == 0
    assert "mrr.image.50" in capsys.readouterr().out


def listed_keys(printed):
    return [line.split()[0] for line in printed.splitlines()[1:]]


def test_results_begin_with_the_headline(capsys):
    assert main(["results"]) == 0
    keys = listed_keys(capsys.readouterr().out)
    first = headline_keys(keys)
    assert keys[: len(first)] == first
    assert {"map.hybrid", "pairs.differ", "mrr.image.50"} <= set(first)
    assert keys[len(first) :] == sorted(keys[len(first) :])


def test_results_take_a_pattern_and_a_file(tmp_path, capsys):
    run = str(kept_run(tmp_path, "run", **{"mrr.text.10": 1, "mrr.text.5": 1, "map.cnn": 1}))
    for words, keys in (
        ([run], ["map.cnn", "mrr.text.10", "mrr.text.5"]),
        (["text", run], ["mrr.text.10", "mrr.text.5"]),
        (["m*.1?", run], ["mrr.text.10"]),
    ):
        assert main(["results", *words]) == 0
        assert listed_keys(capsys.readouterr().out) == keys
    assert main(["results", "palette", run]) == 1
    assert "numbers.json has no number like 'palette'" in capsys.readouterr().err
    assert main(["results", "mrr.*.50"]) == 0
    assert set(listed_keys(capsys.readouterr().out)) >= {"mrr.image.50", "mrr.text.50"}
    assert main(["results", str(tmp_path / "absent")]) == 1
    assert "no ledger at" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("words", [["cite", "mrr.image.50"], ["results"]])
def test_numbers_are_told_without_the_libraries_that_made_them(words):
    script = f"""
        import sys
        from visprof.cli import main
        assert main({words!r}) == 0
        loaded = {{"torch", "torchvision", "matplotlib", "sklearn", "IPython", "papermill", "cv2"}}
        assert not loaded & sys.modules.keys(), loaded & sys.modules.keys()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mrr.image.50" in done.stdout


LISTINGS = [
    ["cite", "mrr.image.50"],
    pytest.param(["results"], marks=pytest.mark.slow, id="results"),
    pytest.param(["parameters", "06-prediction"], marks=pytest.mark.slow, id="parameters"),
]


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", LISTINGS)
def test_a_listing_ends_in_silence_where_nobody_reads_on(words, unbuffered):
    """As in ``visprof results | head -1``; here the reader has gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    told = subprocess.run(
        [sys.executable, "-m", "visprof", *words], stdout=writing, stderr=subprocess.PIPE,
        cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    os.close(writing)
    assert (told.returncode, told.stderr) == (141, b"")


def test_another_pipe_that_breaks_is_an_error(folder, tmp_path, capsys, monkeypatch):
    def break_pipe(*_, **__):
        raise BrokenPipeError("of a process that draws")

    monkeypatch.setattr("visprof.sources.collect.collect_folder", break_pipe)
    assert main(["collect", "folder", str(folder), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "visprof: of a process that draws\n"


@pytest.mark.slow
def test_the_package_is_the_command_too():
    told = subprocess.run(
        [sys.executable, "-m", "visprof", "results", "mrr.image.50"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "mrr.image.50" in listed_keys(told.stdout)
    wrong = [sys.executable, "-m", "visprof", "results", "no-such-number"]
    assert subprocess.run(wrong, capture_output=True, cwd=ROOT).returncode == 1


def test_serve_says_how_to_build_a_book_that_is_not_there(tmp_path, capsys):
    assert main(["serve", "--out", str(tmp_path), "--preset", "tiny"]) == 1
    assert "build it first: make book PRESET=tiny" in capsys.readouterr().err


def test_an_interrupted_run_says_how_to_go_on(folder, tmp_path, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("visprof.sources.collect.collect_folder", interrupt)
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


@pytest.mark.parametrize(
    "words", [[], ["collect"], ["collect", "git"], ["collect", "nowhere"], ["run"]]
)
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


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([0.5, 0.25], "50% to 25%"),
        ([np.nan, 0.5, 0.25, np.nan], "50% to 25%"),
        ([np.nan], "none was drawn"),
    ],
)
def test_a_training_tells_of_the_stretches_that_had_dissimilar_pairs(shares, said):
    told = cli._below_the_margin(pd.Series(shares))
    assert told.startswith("dissimilar pairs below the margin")
    assert told.endswith(said)
