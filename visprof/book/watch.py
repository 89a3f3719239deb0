"""One chapter in the browser, made again when it, the library or a parameter changes.

A page is made by a process of its own (`visprof.book.remake`), which stays warm; it is begun anew
when the library changes. One page is made at a time, and the last change counts: what is being made
for an earlier one is given up. What has happened is an event in one queue, so that what follows
from what is decided in one place (`Remaking`).
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from visprof._extras import needs

with needs("book"):
    from watchfiles import watch

__all__ = ["Maker", "Remaking", "Shown", "is_of_library", "remade"]

PACKAGE = Path(__file__).resolve().parent.parent
OF_LIBRARY = (".py", ".yaml", ".csv")
PATIENCE = 10.0  # seconds for a page to be given up in, before its process is ended
RECENT = 60.0  # seconds: a file that was saved longer ago was copied, or unpacked, now
LOG = "watch.log"  # what the process says itself; a traceback, if the library is broken


class Shown:
    """What the browser is told, by name; whoever waits for a change gets it."""

    def __init__(self, **told: Any) -> None:
        self._told, self._version = told, 1
        self._changed = threading.Condition()

    def tell(self, **told: Any) -> None:
        """Change some of it."""
        with self._changed:
            self._told |= told
            self._version += 1
            self._changed.notify_all()

    def after(self, version: int, patience: float) -> tuple[int, dict[str, Any]]:
        """What is told, and its version, once that is later than a given one or time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version, patience)
            return self._version, dict(self._told)


class Maker(Protocol):
    """What makes pages; what it says of them comes as events."""

    def make(self, number: int, request: Mapping[str, Any]) -> None:
        """Begin a page."""

    def give_up(self) -> None:
        """Give up the page that is being made; it says so when it has."""

    def end(self) -> None:
        """End, with all that it has started."""


class Remaking:
    """Which page is made next, and what is told of the last one.

    Parameters
    ----------
    given : mapping of str to str
        Values by name, as texts.
    request : mapping
        The rest of what `visprof.book.remake.remake` is asked: ``chapter``, ``root``, ``out``.
    begin : callable
        Gives a new `Maker`; called with what takes its events: whatever `visprof.book.remake.serve`
        answers, and ``{"ended": why}``.

    Attributes
    ----------
    shown : Shown
        What the browser is told: the ``chapter``; the ``phase`` ("making", "made" or "failed");
        what it is ``doing``, and ``since`` when; the values ``given``; the ``fields`` of the form
        (see `visprof.book.remake.page_fields`); the ``error``; and of what was ``made`` last the
        address of its ``page``, the ``seconds`` from the change to the page, those of ``computing``
        among them, and a number that no other page has (``at``).
    """

    def __init__(
        self,
        given: Mapping[str, str],
        request: Mapping[str, Any],
        begin: Callable[[Callable[[dict[str, Any]], None]], Maker],
    ) -> None:
        self._given, self._request, self._begin = dict(given), request, begin
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._maker: Maker | None = None
        self._number, self._since, self._anew = 0, time.time(), False
        self._making: int | None = None  # the request that the maker works at
        self._patience_ends: float | None = None
        self._over = False
        self.shown = Shown(
            chapter=Path(request["chapter"]).stem, phase="making", doing="beginning",
            since=self._since, given=self._given, fields=[], error="", made=None,
        )  # fmt: skip

    # events; any thread may call these

    def ask(self, given: Mapping[str, str]) -> None:
        """Values were changed."""
        now = time.time()
        self._events.put(lambda: self._asked(dict(given), now))

    def changed(self, since: float, *, library: bool) -> None:
        """Files were changed, at a time (as of `time.time`): of the library, or the page's."""
        self._events.put(lambda: self._changed(since, library))

    def close(self) -> None:
        """Nothing more is to be made."""
        self._events.put(self._close)

    # what follows from them; in one thread

    def run(self) -> None:
        """Handle events until it is closed; the first page is made at once."""
        self._wanted(self._since)
        while not self._over:
            self.step()

    def step(self) -> None:
        """Handle one event, or the end of patience."""
        ends = self._patience_ends
        try:
            self._events.get(timeout=None if ends is None else max(0.0, ends - time.monotonic()))()
        except queue.Empty:
            self._end_maker()
            self._next()

    def _asked(self, given: dict[str, str], since: float) -> None:
        self._given = given
        self._wanted(since)

    def _changed(self, since: float, library: bool) -> None:
        self._anew = True
        if library:
            self._end_maker()
        self._wanted(since)

    def _wanted(self, since: float) -> None:
        self._number += 1
        self._since = since
        doing = "beginning" if self._maker is None else "reading the page"
        self.shown.tell(phase="making", doing=doing, since=since, given=self._given)
        if self._making is None:
            self._next()
        elif self._patience_ends is None:
            self._patience_ends = time.monotonic() + PATIENCE
            self._maker.give_up()

    def _next(self) -> None:
        """Let the last request be worked at."""
        if self._maker is None:
            mine: list[Maker] = []  # a maker that was ended has no say

            def told(event: dict[str, Any]) -> None:
                self._events.put(lambda: self._told(event) if self._maker in mine else None)

            self._maker = self._begin(told)
            mine.append(self._maker)
        self._making, self._patience_ends = self._number, None
        self._maker.make(self._number, {**self._request, "given": self._given, "anew": self._anew})

    def _told(self, event: dict[str, Any]) -> None:
        is_last = self._making == self._number
        match event:
            case {"ended": why}:
                self._maker, self._patience_ends = None, None
                if self._making is not None and is_last:
                    self._making = None
                    self.shown.tell(phase="failed", error=why)
                elif self._making is not None:
                    self._next()
            case {"number": number} if number != self._making:
                pass  # it was given up
            case {"fields": fields}:
                self.shown.tell(fields=fields)
            case {"doing": doing} if is_last:
                self.shown.tell(doing=doing)
            case {"made": _} | {"failed": _} | {"stopped": _} if not is_last:
                self._next()
            case {"stopped": _}:  # by nobody here, or too late
                self._next()
            case {"made": made}:
                self._making, self._anew = None, False
                took = time.time() - self._since
                at = self._number  # a page of the same address may be another
                self.shown.tell(phase="made", error="", made={**made, "seconds": took, "at": at})
            case {"failed": why}:
                self._making = None
                self.shown.tell(phase="failed", error=why)

    def _end_maker(self) -> None:
        maker, self._maker = self._maker, None
        self._making, self._patience_ends = None, None
        if maker is not None:
            maker.end()

    def _close(self) -> None:
        self._over = True
        self._end_maker()


class _Process:
    """A `Maker`: a process that has imported the library."""

    def __init__(self, told: Callable[[dict[str, Any]], None], log: Path) -> None:
        self._told, self._log = told, log
        log.parent.mkdir(parents=True, exist_ok=True)
        begin = f"import sys; sys.path[:] = {sys.path}; from visprof.book.remake import serve"
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"{begin}; serve(sys.path)"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                start_new_session=True,  # an interruption ends this process, which ends that one
            )
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def _read(self, answers: IO[str]) -> None:
        for line in answers:
            with suppress(ValueError):  # one that was cut by the end of the process
                self._told(json.loads(line))
        self._process.wait()
        said = self._log.read_text("utf-8", errors="replace").strip()
        last = said.splitlines()[-1] if said else "perhaps for want of memory"
        why = f"the process that makes the page has ended: {last}\n(traceback: {self._log})"
        self._told({"ended": why})

    def make(self, number: int, request: Mapping[str, Any]) -> None:
        with suppress(OSError):  # it has ended, which is told
            self._process.stdin.write(json.dumps({"number": number, **request}) + "\n")
            self._process.stdin.flush()

    def give_up(self) -> None:
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGINT)

    def end(self) -> None:
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE / 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def is_of_library(path: Path) -> bool:
    """Whether a file is one that the library is made of."""
    return path.suffix in OF_LIBRARY and path.is_relative_to(PACKAGE)


def _look(
    changes: Iterable[set[tuple[Any, str]]], is_of_page: Callable[[Path], bool], remaking: Remaking
) -> None:
    """Pass on changes of files as they come."""
    for change in changes:
        files = [Path(path) for _, path in change]
        library = any(map(is_of_library, files))
        if library or any(map(is_of_page, files)):
            remaking.changed(_saved(files), library=library)


def _saved(files: Iterable[Path]) -> float:
    """When the first of files was saved that were found changed now (as of `time.time`)."""
    now, times = time.time(), []
    for file in files:
        with suppress(OSError):  # it was deleted
            times.append(file.stat().st_mtime)
    return min((saved for saved in times if now - RECENT < saved <= now), default=now)


@contextmanager
def remade(page: Path, given: Mapping[str, str], root: Path, out: Path) -> Iterator[Remaking]:
    """Make a page, and make it again when it changes, until the block ends.

    Parameters
    ----------
    page : Path
        Relative to `root`.
    given : mapping of str to str
        Values by name, as texts.
    root, out : Path
        As for `visprof.book.runs.run_chapter`.

    Yields
    ------
    Remaking
    """
    request = {"chapter": str(page), "root": str(root), "out": str(out)}
    remaking = Remaking(given, request, lambda told: _Process(told, out / LOG))
    folder = (root / page).resolve().parent

    def is_of_page(path: Path) -> bool:
        return path == folder / page.name or path.suffix == ".bib"

    over = threading.Event()
    looks = watch(folder, PACKAGE, debounce=400, step=50, stop_event=over, raise_interrupt=False)
    threads = [
        threading.Thread(target=remaking.run, daemon=True),
        threading.Thread(target=_look, args=(looks, is_of_page, remaking), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield remaking
    finally:
        over.set()
        remaking.close()
        for thread in threads:
            thread.join(PATIENCE)
