"""Processes that import once what many need, and fork for each of them.

A helper of this process imports libraries, and then answers each line that it is sent with a line.
It ends with this process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from visprof.book.errors import BookError

__all__ = ["Helper", "end_helpers", "importing"]


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
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        _ALL.append(self)

    def begin(self, *words: str) -> None:
        """Let it import what it needs, while this process goes on.

        If it has begun, with or without the words, nothing happens.
        """
        with self._lock:
            self._words = self._words or words
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

    def _running(self) -> subprocess.Popen[str]:
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


@contextmanager
def importing() -> Iterator[None]:
    """Import, in the block, what stays: no look for garbage goes through it, here or in a fork."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def end_helpers() -> None:
    """End all helpers of this process, which is about to end itself."""
    for helper in _ALL:
        helper.end()
