"""Values kept on disk: keys that change with code and data, and files that are whole or absent."""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from filelock import FileLock

__all__ = ["code_version", "digest", "fingerprint", "keep"]

PACKAGE = Path(__file__).parent


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# read once, when the package is imported: what runs is this, even if a file is edited meanwhile
_SOURCES = {_module_name(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def digest(*parts: str) -> str:
    """Return a short hash of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


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
    imports: dict[str, _Import]


@dataclass(frozen=True)
class _Import:
    """A name imported from this package: the modules behind it, and its name there."""

    modules: frozenset[str]
    name: str


@functools.cache
def _parse(module: str) -> _Module:
    source = _SOURCES[module]
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
    return _Module(definitions, uses, _imports(tree))


def _imports(tree: ast.Module) -> dict[str, _Import]:
    """Names imported from this package, also where a function imports them."""
    imports: dict[str, _Import] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                candidates = {node.module, f"{node.module}.{alias.name}"}
                found = _Import(frozenset(candidates & _SOURCES.keys()), alias.name)
                imports[alias.asname or alias.name] = found
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found = _Import(frozenset({alias.name} & _SOURCES.keys()), alias.name)
                imports[alias.asname or alias.name] = found
    return {name: found for name, found in imports.items() if found.modules}


def code_version(function: Callable[..., Any]) -> str:
    """Hash a function of this package with all code of the package that it can reach.

    That is its own source, what it names in its module or in others of the same folder (as steps
    name each other's values), and the whole source of every other module of the package that
    these import, directly or through others.
    """
    folder = function.__module__.rpartition(".")[0]
    reached: set[tuple[str, str]] = set()
    modules: set[str] = set()
    waiting = {(function.__module__, function.__name__)}
    while waiting:
        module, name = place = waiting.pop()
        own = _parse(module)
        if name in own.definitions and place not in reached:
            reached.add(place)
            waiting |= {(module, used) for used in own.uses[name]}
        elif found := own.imports.get(name):
            beside = {
                m
                for m in found.modules
                if m.rpartition(".")[0] == folder and found.name in _parse(m).definitions
            }
            waiting |= {(m, found.name) for m in beside}
            modules |= found.modules - beside
    closure: set[str] = set()
    while modules:
        module = modules.pop()
        if module not in closure:
            closure.add(module)
            modules |= set().union(*(found.modules for found in _parse(module).imports.values()))
    return digest(
        *(_parse(module).definitions[name] for module, name in sorted(reached)),
        *(_SOURCES[module] for module in sorted(closure)),
    )


def keep(folder: Path, compute: Callable[[], Any]) -> Any:
    """Load the value of a folder, or compute it and keep it there.

    Two processes that want the same value do not both compute it, and a killed one leaves no
    half-written value.

    Parameters
    ----------
    folder : Path
        Folder of this value alone, named after its key.
    compute : callable
        Returns the value; called at most once.
    """
    kept = folder / "value.joblib"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            if not kept.exists():
                value = compute()
                handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
                os.close(handle)
                joblib.dump(value, temporary)
                os.replace(temporary, kept)
                return value
    return joblib.load(kept)
