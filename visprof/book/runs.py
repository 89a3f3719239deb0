"""Runs: one chapter with other parameters, kept in a folder of its own, and two of them compared.

A run is a folder with the executed notebook, ``html/`` (its page, which needs no network),
``figures/``, ``numbers.json`` (a `visprof.results.Ledger`) and ``run.json``: the chapter, its
parameters, and the version of the code.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from visprof._extras import needs
from visprof.book.build import study_note
from visprof.book.errors import traceback_kept
from visprof.book.execute import execute_page, seen_from
from visprof.book.executed import save_figures
from visprof.book.kernels import prepare_kernels
from visprof.book.page import Page, find_chapter, read_page
from visprof.book.parameters import changed_values, check_parameters
from visprof.book.progress import Progress
from visprof.book.render import FIGURES, ready_jupyter_book, render_page
from visprof.digests import digest
from visprof.files import partial_folder, put_in_place
from visprof.intervals import Estimate
from visprof.parameters import PRESETS, given_parameters
from visprof.results.ledger import Ledger, estimates
from visprof.results.provenance import provenance
from visprof.trace import tracing

with needs("book"):
    import nbformat

__all__ = ["Run", "compare_runs", "read_run", "run_chapter"]

NUMBERS, RECORD = "numbers.json", "run.json"
LONGEST_NAME = 100  # bytes


# --- one run --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A run that is kept.

    Attributes
    ----------
    folder : Path
    chapter : str
        Name of the page.
    given : dict
        Parameters that differ from the page's own.
    parameters : dict
        All parameters, of the page and of its study.
    numbers : dict of str to Estimate
        What the chapter put into its ledger.
    """

    folder: Path
    chapter: str
    given: dict[str, Any]
    parameters: dict[str, Any]
    numbers: dict[str, Estimate]

    @property
    def page(self) -> Path:
        """File to open in a browser."""
        return self.folder / "html" / "index.html"


def run_chapter(
    chapter: str,
    parameters: Mapping[str, object] | None = None,
    out: str | Path = "_build/runs",
    name: str | None = None,
    root: str | Path = ".",
    stream: TextIO | None = None,
) -> Run:
    """Execute one chapter into a folder of its own, which appears when all of it is there.

    Parameters
    ----------
    chapter : str
        The page, as `visprof.book.page.find_chapter` finds it: ``06-prediction``, ``6``, ...
    parameters : mapping, optional
        Values by name, as text or of the declared type; ``data`` is relative to where this runs.
    out : path
        Where runs are kept.
    name : str, optional
        Name of the folder; by default it is made of the chapter and the changed parameters.
    root : path
        Folder of the book.
    stream : TextIO, optional
        Where to say what is computed meanwhile; by default nothing is said.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If there is no such chapter, a parameter is unknown, or its value not of the declared type
        or none that it may have (the parameters are listed); or if a run of that name has another
        chapter or other parameters.
    FileNotFoundError
        If `data` is not there.
    BookError
        If a cell fails.
    """
    root, out = Path(root), Path(out)
    page = read_page(find_chapter(chapter, root), root)
    values = _checked(root, page, parameters or {})
    target = out / _run_name(page.name, values, name)
    _reject_other(target, page.name, values)
    prepare_kernels()

    start, started = time.perf_counter(), datetime.now(UTC)
    with partial_folder(out) as partial, contextlib.ExitStack() as stack:
        ready = stack.enter_context(ready_jupyter_book())
        progress, head = None, f"running {page.path}"
        if stream is not None:
            progress = stack.enter_context(Progress(stream))
            progress.begin(head, partial / "trace")
        folder = partial / "run"
        folder.mkdir()
        ledger = {"ledger": seen_from(root, folder / NUMBERS)}
        given = values | (ledger if "ledger" in page.parameters else {})
        notebook = folder / f"{page.name}.ipynb"
        note = ""
        if page.has_study:
            preset = str(values.get("preset", page.parameters["preset"].default))
            with tracing(partial / "trace"):
                note = study_note(root, preset, given_parameters(values))
        with traceback_kept(out / f"{target.name}.traceback.txt"):
            execute_page(page, notebook, given, root, note, partial / "trace")
        if progress is not None:
            progress.end(head, f"{time.perf_counter() - start:.0f} s")
        _name_folder(notebook, seen_from(root, folder), seen_from(root, target))
        save_figures(nbformat.read(notebook, as_version=4), folder / FIGURES)
        (folder / f"{NUMBERS}.lock").unlink(missing_ok=True)
        render_page(root, page.path, notebook, folder / "html", partial, ready)
        defaults = {n: of.default for n, of in page.parameters.items() if n != "ledger"}
        record = {
            "chapter": page.name,
            "given": values,
            "parameters": defaults | values,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - start, 1),
            **provenance(),
        }
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        put_in_place(folder, target)
    return read_run(target)


def _checked(root: Path, page: Page, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Values of the declared types that are not the page's own; the data as the page sees them."""
    given = dict(parameters)
    if given.get("data"):
        given["data"] = seen_from(root, _folder(Path(str(given["data"]))))
    if given.get("ledger"):
        raise ValueError(f"ledger: a run keeps its numbers in its own {NUMBERS}; do not give it")
    preset = str(given.get("preset", "demo"))
    listing = page.listing(preset if preset in PRESETS else "demo")
    return changed_values(
        page.parameters, check_parameters(page.parameters, given, str(page.path), listing)
    )


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise FileNotFoundError(f"data: there is no folder {path.resolve()}")
    return path


def _run_name(chapter: str, values: Mapping[str, object], name: str | None) -> str:
    if name is not None:
        if not re.fullmatch(r"[\w=+,-][\w.=+,-]*", name):
            raise ValueError(
                f"name is {name!r}; use letters, digits and any of . _ - + = , (no folder)"
            )
        return name
    text = "_".join([chapter, *(f"{key}={value}" for key, value in values.items())])
    text = re.sub(r"[^\w.=+,-]+", "-", text)
    if len(text.encode()) <= LONGEST_NAME:
        return text
    return f"{text.encode()[: LONGEST_NAME - 9].decode(errors='ignore')}-{digest(text)[:8]}"


def _reject_other(target: Path, chapter: str, values: Mapping[str, Any]) -> None:
    """A run may take the place of one like it, and of nothing else."""
    if not target.exists():
        return
    if not (target / RECORD).exists():
        raise ValueError(f"{target} is there and is not a run; choose another name (--name)")
    old = read_run(target)
    if (old.chapter, old.given) != (chapter, dict(values)):
        raise ValueError(
            f"{target} is a run of {old.chapter} with {_listed(old.given)}; choose another name "
            "(--name), or delete it"
        )


def _listed(given: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "its own parameters"


def _name_folder(notebook: Path, partial: str, final: str) -> None:
    """The notebook shows its parameters: name the folder where it will lie."""
    notebook.write_text(notebook.read_text("utf-8").replace(partial, final), "utf-8")


# --- kept runs ------------------------------------------------------------------------------------


def read_run(folder: str | Path) -> Run:
    """Read a run.

    Raises
    ------
    FileNotFoundError
        If the folder is not that of a run; those beside it are named.
    """
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        beside = sorted(path.parent.name for path in folder.parent.glob(f"*/{RECORD}"))
        raise FileNotFoundError(
            f"no run in {folder}; in {folder.parent} there are: {', '.join(beside) or 'none'}"
        )
    record = json.loads((folder / RECORD).read_text("utf-8"))
    entries = Ledger(folder / NUMBERS).read()
    of_study = next((entry["run"]["parameters"] for entry in entries.values()), {})
    # ledgers have the name of a folder of data alone
    parameters = record["parameters"] | {n: v for n, v in of_study.items() if n != "data"}
    return Run(folder, record["chapter"], record["given"], parameters, estimates(entries))


def compare_runs(a: Run, b: Run, names: Sequence[str] = ("a", "b")) -> tuple[pd.DataFrame, ...]:
    """Set two runs side by side.

    Parameters
    ----------
    a, b : Run
    names : sequence of str
        Heads of their columns.

    Returns
    -------
    parameters : DataFrame
        Those that differ: columns parameter and `names`.
    numbers : DataFrame
        Those that both have: columns number, `names` (each with its 95 % interval), and
        ``difference``: the second less the first, without an interval, since it would need the
        draws of both.

    Raises
    ------
    ValueError
        If the runs have no number in common.
    """
    common = [key for key in a.numbers if key in b.numbers]
    if not common:
        raise ValueError(
            f"{a.folder} (chapter {a.chapter}, {len(a.numbers)} numbers) and {b.folder} (chapter "
            f"{b.chapter}, {len(b.numbers)} numbers) have no number in common; compare runs of one "
            "chapter"
        )
    differing = sorted(
        name
        for name in a.parameters.keys() | b.parameters.keys()
        if a.parameters.get(name) != b.parameters.get(name)
    )
    parameters = [(name, a.parameters.get(name), b.parameters.get(name)) for name in differing]
    numbers = [
        (
            key,
            f"{a.numbers[key]:.4g}",
            f"{b.numbers[key]:.4g}",
            f"{b.numbers[key].value - a.numbers[key].value:+.4g}",
        )
        for key in common
    ]
    return (
        pd.DataFrame(parameters, columns=["parameter", *names], dtype=object),
        pd.DataFrame(numbers, columns=["number", *names, "difference"]),
    )
