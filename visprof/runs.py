"""Runs: one chapter with other parameters, kept in a folder of its own, and two of them compared.

A run is a folder with the executed notebook, ``html/`` (its page, which needs no network),
``figures/``, ``numbers.json`` (a `visprof.results.Ledger`) and ``run.json``: the chapter, its
parameters, and the version of the code.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from visprof._extras import needs
from visprof.book import (
    FIGURES,
    JUPYTER_BOOK,
    BookError,
    Parameter,
    book_pages,
    chapter_parameters,
    execute_chapter,
    find_chapter,
    has_study,
    page_parameters,
    seen_from,
    study_note,
    traceback_kept,
)
from visprof.files import partial_folder
from visprof.memo import digest
from visprof.pages import link_figures, save_figures
from visprof.parameters import (
    PRESETS,
    Parameters,
    allowed_values,
    given_parameters,
    preset_parameters,
)
from visprof.results import Estimate, Ledger, estimates, provenance

with needs("book"):
    import nbformat
    import yaml

__all__ = [
    "Run",
    "compare_runs",
    "list_parameters",
    "parameter_table",
    "read_run",
    "run_chapter",
]

NUMBERS, RECORD = "numbers.json", "run.json"
LONGEST_NAME = 100  # bytes
COMPUTED = re.compile(r"\{(?:code-cell|eval-rst)\}")  # made by code, not of text alone
FIELDS = {field.name: field for field in dataclasses.fields(Parameters)}


# --- parameters -----------------------------------------------------------------------------------


def _of_preset(parameter: Parameter, preset: str) -> object:
    """Value that a parameter has on a page of this preset if nobody gives one."""
    if parameter.default is None and parameter.name in FIELDS:
        return PRESETS[preset].get(parameter.name, FIELDS[parameter.name].default)
    return preset if parameter.name == "preset" else parameter.default


def _type(parameter: Parameter) -> str:
    """The declared type; that None stands for the preset's value is nothing to fill in."""
    return " | ".join(part for part in parameter.type.split(" | ") if part != "None") or "None"


def _allowed(name: str) -> str:
    if name == "preset":
        return " or ".join(PRESETS)
    return allowed_values(FIELDS[name]) if name in FIELDS else ""


def list_parameters(known: Mapping[str, Parameter], preset: str = "demo") -> str:
    """Describe a chapter's parameters: name, type, default, meaning and values allowed.

    Parameters
    ----------
    known : mapping of str to Parameter
        As `visprof.book.chapter_parameters` gives them.
    preset : str
        Where a parameter's default is the preset's: of which.

    Returns
    -------
    str
        A line each.
    """
    lines = []
    for parameter in known.values():
        allowed = _allowed(parameter.name)
        told = all(value in parameter.help for value in allowed.split(" or "))
        note = "" if told else f" [{allowed}]"
        shown = f"{parameter.name}: {_type(parameter)} = {_of_preset(parameter, preset)!r}"
        lines.append(f"  {shown}  {parameter.help}{note}")
    return "\n".join(lines) or "  (none)"


def parameter_table(root: str | Path = ".") -> pd.DataFrame:
    """List the parameters of all pages of the book, and those that only a `Study` takes.

    Parameters
    ----------
    root : path
        Folder of ``_toc.yml``.

    Returns
    -------
    DataFrame
        Columns parameter, type, default (that of demo, then those of presets that differ), values
        allowed, meaning, and pages (names of those that have it, empty if none).
    """
    root = Path(root)
    found: dict[str, Parameter] = {}
    pages: dict[str, list[str]] = {}
    for page in book_pages(root):
        for name, parameter in chapter_parameters(root / page).items():
            found.setdefault(name, parameter)
            pages.setdefault(name, []).append(page.stem)
    for name in FIELDS:
        found.setdefault(name, Parameter(name, "None", None, ""))
    rows = []
    for name, parameter in found.items():
        field = FIELDS.get(name)
        rows.append(
            {
                "parameter": name,
                "type": field.type if field else parameter.type,
                "default": _defaults(parameter),
                "values allowed": _allowed(name),
                "meaning": field.metadata["meaning"] if field else parameter.help,
                "pages": ", ".join(sorted(pages.get(name, []))),
            }
        )
    return pd.DataFrame(rows)


def _defaults(parameter: Parameter) -> str:
    """Default of the demo, and in parentheses that of each preset that has another."""
    values = {preset: repr(_of_preset(parameter, preset)) for preset in PRESETS}
    usual = values.pop("demo")
    others: dict[str, list[str]] = {}
    for preset, value in values.items():
        if value != usual and parameter.name != "preset":
            others.setdefault(value, []).append(preset)
    notes = "; ".join(f"{', '.join(presets)}: {value}" for value, presets in others.items())
    return f"{usual} ({notes})" if notes else usual


def _checked(
    root: Path, chapter: Path, known: Mapping[str, Parameter], given: Mapping[str, object]
) -> dict[str, Any]:
    """Values of the declared types, which a study would take too."""
    preset = str(given.get("preset", "demo"))
    own = {name: known[name] for name in chapter_parameters(root / chapter)}
    listing = list_parameters(own, preset if preset in PRESETS else "demo")
    if len(own) < len(known):
        listing += "\n  and every other parameter of a study (see the book's page of parameters)"
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"{chapter} has no parameter {name}{hint}; it has\n{listing}")
    try:
        values = {name: known[name].parse(str(value)) for name, value in given.items()}
        if "preset" in known:
            page = {name: parameter.default for name, parameter in known.items()} | values
            preset_parameters(page["preset"], given_parameters(page))
    except ValueError as error:
        raise ValueError(f"{error}\n{chapter} has the parameters\n{listing}") from None
    return values


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
) -> Run:
    """Execute one chapter into a folder of its own, which appears when all of it is there.

    Parameters
    ----------
    chapter : str
        Name of the page, such as ``06-prediction``.
    parameters : mapping, optional
        Values by name, as text or of the declared type; ``data`` is relative to where this runs.
    out : path
        Where runs are kept.
    name : str, optional
        Name of the folder; by default it is made of the chapter and the changed parameters.
    root : path
        Folder of the book.

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
    root, out, given = Path(root), Path(out), dict(parameters or {})
    page = find_chapter(chapter, root)
    known = page_parameters(root / page)
    if given.get("data"):
        given["data"] = seen_from(root, _folder(Path(str(given["data"]))))
    if given.get("ledger"):
        raise ValueError(f"ledger: a run keeps its numbers in its own {NUMBERS}; do not give it")
    values = _checked(root, page, known, given)
    values = {name: value for name, value in values.items() if value != known[name].default}
    target = out / _run_name(page.stem, values, name)
    _reject_other(target, page.stem, values)

    start, started = time.perf_counter(), datetime.now(UTC)
    note = ""
    if has_study(root / page):
        preset = str(values.get("preset", known["preset"].default))
        note = study_note(root, preset, given_parameters(values))
    with partial_folder(out) as partial:
        folder = partial / "run"
        folder.mkdir()
        if "ledger" in known:
            values["ledger"] = seen_from(root, folder / NUMBERS)
        with traceback_kept(out / f"{target.name}.traceback.txt"):
            notebook = execute_chapter(
                root / page, folder / f"{page.stem}.ipynb", values, root, note
            )
        _name_folder(notebook, seen_from(root, folder), seen_from(root, target))
        values.pop("ledger", None)
        save_figures(nbformat.read(notebook, as_version=4), folder / FIGURES)
        (folder / f"{NUMBERS}.lock").unlink(missing_ok=True)
        _render_page(root, page, notebook, partial, folder / "html")
        defaults = {n: parameter.default for n, parameter in known.items() if n != "ledger"}
        record = {
            "chapter": page.stem,
            "given": values,
            "parameters": defaults | values,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - start, 1),
            **provenance(),
        }
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        if target.exists():
            os.replace(target, partial / "old")
        os.replace(folder, target)
    return read_run(target)


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


def _render_page(root: Path, page: Path, notebook: Path, scratch: Path, html: Path) -> None:
    """Render one executed page as the book would, with the pages of text that it may refer to.

    Links to other chapters, which are not there, become plain text.
    """
    source = scratch / "source"
    pages = shutil.ignore_patterns("*.md", "*.ipynb", ".*", "__pycache__")
    shutil.copytree(root / page.parent, source / page.parent, ignore=pages)
    shutil.copy2(root / "_config.yml", source)
    linked = nbformat.read(notebook, as_version=4)
    link_figures(linked, f"../../{FIGURES}")
    nbformat.write(linked, source / page.with_suffix(".ipynb"))
    beside = [
        other
        for other in book_pages(root)
        if other != page and not COMPUTED.search((root / other).read_text("utf-8"))
    ]
    for other in beside:
        (source / other.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / other, source / other)
    toc = {
        "format": "jb-book",
        "root": str(page.with_suffix("")),
        "chapters": [{"file": str(other.with_suffix(""))} for other in beside],
    }
    (source / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    command = [*JUPYTER_BOOK, "build", str(source), "--path-output", str(scratch), "-qq"]
    made = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if made.returncode:
        raise BookError(f"Jupyter Book ended with status {made.returncode}\n\n{made.stdout}")
    os.replace(scratch / "_build" / "html", html)


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
