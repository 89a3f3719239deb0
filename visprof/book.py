"""Execute the chapters, with other parameters if wished, and build the book.

A chapter is a MyST text notebook (jupytext).  Its parameters are the assignments of the one cell
tagged ``parameters``: literal, annotated, and explained by the comment that trails them.

    n_clusters: int = 200  # clusters of the visual vocabulary

One book is one study: a page that makes its study of its variables (`Study.of_page`) gets every
parameter that the book was given, whether its own cell lists it or not.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import dataclasses
import functools
import hashlib
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import time
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from visprof import pages as page_files
from visprof._extras import needs
from visprof.crate import describe_book
from visprof.files import naming, partial_folder, read_record, write_record
from visprof.footer import as_markdown
from visprof.inputs import (
    FILES,
    TRACE,
    changed_inputs,
    environment_version,
    noted_inputs,
    page_inputs,
)
from visprof.memo import SOURCES, digest
from visprof.parameters import Parameters, given_parameters, preset_parameters
from visprof.results import PAGE, Ledger

with needs("book"):
    import jupytext
    import nbformat
    import papermill
    import yaml
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import DeadKernelError
    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook
    from sphinx_external_toc.parsing import parse_toc_yaml
    from traitlets import Unicode
    from traitlets.config import Config

__all__ = [
    "BookError",
    "Parameter",
    "book_pages",
    "build_book",
    "chapter_parameters",
    "execute_chapter",
    "find_chapter",
    "has_study",
    "make_ledger",
    "page_parameters",
    "seen_from",
    "study_note",
    "traceback_kept",
]

log = logging.getLogger("visprof")

KERNEL = "python3"
FIGURES = "figures"  # folder of the built book: the files of each page's figures
STATUS = "book/status.csv"  # what the status page shows
CODE_CELL = re.compile(r"^(?:`{3,}|:{3,}|~{3,})\{code-cell\}", re.MULTILINE)
OF_PAGE = "Study.of_page("  # a page whose code says so has all parameters of a study
# The `jupyter-book` script, by the interpreter that runs this: `python -m jupyter_book.cli.main`
# would do nothing and succeed.
JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]


class BookError(RuntimeError):
    """A chapter failed, or the pages could not be made into a book.

    Attributes
    ----------
    traceback : str
        Where in the chapter's code; empty if that is not known.
    """

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


# --- parameters of a chapter ----------------------------------------------------------------------


def _parse_none(text: str) -> None:
    if text.lower() not in ("none", ""):
        raise ValueError(text)


def _parse_bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _parse_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[\s,]+", text.strip(" ()[],")) if part)


# Tried in this order, so that "None" and "true" are not taken for strings.
_PARSERS: dict[str, Callable[[str], object]] = {
    "None": _parse_none,
    "bool": _parse_bool,
    "int": int,
    "float": float,
    "tuple[int, ...]": _parse_numbers,
    "str": str,
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a chapter.

    Attributes
    ----------
    name : str
    type : str
        The annotation: ``int``, ``float``, ``str``, ``bool``, ``tuple[int, ...]``, ``None``, or a
        union such as ``int | None``.
    default : object
        Value in the chapter's text.
    help : str
        The comment that trails the assignment; empty if there is none.
    """

    name: str
    type: str
    default: object
    help: str

    def __post_init__(self) -> None:
        unknown = self.alternatives - _PARSERS.keys()
        if unknown:
            raise ValueError(
                f"parameter {self.name} is annotated {self.type!r}; use {', '.join(_PARSERS)}, "
                "or a union of them"
            )
        self.parse(self.default if isinstance(self.default, str) else repr(self.default))

    def __str__(self) -> str:
        return f"{self.name}: {self.type} = {self.default!r}  {self.help}".rstrip()

    @property
    def alternatives(self) -> frozenset[str]:
        """Names of the types that the annotation allows."""
        return frozenset(part.strip() for part in self.type.split("|"))

    def parse(self, text: str) -> object:
        """Value of the declared type that `text` stands for.

        Parameters
        ----------
        text : str
            For example ``"50"``, ``"0.5"``, ``"true"``, ``"10, 20"``, ``"None"``.

        Returns
        -------
        int, float, str, bool, tuple of int or None

        Raises
        ------
        ValueError
            If `text` is no value of the declared type.
        """
        for name, parser in _PARSERS.items():
            if name in self.alternatives:
                try:
                    return parser(text)
                except (ValueError, KeyError):
                    continue
        raise ValueError(f"{self.name}={text!r} is not of the declared type {self.type} ({self})")


def _read_chapter(path: Path) -> NotebookNode:
    """The page as a notebook; a page without code cells becomes one of text alone."""
    if not path.is_file():
        raise FileNotFoundError(f"no chapter at {path}")
    notebook = jupytext.read(path, fmt="md:myst")
    if _is_executable(path) and "kernelspec" not in notebook.metadata:
        raise ValueError(
            f"{path} has code cells but no kernelspec in its front matter, so its code would not "
            f"run; add 'kernelspec: {{name: {KERNEL}, display_name: Python 3}}'"
        )
    return notebook


def _with_foot(path: Path, parameters: Iterable[str]) -> NotebookNode:
    """The page as it is executed."""
    notebook = _read_chapter(path)
    if _is_executable(path):
        page_files.add_foot(notebook, path.stem, parameters)
    return notebook


def has_study(path: str | Path) -> bool:
    """Whether a page makes its study of its variables, and so takes all parameters of one."""
    return _is_executable(Path(path)) and OF_PAGE in Path(path).read_text("utf-8")


def page_parameters(path: str | Path) -> dict[str, Parameter]:
    """Parameters that a page takes: those of its own cell, then the others of its study.

    Raises
    ------
    FileNotFoundError, ValueError
        As `chapter_parameters`.
    """
    own = chapter_parameters(path)
    return own | {n: p for n, p in _study_parameters().items() if n not in own and has_study(path)}


def _study_parameters() -> dict[str, Parameter]:
    """Every parameter of a study, as a page would declare it."""
    return {
        parameter.name: Parameter(
            parameter.name, f"{parameter.type} | None", None, parameter.metadata["meaning"]
        )
        for parameter in dataclasses.fields(Parameters)
    }


def _is_executable(path: Path) -> bool:
    return CODE_CELL.search(path.read_text(encoding="utf-8")) is not None


def _trailing_comments(source: str) -> dict[int, str]:
    """Comments by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}


def _parse_assignment(statement: ast.stmt, comments: Mapping[int, str], where: str) -> Parameter:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value) if value:
            quoted = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
            kind = annotation.value if quoted else ast.unparse(annotation)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            kind = ""
        case _:
            raise ValueError(
                f"{where}: the parameters cell may hold only assignments 'name: type = value', "
                f"not {ast.unparse(statement)!r}"
            )
    try:
        default = ast.literal_eval(value)
    except ValueError:
        # A value derived from another parameter would keep its old value when that one is changed.
        raise ValueError(
            f"{where}: {name} = {ast.unparse(value)} is not a literal; derive it in a later cell"
        ) from None
    kind = kind or ("None" if default is None else type(default).__name__)
    return Parameter(name, kind, default, comments.get(statement.end_lineno or 0, ""))


def chapter_parameters(path: str | Path) -> dict[str, Parameter]:
    """Parameters of a chapter, in the order of its text.

    (papermill's own inspection loses a parameter annotated ``int | None``.)

    Parameters
    ----------
    path : path
        MyST text notebook.

    Returns
    -------
    dict of str to Parameter
        Empty if no cell is tagged ``parameters``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If two cells are tagged, or the tagged one holds anything but literal assignments.
    """
    path = Path(path)
    cells = [
        cell.source
        for cell in _read_chapter(path).cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", [])
    ]
    if len(cells) > 1:
        raise ValueError(f"{path} has {len(cells)} cells tagged 'parameters'; keep one")
    found = {}
    for source in cells:
        comments = _trailing_comments(source)
        for statement in ast.parse(source).body:
            parameter = _parse_assignment(statement, comments, str(path))
            found[parameter.name] = parameter
    return found


def _changed_values(
    known: Mapping[str, Parameter], given: Mapping[str, object]
) -> dict[str, object]:
    """Checked values of the parameters given, less those that equal their default."""
    values = {name: known[name].parse(str(value)) for name, value in given.items()}
    return {
        name: value
        for name, value in values.items()
        if (type(value), value) != (type(known[name].default), known[name].default)
    }


def _reject_unknown(given: Iterable[str], known: Mapping[str, Parameter], where: str) -> None:
    unknown = sorted(set(given) - known.keys())
    if unknown:
        listing = "\n".join(f"  {parameter}" for parameter in known.values()) or "  (none)"
        raise ValueError(f"{where} has no parameter {', '.join(unknown)}; it has\n{listing}")


# --- one chapter ----------------------------------------------------------------------------------


def _require_own_kernel() -> None:
    """Raise BookError if the kernel would run another Python than the one that runs this."""
    argv = KernelSpecManager().get_kernel_spec(KERNEL).argv
    own = {"python", "python3", f"python3.{sys.version_info.minor}", sys.executable}
    if argv[0] not in own:
        raise BookError(
            f"the Jupyter kernel {KERNEL} runs {argv[0]}, not {sys.executable}; register this one: "
            f"{sys.executable} -m ipykernel install --sys-prefix"
        )


def execute_chapter(
    source: str | Path,
    target: str | Path,
    parameters: Mapping[str, object] | None = None,
    root: str | Path = ".",
    note: str = "",
) -> Path:
    """Execute one chapter into a notebook.

    Parameters
    ----------
    source : path
        MyST text notebook.
    target : path
        Notebook (``.ipynb``) to write; it appears only when every cell has run.
    parameters : mapping, optional
        Values by name, as text or of the declared type.
    root : path
        Working directory of the chapter's code: the repository's root.
    note : str
        Text to put below the page's title.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    ValueError
        If a parameter is unknown or its value not of the declared type.
    BookError
        If a cell fails; the message names the chapter and the cell.
    """
    source, target = Path(source), Path(target)
    known = page_parameters(source)
    _reject_unknown(parameters or {}, known, str(source))
    values = _changed_values(known, parameters or {})
    _require_own_kernel()

    notebook = _with_foot(source, dict.fromkeys([*chapter_parameters(source), *values]))
    notebook.metadata.pop("jupytext", None)
    page_files.add_note(notebook, note)
    with partial_folder(target.parent) as folder, naming(target):
        plain, executed = folder / "plain.ipynb", folder / target.name
        nbformat.write(notebook, plain)
        if values:
            _inject(plain, values)
        with _environment_variable(PAGE, source.stem):
            _run_notebook(plain, executed, Path(root), source)
        os.replace(executed, target)
    return target


def _inject(plain: Path, values: Mapping[str, object]) -> None:
    notebook = parameterize_notebook(
        load_notebook_node(str(plain)),
        # papermill would write a tuple as text
        {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()},
        kernel_name=KERNEL,
        language="python",
        comment="Changed parameters",
    )
    declared, injected = (
        next(cell for cell in notebook.cells if tag in cell.metadata.get("tags", []))
        for tag in ("parameters", "injected-parameters")
    )
    # The reader sees the changed values as much, or as folded, as the declared ones.
    injected.metadata["tags"] += [tag for tag in declared.metadata["tags"] if tag != "parameters"]
    injected.metadata["mystnb"] = {"code_prompt_show": "Parameters changed in this run"}
    nbformat.write(notebook, plain)


class LoggedKernelManager(AsyncKernelManager):
    """Starts kernels whose own messages go to a file: none of them is for who waits for a page.

    On Python 3.13 a kernel that is busy when it is told to end says so, for example.
    """

    log_path = Unicode(os.devnull, config=True, help="file that a kernel writes to")

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: object) -> None:
        with open(self.log_path, "ab") as log:
            await super()._async_launch_kernel(kernel_cmd, stdout=log, stderr=log, **kw)


def _run_notebook(plain: Path, executed: Path, root: Path, source: Path) -> None:
    log = executed.with_suffix(".log")
    config = Config(
        {
            "NotebookClient": {"kernel_manager_class": LoggedKernelManager},
            # other users of a shared machine cannot listen to encrypted sockets
            "KernelManager": {"transport_encryption": "auto"},
            "LoggedKernelManager": {"log_path": str(log.resolve())},
        }
    )
    try:
        notebook = papermill.execute_notebook(
            plain, executed, kernel_name=KERNEL, cwd=root, progress_bar=False, config=config
        )
    except PapermillExecutionError as error:
        raise BookError(
            f"{source}: cell {error.exec_count} failed: {error.ename}: {error.evalue}",
            f"{error.source}\n{error}",
        ) from error
    except DeadKernelError as error:
        said = log.read_text("utf-8", errors="replace") if log.exists() else ""
        raise BookError(f"{source}: the kernel died, perhaps for want of memory", said) from error
    # Readers download this notebook: where it lay while it ran is none of its business.
    for key in ("input_path", "output_path"):
        notebook.metadata.papermill.pop(key, None)
    nbformat.write(notebook, executed)


@contextmanager
def traceback_kept(file: Path) -> Iterator[None]:
    """Write where a chapter failed into a file, and name that file in the error."""
    try:
        yield
    except BookError as error:
        if not error.traceback:
            raise
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(error.traceback, "utf-8")
        except OSError as full:
            raise BookError(f"{error}\n(the traceback could not be kept: {full})") from error
        raise BookError(f"{error}\n(traceback: {file})", error.traceback) from error
    file.unlink(missing_ok=True)


# --- the book -------------------------------------------------------------------------------------


def book_pages(root: str | Path = ".") -> list[Path]:
    """Pages of the table of contents, relative to `root`; the front page comes last.

    The front page shows what the chapters found, so it is executed when their steps are memoised.

    Raises
    ------
    FileNotFoundError
        If `root` has no ``_toc.yml``, or a page that it names is missing.
    """
    root = Path(root)
    toc = root / "_toc.yml"
    if not toc.is_file():
        raise FileNotFoundError(f"no _toc.yml in {root.resolve()}; run this in the book's root")
    sitemap = parse_toc_yaml(toc)
    names = [name for name in sitemap if name != sitemap.root.docname] + [sitemap.root.docname]
    pages = [Path(f"{name}.md") for name in names]
    missing = [str(page) for page in pages if not (root / page).is_file()]
    if missing:
        raise FileNotFoundError(f"{toc} names pages that are missing: {', '.join(missing)}")
    return pages


def find_chapter(name: str, root: str | Path = ".") -> Path:
    """Path, relative to `root`, of the page called `name`: its path, or file name without suffix.

    Raises
    ------
    ValueError
        If the book has no such page.
    """
    pages = book_pages(root)
    for page in pages:
        if name in (str(page), page.name, page.stem, str(page.with_suffix(""))):
            return page
    raise ValueError(f"no chapter {name!r}; there are {', '.join(page.stem for page in pages)}")


def build_book(
    root: str | Path = ".",
    preset: str = "demo",
    data: str | Path | None = None,
    parameters: Mapping[str, object] | None = None,
    out: str | Path = "_build",
) -> Path:
    """Bring every page of the book up to date, one after the other, and render them as HTML.

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
        ``ledger`` to ``out/results/preset.json``.

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
        plan.make_pages()
        return _render(plan.root, list(plan.values), plan.out)


def make_ledger(
    root: str | Path = ".",
    preset: str = "demo",
    data: str | Path | None = None,
    parameters: Mapping[str, object] | None = None,
    out: str | Path = "_build",
) -> Ledger:
    """Bring every page of the book up to date, as `build_book` does, without rendering it.

    Parameters
    ----------
    root, preset, data, parameters, out
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
        If no chapter has a parameter given, a value is none that it may have, or the data hold too
        little (all that is too little is listed).
    BookError
        If a cell fails.
    visprof.results.LedgerConflictError
        If two pages found different values of one number.
    """
    plan = _plan(Path(root), preset, data, parameters, Path(out))
    with _alone(plan.out):
        return plan.make_pages()


@dataclass(frozen=True)
class _Plan:
    """Pages in the order in which they are made, each with its values, and what to say of them."""

    root: Path
    values: dict[Path, dict[str, object]]
    note: Callable[[], str]
    out: Path
    ledger: Ledger

    def make_pages(self) -> Ledger:
        """Bring the pages up to date; return the ledger of their numbers."""
        for number, (page, values) in enumerate(self.values.items(), start=1):
            start = time.perf_counter()
            print(f"[{number}/{len(self.values)}] {page} ", end="", flush=True)
            reasons = _make_page(self.root, page, self.out / "pages", values, self.note)
            why = f"executed for {_listed(reasons)}, " if reasons else ""
            print(f"{why}{time.perf_counter() - start:.1f} s", flush=True)
        ledgers = [_beside(self.out / "pages" / page, "ledger.json") for page in self.values]
        if any(ledger.exists() for ledger in ledgers):
            self.ledger.replace_by(ledgers)
        return self.ledger


def _plan(
    root: Path,
    preset: str,
    data: str | Path | None,
    parameters: Mapping[str, object] | None,
    folder: Path,
) -> _Plan:
    """Check what was given before any page runs; see `make_ledger`."""
    out, pages = folder / preset, book_pages(root)
    known = {page: page_parameters(root / page) for page in pages}
    anywhere = {name: parameter for page in pages for name, parameter in known[page].items()}
    given = dict(parameters or {})
    if own := given.keys() & {"preset", "data", "ledger"}:
        raise ValueError(f"{', '.join(sorted(own))}: no parameter of a build, which has its own")
    _reject_unknown(given, anywhere, "the book")
    given["preset"] = preset
    if data is not None:
        given["data"] = seen_from(root, _existing(Path(data)))
    values = {}
    for page in pages:
        given["ledger"] = seen_from(root, _beside(out / "pages" / page, "ledger.json"))
        values[page] = {name: value for name, value in given.items() if name in known[page]}
    for page in pages:
        _changed_values(known[page], values[page])  # a wrong value fails now, not after minutes
    of_study = given_parameters({**given, **_changed_values(anywhere, parameters or {})})
    if "preset" in anywhere:
        preset_parameters(preset, of_study)
    # looks at the data: what these are too few for is told before any page runs
    note = functools.cache(functools.partial(study_note, root, preset, of_study))
    return _Plan(root, values, note, out, Ledger(folder / "results" / f"{preset}.json"))


def study_note(root: Path, preset: str, values: Mapping[str, object]) -> str:
    """Say which parameters of a study are not those of its preset, and why.

    Parameters
    ----------
    root : Path
        Folder that the study's ``data`` is relative to.
    preset : str
        Its preset.
    values : mapping
        Values that were given.

    Returns
    -------
    str
        MyST markdown; empty if all are the preset's.

    Raises
    ------
    FileNotFoundError, ValueError
        If the data are not there, or hold too little; all that is too little is listed.
    """
    from visprof.study import Study  # with all of the library: seconds

    with contextlib.chdir(root):  # what is kept names pictures as the pages do
        study = Study(preset, **values)
        fitted = {choice.name: choice for choice in study.fit.choices}
    usual = preset_parameters(preset, {"data": study.data})
    lines = []
    for name in (parameter.name for parameter in dataclasses.fields(Parameters)):
        value, of_preset = getattr(study.parameters, name), getattr(usual, name)
        if name != "data" and value != of_preset:
            follows = "given" if name in study.given else "it follows from what was given"
            why = fitted[name].reason if name in fitted else follows
            told = as_markdown(f"{value!r} instead of {of_preset!r} ({why})")
            lines.append(f"`{name}` is {told}")
    return page_files.parameters_note(preset, lines)


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


def _beside(page: Path, suffix: str) -> Path:
    return page.with_suffix(f".{suffix}")


def _existing(data: Path) -> Path:
    if not data.exists():
        raise FileNotFoundError(f"data: there is nothing at {data.resolve()}")
    return data


def seen_from(root: Path, path: Path) -> str:
    """Path for code that runs in another folder; pages show it, so it names no folder above both.

    Parameters
    ----------
    root : Path
        The folder in which the code runs.
    path : Path
        Relative to the working directory, or absolute.

    Returns
    -------
    str
        `path` relative to `root`.
    """
    return os.path.relpath(path.resolve(), root.resolve())


def _make_page(
    root: Path, page: Path, kept: Path, values: Mapping[str, object], note: Callable[[], str]
) -> list[str]:
    """Bring one page up to date in the folder of kept pages; return why it was executed.

    Its inputs are written last, with the digest of the notebook, so a page that a killed build
    left half made is not taken for a whole one.
    """
    if not _is_executable(root / page):
        return []
    target, record = (_beside(kept / page, suffix) for suffix in ("ipynb", "inputs.json"))
    text = (root / page).read_text("utf-8")
    notebook = _with_foot(root / page, values)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    now = page_inputs(text, cells, values)
    before = _kept_inputs(kept / page)
    reasons = ["the first time"] if before is None else changed_inputs(before, now)
    reasons = [_without_folders(reason, root) for reason in reasons]
    if not reasons:
        return []
    record.unlink(missing_ok=True)
    for left in ("ledger.json", "trace"):
        _beside(kept / page, left).unlink(missing_ok=True)
    trace = _beside(kept / page, "trace")
    below_title = note() if has_study(root / page) else ""
    with (
        _environment_variable(TRACE, str(trace.resolve())),
        traceback_kept(_beside(kept / page, "traceback.txt")),
    ):
        execute_chapter(root / page, target, values, root, below_title)
    inputs = {**now, **noted_inputs(trace)}
    trace.unlink(missing_ok=True)
    made = _made_files(kept / page)
    write_record(record, {"files": made, "executed for": reasons, "inputs": inputs})
    return reasons


def _without_folders(reason: str, root: Path) -> str:
    """A reason as pages may show it: where files lie on this machine is left out."""
    if not reason.startswith(FILES):
        return reason
    return FILES + seen_from(root, Path(reason.removeprefix(FILES)))


def _kept_inputs(page: Path) -> dict[str, str] | None:
    """Inputs that a kept page was made from; None if it is not there, whole, with its numbers."""
    record = _beside(page, "inputs.json")
    if not record.exists():
        return None
    try:
        kept = read_record(record)
    except ValueError as error:
        log.warning("%s cannot be used (%s); the page is executed again", record, error)
        return None
    return kept["inputs"] if kept["files"] == _made_files(page) else None


def _made_files(page: Path) -> dict[str, str]:
    """Digests of the notebook and the ledger of a kept page, those that there are."""
    made = (_beside(page, suffix) for suffix in ("ipynb", "ledger.json"))
    return {path.name: _file_digest(path) for path in made if path.exists()}


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def _environment_variable(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def _render(root: Path, pages: Sequence[Path], out: Path) -> Path:
    """Make the HTML anew if a page or anything beside the pages has changed."""
    executed, html = out / "executed", out / "html"
    shutil.rmtree(executed, ignore_errors=True)
    texts = shutil.ignore_patterns("*.md", "*.ipynb", ".*", "__pycache__")
    shutil.copytree(root / "book", executed / "book", ignore=texts)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(root / name, executed / name)
    made = _add_pages(root, pages, out / "pages", executed)
    files = sorted(path for path in executed.rglob("*") if path.is_file())
    inputs = {str(path.relative_to(executed)): _file_digest(path) for path in files}
    inputs["the installed packages"] = environment_version()
    inputs["the docstrings"] = digest(*SOURCES.values())
    stamp = html / ".inputs.json"
    if _rendered_from(stamp) == inputs:
        print("rendering not needed: no page has changed", flush=True)
        return html
    start = time.perf_counter()
    print("rendering ", end="", flush=True)
    _run_sphinx(executed, out)
    _complete(out / "_build" / "html", executed, made)
    write_record(out / "_build" / "html" / stamp.name, inputs)
    old = out / "html.old"
    shutil.rmtree(old, ignore_errors=True)
    if html.exists():
        os.replace(html, old)
    os.replace(out / "_build" / "html", html)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(out / "_build")
    print(f"{time.perf_counter() - start:.1f} s", flush=True)
    return html


def _rendered_from(stamp: Path) -> dict[str, str] | None:
    """What a book was rendered from; None if it is not known."""
    try:
        return read_record(stamp)
    except (FileNotFoundError, ValueError):
        return None


def _add_pages(
    root: Path, pages: Sequence[Path], kept: Path, executed: Path
) -> dict[Path, NotebookNode]:
    """Put the pages, the files of their figures, and what the status page shows, for Sphinx.

    Return the executed pages.
    """
    made: dict[Path, NotebookNode] = {}
    for page in pages:
        if not _is_executable(root / page):
            shutil.copy2(root / page, executed / page)
            continue
        notebook = nbformat.read(_beside(kept / page, "ipynb"), as_version=4)
        made[page] = copy.deepcopy(notebook)
        page_files.save_figures(notebook, executed / FIGURES / page.stem)
        page_files.link_figures(notebook, f"../{FIGURES}/{page.stem}")
        nbformat.write(notebook, executed / page.with_suffix(".ipynb"))
    records = {page: read_record(_beside(kept / page, "inputs.json")) for page in made}
    reasons = {page: record["executed for"] for page, record in records.items()}
    status = {page.stem: (notebook, reasons[page]) for page, notebook in made.items()}
    (executed / STATUS).write_text(page_files.status_table(status), "utf-8")
    return made


def _complete(html: Path, executed: Path, made: Mapping[Path, NotebookNode]) -> None:
    """Add to the built book the files of its figures and its description."""
    if (executed / FIGURES).exists():
        shutil.copytree(executed / FIGURES, html / FIGURES)
    files = {}
    for page in made:
        figures = sorted((html / FIGURES / page.stem).glob("*"))
        files[page.stem] = [
            page.with_suffix(".html").as_posix(),
            f"_sources/{page.with_suffix('.ipynb').as_posix()}",
            *(figure.relative_to(html).as_posix() for figure in figures),
        ]
    told = {page.stem: page_files.page_provenance(notebook) for page, notebook in made.items()}
    title = yaml.safe_load((executed / "_config.yml").read_text("utf-8"))["title"]
    describe_book(html, title, told, files)


def _run_sphinx(executed: Path, out: Path) -> None:
    """Run Jupyter Book with every warning an error."""
    shutil.rmtree(out / "_build", ignore_errors=True)
    strict = ["-W", "-n", "--keep-going", "--all", "-q"]
    command = [*JUPYTER_BOOK, "build", str(executed), "--path-output", str(out), *strict]
    result = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise BookError(
            f"Jupyter Book ended with status {result.returncode}; its warnings are above\n\n"
            f"{result.stdout}"
        )
