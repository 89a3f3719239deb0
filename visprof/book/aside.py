"""Libraries that are loaded ahead of their import, and stay out of sight until then.

What is forked from a process that has loaded a library has it at once, where to load it takes a
second. But whether a page uses it is seen by whether it is loaded: its foot tells of PyTorch only
then (`visprof.machine.hardware`).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import psutil

from visprof.machine import UNUSED_BYTES

__all__ = ["put_aside"]


@contextmanager
def put_aside(*packages: str) -> Iterator[None]:
    """Put what the block loads of packages out of sight, until any of it is imported.

    Parameters
    ----------
    *packages : str
        Names at the top. What else is loaded stays where it is.

    Examples
    --------
    >>> import sys
    >>> with put_aside("tabnanny"):
    ...     import tabnanny
    >>> "tabnanny" in sys.modules
    False
    >>> import tabnanny
    >>> "tabnanny" in sys.modules
    True
    """
    before, held = set(sys.modules), _bytes_forked()
    try:
        yield
    finally:
        names = [name for name in sys.modules if name.partition(".")[0] in packages]
        loaded = {name: sys.modules.pop(name) for name in names if name not in before}
        aside = _Aside(loaded)
        UNUSED_BYTES[aside] = max(0, _bytes_forked() - held)
        sys.meta_path.insert(0, aside)


def _bytes_forked() -> int:
    """Memory that a fork of this process begins with: pages of files it has when it reads them."""
    held = psutil.Process().memory_info()
    return held.rss - getattr(held, "shared", 0)


class _Aside(MetaPathFinder):
    """Finds what was put aside; the first that is imported brings all of it back.

    Other threads may import others of it meanwhile, so it finds them from then on, too: nothing is
    run again but what is reloaded.
    """

    def __init__(self, loaded: dict[str, ModuleType]) -> None:
        self._loaded, self._is_back, self._lock = loaded, False, threading.Lock()
        self._specs: dict[str, ModuleSpec] = {}
        self._parts: list[tuple[ModuleType, str, ModuleType]] = []  # of packages that stay in sight
        for name, module in loaded.items():
            if (spec := getattr(module, "__spec__", None)) is not None:
                self._specs[name] = copy(spec)
                self._specs[name].loader = _Loaded(self, module, spec.loader)
                vars(module)["__spec__"] = self._specs[name]
            package, _, last = name.rpartition(".")
            if package in sys.modules and vars(sys.modules[package]).get(last) is module:
                self._parts.append((sys.modules[package], last, module))
                delattr(sys.modules[package], last)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return self._specs.get(name) if target is None else None  # else it is to run again

    def bring_back(self) -> None:
        with self._lock:
            if not self._is_back:
                sys.modules.update(self._loaded)
                for package, name, module in self._parts:
                    setattr(package, name, module)
                self._is_back = True
                UNUSED_BYTES.pop(self, None)


class _Loaded(Loader):
    """Loads a module that has run; what else is asked of it, that knows which had run it."""

    def __init__(self, aside: _Aside, module: ModuleType, loader: Any) -> None:
        self._aside, self._module, self._loader = aside, module, loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self._aside.bring_back()
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """It has run."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
