"""Captions, header scopes, unbroken intervals and bars of a page's tables, when it is rendered."""

from __future__ import annotations

import ast
import functools
import html
import re
from collections.abc import Iterator

from visprof._extras import needs
from visprof.memo import SOURCES

with needs("book"):
    from nbformat import NotebookNode

__all__ = ["caption_tables", "captioned_tables", "finished_table", "table_caption", "tables_of"]

HTML = "text/html"
_MADE_BY = re.compile(r"^tables\.(\w+)\(", re.MULTILINE)
_REFERENCE = re.compile(r" \(`[^`]*`\)")  # to the library: readers of the page have no use for it
_NUMBER = r"[-+−]?\d[\d.,]*%?"
_INTERVAL = re.compile(rf"{_NUMBER} \({_NUMBER} to {_NUMBER}\)")
_BAR = re.compile(r"\bbar-(\d+)-(\d+)-(\d+)-(\d+)\b")  # of a cell: `visprof.tables.style.Bar`


def table_caption(name: str) -> str:
    """What a table of `visprof.tables` shows: the first line of its function's docstring.

    Raises
    ------
    KeyError
        If there is no such table.

    Examples
    --------
    >>> table_caption("left_out")
    'What was left out, and why.'
    """
    return _REFERENCE.sub("", _docstrings()[name].partition("\n")[0])


@functools.cache
def _docstrings() -> dict[str, str]:
    """Of every table, read from its source: to import them would take longer than to render."""
    modules = [text for name, text in SOURCES.items() if name.startswith("visprof.tables.")]
    return {
        node.name: ast.get_docstring(node) or ""
        for text in modules
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }


def tables_of(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Name and output of each table that an executed page shows."""
    for cell in notebook.cells:
        made = _MADE_BY.search(cell.source) if cell.cell_type == "code" else None
        for output in cell.get("outputs", []) if made else []:
            if "<table" in output.get("data", {}).get(HTML, ""):
                yield made[1], output


def caption_tables(notebook: NotebookNode) -> None:
    """Finish every table of an executed page; changed in place.

    Each gets an address, ``table-NAME`` (the second of one name ``table-NAME-2``).
    """
    seen: dict[str, int] = {}
    for name, output in tables_of(notebook):
        seen[name] = number = seen.get(name, 0) + 1
        anchor = f"table-{name.replace('_', '-')}" + (f"-{number}" if number > 1 else "")
        output["data"][HTML] = finished_table(output["data"][HTML], table_caption(name), anchor)


def captioned_tables(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Address and caption of each table that `caption_tables` has finished."""
    shown = "".join(output["data"][HTML] for _, output in tables_of(notebook))
    found = re.findall(r'<caption id="([^"]+)">(.*?)</caption>', shown)
    return [(anchor, html.unescape(caption)) for anchor, caption in found]


def finished_table(table: str, caption: str, anchor: str) -> str:
    """A table as HTML, with a caption, an address, scopes of its headings, and whole intervals.

    A cell of the class of a `visprof.tables.style.Bar` gets it drawn, below its words.

    Parameters
    ----------
    table : str
        As pandas writes it.
    caption : str
        Text.
    anchor : str
        Its address in the page.

    Examples
    --------
    >>> print(finished_table("<table><th>n</th><td>1 (0 to 2)</td></table>", "Counts", "t"))
    <table><caption id="t">Counts</caption><th scope="col">n</th><td><span \
class="interval">1 (0 to 2)</span></td></table>
    """
    head = f'<caption id="{anchor}">{html.escape(caption)}</caption>'
    table = re.sub(r"<table[^>]*>", lambda opened: opened[0] + head, table, count=1)
    table = re.sub(r"<th(?![^>]*scope=)(?=[\s>])", '<th scope="col"', table)
    return re.sub(
        r"(<td[^>]*>)(.*?)(?=</td>)",
        lambda cell: (
            cell[1] + _INTERVAL.sub(r'<span class="interval">\g<0></span>', cell[2]) + _bar(cell[1])
        ),
        table,
        flags=re.DOTALL,
    )


def _bar(tag: str) -> str:
    """What a cell's class asks for; readers who hear the page have the numbers."""
    if (found := _BAR.search(tag)) is None:
        return ""
    at, low, high, zero = (f"{int(place) / 10:.1f}%" for place in found.groups())
    places = f"--at:{at};--low:{low};--high:{high};--zero:{zero}"
    return f'<span class="bar" style="{places}" aria-hidden="true"><i></i></span>'
