"""Imports that happen when what they name is first used: of libraries that take seconds to load.

A value that is read from disk needs no network and no compiler. A block ``with lazily():`` at the
top of a module is what ``lazy import`` will be in Python 3.15 (PEP 810). The imports in it stay
imports to whoever reads the source: checkers of types, and `visprof.reach`.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any

from visprof._extras import needs

__all__ = ["lazily"]

_BLOCK = threading.RLock()  # how Python imports is changed by one thread at a time


@contextmanager
def lazily(extra: str | None = None, *, of: Container[str] | None = None) -> Iterator[None]:
    """Put the imports in the block off, until a name that they bind is used.

    Names of modules and functions: attributes can be taken of them, and they can be called. What is
    derived from, asked for instances of, or counted with is imported as usual.

    Parameters
    ----------
    extra : str, optional
        Of visprof, that brings what is imported: first use says so where it is not installed, as
        `visprof._extras.needs` does.
    of : container of str, optional
        Packages of which alone imports are put off: those in the block, and those in modules that
        it imports, as others wrote them. Their own modules are imported as usual.

    Examples
    --------
    >>> import sys
    >>> with lazily():
    ...     import this
    >>> "this" in sys.modules
    False
    """
    with _BLOCK:
        usual, thread = builtins.__import__, threading.get_ident()

        def put_off(
            name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
        ) -> Any:
            others = of is not None and (level or name.partition(".")[0] not in of)
            if others or threading.get_ident() != thread:
                return usual(name, globals, locals, fromlist, level)
            module = partial(_loaded, extra, usual, name, globals, locals, fromlist, level)
            return _Names(module) if fromlist else _Lazy(module)

        builtins.__import__ = put_off
        try:
            yield
        finally:
            builtins.__import__ = usual


def _loaded(extra: str | None, usual: Callable[..., Any], *what: Any) -> Any:
    with nullcontext() if extra is None else needs(extra):
        return usual(*what)


class _Names:
    """What names are imported from: asked for one, it gives what stands for that."""

    def __init__(self, module: Callable[[], Any]) -> None:
        self._module = module

    def __getattr__(self, name: str) -> _Lazy:
        return _Lazy(partial(self._of, name))

    def _of(self, name: str) -> Any:
        module = self._module()
        try:
            return getattr(module, name)
        except AttributeError:
            raise ImportError(f"cannot import name {name!r} from {module.__name__!r}") from None


class _Lazy:
    """Stands for a module or function until it is used, and passes on what is done with it."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load

    @cached_property
    def _value(self) -> Any:
        return self._load()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever looks through a module asks for it, and uses nothing
            raise AttributeError(name)
        return getattr(self._value, name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._value(*given, **named)

    def __reduce__(self) -> Any:  # another process gets what it stands for
        return _itself, (self._value,)


def _itself(value: Any) -> Any:
    return value
