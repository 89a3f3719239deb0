"""How a page is laid out in HTML: its answer first, its code out of the way (a Sphinx extension).

The notebook of a page stays as it runs, from parameters to figures. What is shown is arranged anew:

- the figure whose cell is tagged ``lead`` stands above the question, below what was found;
- the code of a figure or a table opens from a mark below it, in line with the links to its files;
- cells without output (parameters, set-up) open from one line at the foot, with the provenance.

All of it is HTML's own ``details``, so nothing needs a script.
"""

from __future__ import annotations

import functools
import html
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from visprof._extras import needs

with needs("book"):
    import jinja2
    from docutils import nodes
    from myst_nb.sphinx_ import HideCodeCellNode
    from sphinx import addnodes, builders
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.pycode.parser import Parser
    from sphinx.transforms.post_transforms import SphinxPostTransform
    from sphinx.util.parallel import make_chunks

__all__ = ["Disclosure", "PageLayout", "describe_page", "setup"]

# MathJax by its parts: the file of all of them has a menu, too, a third of what pages load.
MATHJAX = "mathjax/startup.js"  # in the folder of static files
MATHJAX_SET = "window.MathJax"  # its settings, a script within the page

# files of scripts and styles that few pages need, by what such a page has
PARTS = {
    'class="interactive-map"': ("map.js", "map.css"),
    'class="explorable"': ("explorables.js", "explorables.css"),
}
LATER = "later.js"  # for both

FOUND, QUESTION = "What we find.", "Question."  # what paragraphs begin with
FOOT = "How this page was made: parameters, set-up, provenance"
NARROW = "(max-width: 576px)"  # screens
MOST_DESCRIBED = 250  # characters of a page's description


class Disclosure(nodes.General, nodes.Element):
    """What opens from a line, ``summary``."""


def _open(translator: Any, node: Disclosure) -> None:
    classes = " ".join(node["classes"])
    summary = html.escape(node["summary"])
    translator.body.append(f'<details class="{classes}"><summary>{summary}</summary>\n')


def _close(translator: Any, node: Disclosure) -> None:
    translator.body.append("</details>\n")


class PageLayout(SphinxPostTransform):
    """Arranges the cells of each page; after the code has been folded (priority 199)."""

    default_priority = 300
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Arrange all pages of a document: of the PDF, it holds the whole book."""
        pages: dict[nodes.Element, list[nodes.Element]] = {}
        for cell in [*self.document.findall(_is_cell)]:
            pages.setdefault(_page(cell), []).append(cell)
        for page, cells in pages.items():
            _arrange(page, cells)


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _page(node: nodes.Element) -> nodes.Element:
    """The page that a node is of."""
    while node.parent is not None and not isinstance(node, addnodes.start_of_file):
        node = node.parent
    return node


def _own(page: nodes.Element, kind: type[nodes.Element]) -> Iterator[nodes.Element]:
    """Nodes of a page that are of no page within it: the PDF's front page holds all others."""
    return (node for node in page.findall(kind) if _page(node) is page)


def _arrange(page: nodes.Element, cells: list[nodes.Element]) -> None:
    question = _paragraph(page, QUESTION)
    if (found := _paragraph(page, FOUND)) is not None:
        found["classes"].append("finding")
    quiet = []
    for cell in cells:
        code = next((part for part in cell.children if isinstance(part, HideCodeCellNode)), None)
        if code is None:
            continue
        if not _shows(cell):
            cell["classes"].append("set-up")
            quiet.append(cell)
            continue
        line = nodes.container(classes=["figure-line"])
        line.append(code)
        if (files := _files_below(cell)) is not None:
            line.append(files)
            _add_narrow(cell, files)
        cell.children.remove(code)
        cell.append(line)
        if "tag_lead" in cell["classes"] and question is not None:
            cell.parent.remove(cell)
            _insert_before(question, cell)
    _fold_away(page, quiet)


def _shows(cell: nodes.Element) -> bool:
    outputs = [part for part in cell.children if part.get("nb_element") == "cell_code_output"]
    return any(output.children for output in outputs)


def _files_below(cell: nodes.Element) -> nodes.Element | None:
    """The links to a figure's files, taken from below its cell."""
    siblings = cell.parent.children
    place = siblings.index(cell) + 1
    if place < len(siblings) and 'class="figure-files"' in siblings[place].astext():
        files = siblings[place]
        cell.parent.remove(files)
        return files
    return None


def _add_narrow(cell: nodes.Element, files: nodes.Element) -> None:
    """Let narrow screens show the figure as it was drawn for them."""
    for image in [*cell.findall(nodes.image)]:
        svg = re.search(r'href="([^"]+)\.svg"', files.astext())
        if svg is not None and "narrowed" in image["classes"]:
            source = f'<picture><source media="{NARROW}" srcset="{svg[1]}.narrow.svg">'
            place = image.parent.children.index(image)
            image.parent.insert(place, nodes.raw("", source, format="html"))
            image.parent.insert(place + 2, nodes.raw("", "</picture>", format="html"))


def _fold_away(page: nodes.Element, quiet: list[nodes.Element]) -> None:
    """Put cells without output, and the provenance, behind one line at the foot."""
    provenance = next(
        (n for n in _own(page, nodes.admonition) if "provenance" in n["classes"]), None
    )
    if provenance is None and not quiet:
        return
    foot = Disclosure(summary=FOOT, classes=["page-made"])
    if provenance is None:
        home = next(_own(page, nodes.section), page)
        home.append(foot)
    else:
        provenance["classes"] = ["provenance"]  # no toggle of its own
        provenance.replace_self(foot)
    for cell in quiet:
        cell.parent.remove(cell)
        foot.append(cell)
    if provenance is not None:
        foot.append(provenance)


def _paragraph(page: nodes.Element, begins: str) -> nodes.Element | None:
    """The first paragraph of a page whose first words, in bold, are these."""
    for strong in _own(page, nodes.strong):
        of = strong.parent
        is_first = of.astext().startswith(begins)  # there may be an empty text before it
        if is_first and isinstance(of, nodes.paragraph) and strong.astext() == begins:
            return of
    return None


def _insert_before(place: nodes.Element, node: nodes.Element) -> None:
    place.parent.insert(place.parent.children.index(place), node)


# --- what links to a page show of it --------------------------------------------------------------


def describe_page(doctree: nodes.document) -> str:
    """A page in a sentence or two: what was found, or else its first paragraph.

    Parameters
    ----------
    doctree : document
        As it is written, with the numbers in its text.

    Returns
    -------
    str
        Text of at most 250 characters; empty if the page has no paragraph.
    """
    found = _paragraph(doctree, FOUND)
    told = found if found is not None else next(_plain_paragraphs(doctree), None)
    if told is None:
        return ""
    text = re.sub(r"\s+", " ", told.astext()).removeprefix(FOUND).strip()
    if len(text) <= MOST_DESCRIBED:
        return text
    return text[: MOST_DESCRIBED - 1].rpartition(" ")[0] + "…"


def _plain_paragraphs(doctree: nodes.document) -> Iterator[nodes.paragraph]:
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            yield paragraph


def _add_description(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Add what previews of links show: a description, and the page's first figure."""
    if doctree is None:
        return
    tags = [("property", "og:title", context.get("title", "")), ("property", "og:type", "article")]
    if text := describe_page(doctree):
        tags += [("name", "description", text), ("property", "og:description", text)]
    image = next(
        (node for node in doctree.findall(nodes.raw) if 'class="figure-files"' in node.astext()),
        None,
    )
    if image is not None and (png := re.search(r'href="([^"]+\.png)"', image.astext())):
        base = app.config.html_baseurl
        address = png[1] if not base else f"{base.rstrip('/')}/{png[1].lstrip('./')}"
        tags.append(("property", "og:image", address))
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {kind}="{name}" content="{html.escape(re.sub("<[^>]*>", "", value))}" />\n'
        for kind, name, value in tags
    )


def _leave_out_unneeded(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Let a page load what mathematics and figures to try need only if it has such."""
    raw = "" if doctree is None else "".join(n.astext() for n in doctree.findall(nodes.raw))
    needless = [file for mark, files in PARTS.items() if mark not in raw for file in files]
    if all(mark not in raw for mark in PARTS):
        needless.append(LATER)
    if doctree is None or not ('class="math' in raw or any(doctree.findall(_is_mathematics))):
        needless += [MATHJAX, MATHJAX_SET]
    ends = tuple(f"/{name}" for name in needless)
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file for file in context.get(kind, []) if not f"/{_loaded(file)}".endswith(ends)
        ]


def _loaded(file: Any) -> str:
    """Name of a script or a style sheet; of mathematics, also of the settings."""
    settings = str(getattr(file, "attributes", {}).get("body", ""))
    return MATHJAX_SET if settings.startswith("window.MathJax") else str(file.filename)


def _is_mathematics(node: nodes.Node) -> bool:
    return isinstance(node, nodes.math | nodes.math_block)


# --- pages made side by side ----------------------------------------------------------------------

# Extensions that do not say whether pages may be read side by side: one copies files at the end,
# one changes the page at hand for LaTeX alone, one numbers sections when all pages are read.
UNSAID = ("sphinx-mathjax-offline", "sphinx_jupyterbook_latex", "sphinx_multitoc_numbering")
MOST_AT_ONCE = 4  # each takes the memory of a page
FEW_AT_ONCE = 2  # Sphinx makes parts of about the root of so many times the pages of a process
DOCUMENTED = ".. automodule::"  # precedes the name of a module
FEW = 5  # pages, which Sphinx reads one by one: to begin a process takes as long as to write one


def _work_side_by_side(app: Sphinx, _: Any, pages: list[str]) -> None:
    """Let Sphinx read and write many pages in as many processes as there are cores.

    Jupyter Book has no option for it.
    """
    if len(pages) <= FEW:
        return
    for name in UNSAID:
        if name in app.extensions:
            app.extensions[name].parallel_read_safe = True
    loaded = app.extensions.values()
    if all(of.parallel_read_safe and of.parallel_write_safe for of in loaded):
        app.parallel = min(os.cpu_count() or 1, MOST_AT_ONCE)


def _spread(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Let each of the processes that read pages have as much of the library to document.

    Sphinx gives them neighbours in this list; reading the library takes ten times as long as
    reading all other pages.
    """
    n = app.parallel
    if n < 2:
        return
    docnames.sort(key=lambda name: -Path(env.doc2path(name)).read_text("utf-8").count(DOCUMENTED))
    size = len(make_chunks(docnames, n)[0])
    first = docnames[: n * size]
    parts: list[list[str]] = [[] for _ in range(n)]
    for place, name in enumerate(first):
        row, column = divmod(place, n)
        parts[n - 1 - column if row % 2 else column].append(name)
    docnames[: n * size] = [name for part in parts for name in part]


def _leave_out_places(*_: Any) -> None:
    """Let Sphinx not look for the lines of each definition, for listings of code: there are none.

    It takes a fifth of the time that the library is read in.
    """
    Parser.parse_definition = lambda _: None


def _write_few_at_once(*_: Any) -> None:
    """Let pages be written while others are resolved, which Sphinx does before, one by one.

    By itself it resolves a third of a book of 35 pages before any of them is written.
    """
    builders.make_chunks = functools.partial(make_chunks, maxbatch=FEW_AT_ONCE)


# --- templates ------------------------------------------------------------------------------------

# beside the bytecode of this module, as it is bytecode, too
COMPILED = Path(cache_from_source(__file__)).with_name(f"templates-of-jinja-{jinja2.__version__}")


def _keep_templates(app: Sphinx) -> None:
    """Compile each template of the theme once, until it changes, and not for each page made alone.

    To compile them takes an eighth of making a page.
    """
    bridge = getattr(app.builder, "templates", None)
    if bridge is None or sys.dont_write_bytecode:
        return
    with suppress(OSError):  # the package may lie where nobody may write
        COMPILED.mkdir(parents=True, exist_ok=True)
    if os.access(COMPILED, os.W_OK):
        bridge.environment.bytecode_cache = jinja2.FileSystemBytecodeCache(str(COMPILED))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx; called by it."""
    app.add_node(Disclosure, html=(_open, _close))
    app.add_post_transform(PageLayout)
    app.connect("html-page-context", _add_description)
    app.connect("html-page-context", _leave_out_unneeded, priority=900)  # after they were added
    app.connect("builder-inited", _keep_templates)
    app.connect("env-before-read-docs", _work_side_by_side)
    app.connect("env-before-read-docs", _spread)  # after that
    app.connect("env-before-read-docs", _leave_out_places)
    app.connect("env-updated", _write_few_at_once)
    app.config.mathjax_path = MATHJAX
    # chapters before the library; Sphinx would look for it where it was started
    app.config.html_search_scorer = str(Path(app.srcdir, "book", "_static", "search.js"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
