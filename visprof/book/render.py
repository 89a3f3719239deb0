"""Executed pages made into HTML by Jupyter Book: the whole book, or one page."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from visprof._extras import needs
from visprof.book.crate import write_crate
from visprof.book.errors import BookError
from visprof.book.executed import (
    drop_empty_figures,
    fill_alternatives,
    link_figures,
    page_provenance,
    save_figures,
    status_table,
)
from visprof.book.figures_list import figures_table
from visprof.book.icons import drop_unused_glyphs, drop_unused_icons
from visprof.book.kept import KeptPage, file_digest
from visprof.book.later import put_later_apart
from visprof.book.page import Page, book_pages
from visprof.book.renderer import render
from visprof.book.styles import drop_unused_styles
from visprof.book.table_captions import caption_tables
from visprof.digests import digest
from visprof.files import partial_folder, put_in_place, read_record, write_record
from visprof.machine import environment_version
from visprof.memo import SOURCES

with needs("book"):
    import nbformat
    import yaml
    from nbformat import NotebookNode

__all__ = [
    "FIGURES", "executed_pages", "link_within", "render_book", "render_page", "run_jupyter_book",
    "run_tool", "single_page",
]  # fmt: skip

FIGURES = "figures"  # folder of the built book: the files of each page's figures
STATUS = "book/status.csv"  # what the status page shows
LISTED = "book/figures.csv"  # what the page of figures and tables shows
DESCRIPTION = (
    "A book that re-does the paper “Beyond Classification: Latent User Interests Profiling from "
    "Visual Contents Analysis”, executed."
)
FRONT = "index"  # the page that holds all others, where they are one
STAMP = ".inputs.json"  # in the HTML: what it was rendered from
LIBRARY = "api"  # a list of the pages of the library, which are computed
COMPUTED = re.compile(r"\{(?:code-cell|csv-table|eval-rst)\}")  # made by code, not of text alone


def run_jupyter_book(
    source: Path, scratch: Path, builder: str = "html", *, strict: bool = True
) -> Path:
    """Run Jupyter Book, the only place that does.

    Parameters
    ----------
    source : Path
        Folder of ``_config.yml``, ``_toc.yml`` and the pages.
    scratch : Path
        Folder that Jupyter Book makes its own folder ``_build`` in.
    builder : str
        "html", or "singlehtml" for one page.
    strict : bool
        Whether every warning is an error, also a reference to what is not there.

    Returns
    -------
    Path
        What it made, within `scratch`.

    Raises
    ------
    BookError
        If it fails; with what it said.
    """
    options = ["--path-output", str(scratch), "--builder", builder, "--all"]
    options += ["-W", "-n", "--keep-going", "-q"] if strict else ["-qq"]
    status, said = render(["build", str(source), *options], scratch / "said")
    _require_success(status, "Jupyter Book", said)
    return scratch / "_build" / builder


def executed_pages(book: Path) -> Path:
    """The folder of a built book's executed pages, for Jupyter Book to make another form of.

    Raises
    ------
    FileNotFoundError
        If the book was not built.
    """
    pages = book / "executed"
    if not (book / "html" / "index.html").is_file() or not pages.is_dir():
        raise FileNotFoundError(
            f"no book in {book}; build it first: make book PRESET={book.name}, or "
            f"visprof build --preset {book.name}"
        )
    return pages


def single_page(pages: Path, scratch: Path) -> Path:
    """The whole book as one page of HTML; links between pages become links within it.

    Parameters
    ----------
    pages : Path
        As `executed_pages` gives them.
    scratch : Path
        As of `run_jupyter_book`.

    Returns
    -------
    Path
    """
    html = run_jupyter_book(pages, scratch, "singlehtml")
    # Sphinx writes it beside the front page's source, and links all files as seen from the root
    page = (html / "book" / "index.html").replace(html / "index.html")
    page.write_text(link_within(page.read_text("utf-8")), "utf-8")
    return page


def link_within(page: str) -> str:
    """Let links to pages of the book lead to where these are in the single page.

    Sphinx knows none that figures make themselves, and its own to figures and equations name the
    file, which is not there when the PDF is read.

    Examples
    --------
    >>> page = '<span id="document-book/01-data"></span><a href="01-data.html">1</a>'
    >>> link_within(page).partition("</span>")[2]
    '<a href="#document-book/01-data">1</a>'
    """
    pages = {
        name: anchor for anchor, name in re.findall(r'id="(document-(?:[^"]*/)?([^"/]+))"', page)
    }

    def within(link: re.Match[str]) -> str:
        name, place = link.groups()
        if name in pages or (name == FRONT and place):
            return f'href="#{place or pages[name]}"'
        return link[0]

    return re.sub(r'href="(?:\.\./|book/)*([\w-]+)\.html(?:#([^"]+))?"', within, page)


def run_tool(command: Sequence[str], what: str, folder: Path | None = None) -> None:
    """Run a program, in a folder; raise BookError with what it said if it fails."""
    result = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=folder,
    )  # fmt: skip
    _require_success(result.returncode, what, result.stdout)


def _require_success(status: int, what: str, said: str) -> None:
    if status:
        raise BookError(f"{what} ended with status {status}\n\n{said}")


# --- the book -------------------------------------------------------------------------------------


def render_book(root: Path, pages: Mapping[Page, KeptPage], out: Path) -> Path:
    """Make the HTML anew if a page or anything beside the pages has changed.

    Parameters
    ----------
    root : Path
        The book's folder.
    pages : mapping of Page to KeptPage
        All pages.
    out : Path
        Folder of the build: what Sphinx gets goes to ``out/executed``, the book to ``out/html``.

    Returns
    -------
    Path
        Folder of the HTML.

    Raises
    ------
    BookError
        If Jupyter Book fails.
    """
    executed, html = out / "executed", out / "html"
    shutil.rmtree(executed, ignore_errors=True)
    _copy_beside(root, executed)
    shutil.copy2(root / "_toc.yml", executed)
    made = _add_pages(pages, executed)
    files = sorted(path for path in executed.rglob("*") if path.is_file())
    inputs = {str(path.relative_to(executed)): file_digest(path) for path in files}
    inputs["the installed packages"] = environment_version()
    inputs["the docstrings"] = digest(*SOURCES.values())
    if _rendered_from(html / STAMP) == inputs:
        print("rendering not needed: no page has changed", flush=True)
        return html
    start = time.perf_counter()
    print("rendering ", end="", flush=True)
    with partial_folder(out) as scratch:
        fresh = run_jupyter_book(executed, scratch)
        _complete(fresh, executed, made, root)
        write_record(fresh / STAMP, inputs)
        put_in_place(fresh, html)
    print(f"{time.perf_counter() - start:.1f} s", flush=True)
    return html


def _copy_beside(root: Path, folder: Path) -> None:
    """Copy what lies beside the pages, and the configuration."""
    texts = shutil.ignore_patterns("*.md", "*.ipynb", ".*", "__pycache__")
    shutil.copytree(root / "book", folder / "book", ignore=texts)
    shutil.copy2(root / "_config.yml", folder)


def _rendered_from(stamp: Path) -> dict[str, str] | None:
    """What a book was rendered from; None if it is not known."""
    try:
        return read_record(stamp)
    except (FileNotFoundError, ValueError):
        return None


def _add_pages(pages: Mapping[Page, KeptPage], executed: Path) -> dict[Page, NotebookNode]:
    """Put the pages, the files of their figures, and what the status page shows, for Sphinx.

    Return the executed pages.
    """
    made: dict[Page, NotebookNode] = {}
    finished: dict[str, NotebookNode] = {}
    for page, kept in pages.items():
        if page.notebook is None:
            (executed / page.path).write_text(page.text, "utf-8")
            continue
        notebook = nbformat.read(kept.notebook, as_version=4)
        made[page] = copy.deepcopy(notebook)
        save_figures(notebook, executed / FIGURES / page.name)
        link_figures(notebook, f"../{FIGURES}/{page.name}")
        finish_page(notebook)
        finished[page.name] = notebook
        nbformat.write(notebook, executed / page.path.with_suffix(".ipynb"))
    status = {page.name: (notebook, pages[page].reasons()) for page, notebook in made.items()}
    (executed / STATUS).write_text(status_table(status), "utf-8")
    (executed / LISTED).write_text(figures_table(finished), "utf-8")
    return made


def finish_page(notebook: NotebookNode) -> None:
    """Complete tables, alternative texts and cells without a figure; changed in place."""
    caption_tables(notebook)
    fill_alternatives(notebook)
    drop_empty_figures(notebook)


def _complete(html: Path, executed: Path, made: Mapping[Page, NotebookNode], root: Path) -> None:
    """Add to the built book the files of its figures and its description; take what is unused."""
    drop_unused_icons(html)
    drop_unused_styles(html)
    drop_unused_glyphs(html)
    if (executed / FIGURES).exists():
        shutil.copytree(executed / FIGURES, html / FIGURES)
    files = {}
    for page in made:
        put_later_apart(html / page.path.with_suffix(".html"), html / FIGURES / page.name)
        figures = sorted((html / FIGURES / page.name).glob("*"))
        files[page.name] = [
            page.path.with_suffix(".html").as_posix(),
            f"_sources/{page.path.with_suffix('.ipynb').as_posix()}",
            *(figure.relative_to(html).as_posix() for figure in figures),
        ]
    told = {page.name: page_provenance(notebook) for page, notebook in made.items()}
    title = yaml.safe_load((executed / "_config.yml").read_text("utf-8"))["title"]
    write_crate(html, title, DESCRIPTION, told, files, root)


# --- one page -------------------------------------------------------------------------------------


def render_page(
    root: Path,
    page: Path,
    notebook: Path,
    html: Path,
    scratch: Path,
) -> None:
    """Render one executed page as the book would, with the pages of text that it may refer to.

    Links to other chapters, which are not there, become plain text.

    Parameters
    ----------
    root : Path
        The book's folder.
    page : Path
        The page, relative to it.
    notebook : Path
        The page, executed.
    html : Path
        Folder to make.
    scratch : Path
        A `visprof.files.partial_folder` beside it.

    Raises
    ------
    BookError
        If Jupyter Book fails.
    """
    source = scratch / "source"
    _copy_beside(root, source)
    linked = nbformat.read(notebook, as_version=4)
    link_figures(linked, f"../../{FIGURES}")
    finish_page(linked)
    nbformat.write(linked, source / page.with_suffix(".ipynb"))
    beside = []
    for other in book_pages(root):
        text = (root / other).read_text("utf-8")
        if other != page and other.stem != LIBRARY and not COMPUTED.search(text):
            beside.append(other)
            (source / other).write_text(text, "utf-8")
    toc = {
        "format": "jb-book",
        "root": str(page.with_suffix("")),
        "chapters": [{"file": str(other.with_suffix(""))} for other in beside],
    }
    (source / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    put_in_place(run_jupyter_book(source, scratch, strict=False), html)
