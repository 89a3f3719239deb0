"""Values kept on disk: keys that change with code and data, and files that are whole or absent."""

from __future__ import annotations

import ast
import functools
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from filelock import FileLock

from visprof.digests import digest
from visprof.files import open_sealed, remove_unfinished, replacing, seal

__all__ = ["SOURCES", "code_version", "fingerprint", "imported_names", "keep"]

log = logging.getLogger("visprof")

PACKAGE = Path(__file__).parent


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# read once, when the package is imported: what runs is this, even if a file is edited meanwhile
SOURCES = {_module_name(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
PACKAGES = frozenset(_module_name(path) for path in PACKAGE.rglob("__init__.py"))


def fingerprint(path: str | Path) -> str:
    """Return a hash of the paths, sizes and times of a file, or of all files below a folder."""
    path = Path(path)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    stats = [(path.resolve(), path.stat()) for path in files]
    return digest(*(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats))


@dataclass(frozen=True)
class _Module:
    """What a module defines at its top level, which names that uses, and what it imports."""

    definitions: dict[str, str]
    uses: dict[str, frozenset[str]]
    imports: dict[str, tuple[str, str | None]]


@functools.cache
def _parse(module: str) -> _Module:
    source = SOURCES[module]
    tree = ast.parse(source)
    definitions, uses = {}, {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        else:
            continue
        walked = list(ast.walk(node))
        arguments = {inner.arg for inner in walked if isinstance(inner, ast.arg)}
        used = {inner.id for inner in walked if isinstance(inner, ast.Name)} - arguments
        for name in names:
            definitions[name] = ast.get_source_segment(source, node) or ""
            uses[name] = frozenset(used)
    return _Module(definitions, uses, imported_names(tree))


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


def _handed_on(module: str, name: str | None) -> tuple[str, str | None]:
    """Where a name is from that a package imports only to hand it on; else the place itself."""
    while (
        name is not None
        and module in PACKAGES
        and name not in _parse(module).definitions
        and name in _parse(module).imports
    ):
        module, name = _parse(module).imports[name]
    return module, name


@functools.cache
def code_version(module: str, name: str) -> str:
    """Hash a function or class of this package with all code of the package that it can reach.

    That is its own source, what it names in its module or in others of the same folder (as steps
    name each other's values), and the whole source of every other module of the package that
    these import, directly or through others. Where a package hands a name on, that is the module
    which defines it, and no other of the package.
    """
    first = _handed_on(module, name)
    folder = first[0].rpartition(".")[0]
    reached: set[tuple[str, str]] = set()
    modules: set[str] = set()
    waiting = {first}
    while waiting:
        place = waiting.pop()
        own = _parse(place[0])
        if place[1] in own.definitions and place not in reached:
            reached.add(place)
            waiting |= {(place[0], used) for used in own.uses[place[1]]}
        elif place[1] in own.imports:
            source, original = _handed_on(*own.imports[place[1]])
            if original is not None and source.rpartition(".")[0] == folder:
                waiting.add((source, original))
            else:
                modules.add(source)
    closure: set[str] = set()
    while modules:
        source = modules.pop()
        if source not in closure:
            closure.add(source)
            modules |= {_handed_on(*found)[0] for found in _parse(source).imports.values()}
    return digest(
        *(_parse(where).definitions[what] for where, what in sorted(reached)),
        *(SOURCES[source] for source in sorted(closure)),
    )


def keep(folder: Path, compute: Callable[[], Any]) -> Any:
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

    Raises
    ------
    OSError
        If the value cannot be written (the disk is full, say); the message names the file.
    """
    kept = folder / "value.joblib"
    with suppress(_UnusableError):  # looked at once more under the lock
        return _load(kept)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
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
