"""Digests of files: against a plain loop; what is opened again, and what is not."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
import sys
import time

import pytest

from visprof import file_digests as module
from visprof.file_digests import file_digests

LATER = 60 * 10**9  # nanoseconds after which no file is looked at in the moment that it changed


def plainly(files):
    return [hashlib.blake2b(file.read_bytes(), digest_size=16).digest() for file in files]


@pytest.fixture
def files(tmp_path):
    found = []
    for number in range(300):
        found.append(tmp_path / f"picture {number}.bin")
        found[-1].write_bytes(bytes([number % 7, number % 251]))
    return found


@pytest.fixture
def index(tmp_path):
    return tmp_path / "store" / "known.sqlite"


@pytest.fixture
def later(monkeypatch):
    """Let it be a minute later than it is."""
    now = time.time_ns
    monkeypatch.setattr(module.time, "time_ns", lambda: now() + LATER)


_names: list[str] = []
_state = {"hooked": False, "listening": False}


def _listen(event, arguments):
    if _state["listening"] and event == "open":
        _names.append(str(arguments[0]))


@pytest.fixture
def opened():
    """Names of the files that are opened in a test, by whatever means, since the last call."""
    if not _state["hooked"]:
        sys.addaudithook(_listen)  # for good: a hook cannot be taken away
    _state.update(hooked=True, listening=True)
    _names.clear()

    def names():
        found = [os.path.basename(name) for name in _names if name.endswith(".bin")]
        _names.clear()
        return found

    yield names
    _state["listening"] = False


@pytest.mark.usefixtures("later")
def test_known_files_are_not_opened(files, index, opened):
    expected = plainly(files)
    opened()
    assert file_digests(files, index) == expected
    assert sorted(opened()) == sorted(file.name for file in files)
    assert file_digests(files, index) == expected
    assert opened() == []
    assert file_digests([str(file) for file in files[::-3]], index) == expected[::-3]
    assert file_digests([files[4]] * 2, index) == [expected[4]] * 2
    assert opened() == []


@pytest.mark.usefixtures("later")
def test_paths_are_known_from_every_folder(files, index, opened, monkeypatch):
    expected = file_digests(files, index)
    opened()
    monkeypatch.chdir(files[0].parent)
    assert file_digests([file.name for file in files], index) == expected
    assert opened() == []


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", ["size", "time", "time set back", "another file"])
def test_a_file_that_may_have_changed_is_read_again(files, index, opened, change):
    file_digests(files, index)
    changed, before = files[7], files[7].stat()
    content = b"longer" if change == "size" else b"xy"
    if change == "another file":  # of the same size and time, in its place
        other = changed.with_name("other")
        other.write_bytes(content)
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(changed)
    else:
        changed.write_bytes(content)
        at = before.st_mtime_ns + (10 if change == "time" else 0)
        os.utime(changed, ns=(before.st_atime_ns, at))
    opened()
    found = file_digests(files, index)
    assert opened() == [changed.name]
    assert found == plainly(files)
    opened()
    assert file_digests(files, index) == found
    assert opened() == []


def test_what_changed_a_moment_ago_is_not_trusted(files, index, opened, monkeypatch):
    """It could change once more, within a tick of the clock, and look the same."""
    stat, tick = os.stat, 10**9

    def coarse(path, **options):
        """The state of a file on a disk that counts whole seconds, and all but the content."""
        found = stat(path, **options)
        if not str(path).endswith(".bin"):
            return found
        values = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
        for name in ("st_mtime_ns", "st_ctime_ns"):
            values[name] = values[name] // tick * tick
        return type("Coarse", (), values)

    monkeypatch.setattr(module.os, "stat", coarse)
    file_digests(files[:3], index)
    files[1].write_bytes(b"??")  # of the same size, within the same second or the next
    opened()
    assert file_digests(files[:3], index) == plainly(files[:3])
    assert not index.exists()
    now = time.time_ns()
    monkeypatch.setattr(module.time, "time_ns", lambda: now + LATER)
    file_digests(files[:3], index)
    opened()
    file_digests(files[:3], index)
    assert opened() == []


@pytest.mark.usefixtures("later")
def test_a_time_to_come_is_not_trusted(files, index, opened):
    ahead = time.time_ns() + 2 * LATER
    os.utime(files[0], ns=(ahead, ahead))
    file_digests(files[:2], index)
    opened()
    file_digests(files[:2], index)
    assert opened() == [files[0].name]


@pytest.mark.usefixtures("later")
def test_a_file_that_changes_while_it_is_read_is_read_again(files, index, monkeypatch):
    digest = module._digest

    def change_after(name):
        found = digest(name)
        files[0].write_bytes(b"after")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(module, "_digest", change_after)
        file_digests(files[:1], index)
    assert file_digests(files[:1], index) == plainly(files[:1])


@pytest.mark.usefixtures("later")
def test_what_was_read_before_a_stop_is_known(files, index, opened, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 10)
    digest = module._digest

    def stop_at(name):
        if name == str(files[25]):
            raise KeyboardInterrupt
        return digest(name)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_digest", stop_at)
        with pytest.raises(KeyboardInterrupt):
            file_digests(files, index)
    opened()
    found = file_digests(files, index)
    assert sorted(opened()) == sorted(file.name for file in files[20:])
    assert found == plainly(files)


def test_a_missing_file_is_named(files, index):
    with pytest.raises(FileNotFoundError, match=r": '.*away\.bin'"):
        file_digests([*files, files[0].with_name("away.bin")], index)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("damage", ["no database", "cut", "changed"])
def test_a_broken_index_is_made_anew(files, index, opened, caplog, damage):
    expected = file_digests(files, index)
    content = index.read_bytes()
    index.write_bytes({
        "no database": b"picture" * 1000,
        "cut": content[: len(content) // 2],
        "changed": content[:4096] + b"\xff" * (len(content) - 4096),
    }[damage])  # fmt: skip
    assert file_digests(files, index) == expected
    assert f"{index} cannot be used" in caplog.text
    opened()
    assert file_digests(files, index) == expected
    assert opened() == []


@pytest.mark.usefixtures("later")
def test_a_full_disk_is_told_with_the_name_of_the_index(files, index, full_disk):
    with full_disk(3000), pytest.raises(OSError, match=r"known\.sqlite': .*disk"):
        file_digests(files, index)
    assert file_digests(files, index) == plainly(files)


def _read(files, index):
    module._TICK = -LATER
    return file_digests(files, index)


@pytest.mark.slow
def test_several_processes_use_one_index(files, index):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        parts = [files[start::4] for start in range(4)]
        found = pool.starmap(_read, [(part, index) for part in parts * 3])
    assert found == [plainly(part) for part in parts * 3]
    with sqlite3.connect(index) as kept:
        assert kept.execute("SELECT count(*) FROM files").fetchone() == (300,)
    kept.close()


def test_no_files(index):
    assert file_digests([], index) == []


@pytest.mark.usefixtures("later")
def test_names_that_are_no_utf8(tmp_path, index, opened):
    odd = tmp_path / os.fsdecode(b"\xff.bin")
    odd.write_bytes(b"odd")
    assert file_digests([odd], index) == plainly([odd])
    opened()
    assert file_digests([odd], index) == [hashlib.blake2b(b"odd", digest_size=16).digest()]
    assert opened() == []
