"""Digests of what files hold, of which only those are read that may have changed.

As git's index does, a file is taken for the one that was read before where its path, its size and
its times are the same. A file that changes twice within a tick of the clock could keep them, so
what was changed a moment before it was looked at is read the next time, too. An object in a store
is the one that was read before where the store says the same of it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from visprof.object_stores import is_url, object_state, open_bytes

__all__ = ["file_digests"]

log = logging.getLogger("visprof")

T = TypeVar("T")

_DIGEST = 16  # bytes of it
_TICK = 2 * 10**9  # nanoseconds; the coarsest clock of a file system (FAT) counts two seconds
_AT_ONCE = 4096  # files that are read, then recorded
_QUESTIONS = 32  # to object stores at a time: each is waited for, and none costs this machine work
_NAMES = 500  # in a question to the index
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def file_digests(files: Sequence[str | Path], index: str | Path, n_workers: int = 2) -> list[bytes]:
    """Digest of what each file holds; files with an equal one hold the same.

    Parameters
    ----------
    files : sequence of str or Path, length n
        Files, or URLs of objects (see `visprof.object_stores`).
    index : str or Path
        SQLite file with the digests of files that were read before; made if need be. Several
        processes may use it at a time. One that is broken is made anew, with a warning.
    n_workers : int
        Files read at a time.

    Returns
    -------
    list of bytes, length n
        16 bytes each.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    OSError
        If a file cannot be read, or the index cannot be written; the message names it.
    ValueError, MissingExtraError
        If a URL is of no store that is known, or the package that reads it is not installed.

    Notes
    -----
    Of times, that of the last change of content and that of the last change of any kind count
    (``mtime`` and ``ctime``: a program can set the former back), and so does the file's number on
    its disk.

    Examples
    --------
    >>> from pathlib import Path
    >>> for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
    ...     _ = Path(name).write_text(text)
    >>> a, b, c = file_digests("abc", "known.sqlite")
    >>> a == b, a == c
    (True, False)
    """
    index = Path(index)
    here = os.getcwd()
    names = [file if is_url(file) else os.path.join(here, file) for file in files]
    keys = [os.fsencode(name) for name in names]  # a name may be no UTF-8
    looked = time.time_ns()
    objects = _object_states(names)
    looks = [(objects[name], 0) if name in objects else _look(os.stat(name)) for name in names]
    states, changed = zip(*looks, strict=True) if looks else ((), ())
    known = _recorded(index, keys)
    nothing = ("", b"")
    digests = []
    for key, state in zip(keys, states, strict=True):
        state_then, digest = known.get(key, nothing)
        digests.append(digest if state == state_then else b"")
    unknown = [i for i, digest in enumerate(digests) if not digest]
    with ThreadPoolExecutor(n_workers) as pool:
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            for i, digest in zip(some, pool.map(_digest, [names[i] for i in some]), strict=True):
                digests[i] = digest
            _record(index, [
                (keys[i], states[i], digests[i])
                for i in some
                if changed[i] < looked - _TICK
            ])  # fmt: skip
    return digests


def _object_states(names: list[str]) -> dict[str, str]:
    """State of each that is a URL. A store tells two versions apart without regard to a clock."""
    urls = [name for name in names if is_url(name)]
    if not urls:
        return {}
    with ThreadPoolExecutor(_QUESTIONS) as pool:
        return dict(zip(urls, pool.map(object_state, urls), strict=True))


def _look(stat: os.stat_result) -> tuple[str, int]:
    """State of a file, and when it changed last, in nanoseconds."""
    mtime, ctime = stat.st_mtime_ns, stat.st_ctime_ns
    return f"{stat.st_size} {mtime} {ctime} {stat.st_ino}", max(mtime, ctime)


def _digest(name: str) -> bytes:
    with open_bytes(name) as file:
        return hashlib.blake2b(file.read(), digest_size=_DIGEST).digest()


def _recorded(index: Path, names: list[bytes]) -> dict[bytes, tuple[str, bytes]]:
    """State and digest, by name, of the files that the index has."""

    def look_up(kept: sqlite3.Connection) -> dict[bytes, tuple[str, bytes]]:
        found = {}
        for start in range(0, len(names), _NAMES):
            some = names[start : start + _NAMES]
            marks = ",".join("?" * len(some))
            for name, *of in kept.execute(f"SELECT * FROM files WHERE name IN ({marks})", some):
                found[name] = tuple(of)
        return found

    return _with_index(index, look_up) if index.exists() else {}


def _record(index: Path, rows: list[tuple[bytes, str, bytes]]) -> None:
    """Put files into the index, all or none."""
    if rows:
        index.parent.mkdir(parents=True, exist_ok=True)
        put = "INSERT OR REPLACE INTO files VALUES (?, ?, ?)"
        _with_index(index, lambda kept: kept.executemany(put, rows))


def _with_index(index: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """Do something with the index, alone; one that is broken is made anew."""
    # SQLite's own locks do not work on every disk of a network
    with FileLock(index.with_name(f"{index.name}.lock")):
        try:
            try:
                return _do(index, work)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF not in _BROKEN:
                    raise
                log.warning("%s cannot be used (%s); all files are read again", index, error)
                for name in (index.name, f"{index.name}-journal"):
                    index.with_name(name).unlink(missing_ok=True)
                return _do(index, work)
        except sqlite3.OperationalError as error:  # the disk is full, say
            raise OSError(f"{str(index)!r}: {error}") from error


def _do(index: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    with closing(sqlite3.connect(index)) as kept, kept:  # all of it or nothing
        kept.execute(
            "CREATE TABLE IF NOT EXISTS files"
            " (name BLOB PRIMARY KEY, state TEXT, digest BLOB) WITHOUT ROWID"
        )
        return work(kept)
