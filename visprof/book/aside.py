"""Libraries that are loaded ahead of their import, and stay out of sight until then.

What is forked from a process that has loaded a library has it at once, where to load it takes a
second. But whether a page uses it is seen by whether it is loaded: its foot tells of PyTorch only
then (`visprof.machine.hardware`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

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
    before = set(sys.modules)
    yield
    names = [name for name in sys.modules if name.partition(".")[0] in packages]
    loaded = {name: sys.modules.pop(name) for name in names if name not in before}
    sys.meta_path.insert(0, _Aside(loaded))


class _Aside(MetaPathFinder, Loader):
    """Finds what was put aside; the first that is imported brings all of it back."""

    def __init__(self, loaded: dict[str, ModuleType]) -> None:
        self._loaded = loaded
        self._specs = {name: module.__spec__ for name, module in loaded.items()}

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in self._loaded else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        sys.meta_path.remove(self)
        sys.modules.update(self._loaded)
        return self._loaded[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._specs[module.__name__]  # it has run, and was found elsewhere
