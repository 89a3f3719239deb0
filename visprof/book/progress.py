"""What is being computed for pages, told to whoever waits for them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from visprof.trace import noted_computation, noted_wait

__all__ = ["Progress", "time_table"]

FIRST = 10.0  # seconds without a word on a page, at most
EVERY = 30.0  # then, where lines stay; on a terminal the last line is written anew
LOOK = 1.0  # seconds between two looks at what is computed
MOST_STEPS = 10  # that a table of times lists


class Progress:
    """What is computed for each page that is being made, and how it ended.

    On a terminal the last line says what is computed, written anew; elsewhere (a file, another
    program) it has lines of its own, the first after `FIRST` seconds, so that a page that is quick
    has one line.

    Parameters
    ----------
    stream : TextIO
        Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._terminal = stream, stream.isatty()
        self._making: dict[str, _Page] = {}
        self._lock, self._over = threading.Lock(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Progress:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the next line to whoever says what went wrong."""
        self._over.set()
        self._watcher.join()
        if self._making and self._terminal:
            self._write("\n")

    def begin(self, head: str, trace: Path) -> None:
        """A page is being made.

        Parameters
        ----------
        head : str
            What its lines begin with.
        trace : Path
            File in which its process notes what it computes (`visprof.trace`).
        """
        with self._lock:
            self._making[head] = _Page(trace)
            self._rewrite()

    def end(self, head: str, text: str) -> None:
        """Say how it ended."""
        with self._lock:
            self._making.pop(head, None)
            self._write(f"\r\x1b[K{head} {text}\n" if self._terminal else f"{head} {text}\n")
            self._rewrite()

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            with self._lock:
                self._rewrite()
                for head, page in self._making.items():
                    if not self._terminal and time.time() >= page.next:
                        self._write(f"{head}: {page.computed()}\n")
                        page.next = time.time() + EVERY

    def _rewrite(self) -> None:
        """Write the last line of a terminal."""
        if self._terminal and self._making:
            text = "; ".join(f"{head} {page.computed()}" for head, page in self._making.items())
            self._write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def time_table(steps: Mapping[str, float], total: float) -> str:
    """Say where the time went that pages took: a line for each of the steps that took longest.

    Parameters
    ----------
    steps : mapping of str to float
        Seconds of each step that was computed.
    total : float
        Seconds that the pages took; those of pages made side by side are added.

    Returns
    -------
    str

    Examples
    --------
    >>> print(time_table({"pin_features": 6.0, "mrr_table": 0.5}, total=10.0))
    where the time went
           6.0 s   60 %  pin_features
           0.5 s    5 %  mrr_table
           3.5 s   35 %  pages, besides steps: kernels, what is kept, tables, figures
    """
    ordered = sorted(steps.items(), key=lambda step: -step[1])
    rows = ordered[:MOST_STEPS]
    if others := ordered[MOST_STEPS:]:
        rows.append((f"{len(others)} other steps", sum(took for _, took in others)))
    rest = max(0.0, total - sum(steps.values()))
    rows.append(("pages, besides steps: kernels, what is kept, tables, figures", rest))
    lines = [f"  {took:8.1f} s  {100 * took / total:3.0f} %  {name}" for name, took in rows]
    return "\n".join(["where the time went", *lines])


@dataclass
class _Page:
    """A page that is being made: since when, and when to say something of it next."""

    trace: Path

    def __post_init__(self) -> None:
        self.start = time.time()
        self.next = self.start + FIRST

    def computed(self) -> str:
        now = time.time()
        if (noted := noted_computation(self.trace)) is not None:
            does = "computing"
        elif (noted := noted_wait(self.trace)) is not None:
            does = "waiting for"
        else:
            return f"running its cells ({now - self.start:.0f} s)"
        what, since = noted
        return f"{does} {what} ({now - since:.0f} s; the page {now - self.start:.0f} s)"
