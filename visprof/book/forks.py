"""Processes that import once what many need, and fork for each of them.

A helper of this process imports libraries, and then answers each line that it is sent with a line.
It ends with this process. Where this process is the command's own, a helper is forked from it, and
has what this has imported so far. Where workers are forked from a server (`visprof.book.workers`),
so is a helper, and has what that has imported.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import IO, Any

from visprof.book.errors import BookError

__all__ = [
    "Helper", "end_helpers", "fork_from_server", "fork_helpers", "import_kept", "is_command",
    "own_answers",
]  # fmt: skip


class Helper:
    """A process that is begun when it is first needed, and anew if it has ended.

    Parameters
    ----------
    module : str
        Its function ``serve`` is what the helper does: called with the path of modules of a fresh
        process, and words, it answers each line of its input (JSON) with a line, to the end of the
        input.
    what : str
        What it does, for the message if it ends before its time: "starts kernels".
    """

    def __init__(self, module: str, what: str) -> None:
        self._module, self._what = module, what
        self._words: tuple[str, ...] = ()
        self._process: _Process | None = None
        self._lock = threading.Lock()
        _ALL.append(self)

    def begin(self, *words: str) -> None:
        """Let it import what it needs, while this process goes on.

        If it has begun, with or without the words, nothing happens.
        """
        with self._lock:
            self._words = self._words or words
            if self._process is None:
                self._process = self._forked()
            self._running()

    def ask(self, wanted: Mapping[str, Any]) -> Any:
        """Send it a line, and wait for the answer.

        Raises
        ------
        BookError
            If it has ended.
        """
        with self._lock:
            process = self._running()
            try:
                process.stdin.write(json.dumps(wanted) + "\n")
                process.stdin.flush()
                return json.loads(process.stdout.readline())
            except (OSError, ValueError) as error:
                self.end()
                raise BookError(
                    f"the process that {self._what} has ended, perhaps for want of memory"
                ) from error
            except BaseException:  # an answer that nobody waits for would be the next one's
                self.end()
                raise

    def end(self) -> None:
        """End it, with what it has forked into its group."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _forked(self) -> _Process | None:
        if _may_fork():
            return _Forked(self._module, self._words)
        if _SERVER.is_set():
            with suppress(EOFError, ConnectionError):  # it was ended since
                return _Served(self._module, self._words)
        return None

    def _running(self) -> _Process:
        if self._process is None or self._process.poll() is not None:
            self._process = self._begun()
        return self._process

    def _begun(self) -> subprocess.Popen[str]:
        begin = (
            "import sys; usual = sys.path[1:]; "  # without the folder that it starts in
            f"sys.path[:] = {sys.path}; from {self._module} import serve; "
            f"serve(usual, *{self._words})"
        )
        return subprocess.Popen(
            [sys.executable, "-c", begin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interruption is for who waits; this one's end ends it
        )


_ALL: list[Helper] = []
_FORKS = threading.Event()  # whether helpers are forked
_SERVER = threading.Event()  # whether multiprocessing's server is there to be forked from
# New objects until a look for garbage: in a helper, as in any process, and in a command, whose
# imports and notebooks leave next to none.
USUAL, SELDOM = gc.get_threshold(), 50_000


def end_helpers() -> None:
    """End all helpers of this process, which is about to end itself."""
    for helper in _ALL:
        helper.end()


# --- forked from this process ---------------------------------------------------------------------


def fork_helpers() -> None:
    """Let helpers that are begun be forked: this process is a command's, with nothing beside it."""
    gc.set_threshold(SELDOM)
    _FORKS.set()


def is_command() -> bool:
    """Whether this process is a command's, in which nothing else changes the environment."""
    return _FORKS.is_set()


def fork_from_server() -> None:
    """Let helpers that are begun be forked from multiprocessing's server, which is there."""
    _SERVER.set()


def _may_fork() -> bool:
    """Whether a fork would be whole: of another thread it had the locks, and none to free them."""
    return is_command() and threading.active_count() == 1


class _Forked:
    """What of `subprocess.Popen` helpers use, of a fork of this process that serves."""

    def __init__(self, module: str, words: tuple[str, ...]) -> None:
        reads, asks = os.pipe()
        answers, gives = os.pipe()
        for stream in (sys.stdout, sys.stderr):  # else both would write what waits in them
            stream.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(module, words, reads, gives, [asks, answers, *_ends()])
        os.close(reads)
        os.close(gives)
        self.stdin, self.stdout = os.fdopen(asks, "w"), os.fdopen(answers)
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its status; None while it runs."""
        return self._ended(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for its end; return its status."""
        return self._ended(0)

    def _ended(self, how: int) -> int | None:
        if self._status is None and (ended := os.waitpid(self.pid, how))[0]:
            self._status = os.waitstatus_to_exitcode(ended[1])
        return self._status


class _Served:
    """As `_Forked`, of a fork of multiprocessing's server."""

    def __init__(self, module: str, words: tuple[str, ...]) -> None:
        reads, asks = multiprocessing.Pipe(duplex=False)
        answers, gives = multiprocessing.Pipe(duplex=False)
        given = module, words, reads, gives
        context = multiprocessing.get_context("forkserver")
        self._process = context.Process(target=_serve_apart, args=given, daemon=True)
        self._process.start()
        self.pid = self._process.pid
        self.stdin = os.fdopen(os.dup(asks.fileno()), "w")
        self.stdout = os.fdopen(os.dup(answers.fileno()))
        for end in (reads, asks, answers, gives):
            end.close()

    def poll(self) -> int | None:
        """Its status; None while it runs."""
        return self._process.exitcode

    def wait(self) -> int | None:
        """Wait for its end; return its status."""
        self._process.join()
        return self._process.exitcode


_Process = subprocess.Popen[str] | _Forked | _Served


def _serve_apart(module: str, words: tuple[str, ...], reads: Connection, gives: Connection) -> None:
    multiprocessing.current_process().daemon = False  # which may have no processes of its own
    ends = os.dup(reads.fileno()), os.dup(gives.fileno())
    for end in (reads, gives):
        end.close()
    _serve(module, words, *ends, ())


def _serve(
    module: str, words: tuple[str, ...], reads: int, gives: int, others: Iterable[int]
) -> None:
    """Be a helper, as a fresh process would be one; does not return.

    Ends of pipes of others are closed: each must see that nobody asks it any more.
    """
    status = 1
    try:
        os.setsid()
        os.dup2(reads, 0)
        os.dup2(gives, 1)
        for end in (reads, gives, *others):
            os.close(end)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        _ALL.clear()
        _FORKS.clear()
        gc.set_threshold(*USUAL)
        # that of a spawned process would have its semaphores outlive kernels
        multiprocessing.set_start_method(None, force=True)
        # without the folder that it starts in
        import_module(module).serve(sys.path[not sys.flags.safe_path :], *words)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _ends() -> list[int]:
    """Ends of the pipes to helpers."""
    others = (helper._process for helper in _ALL)
    return [stream.fileno() for of in others if of for stream in (of.stdin, of.stdout)]


# --- in a helper ----------------------------------------------------------------------------------


def own_answers() -> IO[str]:
    """Where a helper writes its answers to; what a library prints there is none of them."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def import_kept(modules: Iterable[str], *, missing: bool = False) -> None:
    """Import what stays: no look for garbage goes through it, here or in a fork.

    Parameters
    ----------
    modules : iterable of str
    missing : bool
        Whether any may be missing.
    """
    gc.disable()
    try:
        for module in modules:
            with suppress(ImportError) if missing else nullcontext():
                import_module(module)
    finally:
        gc.freeze()
        gc.enable()
