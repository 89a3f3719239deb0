"""What is added to executed pages, and read from them: their foot, and their figures as files."""

from __future__ import annotations

import ast
import base64
import csv
import html
import io
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from visprof._extras import needs
from visprof.book import footer
from visprof.markdown import as_markdown
from visprof.mime import CSV, FILES, GLUED, NAMES, NARROW, PNG, SVG

with needs("book"):
    import nbformat
    from nbformat import NotebookNode

__all__ = [
    "add_foot", "add_note", "drop_empty_figures", "fill_alternatives", "link_figures",
    "page_provenance", "page_svg", "save_figures", "status_table",
]  # fmt: skip

BESIDE = (PNG, CSV, NARROW)  # types that the page itself does not show
_GLUED = re.compile(r"\{glue:text\}`(?P<name>[^`:]+)(?::(?P<how>[^`]+))?`")
NARROW_SUFFIX = "narrow.svg"
# what Matplotlib fills with white behind a figure and its panels
_WHITE = re.compile(r'(<g id="patch_\d+">\s*<path d="[^"]*"\s+style=")fill: #ffffff(?="/>)')
# a reader's dark mode reaches a picture's own style through the page's color-scheme
_DARK_WORDS = """<style>@media (prefers-color-scheme: dark) {
g[id^="text_"], g[id^="patch_"], g[id^="legend_"] { filter: invert(1) hue-rotate(180deg) }
}</style>"""


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
            if NARROW in data:
                path = folder / f"{name}.{NARROW_SUFFIX}"
                path.write_text(page_svg(data[NARROW]), "utf-8")
                saved.setdefault(name, []).append(path)
    return saved


def page_svg(svg: str) -> str:
    """A figure for a page of either colour: without the white behind it.

    Parameters
    ----------
    svg : str
        As Matplotlib writes it. One without pictures is inverted by the page's style sheet in the
        dark; in one with pictures only the lettering and frames are, by a style of its own.
    """
    svg = _WHITE.sub(r"\1fill: none", svg)
    return svg.replace("<defs>", f"{_DARK_WORDS}<defs>", 1) if "<image" in svg else svg


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
            if SVG in data:
                image = cell.metadata.setdefault("mystnb", {}).setdefault("image", {})
                kinds = ["pictures" if "<image" in data[SVG] else "drawn"]
                kinds += ["narrowed"] * (NARROW in data)
                image["classes"] = " ".join([*image.get("classes", "").split(), *kinds])
                data[SVG] = page_svg(data[SVG])
            for mime in BESIDE:
                if mime != PNG or SVG in data:  # a figure without vectors is shown as pixels
                    data.pop(mime, None)
    notebook.cells = cells


def fill_alternatives(notebook: NotebookNode) -> None:
    """Put what the page says with ``{glue:text}`` into the alternative texts of its figures.

    Parameters
    ----------
    notebook : NotebookNode
        Executed page; changed in place.

    Raises
    ------
    ValueError
        If an alternative text names what the page does not say.
    """
    said = _said(notebook)

    def value(found: re.Match[str]) -> str:
        if found["name"] not in said:
            raise ValueError(f"an alternative text names {found['name']!r}, which no cell says")
        shown = said[found["name"]]
        return f"{shown:{found['how']}}" if found["how"] else str(shown)

    for cell in notebook.cells:
        image = cell.metadata.get("mystnb", {}).get("image", {})
        if "alt" in image:
            image["alt"] = _GLUED.sub(value, image["alt"])


def _said(notebook: NotebookNode) -> dict[str, Any]:
    """What the cells of an executed page have glued, by name."""
    said = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if name := output.get("metadata", {}).get("scrapbook", {}).get("name"):
                said[name] = ast.literal_eval(output["data"][f"{GLUED}text/plain"])
    return said


def drop_empty_figures(notebook: NotebookNode) -> None:
    """Let what is said in place of a figure stand without its caption; changed in place."""
    for cell in notebook.cells:
        shown = (output.get("data", {}).keys() for output in cell.get("outputs", []))
        if not any({SVG, PNG} & types for types in shown):
            for part in ("figure", "image"):
                cell.metadata.get("mystnb", {}).pop(part, None)


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
            row = [name, made["ended"][:10], seconds, memory, made["made_by"]["commit"]]
            table.writerow([*row, as_markdown(", ".join(reasons).replace("visprof.", ""))])
    return text.getvalue()
