"""Import numba's compiler, with a cache that cannot hurt: what it cannot read is compiled anew.

Numba keeps machine code in files beside the source, and takes whatever it finds there: an emptied
file ends every later call (numba#10434), and a changed one is run. Here the code is sealed by a
digest, and a file that cannot be read, or not be written, is told in a warning and done without.
Nor does numba notice that a function of another file has changed which the code has in it: here all
files with compiled code stand for each.

Loops are shared out over threads by `over_threads`, not by numba's own ``parallel=True``, for which
it compiles what stands in the loop four times over.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba
from numba.core.caching import IndexDataCacheFile

from visprof.digests import digest
from visprof.machine import numba_threads
from visprof.memo import SOURCES

__all__ = ["njit", "over_threads", "set_num_threads"]

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

    With ``inline="always"`` it is compiled with what calls it, and not by itself before: so what is
    called at one place only is compiled once.
    """
    options["no_cfunc_wrapper"] = True  # for code in C, of which there is none
    if not options.get("cache"):
        return numba.njit(*arguments, **options)

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        dispatcher = numba.njit(*arguments, **options)(function)
        file = dispatcher._cache._cache_file
        file.__class__ = _CacheFile
        file._source_stamp = (file._source_stamp, _compiled_sources())
        return dispatcher

    return compiled


_limit = threading.local()


def set_num_threads(number: int) -> None:
    """Let this thread share loops out over no more than so many."""
    _limit.number = number


def over_threads(function: Callable[..., None], n: int, *arguments: Any, least: int = 1) -> None:
    """Call a function for parts of n items, as many as threads may be taken.

    Parameters
    ----------
    function : callable
        Takes the first item of a part, where the part ends, and the arguments, in which it writes
        what it finds of each item. Compiled with ``nogil=True``, or busy with what is.
    n : int
        Number of items.
    *arguments
        Of the function.
    least : int, default=1
        Items of a part, if there are several: a thread takes 0.1 ms to begin.
    """
    n_parts = max(1, min(n // max(1, least), numba_threads(), getattr(_limit, "number", n)))
    ends = [n * part // n_parts for part in range(1 + n_parts)]
    if n_parts == 1:
        function(*ends, *arguments)
        return
    with ThreadPoolExecutor(n_parts - 1) as pool:
        others = [pool.submit(function, *part, *arguments) for part in pairwise(ends[1:])]
        function(*ends[:2], *arguments)
    for other in others:
        other.result()


@functools.cache
def _compiled_sources() -> str:
    """Digest of the source of all modules of the package that compile."""
    return digest(*(text for text in SOURCES.values() if f"from {__name__} import" in text))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_SEAL).digest()
