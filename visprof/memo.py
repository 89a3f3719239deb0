"""Values kept on disk: keys that change with code and data, and files that are whole or absent."""

from __future__ import annotations

import ast
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from visprof._lazy import lazily
from visprof.digests import digest
from visprof.files import (
    open_sealed,
    read_record,
    remove_unfinished,
    replacing,
    seal,
    write_record,
)
from visprof.reach import Package

with lazily():
    import joblib

__all__ = [
    "SOURCES", "InUseError", "code_version", "find_versions", "fingerprint", "imported_names",
    "is_there", "keep",
]  # fmt: skip

log = logging.getLogger("visprof")

PACKAGE = Path(__file__).parent
VALUE = "value.joblib"
# beside the bytecode, which follows from the sources as they do
VERSIONS = Path(cache_from_source(str(PACKAGE / "memo.py"))).with_name("code_versions.json")


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# read once, when the package is imported: what runs is this, even if a file is edited meanwhile
SOURCES = {_module_name(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def fingerprint(path: str | Path) -> str:
    """Return a hash of the paths, sizes and times of a file, or of all files below a folder.

    "gone" where there is neither.
    """
    path = Path(path)
    if not path.exists():
        return "gone"
    files = [str(path.resolve())] if path.is_file() else _files_below(path.resolve())
    stats = ((file, os.stat(file)) for file in files)
    return digest(*(f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats))


def _files_below(folder: Path) -> list[str]:
    """Real paths of all files below a folder, in the order of their names there.

    By plain strings: a folder may hold a hundred thousand pictures.
    """
    found = []
    for within, _, names in os.walk(folder):
        paths = [os.path.join(within, name) for name in names]
        found += [path for path in paths if os.path.isfile(path)]
    found.sort(key=lambda path: path.split(os.sep))
    return [os.path.realpath(path) if os.path.islink(path) else path for path in found]


@functools.cache
def _parse() -> Package:
    return Package(SOURCES)


def imported_names(tree: ast.Module) -> dict[str, tuple[str, str | None]]:
    """What a module imports from this package, also inside its functions.

    Returns
    -------
    dict of str to (str, str or None)
        By the name it has in the module: the module it is from, and its name there; None where
        it is that module itself.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in SOURCES:
                    found[alias.asname or alias.name] = (whole, None)
                elif node.module in SOURCES:
                    found[alias.asname or alias.name] = (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in SOURCES:
                    found[alias.asname or alias.name] = (alias.name, None)
    return found


def code_version(module: str, name: str) -> str:
    """Hash a function, class or constant of this package with all code of it that it reaches.

    It changes with what values depend on, and with nothing else: not with comments, docstrings and
    messages, and not with what is not reached, in its module or in others (see `visprof.reach`).

    Parameters
    ----------
    module, name : str
        As for `visprof.reach.Package.version`.

    Raises
    ------
    KeyError
        If the package has no such module.
    """
    known, at = _known_versions(), f"{module}:{name}"
    if at not in known["versions"]:
        known["versions"][at] = _parse().version(module, name)
        if not sys.dont_write_bytecode:
            with suppress(OSError):  # the package may lie where nobody may write
                write_record(VERSIONS, known)
    return known["versions"][at]


@functools.cache
def _known_versions() -> dict[str, Any]:
    """Versions that this and earlier processes have found of this very code, which took seconds."""
    sources = digest(*(part for module in SOURCES.items() for part in module))
    with suppress(OSError, ValueError):
        kept = read_record(VERSIONS)
        if kept["sources"] == sources:
            return kept
    return {"sources": sources, "versions": {}}


def find_versions(names: Iterable[tuple[str, str]]) -> None:
    """Find the versions of many definitions at once, for processes that are yet to begin.

    Each of them would read the library again to find those that it needs.

    Parameters
    ----------
    names : iterable of (str, str)
        A module and a name in it, each, as for `code_version`.

    Raises
    ------
    KeyError
        If the package has no such module.
    """
    known = _known_versions()
    unknown = [of for of in names if ":".join(of) not in known["versions"]]
    if unknown:
        known["versions"] |= {":".join(of): _parse().version(*of) for of in unknown}
        if not sys.dont_write_bytecode:
            with suppress(OSError):  # as above
                write_record(VERSIONS, known)


class InUseError(RuntimeError):
    """Somebody else computes the value of a folder."""


def is_there(folder: Path) -> bool:
    """Whether a folder has a kept value; that it can be used, only `keep` finds out."""
    return (folder / VALUE).exists()


def keep(folder: Path, compute: Callable[[], Any], waits: bool | float = True) -> Any:
    """Load the value of a folder, or compute it and keep it there.

    Two processes that want the same value do not both compute it, and a killed one leaves no
    half-written value. A kept value that cannot be used is absent: its file was cut or changed
    since it was written, or a class in it is no more, or a file that it names is no longer whole.
    A warning names the file, and the value is made anew.

    Parameters
    ----------
    folder : Path
        Folder of this value alone, named after its key.
    compute : callable
        Returns the value; called at most once.
    waits : bool or float
        While another process computes the value; else that is an error. A number: for so many
        seconds.

    Raises
    ------
    InUseError
        If another process computes it, and this one is not to wait, or not so long.
    OSError
        If the value cannot be written (the disk is full, say); the message names the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> keep(Path("kept/one"), lambda: 40 + 2)
    42
    >>> keep(Path("kept/one"), lambda: 1 / 0)  # read from disk
    42
    """
    kept = folder / VALUE
    with suppress(_UnusableError):  # looked at once more under the lock
        return _load(kept)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock", waits):
        remove_unfinished(folder)
        if kept.exists():
            try:
                return _load(kept)
            except _UnusableError as error:
                log.warning("%s cannot be used (%s); it is made anew", kept, error)
        value = compute()
        with replacing(kept) as file:
            joblib.dump(value, file)
            seal(file)
        return value


@contextmanager
def _locked(path: Path, waits: bool | float) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if waits is True else float(waits))
    except Timeout as error:
        raise InUseError(f"{path} is locked") from error
    try:
        yield
    finally:
        lock.release()


class _UnusableError(Exception):
    """A kept value that is as good as absent; the text is the reason."""


def _load(kept: Path) -> Any:
    try:
        with open_sealed(kept) as file:
            return joblib.load(file)
    except MemoryError:  # the next one who reads it may have enough
        raise
    except Exception as error:  # unpickling raises whatever classes that changed make of it
        raise _UnusableError(f"{type(error).__name__}: {error}") from error
