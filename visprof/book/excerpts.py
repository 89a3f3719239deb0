"""The text of a book's pages by its places, for excerpts of search results (a Sphinx extension).

Sphinx's own summaries fetch the pages, which a browser refuses to a book that is read from disk.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from visprof._extras import needs
from visprof.files import write_whole

with needs("book"):
    from docutils import nodes
    from sphinx import addnodes
    from sphinx.application import Sphinx

__all__ = ["page_texts", "setup"]

# what book/_static/results.js looks into; not in _static, which is the same for all runs of a page
FILE = "excerpts.js"
_UNREAD = (  # of a section
    nodes.section, addnodes.desc, nodes.raw, nodes.comment, nodes.literal_block, nodes.math_block,
    nodes.image, nodes.title, addnodes.index, addnodes.toctree,
)  # fmt: skip
_COMMAND = re.compile(r"\\(?:text|mathrm)?\{?([A-Za-z]*)\}?")  # of TeX: its word alone
_ASIDE = {"set-up", "provenance"}


def page_texts(doctree: nodes.document) -> dict[str, str]:
    """What stands where on a page.

    Parameters
    ----------
    doctree : document
        As it is written, with the numbers in its text.

    Returns
    -------
    dict of str to str
        Text by the address within the page: of each section, without those within it; of each entry
        of a glossary; of each function, class or method of the library its first paragraph.
    """
    found = {}
    for section in doctree.findall(nodes.section):
        found[section["ids"][0]] = _squeezed(_read(section))
    for item in doctree.findall(nodes.definition_list_item):
        told = next(iter(item.findall(nodes.definition)), None)
        for term in item.findall(nodes.term) if told is not None else ():
            said = _squeezed([f"{term.astext()}:", told.astext()])
            found |= dict.fromkeys(term["ids"], said)
    for entry in doctree.findall(addnodes.desc):
        names = [one for of in entry.findall(_is_own_signature(entry)) for one in of["ids"]]
        content = next(iter(entry.findall(addnodes.desc_content)), entry)
        first = next((part for part in content if isinstance(part, nodes.paragraph)), None)
        if first is not None:
            found |= dict.fromkeys(names, _squeezed([first.astext()]))
    return {name: text for name, text in found.items() if text}


def _is_own_signature(entry: addnodes.desc) -> Callable[[nodes.Node], bool]:
    return lambda node: isinstance(node, addnodes.desc_signature) and node.parent is entry


def _read(node: nodes.Element) -> Iterator[str]:
    """Texts of a section or a part of one; what has an address of its own is not among them."""
    for child in node.children:
        if isinstance(child, _UNREAD):
            continue
        if isinstance(child, nodes.TextElement | nodes.Text):
            yield child.astext()
        elif isinstance(child, nodes.Element) and not _ASIDE & {*child.get("classes", [])}:
            yield from _read(child)


def _squeezed(texts: Iterable[str]) -> str:
    words = _COMMAND.sub(r"\1", " ".join(texts))
    return re.sub(r"\s+", " ", words).strip()


def _read_page(
    texts: dict[str, dict[str, str]], app: Sphinx, doctree: nodes.document, docname: str
) -> None:
    """Keep what a page says; here, as pages may be written by other processes."""
    if app.builder.name == "html":
        texts[docname] = page_texts(doctree)


def _add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Let the page of results know what pages say."""
    if app.builder.name == "html" and pagename == "search":
        app.add_js_file("results.js")


def _write(texts: dict[str, dict[str, str]], app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        told = json.dumps(texts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        write_whole(Path(app.outdir, FILE), f"var excerpts = {told}\n".encode())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx; called by it."""
    texts: dict[str, dict[str, str]] = {}
    app.connect("doctree-resolved", functools.partial(_read_page, texts))
    app.connect("html-page-context", _add_script)
    app.connect("build-finished", functools.partial(_write, texts))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
