"""Files that are whole or absent: written in one step, cleared away, sealed."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.files import (
    open_sealed,
    partial_folder,
    put_in_place,
    read_record,
    remove_unfinished,
    replacing,
    seal,
    write_record,
    write_whole,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=8)


def write_sealed(path, content):
    with replacing(path) as file:
        file.write(content)
        seal(file)


def test_a_file_is_written_with_its_folder_and_leaves_no_other(tmp_path):
    path = tmp_path / "a" / "b.txt"
    for content in (b"one", b"another"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["b.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "x"
    write_whole(path, b"old")

    def fail():
        with replacing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_full_disk_is_told_in_one_line_that_names_the_file(tmp_path, full_disk):
    path = tmp_path / "x"
    with full_disk(1000), pytest.raises(OSError, match="File too large") as caught:
        write_whole(path, bytes(1001))
    assert str(caught.value) == f"[Errno 27] File too large: '{path}'"
    assert not list(tmp_path.iterdir())


def test_no_space_left_comes_first_and_the_path_last(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, replacing(tmp_path / "x"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == f"[Errno 28] No space left on device: '{tmp_path / 'x'}'"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # as of a worker


def test_errors_that_name_a_file_keep_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), replacing(tmp_path / "x"):
        (tmp_path / "elsewhere").read_bytes()


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path, dead_process):
    left = [tmp_path / f"a.{dead_process}.part", tmp_path / "below" / f".b.{dead_process}.part"]
    left.append(tmp_path / f"one before with our number.{os.getpid()}.part")
    kept = [f"a.{os.getppid()}.part", "a.part", "a.jpg", ".1.part", "a.01.part", f"{dead_process}"]
    kept = [tmp_path / name for name in kept]
    (tmp_path / "below").mkdir()
    for path in left + kept:
        path.touch()
    with replacing(tmp_path / "now"):
        kept.append(tmp_path / f"now.{os.getpid()}.part")
        remove_unfinished(tmp_path)
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in kept)
    remove_unfinished(tmp_path / "absent")


def test_a_number_that_no_process_can_have_is_of_a_dead_one(tmp_path):
    (tmp_path / f"a.{10**30}.part").touch()
    remove_unfinished(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_what_the_next_one_removes(tmp_path):
    script = f"""
        import os, pathlib, signal
        from visprof.files import replacing
        with replacing(pathlib.Path({str(tmp_path)!r}, "x")) as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("x.*.part"))) == 1
    remove_unfinished(tmp_path)
    assert not list(tmp_path.iterdir())


@given(st.binary(max_size=100))
def test_a_sealed_file_reads_as_it_was_written(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("sealed") / "x"
    write_sealed(path, content)
    with open_sealed(path) as file:
        assert file.read(len(content)) == content


@given(st.binary(max_size=40), st.data())
def test_any_other_byte_or_length_is_noticed(tmp_path_factory, content, data):
    path = tmp_path_factory.mktemp("sealed") / "x"
    write_sealed(path, content)
    sealed = path.read_bytes()
    place = data.draw(st.integers(0, len(sealed) - 1))
    change = data.draw(st.integers(1, 255))
    flipped = bytearray(sealed)
    flipped[place] ^= change
    for damaged in (flipped, sealed[:place], sealed + bytes(change)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="cut or changed"):
            open_sealed(path)


@given(st.dictionaries(st.text().filter(lambda name: name != "digest"), values, max_size=4))
def test_a_record_reads_as_it_was_written(tmp_path_factory, record):
    path = tmp_path_factory.mktemp("record") / "x.json"
    write_record(path, record)
    assert read_record(path) == record


@given(st.data())
def test_a_record_that_was_changed_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("record") / "x.json"
    record = {"name": "sea", "rows": [{"a": 1, "b": "é"}], "size": 12.5}
    write_record(path, record)
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[place] ^= data.draw(st.integers(1, 255))
    for damaged in (flipped, content[:place]):
        path.write_bytes(damaged)
        with suppress(ValueError):
            assert read_record(path) == record  # only blanks between the values changed


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"3", b"\xff", b"[" * 10**6, b'{"a": 1}'])
def test_what_is_no_record_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match="it was cut or changed"):
        read_record(tmp_path / "x")


def test_folders_that_killed_processes_left_are_removed_and_the_rest_kept(tmp_path, dead_process):
    for name in (f".partial-{dead_process}-a", ".partial-notes", f".partial-{os.getpid()}-b"):
        (tmp_path / name / "inside").mkdir(parents=True)
    with partial_folder(tmp_path) as folder:
        made = {path.name for path in tmp_path.iterdir()}
        assert made == {".partial-notes", f".partial-{os.getpid()}-b", folder.name}
    assert not folder.exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_or_a_file_takes_the_place_of_another(there, tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "file"
    if there:
        (folder / "old").mkdir(parents=True)
        file.write_text("old")
    with partial_folder(tmp_path) as scratch:
        (scratch / "folder" / "new").mkdir(parents=True)
        (scratch / "file").write_text("new")
        put_in_place(scratch / "folder", folder)
        put_in_place(scratch / "file", file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert file.read_text() == "new"


def test_what_cannot_be_put_in_place_is_named(tmp_path):
    with partial_folder(tmp_path) as scratch, pytest.raises(OSError, match="absent"):
        put_in_place(scratch / "absent", tmp_path / "target")
