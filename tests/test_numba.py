"""Compiled code that is kept: what cannot be read is compiled anew."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import visprof
from visprof import _numba

SOURCE = """
from visprof._numba import njit

@njit(cache=True)
def twice(x):
    return 2 * x
"""


@pytest.fixture
def twice(tmp_path):
    """The function as the next process would import it; and its files."""
    source = tmp_path / "compiled.py"
    source.write_text(SOURCE)

    def imported():
        spec = importlib.util.spec_from_file_location("compiled", source)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.twice

    return imported


def kept(folder, suffix):
    (file,) = (folder / "__pycache__").glob(f"*.{suffix}")
    return file


def test_code_is_compiled_once_and_then_loaded(twice):
    for n_loaded in (0, 1):
        function = twice()
        assert function(3) == 6
        assert sum(function.stats.cache_hits.values()) == n_loaded


def test_code_is_compiled_anew_if_another_module_with_compiled_code_has_changed(twice, monkeypatch):
    twice()(3)
    _numba._compiled_sources.cache_clear()
    name = "visprof._random"
    assert "from visprof._numba import" in _numba.SOURCES[name]
    monkeypatch.setitem(_numba.SOURCES, name, _numba.SOURCES[name] + "# changed")
    function = twice()
    assert function(3) == 6
    assert not function.stats.cache_hits
    monkeypatch.undo()
    _numba._compiled_sources.cache_clear()


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["emptied", "cut", "a byte changed", "zeros", "gone"])
def test_code_that_cannot_be_read_is_told_and_compiled_anew(
    twice, tmp_path, caplog, suffix, damage
):
    assert twice()(3) == 6
    file = kept(tmp_path, suffix)
    content = file.read_bytes()
    half = len(content) // 2
    flipped = content[:half] + bytes([content[half] ^ 255]) + content[half + 1 :]
    found = {"emptied": b"", "cut": content[:half], "a byte changed": flipped}
    file.write_bytes(found.get(damage, bytes(len(content))))
    if damage == "gone":
        file.unlink()
    function = twice()
    assert function(3) == 6
    assert not function.stats.cache_hits
    if damage != "gone" and (suffix, damage) != ("nbi", "a byte changed"):  # maybe another key
        assert f"{file} cannot be used (" in caplog.text
        assert "its function is compiled anew" in caplog.text
    again = twice()
    assert again(3) == 6
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_is_told_and_done_without(twice, tmp_path, caplog, full_disk):
    with full_disk(100):
        assert twice()(3) == 6
    assert "compiled code cannot be kept in " in caplog.text
    assert "File too large" in caplog.text
    assert not list((tmp_path / "__pycache__").glob("*.nb*"))


def test_all_of_the_package_is_compiled_so():
    for path in Path(visprof.__file__).parent.rglob("*.py"):
        if path.name != "_numba.py":
            assert not re.search(r"^\s*(from|import) numba\b", path.read_text(), re.M), path
