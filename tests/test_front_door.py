"""The names that `import visprof` offers, and the README's Python."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import warnings
from pathlib import Path

import jupytext
import numpy as np
import pytest
from PIL import Image

import visprof
from visprof.book.inputs import page_inputs
from visprof.memo import code_version

ROOT = Path(__file__).resolve().parent.parent


def python_of(heading: str) -> str:
    """The Python below a heading of the README."""
    readme = re.split(r"^##+ ", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    (text,) = [part for part in readme if part.startswith(f"{heading}\n")]
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return code


@pytest.mark.parametrize("name", visprof.__all__)
def test_each_name_is_that_of_a_module_and_listed_by_it(name):
    value = getattr(visprof, name)
    home = importlib.import_module(value.__module__)
    assert value is getattr(home, name)
    assert name in home.__all__
    assert name in dir(visprof)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'visprof' has no attribute 'read_board'"):
        visprof.read_board  # noqa: B018
    assert not hasattr(visprof, "__wrapped__")
    assert importlib.import_module("visprof.boards") is visprof.boards


def test_importing_the_package_imports_no_other_and_takes_no_time():
    code = """
import sys, time
before, start = {*sys.modules}, time.process_time()  # a busy machine adds none
import visprof
seconds = time.process_time() - start
packages = {name.partition(".")[0] for name in {*sys.modules} - before}
print(sorted(packages - sys.stdlib_module_names))
assert seconds < 0.3, seconds
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "['visprof']"


@pytest.mark.slow
def test_readme_goes_from_a_folder_of_pictures_to_how_two_boards_differ(
    tmp_path, monkeypatch, capsys
):
    rng = np.random.default_rng(0)
    for board, colour in (("blue", (0, 60, 200)), ("red", (200, 30, 0))):
        folder = tmp_path / "folder" / "boards" / board
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(rng.normal(colour, 40, (64, 64, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    source = python_of("From Python")
    assert len(source.strip().splitlines()) == 10
    exec(source, {})
    told = capsys.readouterr().out
    assert re.fullmatch(r"blue has more of cluster \d+ than red: z = \d\.\d\n", told)


def test_readme_goes_from_arrays_to_tested_pairs_and_mrr_as_the_book_does(capsys):
    page = jupytext.read(ROOT / "book" / "your-embeddings.md", fmt="md:myst")
    cells = [cell.source for cell in page.cells if cell.cell_type == "code"]
    source = python_of("Your own embeddings")
    assert source == "\n\n".join(cells) + "\n"
    assert len([line for line in source.splitlines() if line]) <= 21
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(source, names)
    told = capsys.readouterr().out
    assert re.fullmatch(
        r"Z > 2 in \d+% of pairs, p <= 0.05 in \d+%\n"
        r"clusters: MRR \d\.\d\d \(\d\.\d\d to \d\.\d\d\)\n"
        r"mean embedding: MRR \d\.\d\d \(\d\.\d\d to \d\.\d\d\)\n"
        r"ranked at random: 0\.13\n",
        told,
    )
    # what the page says of these numbers
    assert names["share_above"] == 0
    assert names["share_significant"] > 0.5
    clusters, mean = (float(mrr) for mrr in re.findall(r"MRR (\d\.\d\d)", told))
    assert 0.26 < clusters < mean


def test_readme_goes_from_files_to_the_mrr_of_some_users(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    users = rng.permutation(np.repeat(np.arange(60), 10))
    pins = rng.normal(size=(60, 8))[users] + rng.normal(size=(600, 8))
    monkeypatch.chdir(tmp_path)
    np.save("pins.npy", pins.astype(np.float32))
    np.save("users.npy", users)
    np.save("late.npy", [np.sum(users[:row] == user) >= 5 for row, user in enumerate(users)])
    source = python_of("More than fits into memory")
    for few in ("200", "20_000", "10_000"):
        assert few in source
        source = source.replace(few, "30")
    exec(source, {})
    told = re.fullmatch(
        r"MRR among 60 users: (0\.\d{3}) \(\d\.\d{3} to \d\.\d{3}\)\n", capsys.readouterr().out
    )
    assert float(told[1]) > 0.3


def test_a_page_that_uses_the_front_door_is_made_from_the_code_behind_it():
    for code in ("import visprof\nvisprof.log_odds_z", "from visprof import log_odds_z"):
        found = page_inputs("", [code], {})
        assert found["code visprof.log_odds_z"] == code_version("visprof.logodds", "log_odds_z")


def test_no_module_uses_the_front_door():
    """What a step depends on is read from its imports, which name the module of each name."""
    for file in (ROOT / "visprof").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "visprof" or node.attr not in visprof.__all__, file
            elif isinstance(node, ast.ImportFrom) and node.module == "visprof":
                assert not {alias.name for alias in node.names} & {*visprof.__all__}, file
