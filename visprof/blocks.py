"""Work cut into blocks: done one after the other in this process, or by the workers of a cluster.

All that a cluster (Dask) does of a study goes through `map_blocks`. How work is cut depends on the
work alone, and a block gives the same wherever it is done. So a result does not depend on who made
it, and a block whose worker has died is simply done again.
"""

from __future__ import annotations

import functools
import platform
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

from visprof import trace
from visprof._extras import needs
from visprof._lazy import lazily
from visprof.digests import digest
from visprof.machine import environment_version, numba_threads, thread_settings, threads_as
from visprof.memo import SOURCES

with lazily():
    from visprof._numba import set_num_threads

__all__ = ["Client", "map_blocks", "slices"]

Block, Result = TypeVar("Block"), TypeVar("Result")
Client = Any  # a `distributed.Client`, which comes with an extra

_ONE_BLOCK = threading.Lock()  # of a worker at a time: threads are settings of the whole process


def slices(n: int, size: int) -> list[slice]:
    """Cut n rows into blocks of so many, the last of what is left.

    Examples
    --------
    >>> slices(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def map_blocks(
    function: Callable[[Block], Result], blocks: Sequence[Block], client: Client | None = None
) -> Iterator[Result]:
    """Apply a function to each block, here or on the workers of a cluster.

    Parameters
    ----------
    function : callable
        Of a module that workers can import, or a `functools.partial` of one with what all blocks
        share, which is sent to a worker once.
    blocks : sequence
        What tells one block from another; small.
    client : distributed.Client, optional
        Of the cluster; by default all is done here. A single block is done here, too.

    Returns
    -------
    iterator
        Results in the order of the blocks.

    Raises
    ------
    RuntimeError
        If a worker has other software than this process, the cluster is gone, or one block's
        workers died again and again. What the function raises is raised here.

    Examples
    --------
    >>> list(map_blocks(sum, [[1, 2], [3]]))
    [3, 3]
    """
    if client is None or len(blocks) < 2:
        return map(function, blocks)
    return _by_workers(function, blocks, client)


def _by_workers(function: Callable, blocks: Sequence[Any], client: Client) -> Iterator[Any]:
    with needs("cluster"):
        import dask
        from distributed import CancelledError, KilledWorker
        from distributed.protocol.pickle import dumps, loads

    how = {"software": _software(), "threads": thread_settings(), "pure": False}
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
        # in the graph, not scattered: it is made again if the worker that holds it dies
        shared = client.submit(loads, dumps(function), pure=False)
        waiting = deque(client.map(_do, blocks, function=shared, **how))
    bar = tqdm(total=len(blocks), unit="block", disable=None)
    try:
        while waiting:
            result = waiting[0].result()
            waiting.popleft()
            bar.update()
            trace.note_progress(len(blocks) - len(waiting), len(blocks))
            yield result
    except KilledWorker as error:
        raise RuntimeError(
            f"a block was given up: {error.allowed_failures + 1} workers died of it, perhaps for "
            "want of memory"
        ) from error
    except CancelledError as error:
        raise RuntimeError("the cluster has gone, or has dropped what it was to do") from error
    finally:
        bar.close()
        if waiting:
            client.cancel([*waiting])


def _do(block: Any, function: Callable, software: str, threads: dict[str, Any]) -> Any:
    if software != _software():
        raise RuntimeError(
            f"a worker on {platform.node()} has other packages, or other code of visprof, than who "
            "asks: install the same, and start it anew"
        )
    with needs("cluster"):
        from distributed import get_worker

    with _ONE_BLOCK:
        # of loops that are compiled: it rounds no number
        set_num_threads(min(get_worker().state.nthreads, numba_threads()))
        with threads_as(threads):
            return function(block)


@functools.cache
def _software() -> str:
    return digest(environment_version(), *SOURCES.values())
