"""Processes that execute pages side by side, and end with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from typing import Any

from visprof.book.errors import BookError
from visprof.book.forks import fork_from_server, fork_helpers
from visprof.book.kernels import prepare_kernels

__all__ = ["prepare_workers", "usual_jobs", "workers"]

# What the process imports, once, that the others are forked of: all that they and their kernels
# need, which took each of them two seconds.
READY = "visprof.book._ready"
# And what most steps are computed with, out of sight: where nearly all is yet to be computed.
READY_TO_COMPUTE = "visprof.book._ready_to_compute"


def usual_jobs() -> int:
    """Pages that the command line executes at a time: what they compute has threads of its own."""
    return min(2, os.cpu_count() or 1)


def prepare_workers(*, computing: bool = False) -> None:
    """Begin to import what `workers` are to have, while this process goes on.

    Parameters
    ----------
    computing : bool
        Whether to load also what most steps are computed with, for the pages that import it.
    """
    forkserver.set_forkserver_preload([READY, READY_TO_COMPUTE] if computing else [READY])
    forkserver.ensure_running()
    fork_from_server()


@contextmanager
def workers(jobs: int) -> Iterator[Executor]:
    """Execute functions in other processes; with one job, in this one, each as it is submitted.

    Parameters
    ----------
    jobs : int
        Processes.

    Yields
    ------
    Executor
        If the block fails, or is interrupted, what still runs is ended.

    Raises
    ------
    BookError
        If a process ended before its time.
    """
    if jobs <= 1:
        yield _Here()
        return
    others = set(multiprocessing.active_children())
    prepare_workers()
    # of this one a fork would have the locks and threads
    fork = multiprocessing.get_context("forkserver")
    pool = _Pool(jobs, fork, initializer=_begin, initargs=(dict(os.environ),))
    try:
        yield pool
    except BaseException as error:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise BookError(
                "a process that executes pages was ended from outside, perhaps for want of memory"
            ) from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Pool(ProcessPoolExecutor):
    """One that is broken, too, where what its processes are forked from has ended."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        try:
            return super().submit(function, *given, **named)
        except (EOFError, ConnectionError) as error:
            raise BrokenProcessPool("no process can be forked") from error


class _Here(Executor):
    """Runs what is submitted at once, in this thread."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*given, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def _begin(environment: dict[str, str]) -> None:
    """Leave an interruption to the process that started this one, end when it does, get ready.

    The environment is that one's: what this process was forked of may have begun in another.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)
    fork_helpers()
    prepare_kernels(computing=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
