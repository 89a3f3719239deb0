"""Files that are whole or absent, whatever ends the process that writes them.

A file is written under another name, ``NAME.PID.part``, and takes its place when it is whole. What
a killed process leaves behind is known by the process' number, and the next run clears it away.
Files that are read back by programs alone can be sealed: their last bytes are a digest of the rest,
so that one that was cut or changed since is noticed before anything in it is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

__all__ = [
    "naming",
    "open_sealed",
    "partial_folder",
    "put_in_place",
    "read_record",
    "remove_unfinished",
    "replacing",
    "seal",
    "write_record",
    "write_whole",
]

_UNFINISHED = re.compile(r".+\.([1-9][0-9]*)\.part")
_PARTIAL = ".partial-"  # begins the name of a folder, then the process that makes it
_SEAL = 16  # bytes of the digest
_RECORD_SEAL = "digest"  # its name in a record
_CHANGED = "it was cut or changed since it was written, or written by an earlier version"
_PIECE = 2**20

_writing: set[Path] = set()  # by this process; a killed one may have had the same number


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the operating system say which file they are about.

    Writing to a full disk fails without a name, unlike opening a file that is not there.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when the block ends, and vanishes if it fails.

    Parameters
    ----------
    path : Path
        Its folder is made if absent.

    Raises
    ------
    OSError
        If it cannot be written; the message names it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    _writing.add(unfinished)
    try:
        with naming(path):
            with unfinished.open("w+b") as file:
                yield file
            os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):  # the one that is under way says more
            unfinished.unlink()
        raise
    finally:
        _writing.discard(unfinished)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is whole or absent; see `replacing`.

    Examples
    --------
    >>> from pathlib import Path
    >>> write_whole(Path("numbers.json"), b"{}")
    >>> Path("numbers.json").read_bytes()
    b'{}'
    """
    with replacing(path) as file:
        file.write(data)


def remove_unfinished(folder: Path, names: str = "**/*") -> None:
    """Remove what processes that are no more left unfinished.

    Parameters
    ----------
    folder : Path
        Where to look; it need not exist.
    names : str
        Pattern of the files that were written, as of `Path.glob`; by default all, also below.
    """
    for path in list(folder.glob(f"{names}.part")):
        written = _UNFINISHED.fullmatch(path.name)
        if written and not _is_being_written(path, int(written[1])):
            path.unlink(missing_ok=True)


@contextmanager
def partial_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for what is being made, which goes when that is done, or else the next time.

    Parameters
    ----------
    parent : Path
        Where it is; made if absent. What processes that were killed have left in it goes now.

    Yields
    ------
    Path
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_PARTIAL}*"):
        owner, dash, _ = left.name.removeprefix(_PARTIAL).partition("-")
        if dash and owner.isdigit() and not _is_running(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=f"{_PARTIAL}{os.getpid()}-") as folder:
        yield Path(folder)


def put_in_place(made: Path, target: Path) -> None:
    """Let a file or folder that is whole take the place of another, if there is one.

    Parameters
    ----------
    made : Path
        It lies in a `partial_folder` beside `target`; a folder that it replaces goes with that.
    target : Path

    Raises
    ------
    OSError
        If it cannot; the message names `target`.
    """
    with naming(target):
        if target.is_dir():
            os.replace(target, made.with_name(f"{made.name}.old"))
        os.replace(made, target)


def _is_being_written(path: Path, process: int) -> bool:
    return path in _writing if process == os.getpid() else _is_running(process)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # someone else's
        return True
    return True


def seal(file: BinaryIO) -> None:
    """Append a digest of what was written to a file, open for writing and reading."""
    file.seek(0)
    file.write(hashlib.file_digest(file, _digest).digest())


def open_sealed(path: Path) -> BinaryIO:
    """Open a sealed file for reading.

    Raises
    ------
    OSError
        If it is absent or cannot be read.
    ValueError
        If it was never sealed, or cut or changed since it was.
    """
    file = path.open("rb")
    try:
        rest = file.seek(0, os.SEEK_END) - _SEAL
        file.seek(0)
        digest = _digest()
        while rest > 0 and (piece := file.read(min(rest, _PIECE))):
            digest.update(piece)
            rest -= len(piece)
        if file.read() != digest.digest():
            raise ValueError(_CHANGED)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write JSON values by their names as a text that is sealed; see `read_record`."""
    sealed = {**record, _RECORD_SEAL: _record_seal(record)}
    write_whole(path, json.dumps(sealed, indent=1).encode())


def read_record(path: Path) -> dict[str, Any]:
    """Read what `write_record` wrote.

    Raises
    ------
    OSError
        If the file is absent or cannot be read.
    ValueError
        If it is no record, or cut or changed since it was written.
    """
    try:
        record = json.loads(path.read_bytes())
    except (RecursionError, ValueError) as error:
        raise ValueError(_CHANGED) from error
    if not isinstance(record, dict) or record.pop(_RECORD_SEAL, None) != _record_seal(record):
        raise ValueError(_CHANGED)
    return record


def _record_seal(record: Mapping[str, Any]) -> str:
    digest = _digest()
    digest.update(json.dumps(dict(record), sort_keys=True).encode())
    return digest.hexdigest()


def _digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=_SEAL)
