"""The list of a book's figures and tables, with their permanent links."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping

from visprof._extras import needs
from visprof.book.table_captions import captioned_tables
from visprof.markdown import as_markdown

with needs("book"):
    from nbformat import NotebookNode

__all__ = ["figures_table"]

_TITLE = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)  # of a caption: what stands in bold first


def figures_table(pages: Mapping[str, NotebookNode]) -> str:
    """Figures and tables by page, as CSV for the book's page of them.

    Parameters
    ----------
    pages : mapping of str to NotebookNode
        Executed pages as they are rendered, by name: with their captions and alternative texts.

    Returns
    -------
    str
        Columns page, figure or table, what it shows; a row each, in MyST markdown.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["page", "figure or table", "what it shows"])
    for name, notebook in pages.items():
        for title, shown in _rows(name, notebook):
            table.writerow([f"{{doc}}`{name}`", title, shown])
    return text.getvalue()


def _rows(page: str, notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    for cell in notebook.cells:
        of = cell.metadata.get("mystnb", {})
        figure = of.get("figure", {})
        if "name" in figure:
            title = _TITLE.match(figure.get("caption", "").strip())
            told = re.sub(r"\s+", " ", title[1] if title else figure["name"]).rstrip(".")
            link = f"{{ref}}`{told} <{figure['name']}>`"
            yield link, as_markdown(of.get("image", {}).get("alt", ""))
    for anchor, caption in captioned_tables(notebook):
        yield f'<a href="{page}.html#{anchor}">Table</a>', as_markdown(caption)
