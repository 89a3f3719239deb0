"""What is added to executed pages, and read from them: their foot, and their figures as files."""

from __future__ import annotations

import base64
import csv
import html
import io
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from visprof._extras import needs
from visprof.book import footer
from visprof.markdown import as_markdown
from visprof.mime import CSV, FILES, NAMES, PNG

with needs("book"):
    import nbformat
    from nbformat import NotebookNode

__all__ = [
    "add_foot", "add_note", "link_figures", "page_provenance", "save_figures", "status_table",
]  # fmt: skip

BESIDE = (PNG, CSV)  # types that the page itself does not show


def add_foot(notebook: NotebookNode, page: str, parameters: Iterable[str]) -> None:
    """Append the cell that says how the page was made, when it runs.

    Parameters
    ----------
    notebook : NotebookNode
        Page that has not run yet; changed in place.
    page : str
        Name of the page.
    parameters : iterable of str
        Names of its parameters.
    """
    code = f"""\
        from visprof.book.footer import PageProvenance

        PageProvenance.here({page!r}, {list(parameters)!r}, globals())"""
    cell = nbformat.v4.new_code_cell(textwrap.dedent(code))
    cell.metadata.update({"tags": ["remove-input"], "mystnb": {"markdown_format": "myst"}})
    notebook.cells.append(cell)


def add_note(notebook: NotebookNode, note: str) -> None:
    """Put a text below the title of a page that has not run yet; changed in place."""
    if not note:
        return
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        titles = [at for at, line in enumerate(lines) if line.startswith("# ")]
        if cell.cell_type == "markdown" and titles:
            after = titles[0] + 1
            cell.source = "\n".join([*lines[:after], "", note, *lines[after:]])
            return
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(note, id="parameters-note"))


def page_provenance(notebook: NotebookNode) -> dict[str, Any] | None:
    """What the foot of an executed page says; None if it has none."""
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", []):
            if footer.KEY in output.get("metadata", {}):
                return output["metadata"][footer.KEY]
    return None


def save_figures(notebook: NotebookNode, folder: Path) -> dict[str, list[Path]]:
    """Write the figures of an executed page as files.

    Parameters
    ----------
    notebook : NotebookNode
        Executed page.
    folder : Path
        Where to; made if there is a figure.

    Returns
    -------
    dict of str to list of Path
        By the name of the figure: as vectors, as pixels and, where it draws numbers, in numbers.
    """
    saved: dict[str, list[Path]] = {}
    for position, cell in enumerate(notebook.cells):
        for name, output in _figures(cell, position):
            data = output["data"]
            folder.mkdir(parents=True, exist_ok=True)
            for mime in FILES.keys() & data.keys():
                path = folder / f"{name}.{FILES[mime][0]}"
                pixels = mime == PNG
                path.write_bytes(base64.b64decode(data[mime]) if pixels else data[mime].encode())
                saved.setdefault(name, []).append(path)
    return saved


def link_figures(notebook: NotebookNode, folder: str) -> None:
    """Put links to the files of each figure below it, and the names that it cuts or numbers.

    Parameters
    ----------
    notebook : NotebookNode
        Executed page; changed in place. Pixels and numbers leave the outputs, for the page shows
        the vectors. Alternative texts get those names too.
    folder : str
        Address of the folder of the files, relative to that of the page.
    """
    cells = []
    for position, cell in enumerate(notebook.cells):
        cells.append(cell)
        for name, output in _figures(cell, position):
            data, names = output["data"], output.get("metadata", {}).get(NAMES, {})
            links = ", ".join(
                f'<a href="{folder}/{name}.{suffix}">{shown}</a>'
                for mime, (suffix, shown) in FILES.items()
                if mime in data
            )
            text = f'<p class="figure-files">Download: {links}</p>'
            if names:
                text += "\n" + _names_table(names)
                _name_in_alternative(cell, names)
            # by default a cell's id is random, and the page would differ in every build
            cells.append(nbformat.v4.new_markdown_cell(text, id=f"files-{position}-{len(cells)}"))
            for mime in BESIDE:
                data.pop(mime, None)
    notebook.cells = cells


def _names_table(names: dict[str, str]) -> str:
    """Names by their labels in a figure, as HTML."""
    rows = "".join(
        f"<tr><td>{html.escape(label)}</td><td>{html.escape(name)}</td></tr>"
        for label, name in names.items()
    )
    return (
        '<table class="dataframe figure-names"><thead><tr><th scope="col">in the figure</th>'
        f'<th scope="col">name</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _name_in_alternative(cell: NotebookNode, names: dict[str, str]) -> None:
    image = cell.metadata.get("mystnb", {}).get("image", {})
    if "alt" in image:
        told = "; ".join(f"{label}: {name}" for label, name in names.items())
        image["alt"] = f"{image['alt']} Names: {told}"


def _figures(cell: NotebookNode, position: int) -> list[tuple[str, NotebookNode]]:
    """Name and output of each figure that a cell shows."""
    named = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
    named = named or cell.metadata.get("name", f"cell-{position}")
    outputs = cell.get("outputs", [])
    shown = [output for output in outputs if FILES.keys() & output.get("data", {}).keys()]
    name = named.removeprefix("fig-")
    return [(f"{name}-{n}" if n > 1 else name, output) for n, output in enumerate(shown, start=1)]


def status_table(pages: dict[str, tuple[NotebookNode, list[str]]]) -> str:
    """When, in which time and why each page was executed, as CSV for the book's status page.

    Parameters
    ----------
    pages : dict of str to (NotebookNode, list of str)
        By name: the executed page, and why it was executed.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["page", "made", "time", "memory", "code", "executed for"])
    for name, (notebook, reasons) in pages.items():
        if (made := page_provenance(notebook)) is not None:
            seconds, memory = f"{made['seconds']:,.0f} s", f"{made['peak_bytes'] / 2**20:,.0f} MiB"
            row = [name, made["date"], seconds, memory, made["made_by"]["commit"]]
            table.writerow([*row, as_markdown(", ".join(reasons).replace("visprof.", ""))])
    return text.getvalue()
