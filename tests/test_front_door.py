"""The names that `import visprof` offers, and the README's Python."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import visprof

ROOT = Path(__file__).resolve().parent.parent


def python_of(page: Path, heading: str) -> str:
    """The Python below a heading of a page, in one piece."""
    section = re.split(r"^##+ ", page.read_text("utf-8"), flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{heading}\n")]
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


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
before, start = {*sys.modules}, time.perf_counter()
import visprof
seconds = time.perf_counter() - start
packages = {name.partition(".")[0] for name in {*sys.modules} - before}
print(sorted(packages - sys.stdlib_module_names))
assert seconds < 0.3, seconds
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "['visprof']"


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
    source = python_of(ROOT / "README.md", "From Python")
    assert len(source.strip().splitlines()) == 10
    exec(source, {})
    told = capsys.readouterr().out
    assert re.fullmatch(r"blue has more of cluster \d+ than red: z = \d\.\d\n", told)
