"""A page of the book, read once and handed on to what checks, executes and renders it.

A page is a MyST text notebook (jupytext). Its parameters are the assignments of the one cell
tagged ``parameters``: literal, annotated, and explained by the comment that trails them.

    n_clusters: int = None  # visual clusters

One book is one study: a page that makes its study of its variables gets every parameter that the
book was given, whether its own cell lists it or not.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from visprof._extras import needs
from visprof.book.parameters import Parameter, list_parameters, study_parameters

with needs("book"):
    import jupytext
    from nbformat import NotebookNode
    from sphinx_external_toc.parsing import parse_toc_yaml

__all__ = ["KERNEL", "Page", "book_pages", "find_chapter", "read_book", "read_page"]

KERNEL = "python3"
CODE_CELL = re.compile(r"^(?:`{3,}|:{3,}|~{3,})\{code-cell\}", re.MULTILINE)
# a page whose code says so has all parameters of a study
MAKES_STUDY = re.compile(r"\b(?:Study\.of_page|Chapter)\(")


@dataclass(frozen=True, eq=False)
class Page:
    """One page, as its file was when it was read.

    Attributes
    ----------
    path : Path
        Its file, relative to the book's root.
    text : str
        All of it.
    notebook : NotebookNode or None
        Its cells, not to be changed; None if it has no code.
    own_parameters : dict of str to Parameter
        Those of its own cell, in the order of the text.
    """

    path: Path
    text: str
    notebook: NotebookNode | None
    own_parameters: dict[str, Parameter]

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.path.stem

    @cached_property
    def has_study(self) -> bool:
        """Whether it makes its study of its variables, and so takes all parameters of one."""
        return self.notebook is not None and MAKES_STUDY.search(self.text) is not None

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """Parameters that it takes: those of its own cell, then the others of its study."""
        others = study_parameters() if self.has_study else {}
        return self.own_parameters | {
            name: other for name, other in others.items() if name not in self.own_parameters
        }

    def listing(self, preset: str = "demo") -> str:
        """Its parameters, a line each; the defaults are those of a preset."""
        listed = list_parameters(self.own_parameters, preset)
        if len(self.own_parameters) < len(self.parameters):
            listed += "\n  and every other parameter of a study (see the book's page of parameters)"
        return listed


def read_page(path: str | Path, root: str | Path = ".") -> Page:
    """Read one page.

    (papermill's own inspection of parameters is not used: it loses types that are unions.)

    Parameters
    ----------
    path : path
        Relative to `root`.
    root : path
        The book's folder.

    Returns
    -------
    Page

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it has code but names no kernel, two cells are tagged ``parameters``, or the tagged one
        holds anything but literal assignments.
    """
    file = Path(root) / path
    if not file.is_file():
        raise FileNotFoundError(f"no chapter at {file}")
    text = file.read_text("utf-8")
    if CODE_CELL.search(text) is None:
        return Page(Path(path), text, None, {})
    notebook = jupytext.reads(text, fmt="md:myst")
    if "kernelspec" not in notebook.metadata:
        raise ValueError(
            f"{file} has code cells but no kernelspec in its front matter, so its code would not "
            f"run; add 'kernelspec: {{name: {KERNEL}, display_name: Python 3}}'"
        )
    return Page(Path(path), text, notebook, _own_parameters(notebook, str(file)))


def read_book(root: str | Path = ".") -> list[Page]:
    """Read all pages, in the order of `book_pages`; raises as it and `read_page` do."""
    return [read_page(path, root) for path in book_pages(root)]


def book_pages(root: str | Path = ".") -> list[Path]:
    """Pages of the table of contents, relative to `root`; the front page comes last.

    The front page shows what the chapters found, so it is executed when their steps are memoised.

    Raises
    ------
    FileNotFoundError
        If `root` has no ``_toc.yml``, or a page that it names is missing.

    Examples
    --------
    >>> toc = "{format: jb-book, root: index, chapters: [{file: data}]}"
    >>> for name, text in {"_toc.yml": toc, "index.md": "# Front", "data.md": "# Data"}.items():
    ...     _ = Path(name).write_text(text)
    >>> [page.name for page in book_pages()]
    ['data.md', 'index.md']
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
    """Find a page by what people call it.

    Parameters
    ----------
    name : str
        Its path, its file name with or without suffix, its number (``6`` is ``06-prediction``), or
        a part of its name that no other page has (``prediction``).
    root : path
        The book's folder.

    Returns
    -------
    Path
        Relative to `root`.

    Raises
    ------
    ValueError
        If the book has no such page, or more than one; the pages are named.
    """
    pages = book_pages(root)
    for page in pages:
        if name in (str(page), page.name, page.stem, str(page.with_suffix(""))):
            return page
    found = [page for page in pages if name.isdecimal() and _number(page) == int(name)]
    if not found and name:
        found = [page for page in pages if name.lower() in page.stem.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{name!r} may be {' or '.join(page.stem for page in found)}: give more")
    raise ValueError(f"no chapter {name!r}; there are {', '.join(page.stem for page in pages)}")


def _number(page: Path) -> int | None:
    digits = re.match(r"\d+", page.stem)
    return int(digits[0]) if digits else None


def _own_parameters(notebook: NotebookNode, where: str) -> dict[str, Parameter]:
    cells = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", [])
    ]
    if len(cells) > 1:
        raise ValueError(f"{where} has {len(cells)} cells tagged 'parameters'; keep one")
    found = {}
    for source in cells:
        comments = _trailing_comments(source)
        for statement in ast.parse(source).body:
            parameter = _parse_assignment(statement, comments, where)
            found[parameter.name] = parameter
    return found


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
