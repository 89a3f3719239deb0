"""What a page is made from, and what is being computed for it, written down while it runs.

The process that executes a page names a file in the environment variable `TRACE`. Whatever runs in
the page's own process appends to that file; where nobody named one, nothing is written.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from visprof._environment import environment

__all__ = [
    "FILES", "STEP", "TRACE", "WAITING", "computing", "note_inputs", "note_progress",
    "noted_computation", "noted_computations", "noted_inputs", "noted_times", "noted_wait",
    "tracing", "waiting",
]  # fmt: skip

TRACE = "VISPROF_TRACE"  # environment variable: the file that is written to
STEP, FILES = "step ", "files "  # begin the name of an input: a step's code, or files
WAITING = "waiting for what another page computed"  # among the times of steps


@contextmanager
def tracing(trace: Path) -> Iterator[None]:
    """Let this process, and those that it starts, write into a file until the block ends.

    Examples
    --------
    >>> from pathlib import Path
    >>> with tracing(Path("page.trace")):
    ...     note_inputs({"visprof.steps.data.pins": "0a1b"}, {})
    >>> noted_inputs(Path("page.trace"))
    {'step visprof.steps.data.pins': '0a1b'}
    """
    with environment({TRACE: str(trace.resolve())}):
        yield


def note_inputs(steps: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Write down steps and files that were used, where a page is being made.

    Parameters
    ----------
    steps : mapping of str to str
        Version of the code by the full name of the function.
    files : mapping of str to str
        Fingerprint by path.
    """
    noted = {STEP + name: version for name, version in steps.items()}
    _append({"inputs": noted | {FILES + file: mark for file, mark in files.items()}})


def noted_inputs(trace: Path) -> dict[str, str]:
    """Return the inputs recorded in this trace; empty if it does not exist."""
    found: dict[str, str] = {}
    for note in _notes(trace):
        found |= note.get("inputs", {})
    return found


@contextmanager
def computing(what: str) -> Iterator[None]:
    """Write down that something is being computed, until the block ends.

    Parameters
    ----------
    what : str
        For whoever waits, such as "user_ranking, seed 2 of 10".
    """
    _append({"computing": what, "since": time.time()})
    start = time.perf_counter()
    try:
        yield
    finally:
        _append({"computing": None, "was": what, "took": time.perf_counter() - start})


@contextmanager
def waiting(what: str, since: float) -> Iterator[None]:
    """Write down that what another process computes is waited for, until the block ends.

    Parameters
    ----------
    what : str
        For whoever waits, such as the name of a step.
    since : float
        Since when (seconds, as of `time.time`), which may be before the block.
    """
    _append({"waits for": what, "since": since})
    start = time.perf_counter()
    try:
        yield
    finally:
        took = time.perf_counter() - start
        _append({"waits for": None, "was": WAITING, "took": took})


def noted_times(trace: Path) -> dict[str, float]:
    """Return how long each step took, all seeds together, in seconds; empty if there is no trace.

    A block within another counts in both. What was waited for is one of them, `WAITING`.
    """
    found: dict[str, float] = {}
    for note in _notes(trace):
        if "took" in note:
            step = note["was"].partition(",")[0]
            found[step] = found.get(step, 0.0) + note["took"]
    return found


def note_progress(done: int, total: int) -> None:
    """Write down how many blocks of what is being computed are done; a hundred times at most."""
    if done * 100 // total > (done - 1) * 100 // total:
        _append({"blocks": f"{done:,} of {total:,} blocks"})


def noted_computation(trace: Path) -> tuple[str, float] | None:
    """Return what is being computed, and since when (seconds, as of `time.time`); None if nothing.

    A block within another ends both: what is told is told for people, not for programs.
    """
    last: dict[str, Any] = {}
    for note in _notes(trace):
        if "computing" in note:
            last = note
        elif "blocks" in note:
            last = last | note
    if not last.get("computing"):
        return None
    return ", ".join(last[of] for of in ("computing", "blocks") if of in last), last["since"]


def noted_wait(trace: Path) -> tuple[str, float] | None:
    """Return what is waited for, and since when, as `noted_computation`; None if nothing is.

    Examples
    --------
    >>> from pathlib import Path
    >>> with tracing(Path("page.trace")), waiting("pin_features", since=0.0):
    ...     noted_wait(Path("page.trace"))
    ('pin_features', 0.0)
    >>> noted_wait(Path("page.trace")) is None
    True
    """
    last = next((note for note in reversed(_notes(trace)) if "waits for" in note), {})
    return (last["waits for"], last["since"]) if last.get("waits for") else None


def noted_computations(trace: Path) -> list[str]:
    """Return all that was computed, in the order in which it was begun; what was kept is not."""
    return [note["computing"] for note in _notes(trace) if note.get("computing")]


def _append(note: Mapping[str, Any]) -> None:
    if path := os.environ.get(TRACE):
        with open(path, "a", encoding="utf-8") as trace:
            trace.write(json.dumps(note) + "\n")


def _notes(trace: Path) -> list[dict[str, Any]]:
    """What was written down; of a line that is being written, nothing yet."""
    if not trace.exists():
        return []
    return [json.loads(line) for line in trace.read_text("utf-8").split("\n")[:-1]]
