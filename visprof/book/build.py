"""Building the book: pages that are not up to date are executed, and all are rendered.

One book is one study: a parameter that it is given reaches every page that has a study, whether the
page's own cell lists it or not.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from visprof.book.errors import traceback_kept
from visprof.book.execute import execute_page, prepared_notebook, seen_from
from visprof.book.forks import is_command
from visprof.book.inputs import changed_inputs, find_kept_versions, page_inputs
from visprof.book.kept import KeptPage
from visprof.book.note import study_note
from visprof.book.order import count_steps, longest_first
from visprof.book.page import Page, read_book
from visprof.book.parameters import check_parameters
from visprof.book.progress import LOOK, Progress, time_table
from visprof.book.render import render_book
from visprof.book.renderer import prepare_renderer
from visprof.book.workers import prepare_workers, workers
from visprof.checks import check_whole
from visprof.files import write_whole
from visprof.parameters import given_parameters
from visprof.results.ledger import Ledger
from visprof.results.users import users_file
from visprof.trace import FILES, noted_inputs, noted_times, noted_wait, tracing

__all__ = ["build_book", "make_ledger"]


def build_book(
    root: str | Path = ".",
    preset: str = "demo",
    data: str | Path | None = None,
    parameters: Mapping[str, object] | None = None,
    out: str | Path = "_build",
    jobs: int = 1,
) -> Path:
    """Bring every page of the book up to date, and render them as HTML.

    A page is executed again when its text, its parameters, the code or the files that it used, the
    installed packages or the machine have changed, and only then. Any failed cell, warning of
    Sphinx or broken reference fails the build. Builds in the same folder wait for each other.

    Parameters
    ----------
    root : path
        Folder of ``_toc.yml`` and ``_config.yml``.
    preset : str
        Value of every chapter's parameter ``preset``.
    data : path, optional
        Value of every chapter's parameter ``data``; relative paths are relative to where the
        build is started, not to `root`.
    parameters : mapping, optional
        Values for every page that has a parameter of that name, or has a study.
    out : path
        Executed pages and their inputs are kept in ``out/preset/pages``; the book goes to
        ``out/preset/html``, and what chapters write into the file named by their parameter
        ``ledger`` to ``out/results/preset.json``, with the values of users beside it.
    jobs : int
        Pages that are executed at a time, those first that take longest; one that waits for what
        another computes leaves its place to a further one. A program that asks for more than one
        must be one that other processes can import (``if __name__ == "__main__":``, see
        `multiprocessing`).

    Returns
    -------
    Path
        Folder of the HTML.

    Raises
    ------
    BookError
        If the rendering fails.
    FileNotFoundError, ValueError, BookError, visprof.results.LedgerConflictError
        As `make_ledger`.
    """
    plan = _plan(Path(root), preset, data, parameters, Path(out))
    with _alone(plan.out):
        plan.make_pages(jobs, functools.partial(prepare_renderer, documented=True))
        return render_book(plan.root, plan.kept, plan.out)


def make_ledger(
    root: str | Path = ".",
    preset: str = "demo",
    data: str | Path | None = None,
    parameters: Mapping[str, object] | None = None,
    out: str | Path = "_build",
    jobs: int = 1,
) -> Ledger:
    """Bring every page of the book up to date, as `build_book` does, without rendering it.

    Parameters
    ----------
    root, preset, data, parameters, out, jobs
        As `build_book`.

    Returns
    -------
    Ledger
        The numbers of all pages, ``out/results/preset.json``; no page may have written any.

    Raises
    ------
    FileNotFoundError
        If a page, or `data`, is missing.
    ValueError
        If no chapter has a parameter given, a value is none that it may have, the data hold too
        little (all that is too little is listed), or `jobs` is below 1.
    BookError
        If a cell fails.
    visprof.results.LedgerConflictError
        If two pages found different values of one number.
    """
    plan = _plan(Path(root), preset, data, parameters, Path(out))
    with _alone(plan.out):
        return plan.make_pages(jobs)


@dataclass(frozen=True)
class _Plan:
    """Pages in the order in which they are made, each with its values.

    Attributes
    ----------
    given : dict
        Values of the study's parameters that were given.
    """

    root: Path
    preset: str
    given: dict[str, Any]
    values: dict[Page, dict[str, Any]]
    out: Path
    ledger: Ledger

    @functools.cached_property
    def kept(self) -> dict[Page, KeptPage]:
        """Where each page is kept."""
        return {page: _kept(self.out, page) for page in self.values}

    def make_pages(self, jobs: int, last_begins: Callable[[], object] = lambda: None) -> Ledger:
        """Bring the pages up to date; return the ledger of their numbers.

        The function is called before the last page is begun that is executed.
        """
        check_whole(jobs, "jobs", 1)
        if jobs > 1 and not any(kept.notebook.exists() for kept in self.kept.values()):
            # While this process finds out what there is to do. How many threads they take,
            # libraries read from the environment as it is when they are loaded.
            prepare_workers(computing=is_command())
        with Progress(sys.stdout) as progress:
            due = []
            for number, page in enumerate(self.values, start=1):
                head = f"[{number}/{len(self.values)}] {page.path}"
                inputs, reasons = self._due(page)
                if reasons:
                    due.append(_Due(page, head, inputs, reasons))
                else:
                    progress.end(head, "is up to date")
            steps, total = self._execute(due, jobs, progress, last_begins)
        if due:
            print(time_table(steps, total), flush=True)
        ledgers = [kept.ledger for kept in self.kept.values()]
        if any(ledger.exists() for ledger in ledgers):
            self.ledger.replace_by(ledgers)
        for kept in self.kept.values():  # a book is one study: whichever page wrote them
            if kept.users.exists():
                write_whole(users_file(self.ledger.path), kept.users.read_bytes())
                break
        else:
            users_file(self.ledger.path).unlink(missing_ok=True)
        return self.ledger

    def _due(self, page: Page) -> tuple[dict[str, str], list[str]]:
        """What a page is made from now, and why it must be executed, if it must."""
        if page.notebook is None:
            return {}, []
        code = _code(prepared_notebook(page, self.values[page]))
        now, before = page_inputs(page.text, code, self.values[page]), self.kept[page].inputs()
        reasons = ["the first time"] if before is None else changed_inputs(before, now)
        return now, [_without_folders(reason, self.root) for reason in reasons]

    def _execute(
        self,
        due: Sequence[_Due],
        jobs: int,
        progress: Progress,
        last_begins: Callable[[], object],
    ) -> tuple[dict[str, float], float]:
        """Execute pages, some at a time, and keep each that has succeeded.

        A page that waits for what another one computes leaves its place to a further one.

        Return the seconds of the steps that they computed, and of the pages.
        """
        steps, total = defaultdict[str, float](float), 0.0
        running: dict[Future[None], tuple[_Due, float]] = {}
        with workers(min(2 * jobs if jobs > 1 else 1, len(due))) as pool:
            if due:
                find_kept_versions()  # while processes get ready
            note = self._note(pool, progress) if any(one.page.has_study for one in due) else ""
            waiting = deque(self._in_order(pool, due) if jobs > 1 else due)
            while waiting or running:
                while waiting and self._has_room(running, jobs):
                    one = waiting.popleft()
                    if not waiting:
                        last_begins()
                    page, kept = one.page, self.kept[one.page]
                    kept.forget()
                    progress.begin(one.head, kept.trace)
                    below_title = note if page.has_study else ""
                    given = page, kept, self.values[page], self.root, below_title
                    running[pool.submit(_execute_kept, *given)] = one, time.perf_counter()
                look = LOOK if waiting else None
                for future in wait(running, look, return_when=FIRST_COMPLETED).done:
                    one, start = running.pop(future)
                    future.result()
                    kept, took = self.kept[one.page], time.perf_counter() - start
                    total += took
                    for step, seconds in noted_times(kept.trace).items():
                        steps[step] += seconds
                    kept.keep(one.reasons, one.inputs | noted_inputs(kept.trace), round(took, 1))
                    progress.end(one.head, f"executed for {_listed(one.reasons)}, {took:.1f} s")
        return steps, total

    def _in_order(self, pool: Executor, due: Sequence[_Due]) -> list[_Due]:
        """Pages in the order in which they are begun side by side."""
        seconds = [self.kept[one.page].seconds() for one in due]
        n_steps = [0] * len(due)
        if None in seconds:
            cells = [_code(one.page.notebook) for one in due]
            n_steps = pool.submit(count_steps, cells).result()
        return [due[place] for place in longest_first(seconds, n_steps)]

    def _has_room(self, running: Mapping[Future[None], tuple[_Due, float]], jobs: int) -> bool:
        """Whether a further page may be begun; at most as many wait as may compute."""
        if len(running) < jobs:
            return True
        traces = (self.kept[one.page].trace for one, _ in running.values())
        return len(running) < 2 * jobs and sum(noted_wait(of) is None for of in traces) < jobs

    def _note(self, pool: Executor, progress: Progress) -> str:
        """What differs from the preset; tells of too little data before any page runs."""
        trace, start = self.out / "trace", time.perf_counter()
        progress.begin("looking at the data", trace)
        try:
            given = trace, self.root, self.preset, self.given
            note = pool.submit(_study_note, *given).result()
        finally:
            trace.unlink(missing_ok=True)
        progress.end("looking at the data", f"{time.perf_counter() - start:.1f} s")
        return note


@dataclass(frozen=True)
class _Due:
    """A page to execute: what its lines begin with, what it is made from, and why."""

    page: Page
    head: str
    inputs: dict[str, str]
    reasons: list[str]


def _code(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def _study_note(trace: Path, root: Path, preset: str, given: dict[str, Any]) -> str:
    with tracing(trace):
        return study_note(root, preset, given)


def _execute_kept(
    page: Page, kept: KeptPage, values: dict[str, Any], root: Path, note: str
) -> None:
    with traceback_kept(kept.traceback):
        execute_page(page, kept.notebook, values, root, note, kept.trace)


def _kept(out: Path, page: Page) -> KeptPage:
    return KeptPage(out / "pages" / page.path)


def _plan(
    root: Path,
    preset: str,
    data: str | Path | None,
    parameters: Mapping[str, object] | None,
    folder: Path,
) -> _Plan:
    """Check what was given before any page runs; see `make_ledger`."""
    out, pages = folder / preset, read_book(root)
    anywhere = {name: parameter for page in pages for name, parameter in page.parameters.items()}
    given = dict(parameters or {})
    if own := given.keys() & {"preset", "data", "ledger"}:
        raise ValueError(f"{', '.join(sorted(own))}: no parameter of a build, which has its own")
    own = {"preset": preset}
    if data is not None:
        own["data"] = seen_from(root, _existing(Path(data)))
    given |= {name: value for name, value in own.items() if name in anywhere}
    values = check_parameters(anywhere, given, "the book")
    of_pages = {}
    for page in pages:
        of_page = values | {"ledger": seen_from(root, _kept(out, page).ledger)}
        of_pages[page] = {name: of_page[name] for name in of_page if name in page.parameters}
    ledger = Ledger(folder / "results" / f"{preset}.json")
    return _Plan(root, preset, given_parameters(values), of_pages, out, ledger)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other builds away from a folder until this one has ended."""
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"another build works in {out}; this one waits for it", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _listed(reasons: Sequence[str], most: int = 3) -> str:
    more = f" and {len(reasons) - most} more" if len(reasons) > most else ""
    return ", ".join(reasons[:most]) + more


def _existing(data: Path) -> Path:
    if not data.exists():
        raise FileNotFoundError(f"data: there is nothing at {data.resolve()}")
    return data


def _without_folders(reason: str, root: Path) -> str:
    """A reason as pages may show it: where files lie on this machine is left out."""
    if not reason.startswith(FILES):
        return reason
    return FILES + seen_from(root, Path(reason.removeprefix(FILES)))
