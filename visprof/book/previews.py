"""What a page's links point at, for previews of them (a Sphinx extension).

A link to a figure, an equation, a term of the glossary or a reference shows what it points at when
it is pointed at, or reached by the keyboard (``book/_static/previews.js``). A browser lets a page
on disk read no other page, so each page carries what its links show, in a ``template``, which it
neither displays nor loads pictures of.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from visprof._extras import needs
from visprof.book.layout import MATHJAX

with needs("book"):
    from sphinx.application import Sphinx

__all__ = ["add_previews", "preview_templates", "setup"]

_SPOKEN = '<span class="visually-hidden">Equation:</span>'  # mathematics alone names nothing
_LINK = re.compile(r'<a class="reference internal" href="([^"#]*)#([^"]+)"')
_FIGURE = re.compile(r'<figure class="[^"]*" id="([^"]+)">(.*?)</figure>', re.DOTALL)
_EQUATION = re.compile(
    r'(<div class="[^"]*\bmath notranslate\b[^"]*"(?: id="[^"]+")?>)(.*?)</div>', re.DOTALL
)
_TERM = re.compile(r'((?:<dt id="term-[^"]+">.*?</dt>\s*)+)<dd>(.*?)</dd>', re.DOTALL)
_CITATION = re.compile(
    r'<div class="citation" id="([^"]+)" role="doc-biblioentry">(.*?)</div>', re.DOTALL
)
_ID = re.compile(r'\bid="([^"]+)"')
_CAPTION = re.compile(r"<figcaption>.*?</figcaption>", re.DOTALL)
_IMAGE = re.compile(r"<img [^>]*>")
_NARROW = re.compile(r'<source [^>]*srcset="([^"]+)"')
_SOURCE = re.compile(r'\bsrc="([^":]+)"')  # of a file of the book
_LABEL = re.compile(r'<span class="label">.*?</span>\s*(?=<p>)', re.DOTALL)
# links to themselves, numbers that the page hides, anchors
_ASIDE = re.compile(
    r'<a class="headerlink".*?</a>|<span class="caption-number">.*?</span>'
    r'|<span id="[^"]*"></span>',
    re.DOTALL,
)
_ANCHOR = re.compile(r"</?a\b[^>]*>")


def preview_templates(pages: Mapping[str, str]) -> dict[str, str]:
    """What the links of each page show.

    Parameters
    ----------
    pages : mapping of str to str
        HTML of all pages of a book as Sphinx writes it, by path from the book's folder.

    Returns
    -------
    dict of str to str
        By path, for pages with such links: a ``template`` in HTML, with an element for each
        target, whose attribute ``data-of`` is the ``href`` of the links to it. It holds no link and
        no ``id``.
    """
    shown = {
        (path, name): (path, content)
        for path, page in pages.items()
        for name, content in _targets(page)
    }
    found = {}
    for path, page in pages.items():
        parts = []
        for file, name in dict.fromkeys(_LINK.findall(page)):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
            if (known := shown.get((target if file else path, html.unescape(name)))) is not None:
                content = _seen_from(path, *known)
                parts.append(f'<div data-of="{file}#{name}">{content}</div>')
        if parts:
            inside = "".join(parts)
            loads = f' data-mathjax="{_to_mathjax(path)}"' if _needs_mathjax(page, inside) else ""
            found[path] = f'<template id="previews"{loads}>{inside}</template>\n'
    return found


def _targets(page: str) -> Iterator[tuple[str, str]]:
    """Name of each figure, equation, term and reference of a page, and what shows it."""
    for name, inside in _FIGURE.findall(page):
        image, caption = _IMAGE.search(inside), _CAPTION.search(inside)
        if image or caption:
            drawn = _narrow(image[0], _NARROW.search(inside)) if image else ""
            yield name, _clean(f"<figure>{drawn}{caption[0] if caption else ''}</figure>")
    for opening, inside in _EQUATION.findall(page):
        for name in _ID.findall(opening + inside):
            yield name, f"{_SPOKEN}{_clean(f'{opening}{inside}</div>')}"
    for names, inside in _TERM.findall(page):
        said = ", ".join(part.strip() for part in re.findall(r"<dt[^>]*>(.*?)</dt>", names, re.S))
        for name in _ID.findall(names):
            yield name, _clean(f"<p><strong>{said}</strong></p>{inside}")
    for name, inside in _CITATION.findall(page):
        yield name, _clean(_LABEL.sub("", inside))


def _narrow(image: str, source: re.Match[str] | None) -> str:
    """A figure as it is drawn for a narrow screen, where it is: a preview is as narrow."""
    return image if source is None else _SOURCE.sub(f'src="{source[1]}"', image)


def _clean(content: str) -> str:
    content = _ANCHOR.sub("", _ASIDE.sub("", content))
    return re.sub(r'\s+\bid="[^"]*"', "", content).strip()


def _seen_from(path: str, target: str, content: str) -> str:
    """What a page shows, with the addresses of its pictures as another page has them."""
    here, there = posixpath.dirname(path), posixpath.dirname(target)

    def address(found: re.Match[str]) -> str:
        file = posixpath.normpath(posixpath.join(there, found[1]))
        return f'src="{posixpath.relpath(file, here or ".")}"'

    return content if here == there else _SOURCE.sub(address, content)


def _needs_mathjax(page: str, inside: str) -> bool:
    """Whether what is shown has mathematics, and the page itself has none."""
    return 'class="math ' in inside and MATHJAX not in page


def _to_mathjax(path: str) -> str:
    return posixpath.relpath(f"_static/{MATHJAX}", posixpath.dirname(path) or ".")


def add_previews(folder: Path) -> None:
    """Put into the pages of a book what their links show; see `preview_templates`.

    Parameters
    ----------
    folder : Path
        Of the HTML that Sphinx has written; nobody reads it yet.
    """
    files = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    pages = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in files}
    for path, template in preview_templates(pages).items():
        before, end, after = pages[path].rpartition("</body>")
        (folder / path).write_text(f"{before}{template}{end}{after}", "utf-8")


def _finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        add_previews(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx; called by it."""
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
