"""A built book as one document for a word processor, or in the XML of journals, by pandoc.

Jupyter Book makes one page of HTML of the executed book, as for the PDF; what only a browser has a
use for is taken out of it, and pandoc makes the document of the rest.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from visprof._extras import needs
from visprof.book.errors import BookError
from visprof.book.render import FIGURES, executed_pages, run_tool, single_page
from visprof.files import partial_folder, put_in_place

with needs("book"):
    import yaml
    from bs4 import BeautifulSoup, Tag

__all__ = ["FORMATS", "export_book", "plain_page"]

# what pandoc calls each, and how its file is named
FORMATS = {"docx": ("docx", "book.docx"), "jats": ("jats_archiving", "book.xml")}
OLDEST = 3  # of pandoc: the first that knows figures
MEDIA = "media"  # ends the name of the folder with the pictures of a JATS file
REFERENCES = "refs"  # by this name pandoc knows a list of references
# code is in the notebooks; what is to be tried, and what a style sheet draws, in the HTML alone
LEFT_OUT = (
    "script, style, noscript, button, a.headerlink, span.caption-number, .figure-line, "
    ".figure-files, details.hide, details.page-made, figure.explorable, figure.interactive-map, "
    "figure.front-scorecard, section#library > section, div.citation > .label, picture > source"
)
# they only bear styles, or divide what headings divide
WRAPPERS = ["article", "div", "section", "span", "picture", "details", "summary"]
HEADING = re.compile(r"^h[1-6]$")
PAGE = 'span[id^="document-"]'  # it stands before each page of the book
_DELIMITERS = re.compile(r"^\s*\\[(\[]|\\[)\]]\s*$")
_NUMBER = re.compile(r"\\tag\{([^}]*)\}")
_EQUATION = re.compile(r"\\(?:begin|end)\{equation\*?\}")
_LOCAL = re.compile(r"^(?!(?:https?|mailto):)")


def export_book(
    book: str | Path = "_build/demo", form: str = "docx", out: str | Path | None = None
) -> Path:
    """Write a built book as one document, with its figures, tables, equations and references.

    Parameters
    ----------
    book : path
        Folder of a book that `visprof.book.build.build_book` made, such as ``_build/demo``.
    form : str
        "docx" for a word processor, or "jats" (the XML of the Journal Article Tag Suite).
    out : path, optional
        The file to write; by default ``book.docx`` or ``book.xml`` in `book`. The pictures of a
        JATS file are put beside it, into a folder of its name that ends with ``-media``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If there is no such form.
    FileNotFoundError
        If the book was not built, or there is no pandoc of version 3 or newer.
    BookError
        If Sphinx or pandoc fails.
    """
    if form not in FORMATS:
        raise ValueError(f"format is {form!r}; choose from {', '.join(FORMATS)}")
    writer, name = FORMATS[form]
    book = Path(book)
    pages, pandoc = executed_pages(book), _pandoc()
    target = (book / name if out is None else Path(out)).resolve()
    if target.is_dir():
        raise ValueError(f"out: {target} is a folder; name a file in it, such as {target / name}")
    media = f"{target.stem}-{MEDIA}"
    with partial_folder(target.parent) as scratch:
        whole = single_page(pages, scratch)
        plain = whole.with_name("plain.html")
        pictures = pages.resolve() / FIGURES
        plain.write_text(plain_page(whole.read_text("utf-8"), pictures), "utf-8")
        command = [
            pandoc, "--from=html", f"--to={writer}", "--standalone", f"--output={target.name}",
            f"--resource-path={whole.parent.resolve()}{os.pathsep}{pictures}",
            *_metadata(book, pages), str(plain.resolve()),
        ]  # fmt: skip
        if form == "jats":
            command.insert(1, f"--extract-media={media}")
        run_tool(command, "pandoc", scratch)
        made = scratch / target.name
        if not made.is_file():
            raise BookError(f"pandoc wrote nothing of {plain}")
        if (scratch / media).is_dir():
            put_in_place(scratch / media, target.with_name(media))
        put_in_place(made, target)
    return target


def _pandoc() -> str:
    """The pandoc of the package, or else the one on the path."""
    with needs("export"):
        import pypandoc
    try:
        path, version = pypandoc.get_pandoc_path(), str(pypandoc.get_pandoc_version())
    except OSError:
        raise FileNotFoundError(
            "documents are made by pandoc, and there is none: pip install pypandoc_binary, or "
            "install pandoc (Debian: apt-get install pandoc)"
        ) from None
    if int(version.split(".")[0]) < OLDEST:
        raise FileNotFoundError(
            f"{path} is pandoc {version}; its version must be at least {OLDEST}: pip install "
            "pypandoc_binary"
        )
    return path


def _metadata(book: Path, pages: Path) -> Iterator[str]:
    """Title, author and day of the book, as options of pandoc."""
    config = yaml.safe_load((pages / "_config.yml").read_text("utf-8"))
    yield "--metadata=lang:en"
    for name in ("title", "author"):
        if name in config:
            yield f"--metadata={name}:{config[name]}"
    described = book / "html" / "ro-crate-metadata.json"
    if described.is_file():
        graph = json.loads(described.read_text("utf-8"))["@graph"]
        root = next((entity for entity in graph if entity["@id"] == "./"), {})
        if day := str(root.get("datePublished", ""))[:10]:
            yield f"--metadata=date:{day}"


# --- the page -------------------------------------------------------------------------------------


def plain_page(page: str, pictures: Path) -> str:
    """What a document has of a book in HTML: headings, text, figures, tables, equations.

    Parameters
    ----------
    page : str
        The whole book as Sphinx writes it on one page.
    pictures : Path
        Folder of the figures' files, one folder a page. Where it has pixels of a figure, they, as
        seen from there, take the place of the vectors, which few word processors draw alike.

    Returns
    -------
    str
        HTML for pandoc: equations are scripts of the type ``math/tex``, references are named as
        pandoc names them, and links lead to the web or to what is in the document.

    Raises
    ------
    BookError
        If the page has no article.
    """
    # scripts hold most of a page, and would be parsed for nothing
    page = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    article = BeautifulSoup(page, "html.parser").select_one("article.bd-article")
    if article is None:
        raise BookError("Sphinx's page has no article; is the theme another one?")
    _take_pixels(article, pictures)
    for part in article.select(LEFT_OUT):
        part.decompose()
    _set_mathematics(article)
    links = _links_by_name(article)
    _name_references(article, links)
    for title in article.select("p.admonition-title"):
        title.name = "strong"
        title.wrap(_new("p"))
    _level_headings(article, links)
    _name_within(article)
    _join_links(article)
    for part in article.find_all(WRAPPERS):
        if not _is_reference(part) and "id" not in part.attrs:
            part.unwrap()
    return f'<!doctype html><meta charset="utf-8">{article.decode_contents()}'


def _new(name: str, **attributes: str) -> Tag:
    return BeautifulSoup("", "html.parser").new_tag(name, attrs=attributes)


def _take_pixels(article: Tag, pictures: Path) -> None:
    """Let figures be the pixels that the links below them lead to."""
    for link in article.select('.figure-files a[href$=".png"]'):
        file = "/".join(link["href"].split("/")[-2:])
        image = link.find_previous("img")
        if image is not None and image["src"].endswith(".svg") and (pictures / file).is_file():
            image["src"] = file


def _set_mathematics(article: Tag) -> None:
    """Mark equations as pandoc reads them; their numbers stand in them, as text."""
    for part in article.select(".math"):
        block = part.name == "div"
        names = [part.get("id"), *(inner["id"] for inner in part.select("[id]"))]
        number = part.select_one(".eqno")
        tag = number.get_text().strip("() \n") if number else ""
        if number:
            number.decompose()
        tex = _EQUATION.sub("", _DELIMITERS.sub("", part.get_text()))
        tex = tex + (rf"\tag{{{tag}}}" if tag else "")
        tex = _NUMBER.sub(r"\\qquad \\text{(\1)}", tex).strip()
        script = _new("script", type="math/tex; mode=display" if block else "math/tex")
        script.string = tex
        part.replace_with(script)
        if block:
            around = script.wrap(_new("p"))
            for name in filter(None, names):
                around.insert(0, _new("span", id=name))


def _links_by_name(article: Tag) -> dict[str, list[Tag]]:
    found: dict[str, list[Tag]] = {}
    for link in article.select("a[href]"):
        _, sharp, name = link["href"].rpartition("#")
        if sharp and _LOCAL.match(link["href"]):
            found.setdefault(name, []).append(link)
    return found


def _name_references(article: Tag, links: dict[str, list[Tag]]) -> None:
    """Gather what is cited into a list of references that pandoc knows as one."""
    entries = article.select("div.citation[id]")
    if not entries:
        return
    around = _new("div", id=REFERENCES, **{"class": "references csl-bib-body"})
    entries[0].insert_before(around)
    for entry in entries:
        name = entry["id"]
        for link in links.get(name, []):
            link["href"] = f"#ref-{name}"
            del link["title"]
        entry.attrs = {"id": f"ref-{name}", "class": "csl-entry"}
        around.append(entry.extract())


def _level_headings(article: Tag, links: dict[str, list[Tag]]) -> None:
    """Let the headings of all pages, which stand within the front page, begin at level 1.

    What leads to a page or a section leads to its heading: by the page's name where it has one,
    since sections of several pages may have the same.
    """
    pages = {id(mark.find_next(HEADING)): mark for mark in article.select(PAGE)}
    for heading in article.find_all(HEADING):
        depth = 0
        for around in heading.parents:
            depth += around.name == "section"
            if "toctree-wrapper" in around.get("class", []):
                break
        heading.name = f"h{min(depth, 6)}" if depth else heading.name
        mark, section = pages.get(id(heading)), heading.parent
        names = [mark["id"]] if mark else []
        if section.name == "section" and "id" in section.attrs:
            names.append(section["id"])
            del section["id"]
        if mark:
            mark.decompose()
        for name in names:
            heading.attrs.setdefault("id", name.replace("/", "-"))
            for link in links.get(name, []):
                link["href"] = f"#{heading['id']}"


def _name_within(article: Tag) -> None:
    """Move names from where pandoc loses them: of terms into these, of the list's heading away."""
    for term in article.select("dt[id]"):
        term.insert(0, _new("span", id=term["id"]))
        del term["id"]
    references = article.find(id=REFERENCES)
    heading = references and references.find_previous(HEADING)
    if heading:
        del heading["id"]


def _join_links(article: Tag) -> None:
    """Let links lead to the web or within the document, and keep the names that they need."""
    named = {part["id"] for part in article.select("[id]")}
    wanted = set()
    for link in article.select("a[href]"):
        _, sharp, name = link["href"].rpartition("#")
        if not _LOCAL.match(link["href"]):
            continue
        if sharp and name in named:
            link["href"] = f"#{name}"
            wanted.add(name)
        else:
            link.unwrap()
    seen: set[str] = set()
    for part in article.select("[id]"):
        name = part["id"]
        if name in seen or not (name in wanted or _is_reference(part)):
            del part["id"]
        seen.add(name)


def _is_reference(part: Tag) -> bool:
    name = part.get("id", "")
    return name == REFERENCES or name.startswith("ref-")
