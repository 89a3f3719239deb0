"""Compiled code that is kept: what cannot be read is compiled anew."""

from __future__ import annotations

import importlib.util
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize(("n", "n_threads"), [(0, 2), (1, 2), (2, 3), (7, 1), (7, 3), (100, 8)])
def test_each_item_is_of_one_part(monkeypatch, n, n_threads):
    monkeypatch.setattr(_numba, "numba_threads", lambda: n_threads)
    times, sizes, threads = np.zeros(n, np.int64), [], set()

    def count(begin, stop, add):
        threads.add(threading.get_ident())
        sizes.append(stop - begin)
        times[begin:stop] += add

    _numba.over_threads(count, n, 2)
    assert times.tolist() == [2] * n
    assert len(sizes) == max(1, min(n, n_threads))
    assert max(sizes) - min(sizes) <= 1
    assert threading.get_ident() in threads  # which would but wait


@pytest.mark.parametrize(("least", "expected"), [(0, 4), (1, 4), (3, 4), (4, 3), (7, 1), (99, 1)])
def test_no_part_has_fewer_items_than_are_worth_it(monkeypatch, least, expected):
    monkeypatch.setattr(_numba, "numba_threads", lambda: 4)
    sizes = []
    _numba.over_threads(lambda begin, stop: sizes.append(stop - begin), 12, least=least)
    assert len(sizes) == expected
    assert sum(sizes) == 12
    assert expected == 1 or min(sizes) >= least


def test_a_thread_may_be_told_to_take_fewer(monkeypatch):
    monkeypatch.setattr(_numba, "numba_threads", lambda: 4)

    def parts(told):
        found = []
        if told:
            _numba.set_num_threads(told)
        _numba.over_threads(lambda begin, stop: found.append(begin), 9)
        return len(found)

    for told, expected in ((2, 2), (1, 1), (9, 4), (None, 4)):  # each in a thread of its own
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(parts, told).result() == expected


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_what_fails_in_a_part_fails(monkeypatch, fails):
    monkeypatch.setattr(_numba, "numba_threads", lambda: 3)
    done = []

    def fail(begin, stop):
        if begin == fails:
            raise ZeroDivisionError
        done.append(begin)

    with pytest.raises(ZeroDivisionError):
        _numba.over_threads(fail, 3)
    assert sorted(done) == sorted({0, 1, 2} - {fails})  # none is left running


def test_no_loop_is_shared_out_by_numba():
    """What stands in such a loop is compiled four times over."""
    for path in Path(visprof.__file__).parent.rglob("*.py"):
        assert not re.search(r"^@njit\(.*parallel", path.read_text(), re.M), path


def test_all_of_the_package_is_compiled_so():
    for path in Path(visprof.__file__).parent.rglob("*.py"):
        if path.name != "_numba.py":
            assert not re.search(r"^\s*(from|import) numba\b", path.read_text(), re.M), path
