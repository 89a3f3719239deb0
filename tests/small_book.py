"""A small book of two pages, made for tests of how books are made."""

from __future__ import annotations

import ast
import contextlib
import shutil
import traceback
from pathlib import Path
from unittest import mock

import nbformat
from nbformat import NotebookNode

from visprof.book.errors import BookError
from visprof.book.footer import PageProvenance

ROOT = Path(__file__).resolve().parent.parent

FRONT = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

CHAPTER = (
    FRONT
    + """
# Numbers

```{code-cell} ipython3
:tags: [parameters, hide-input]

preset: str = "demo"  # which constants
data: str | None = None  # folder of real data
ledger: str = ""  # file of results
n_clusters: int = 20  # clusters of the vocabulary
beta: float | None = None  # bandwidth
verbose: bool = False
```

```{code-cell} ipython3
from pathlib import Path
from myst_nb import glue
from visprof.intervals import percentile_interval
from visprof.memo import fingerprint
from visprof.intervals import Estimate
from visprof.results.ledger import Ledger
from visprof.trace import note_inputs
print("clusters", n_clusters, "beta", beta, "verbose", verbose, "cwd", Path.cwd().name)
glue("clusters", float(n_clusters), display=False)
if ledger:
    Ledger(ledger).write({"clusters": Estimate(n_clusters)}, {}, preset)
if data:
    note_inputs({}, {str(Path(data).resolve()): fingerprint(data)})
print("lowest", percentile_interval([1, 2, 3], 0.5)[0])
```

$$
a = b
$$ (equality)
"""
)

INDEX = """\
# Front

There were {glue:text}`01-numbers.md::clusters:.1f` clusters, by {eq}`equality`, after {cite:t}`A`.

```{bibliography}
```
"""


def text_of(notebook: Path) -> str:
    """Everything that the cells of a notebook printed."""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def chapter(folder: Path, body: str) -> Path:
    path = folder / "chapter.md"
    path.write_text(FRONT + "\n# Title\n\n" + body)
    return path


def cell(source: str, tag: str = "parameters") -> str:
    return f"```{{code-cell}} ipython3\n:tags: [{tag}]\n\n{source}\n```\n"


def write_book(root: Path) -> Path:
    """A book of two pages, with the configuration of the real one."""
    (root / "book").mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(ROOT / "_config.yml", root)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: book/01-numbers\n"
    )
    (root / "book" / "01-numbers.md").write_text(CHAPTER)
    (root / "book" / "index.md").write_text(INDEX)
    (root / "book" / "references.bib").write_text(
        "@book{A, author={Author, An}, title={Title}, publisher={House}, year={1999}}\n"
    )
    return root


def run_here(notebook: NotebookNode, executed: Path, root: Path, source: Path) -> None:
    """Run a notebook's cells in this process, for tests of what happens before and after.

    It stands in for `visprof.book.execute._run_notebook`, whose kernel takes seconds to start.
    """
    names: dict[str, object] = {}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        shown: list[object] = []
        with mock.patch("sys.displayhook", shown.append), contextlib.chdir(root):
            try:
                lines = ast.Interactive(ast.parse(cell.source).body)  # shows what it comes upon
                exec(compile(lines, str(source), "single"), names)
            except Exception as error:
                told = f"{source}: cell {number} failed: {type(error).__name__}: {error}"
                raise BookError(told, f"{cell.source}\n{traceback.format_exc()}") from error
        feet = [value for value in shown if isinstance(value, PageProvenance)]
        cell.outputs = [
            nbformat.v4.new_output("display_data", data, metadata=metadata)
            for data, metadata in (foot._repr_mimebundle_() for foot in feet)
        ]
    nbformat.write(notebook, executed)
