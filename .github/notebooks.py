"""Write the chapters as notebooks for Binder and Colab: ``notebooks.py REPOSITORY-URL FOLDER``.

Each begins with a cell that installs the library where it is absent, as on Colab.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat

from visprof.book.page import book_pages

SETUP = """\
# Where the book's library is absent, as on Colab, it is fetched and installed: some minutes.
import importlib.util

if importlib.util.find_spec("visprof") is None:
    %pip install --quiet "visprof[all] @ git+{url}"
"""


def write_notebooks(root: Path, url: str, folder: Path) -> list[Path]:
    """Write a notebook for each page of the book in `root` that has code; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for page in book_pages(root):
        notebook = jupytext.read(root / page, fmt="md:myst")
        if any(cell.cell_type == "code" for cell in notebook.cells):
            notebook.metadata.pop("jupytext", None)
            notebook.cells.insert(0, nbformat.v4.new_code_cell(SETUP.format(url=url)))
            written.append(folder / page.with_suffix(".ipynb").name)
            nbformat.write(notebook, written[-1])
    return written


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].startswith("https://"):
        sys.exit(__doc__)
    print(*write_notebooks(Path(), sys.argv[1], Path(sys.argv[2])), sep="\n")
