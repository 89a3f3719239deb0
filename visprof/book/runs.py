"""Runs: one chapter with other parameters, kept in a folder of its own.

A run is a folder with the executed notebook, ``html/`` (its page, which needs no network),
``figures/``, ``numbers.json`` (a `visprof.results.Ledger`), ``users.parquet`` (the values of each
user, where the chapter has any), ``run.json`` (the chapter, its parameters, the version of the
code, and what was computed), ``inputs.json`` (what it was made of) and ``ro-crate-metadata.json``
(all that, for machines).
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from visprof._extras import needs
from visprof.book.crate import write_crate
from visprof.book.errors import traceback_kept
from visprof.book.execute import execute_page, prepared_notebook, seen_from
from visprof.book.executed import page_provenance, save_figures
from visprof.book.inputs import changed_inputs, page_inputs
from visprof.book.kept import file_digest
from visprof.book.kernels import prepare_kernels
from visprof.book.note import study_note
from visprof.book.page import Page, find_chapter, read_page
from visprof.book.parameters import changed_values, check_parameters
from visprof.book.progress import Progress
from visprof.book.render import FIGURES, render_page
from visprof.book.renderer import prepare_renderer
from visprof.digests import digest
from visprof.files import partial_folder, put_in_place, read_record, write_record
from visprof.intervals import Estimate
from visprof.parameters import PRESETS, given_parameters
from visprof.results.ledger import Ledger, estimates
from visprof.results.users import read_users, users_file
from visprof.trace import noted_computations, noted_inputs, noted_times, tracing

with needs("book"):
    import nbformat

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "INPUTS", "RECORD", "STATIC", "Run", "checked_values", "read_run", "run_chapter", "run_name",
]  # fmt: skip

NUMBERS, RECORD, INPUTS = "numbers.json", "run.json", "inputs.json"
STATIC = "_static"  # what pages load: of a page, and beside all runs
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
    computed : dict of str to int
        Steps that were computed for it, each with how many times (once a seed); what was kept of
        earlier runs is not among them, nor what workers of a cluster did.
    seconds, computing : float
        What it took, and what of it the computing of steps took.
    """

    folder: Path
    chapter: str
    given: dict[str, Any]
    parameters: dict[str, Any]
    numbers: dict[str, Estimate]
    computed: dict[str, int]
    seconds: float
    computing: float

    @property
    def users(self) -> pd.DataFrame | None:
        """Values of each user, as `visprof.results.users` describes them; None if it has none."""
        return read_users(self.folder / NUMBERS)

    @property
    def page(self) -> Path:
        """File to open in a browser."""
        return self.folder / "html" / "index.html"


def run_chapter(
    chapter: str | Page,
    parameters: Mapping[str, object] | None = None,
    out: str | Path = "_build/runs",
    name: str | None = None,
    root: str | Path = ".",
    stream: TextIO | None = None,
    head: str = "",
    *,
    anew: bool = True,
    static: str | Path | None = None,
) -> Run:
    """Execute one chapter into a folder of its own, which appears when all of it is there.

    Parameters
    ----------
    chapter : str or Page
        The page, as `visprof.book.page.find_chapter` finds it: ``06-prediction``, ``6``, ...; or
        one that was read before.
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
    head : str
        What such lines begin with.
    anew : bool
        Execute it also if a run is there that would come out the same: of the same text,
        parameters, code, files and packages, on the same machine.
    static : path, optional
        Where what pages load is kept, once for all runs; by default beside the run.

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
    page = chapter if isinstance(chapter, Page) else read_page(find_chapter(chapter, root), root)
    values = checked_values(root, page, parameters or {})
    target = out / run_name(page.name, values, name)
    _reject_other(target, page.name, values)
    head = head or f"running {page.path}"
    cells = prepared_notebook(page, values).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    inputs = page_inputs(page.text, code, values)
    if not anew and _is_made_of(target, inputs):
        if stream is not None:
            stream.write(f"{head} is up to date\n")
        return read_run(target)
    prepare_kernels()
    prepare_renderer()

    start, started = time.perf_counter(), datetime.now(UTC)
    with partial_folder(out) as partial, contextlib.ExitStack() as stack:
        progress = None
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
            progress.end(head, f"executed in {time.perf_counter() - start:.0f} s, rendering")
        _name_folder(notebook, seen_from(root, folder), seen_from(root, target))
        executed = nbformat.read(notebook, as_version=4)
        made = page_provenance(executed)
        save_figures(executed, folder / FIGURES)
        (folder / f"{NUMBERS}.lock").unlink(missing_ok=True)
        render_page(root, page.path, executed, folder / "html", partial)
        shared = out / STATIC if static is None else Path(static)
        _share_static(folder / "html" / STATIC, shared, target / "html")
        steps = (what.split(", ")[0] for what in noted_computations(partial / "trace"))
        defaults = {n: of.default for n, of in page.parameters.items() if n != "ledger"}
        record = {
            "chapter": page.name,
            "given": values,
            "parameters": defaults | values,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - start, 1),
            "computing": round(sum(noted_times(partial / "trace").values()), 2),
            "computed": Counter(steps),
            **made["made_by"],
        }
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        write_record(folder / INPUTS, inputs | noted_inputs(partial / "trace"))
        _describe(folder, page, made, root)
        put_in_place(folder, target)
    return read_run(target)


def checked_values(root: Path, page: Page, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Values of the declared types that are not the page's own; the data as the page sees them.

    Raises as `run_chapter` does of parameters and data.
    """
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


def run_name(chapter: str, values: Mapping[str, object], name: str | None) -> str:
    """Name of a folder: the one given, or made of the chapter and what is changed.

    Raises ValueError if the one given is no name of a folder.
    """
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


def _is_made_of(folder: Path, inputs: Mapping[str, str]) -> bool:
    """Whether a run is there, and nothing that it was made of has changed."""
    try:
        return not changed_inputs(read_record(folder / INPUTS), inputs)
    except (FileNotFoundError, ValueError):
        return False


def _share_static(own: Path, shared: Path, html: Path) -> None:
    """Keep what a page loads (scripts, styles, mathematics: 31 MB) once for all runs.

    A run has a link to it, which copies of the run's folder follow (``cp -rL``, ``zip -r``).

    Parameters
    ----------
    own : Path
        The folder that a run has made for itself.
    shared : Path
        Where such folders are kept, by what they hold.
    html : Path
        Folder of the run's pages when it is in its place.
    """
    if not own.is_dir():
        return
    files = sorted(path for path in own.rglob("*") if path.is_file())
    named = (text for path in files for text in (str(path.relative_to(own)), file_digest(path)))
    kept = shared / digest(*named)
    shared.mkdir(parents=True, exist_ok=True)
    try:
        own.rename(kept)
    except OSError:  # it is there
        if not kept.is_dir():
            raise
        shutil.rmtree(own)
    own.symlink_to(seen_from(html, kept))


def _describe(folder: Path, page: Page, made: Mapping[str, Any], root: Path) -> None:
    """Describe a run to machines, when all of it is there."""
    own = {
        f"{page.name}.ipynb", RECORD, INPUTS, NUMBERS, users_file(Path(NUMBERS)).name,
        f"html/{page.path.with_suffix('.html').as_posix()}",
    }  # fmt: skip
    files = [name for name in sorted(own) if (folder / name).is_file()]
    files += sorted(f"{FIGURES}/{path.name}" for path in (folder / FIGURES).glob("*"))
    title = f"A run of the page {page.name}"
    description = "One page of a book, executed with parameters of its own."
    write_crate(folder, title, description, {page.name: made}, {page.name: files}, root)


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
    took = record.get("seconds", 0.0), record.get("computing", 0.0)
    numbers, computed = estimates(entries), record.get("computed", {})
    return Run(folder, record["chapter"], record["given"], parameters, numbers, computed, *took)
