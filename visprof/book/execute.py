"""Executing one page: with the values given, in a kernel of this Python, by papermill."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path

from visprof._environment import environment
from visprof._extras import needs
from visprof._lazy import lazily
from visprof.book.errors import BookError
from visprof.book.executed import add_foot, add_note
from visprof.book.kernels import NoAnswerError, ReadyKernelManager
from visprof.book.page import KERNEL, Page
from visprof.book.parameters import changed_values, check_parameters
from visprof.files import naming, partial_folder, put_in_place
from visprof.results.ledger import PAGE
from visprof.trace import tracing

HADOOP = "pyarrow.fs"  # papermill looks for it: no page is a file of Hadoop, and it takes long
_IS_LOADED = HADOOP in sys.modules
if not _IS_LOADED:
    sys.modules[HADOOP] = None  # as if it were not installed
with needs("book"), lazily("book", of=("requests",)):  # nor is any in the network
    import nbformat
    from nbclient.exceptions import DeadKernelError
    from nbformat import NotebookNode
    from nbformat.v4 import nbbase
    from nbformat.v4.nbbase import validate
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import raise_for_execution_errors
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook
    from traitlets.config import Config
if not _IS_LOADED:
    del sys.modules[HADOOP]

__all__ = ["execute_page", "prepared_notebook", "seen_from"]


def prepared_notebook(page: Page, values: Mapping[str, object], note: str = "") -> NotebookNode:
    """The notebook of a page that has code, as it is executed: with its foot and a note.

    Parameters
    ----------
    page : Page
    values : mapping
        Values that are not the page's defaults: the foot says them, too.
    note : str
        Text to put below the page's title.

    Returns
    -------
    NotebookNode
        A copy.
    """
    notebook = copy.deepcopy(page.notebook)
    if notebook is None:
        raise ValueError(f"{page.path} has no code to execute")
    notebook.metadata.pop("jupytext", None)
    add_foot(notebook, page.name, dict.fromkeys([*page.own_parameters, *values]))
    add_note(notebook, note)
    return notebook


def execute_page(
    page: Page,
    target: str | Path,
    given: Mapping[str, object] | None = None,
    root: str | Path = ".",
    note: str = "",
    trace: Path | None = None,
) -> Path:
    """Execute one page into a notebook.

    Parameters
    ----------
    page : Page
        As `visprof.book.page.read_page` gives it; it has code.
    target : path
        Notebook (``.ipynb``) to write; it appears only when every cell has run.
    given : mapping, optional
        Values by name, as text or of the declared type.
    root : path
        Working directory of the page's code: the repository's root.
    note : str
        Text to put below the page's title.
    trace : Path, optional
        File that the page's process writes down what it uses in (`visprof.trace`).

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    ValueError
        If a parameter is unknown, its value not of the declared type or none that it may have, or
        the page has no code.
    BookError
        If a cell fails; the message names the page and the cell.
    """
    target = Path(target)
    typed = check_parameters(page.parameters, given or {}, str(page.path), page.listing())
    values = changed_values(page.parameters, typed)
    notebook = prepared_notebook(page, values, note)
    with partial_folder(target.parent) as folder, naming(target):
        plain, executed = folder / "plain.ipynb", folder / target.name
        nbformat.write(notebook, plain)
        loaded = load_notebook_node(str(plain))
        if values:
            loaded = _parameterized(loaded, values)
        trace = folder / "trace" if trace is None else trace
        # so that ledgers know which page writes into them
        with environment({PAGE: page.name}), tracing(trace):
            _run_notebook(loaded, executed, Path(root), page.path)
        put_in_place(executed, target)
    return target


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


def _parameterized(notebook: NotebookNode, values: Mapping[str, object]) -> NotebookNode:
    """A notebook with a cell of changed values below that of its parameters."""
    notebook = parameterize_notebook(
        notebook,
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
    if values.keys() <= {"ledger"}:  # which every book gives: nothing was changed
        injected.metadata["tags"].append("remove-cell")
    return notebook


def _run_notebook(notebook: NotebookNode, executed: Path, root: Path, source: Path) -> None:
    log = executed.with_suffix(".log")
    config = Config(
        {
            # a busy machine may keep the last of what a cell shows for longer than the usual 4 s
            "NotebookClient": {"kernel_manager_class": ReadyKernelManager, "iopub_timeout": 60},
            # other users of a shared machine cannot listen to encrypted sockets
            "KernelManager": {"transport_encryption": "auto"},
            "ReadyKernelManager": {"log_path": str(log.resolve())},
        }
    )
    try:
        # it is written when all of it has run: to write it after every cell takes a second
        with chdir(root), _checked_once():
            notebook = papermill_engines.execute_notebook_with_engine(
                None, notebook, KERNEL, progress_bar=False, config=config, autosave_cell_every=0
            )
        raise_for_execution_errors(notebook, None)
    except PapermillExecutionError as error:
        raise BookError(
            f"{source}: cell {error.exec_count} failed: {error.ename}: {error.evalue}",
            f"{error.source}\n{error}",
        ) from error
    except (DeadKernelError, NoAnswerError) as error:
        said = log.read_text("utf-8", errors="replace") if log.exists() else ""
        died = f"{source}: the kernel died or never answered, perhaps for want of memory"
        raise BookError(died, said) from error
    nbformat.write(notebook, executed)


@contextmanager
def _checked_once() -> Iterator[None]:
    """Check what cells show when the notebook is written, not also each of it as it comes.

    A page has hundreds of outputs, and to check them one by one takes as long as to receive them.
    """
    nbbase.validate = lambda *_, **__: None
    try:
        yield
    finally:
        nbbase.validate = validate
