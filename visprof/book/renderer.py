"""Jupyter Book, forked for each book that is built from a process that has imported it.

Importing it takes longer than building a page.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.book.forks import Helper, import_kept, own_answers
from visprof.memo import SOURCES

__all__ = ["prepare_renderer", "render"]

# Most of what a build imports, so that not each imports it for itself; what is not there, or has
# got another name, it imports when it needs it.
LIBRARY = (
    "jupyter_book.cli.main", "jupyter_book.sphinx", "myst_nb.sphinx_ext", "myst_nb.ext.glue.domain",
    "sphinx.cmd.build", "sphinx.ext.doctest", "sphinx.ext.mathjax", "sphinx.ext.napoleon",
    "sphinx_book_theme", "sphinx_comments", "sphinx_copybutton", "sphinx_design",
    "sphinx_design.extension", "sphinx_external_toc.events", "sphinx_jupyterbook_latex.transforms",
    "sphinx_multitoc_numbering", "sphinx_togglebutton", "sphinxcontrib.bibtex",
    "pybtex.style.formatting.plain", "pybtex.backends.plaintext", "pybtex.style.labels.number",
    "pybtex.style.names.plain", "pybtex.style.sorting.author_year_title", "IPython.lib.lexers",
    "jinja2.ext", "myst_nb.core.lexers", "myst_nb.ext.execution_tables", "sphinx-mathjax-offline",
    "sphinx_external_toc.collectors", "sphinx_jupyterbook_latex.events", "xml.dom.minidom",
    "sphinxcontrib.bibtex.style.referencing.author_year",
    "sphinxcontrib.bibtex.style.referencing.foot", "myst_parser.sphinx_ext.directives",
    "a11y_pygments.github_light.style", "a11y_pygments.github_dark.style",
)  # fmt: skip
# What they import and no build uses, as pages are executed before: a cache of executed notebooks,
# in a database.
UNUSED = ("jupyter_cache",)

_HELPER = Helper(__name__, "renders pages")


def prepare_renderer(*, documented: bool = False) -> None:
    """Begin to import what the rendering needs, while this process goes on.

    Parameters
    ----------
    documented : bool
        Import also this package, for a book with the pages that document it.
    """
    _HELPER.begin(*_documented() if documented else ())


def _documented() -> Iterator[str]:
    return (name for name in SOURCES if "._" not in name)


def render(words: Sequence[str], log: Path) -> tuple[int, str]:
    """Run ``jupyter-book`` by the Python that runs this.

    Parameters
    ----------
    words : sequence of str
        The words after it.
    log : Path
        File for what it says.

    Returns
    -------
    int, str
        Its status, and what it said.

    Raises
    ------
    BookError
        If the process that renders pages has ended.
    """
    log = log.resolve()
    wanted = {"words": list(words), "cwd": os.getcwd(), "env": dict(os.environ), "log": str(log)}
    status = int(_HELPER.ask(wanted))
    return status, log.read_text("utf-8", errors="replace")


# --- the helper -----------------------------------------------------------------------------------


def serve(path: list[str], *more: str) -> None:
    """Fork Jupyter Book for each line of the input, and answer with its status, to the end.

    It begins with what builds import, and with `more` modules.
    """
    answers = own_answers()
    # plug-ins are asked for two dozen times a build, and each time read from all installed packages
    importlib.metadata.entry_points = importlib.metadata.entry_points().select
    # tqdm takes a process that has loaded what kernels need for a notebook, which lacks widgets
    warnings.filterwarnings("ignore", "IProgress not found")
    with lazily("book", of=UNUSED):
        import_kept(LIBRARY, missing=True)
    import_kept(more, missing=True)
    with needs("book"):
        from sphinx.application import builtin_extensions
    import_kept(builtin_extensions, missing=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            answers.close()
            sys.path[:] = ["", *path]
            os._exit(_run(**json.loads(line)))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _run(words: list[str], cwd: str, env: dict[str, str], log: str) -> int:
    """Run it as its script would; return its status."""
    # Trees of nodes are large, and to look for those that are left takes a quarter of the time; a
    # book's take 150 MB more until this process ends.
    gc.disable()
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    logging.disable(logging.INFO)  # Sphinx makes up 20,000 messages that nobody sees
    # (`python -m jupyter_book.cli.main` would do nothing and succeed)
    with needs("book"):
        from jupyter_book.cli.main import main
    sys.argv[1:] = words
    status: object = 0
    try:
        main()
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status if isinstance(status, int) else int(status is not None)
