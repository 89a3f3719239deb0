"""What is being computed for a page, told to whoever waits for it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from visprof.trace import noted_computation, tracing

__all__ = ["FIRST", "ProgressLine", "progress_told"]

FIRST = 10.0  # seconds without a word, at most
EVERY = 30.0  # then, where lines stay; on a terminal the line is written anew
ON_TERMINAL = 1.0


class ProgressLine:
    """The line of one page: its name, what is computed meanwhile, and how it ended.

    On a terminal it is one line, written anew; elsewhere (a file, another program) what is computed
    stands in lines of its own below the name.

    Parameters
    ----------
    head : str
        What it begins with; written at once.
    stream : TextIO
        Where to.
    """

    def __init__(self, head: str, stream: TextIO) -> None:
        self._head, self._stream = head, stream
        self._terminal = stream.isatty()
        self._broken = self._ended = False  # broken: into several lines
        self._write(f"{head} ")

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the next line to whoever says what went wrong."""
        if not self._ended and not self._broken:
            self._write("\n")

    @property
    def every(self) -> float:
        """Seconds between two words on what is computed."""
        return ON_TERMINAL if self._terminal else EVERY

    def tell(self, what: str) -> None:
        """Say what is computed now."""
        if self._terminal:
            text = f"{self._head} {what}"
            self._write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
            return
        self._write(f"{'' if self._broken else chr(10)}    {what}\n")
        self._broken = True

    def end(self, text: str) -> None:
        """Say how it ended."""
        self._ended = True
        if self._terminal:
            self._write(f"\r\x1b[K{self._head} {text}\n")
        else:
            self._write(f"{self._head} {text}\n" if self._broken else f"{text}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


@contextmanager
def progress_told(trace: Path, line: ProgressLine | None) -> Iterator[None]:
    """Let what runs in a block be traced, and tell what it computes.

    The first word comes after `FIRST` seconds, so that pages that are quick have one line.

    Parameters
    ----------
    trace : Path
        File that is written to (`visprof.trace.tracing`).
    line : ProgressLine or None
        Where to tell it; None: nowhere.
    """
    with tracing(trace):
        if line is None:
            yield
        else:
            with _watched(trace, line):
                yield


@contextmanager
def _watched(trace: Path, line: ProgressLine) -> Iterator[None]:
    ended = threading.Event()
    start = time.time()

    def watch() -> None:
        pause = FIRST
        while not ended.wait(pause):
            line.tell(_computed(trace, start))
            pause = line.every

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _computed(trace: Path, start: float) -> str:
    now = time.time()
    if (computed := noted_computation(trace)) is None:
        return f"running its cells ({now - start:.0f} s)"
    what, since = computed
    return f"computing {what} ({now - since:.0f} s; the page {now - start:.0f} s)"
