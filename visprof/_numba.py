"""Import numba's compiler, with a cache that cannot hurt: what it cannot read is compiled anew.

Numba keeps machine code in files beside the source, and takes whatever it finds there: an emptied
file ends every later call (numba#10434), and a changed one is run. Here the code is sealed by a
digest, and a file that cannot be read, or not be written, is told in a warning and done without.
Nor does numba notice that a function of another file has changed which the code has in it: here all
files with compiled code stand for each.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import pickle
from collections.abc import Callable
from typing import Any

import numba
from numba import prange, set_num_threads
from numba.core.caching import IndexDataCacheFile

from visprof.digests import digest
from visprof.memo import SOURCES

__all__ = ["njit", "prange", "set_num_threads"]

log = logging.getLogger("visprof")

ANEW = "%s cannot be used (%s); its function is compiled anew"
_SEAL = 16  # bytes of the digest


class _CacheFile(IndexDataCacheFile):
    """The index and the code of one function."""

    def _dump(self, obj: object) -> bytes:
        content = super()._dump(obj)
        return content + _digest(content)  # unpickling the index passes over it

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()
        except Exception as error:  # unpickling raises nearly anything
            log.warning(ANEW, self._index_path, f"{type(error).__name__}: {error}")
            return {}

    def _load_data(self, name: str) -> Any:
        path = self._data_path(name)
        with open(path, "rb") as file:
            content = file.read()
        content, digest = content[:-_SEAL], content[-_SEAL:]
        if _digest(content) != digest:
            reason = "it was cut or changed since it was written"
            log.warning(ANEW, path, f"{OSError.__name__}: {reason}")
            raise OSError(reason)  # numba takes this for: there is no such file
        return pickle.loads(content)

    def save(self, key: Any, data: Any) -> None:
        try:
            super().save(key, data)
        except OSError as error:  # the disk is full, say: it will be compiled the next time, too
            log.warning("compiled code cannot be kept in %s: %s", self._cache_path, error)


def njit(*arguments: Any, **options: Any) -> Callable[..., Any]:
    """Compile a function as `numba.njit` does; with ``cache=True`` into files that are sealed.

    In one with ``parallel=True`` numba looks for loops to share out in every line, and takes twice
    as long: so what is done with each item stands in a function of its own, which it calls.
    """
    if not options.get("cache"):
        return numba.njit(*arguments, **options)

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        dispatcher = numba.njit(*arguments, **options)(function)
        file = dispatcher._cache._cache_file
        file.__class__ = _CacheFile
        file._source_stamp = (file._source_stamp, _compiled_sources())
        return dispatcher

    return compiled


@functools.cache
def _compiled_sources() -> str:
    """Digest of the source of all modules of the package that compile."""
    return digest(*(text for text in SOURCES.values() if f"from {__name__} import" in text))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_SEAL).digest()
