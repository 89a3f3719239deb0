"""A built book as a document: what of its HTML goes to pandoc, and what pandoc makes of it."""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from visprof import cli
from visprof.book import export
from visprof.book.build import build_book
from visprof.book.errors import BookError
from visprof.book.export import export_book, plain_page

ROOT = Path(__file__).resolve().parent.parent
FRONT = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3, language: python}
---
"""
INDEX = """# Front

See {doc}`numbers`, {ref}`Figure 1 <fig-line>` and the {doc}`bibliography`; a {term}`pin`.
"""
GLOSSARY = """# Glossary

```{glossary}
pin
  A picture.

picture
  Some pixels.
```
"""
CHAPTER = rf"""{FRONT}
# Numbers

By {{ref}}`Eq. 2 <eq-two>`, after {{cite:t}}`Yang2015`, $\beta > 1$; code `a_b`.

## One more level

(eq-two)=
\begin{{align*}}
a &= b + c, \tag{{1}} \\
\lVert d \rVert &\propto \frac{{e}}{{2}} \tag{{2}}
\end{{align*}}

\begin{{equation*}}
f = \max_k \lvert z_k \rvert \tag{{3}}
\end{{equation*}}

```{{code-cell}} ipython3
---
tags: [hide-input]
mystnb:
  figure: {{name: fig-line, caption: A **line** that rises by $x$.}}
  image: {{alt: A rising line.}}
---
from pandas import DataFrame
from visprof import figures

figures.use_book_style()
figure = figures.Figure(numbers=DataFrame({{"y": [1, 2]}}))
figure.subplots().plot([1, 2])
figure
```

```{{code-cell}} ipython3
---
tags: [hide-input]
---
DataFrame({{"n": [1, 2], "name": ["one", "two & three"]}})
```

| a | b |
|---|---|
| 1 | x < y |

```{{note}}
It is *so*.
```
"""
BIBLIOGRAPHY = "# Bibliography\n\n```{bibliography}\n```\n"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
HREF = "{http://www.w3.org/1999/xlink}href"


# --- what goes to pandoc


def plain(*parts, pictures=Path("nowhere")):
    return plain_page(
        f'<html><nav>aside</nav><article class="bd-article">{"".join(parts)}</article></html>',
        pictures,
    )


def test_code_buttons_scripts_and_what_is_to_be_tried_are_left_out():
    found = plain(
        "<script>1</script><style>a</style><h1>Title<a class='headerlink' href='#t'>#</a></h1>",
        '<div class="cell"><div class="cell_output"><p>shown</p></div>',
        '<div class="figure-line"><details class="hide"><summary>Code</summary>x = 1</details>',
        '<p class="figure-files"><a href="../figures/a/b.png">PNG</a></p></div></div>',
        '<figure class="explorable"><p>try</p></figure>',
        '<details class="page-made"><summary>How</summary></details>',
        '<section id="library"><h2>Library</h2><p>All.</p><section>many</section></section>',
    )
    assert found == (
        '<!doctype html><meta charset="utf-8"><h1>Title</h1><p>shown</p><h1>Library</h1><p>All.</p>'
    )


def test_pixels_take_the_place_of_vectors_where_there_are_some(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "line.png").touch()

    def cell(name):
        return (
            f'<div class="cell"><figure><picture><source srcset="n.svg"><img src="_images/1.svg">'
            f"</picture><figcaption><p>A line.</p></figcaption></figure>"
            f'<p class="figure-files"><a href="../figures/a/{name}.svg">SVG</a>'
            f'<a href="../figures/a/{name}.png">PNG</a></p></div>'
        )

    found = plain(cell("line"), cell("other"), pictures=tmp_path)
    assert re.findall('src="([^"]*)"', found) == ["a/line.png", "_images/1.svg"]
    assert found.count("<figcaption><p>A line.</p></figcaption>") == 2
    assert "picture" not in found


def test_equations_keep_their_numbers_and_names():
    found = plain(
        r'<p>If <span class="math notranslate nohighlight">\(a &lt; b\)</span>, '
        r'<a href="#eq-5">Eq. 5</a>:</p>'
        r'<div class="amsmath math notranslate nohighlight" id="eq-6"><span id="eq-5"></span>'
        "\n\\[\\begin{align*} a &amp;= b, \\tag{5} \\end{align*}\\]</div>"
        r'<div class="math notranslate nohighlight" id="equation-one">'
        '<span class="eqno">(7)<a class="headerlink" href="#e">#</a></span>\\[c\\]</div>'
    )
    assert '<script type="math/tex">a < b</script>' in found
    assert (
        '<p><span id="eq-5"></span><script type="math/tex; mode=display">'
        r"\begin{align*} a &= b, \qquad \text{(5)} \end{align*}</script></p>"
    ) in found
    assert r'<script type="math/tex; mode=display">c\qquad \text{(7)}</script>' in found


def test_references_become_one_list_and_citations_lead_to_it():
    found = plain(
        '<p><a class="reference internal" href="#id7" title="long">1999</a></p>',
        '<div class="docutils container"><div class="citation" id="id7" role="doc-biblioentry">'
        '<span class="label">[1]</span><p>A. Author.</p></div></div>',
    )
    assert re.search(r'<a [^>]*href="#ref-id7">1999</a>', found)
    assert "long" not in found
    assert '<div class="references csl-bib-body" id="refs">' in found
    assert '<div class="csl-entry" id="ref-id7"><p>A. Author.</p></div>' in found
    assert "[1]" not in found


def test_links_lead_to_the_web_or_into_the_document_and_names_stand_once():
    found = plain(
        '<section id="one"><h2>One</h2><p><a href="#one">up</a> <a href="#two">down</a> '
        '<a href="../figures/a/b.csv">data</a> <a href="#gone">gone</a> '
        '<a href="https://example.org/#x">web</a></p></section>',
        '<p id="two">a</p><p id="two">b</p><p id="unused">c</p>',
    )
    assert '<h1 id="one">One</h1>' in found
    assert re.findall('href="([^"]*)"', found) == ["#one", "#two", "https://example.org/#x"]
    assert "data gone" in found
    assert re.findall('id="([^"]*)"', found) == ["one", "two"]


def test_pages_begin_at_the_first_level_though_they_stand_within_the_front_page():
    found = plain(
        '<section id="front"><h1>Front</h1><div class="toctree-wrapper compound">'
        '<span id="document-book/page"></span><section id="page"><h2>Page</h2>'
        '<section id="part"><h3>Part</h3></section></section></div></section>'
        '<p><a href="#part">1</a> <a href="#document-book/page">2</a> <a href="#page">3</a></p>',
    )
    assert found.endswith(
        '<h1>Front</h1><h1 id="document-book-page">Page</h1><h2 id="part">Part</h2>'
        '<p><a href="#part">1</a> <a href="#document-book-page">2</a> '
        '<a href="#document-book-page">3</a></p>'
    )


def test_names_that_pandoc_would_lose_stand_within_a_term_and_lead_nowhere_for_the_list():
    found = plain(
        '<p><a href="#term-pin">pin</a> <a href="#cited">list</a></p>',
        '<dl><dt id="term-pin">pin</dt><dd><p>A picture.</p></dd></dl>',
        '<section id="cited"><h1>Cited</h1>',
        '<div class="citation" id="id7"><p>A.</p></div></section>',
    )
    assert '<dt><span id="term-pin"></span>pin</dt>' in found
    assert "<h1>Cited</h1>" in found
    assert '<a href="#term-pin">pin</a> list' in found


def test_a_note_has_its_title_in_bold():
    found = plain(
        '<div class="note admonition"><p class="admonition-title">Note</p><p>so</p></div>'
    )
    assert re.sub(r' class="[^"]*"', "", found).endswith("<p><strong>Note</strong></p><p>so</p>")


def test_a_page_without_an_article_is_an_error():
    with pytest.raises(BookError, match="no article"):
        plain_page("<html></html>", Path())


# --- what is missing


def fake_pandoc(monkeypatch, version="3.9", path="pandoc", error=None):
    def get_pandoc_path():
        if error is not None:
            raise error
        return path

    module = SimpleNamespace(get_pandoc_path=get_pandoc_path, get_pandoc_version=lambda: version)
    monkeypatch.setitem(sys.modules, "pypandoc", module)


@pytest.fixture
def built(tmp_path) -> Path:
    """A book of which there is nothing but what is looked for first."""
    book = tmp_path / "_build" / "demo"
    for folder in ("html", "executed"):
        (book / folder).mkdir(parents=True)
    (book / "html" / "index.html").touch()
    (book / "executed" / "_config.yml").write_text("title: A title\n")
    return book


def test_without_a_book_it_says_how_to_build_one(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="make book PRESET=demo"):
        export_book(tmp_path / "demo")
    assert cli.main(["export", "--book", str(tmp_path / "demo")]) == 1
    assert "build it first" in capsys.readouterr().err


def test_an_unknown_format_is_refused_with_those_known(capsys):
    assert cli.main(["export", "--format", "odt"]) == 1
    assert "format is 'odt'; choose from docx, jats" in capsys.readouterr().err


def test_without_pandoc_it_says_how_to_get_it(built, monkeypatch):
    fake_pandoc(monkeypatch, error=OSError("No pandoc was found"))
    with pytest.raises(FileNotFoundError, match="pip install pypandoc_binary"):
        export_book(built)


def test_a_pandoc_without_figures_is_refused(built, monkeypatch):
    fake_pandoc(monkeypatch, version="2.19.2")
    with pytest.raises(FileNotFoundError, match=r"2\.19\.2; its version must be at least 3"):
        export_book(built)


def test_a_folder_is_no_file_to_write(built, monkeypatch):
    fake_pandoc(monkeypatch)
    with pytest.raises(ValueError, match=r"is a folder; name a file in it"):
        export_book(built, out=built)


def test_what_pandoc_complains_of_is_told_and_nothing_is_left(built, monkeypatch, tmp_path):
    program = tmp_path / "pandoc"
    program.write_text("#!/bin/sh\necho half > book.docx\necho it went wrong\nexit 3\n")
    program.chmod(0o755)
    fake_pandoc(monkeypatch, path=str(program))

    def single_page(pages, scratch):
        page = scratch / "index.html"
        page.write_text('<article class="bd-article"><p>text</p></article>')
        return page

    monkeypatch.setattr(export, "single_page", single_page)
    with pytest.raises(BookError, match=r"(?s)pandoc ended with status 3.*it went wrong"):
        export_book(built)
    assert sorted(path.name for path in built.iterdir()) == ["executed", "html"]


# --- what pandoc makes


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A small book with a figure, two tables, three equations, and a reference."""
    pypandoc = pytest.importorskip("pypandoc", reason="pandoc is not installed: make install")
    try:
        pypandoc.get_pandoc_path()
    except OSError:
        pytest.skip("pypandoc has no pandoc: make install")
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    pages = {"index": INDEX, "numbers": CHAPTER, "glossary": GLOSSARY}
    pages["bibliography"] = BIBLIOGRAPHY
    for name, text in pages.items():
        (root / "book" / f"{name}.md").write_text(text)
    chapters = "".join(f"  - file: book/{name}\n" for name in list(pages)[1:])
    toc = f"format: jb-book\nroot: book/index\nchapters:\n{chapters}"
    (root / "_toc.yml").write_text(toc)
    return build_book(root, "tiny", out=tmp_path_factory.mktemp("out")).parent


def test_the_command_exports_the_book_of_a_preset_or_of_a_folder(monkeypatch, tmp_path, capsys):
    written = tmp_path / "book.docx"
    written.write_bytes(b"")
    asked = []
    monkeypatch.setattr(export, "export_book", lambda *words: asked.append(words) or written)
    for words in ([], ["--preset", "tiny"], ["--book", "elsewhere", "--format", "jats"]):
        assert cli.main(["export", *words]) == 0
    assert asked == [
        ("_build/demo", "docx", None), ("_build/tiny", "docx", None), ("elsewhere", "jats", None),
    ]  # fmt: skip
    with pytest.raises(SystemExit):
        cli.main(["export", "--preset", "tiny", "--book", "elsewhere"])
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.slow
def test_a_word_document_has_headings_figures_tables_equations_and_references(book, capsys):
    assert cli.main(["export", "--book", str(book)]) == 0
    assert capsys.readouterr().out.startswith("document: ")
    with zipfile.ZipFile(book / "book.docx") as archive:
        document = ElementTree.fromstring(archive.read("word/document.xml"))
        pictures = [name for name in archive.namelist() if name.startswith("word/media/")]
        links = archive.read("word/_rels/document.xml.rels").decode()
    styles = {}
    for paragraph in document.iter(f"{W}p"):
        style = paragraph.find(f"{W}pPr/{W}pStyle")
        text = "".join(part.text or "" for part in paragraph.iter(f"{W}t"))
        styles.setdefault("" if style is None else style.get(f"{W}val"), []).append(text)
    assert styles["Title"] == ["Beyond Classification, Revisited"]
    headings = {name: texts for name, texts in styles.items() if name.startswith("Heading")}
    assert headings == {
        "Heading1": ["Front", "Numbers", "Glossary", "Bibliography"],
        "Heading2": ["One more level"],
    }  # fmt: skip
    assert len(list(document.iter(f"{W}drawing"))) == 1
    assert [Path(name).suffix for name in pictures] == [".png"]
    assert any("line that rises" in text for text in styles["ImageCaption"])
    tables = list(document.iter(f"{W}tbl"))
    assert len(tables) == 2
    cells = ["".join(cell.itertext()).strip() for cell in tables[0].iter(f"{W}tc")]
    assert cells[-2:] == ["2", "two & three"]
    assert len(list(document.iter(f"{MATH}oMath"))) >= 4  # two on lines of their own
    everything = "".join(document.itertext())
    assert "\\" not in everything  # no equation was left as it is typed
    for number in ("(1)", "(2)", "(3)"):
        assert number in everything
    assert "Longqi Yang" in everything
    assert "use_book_style" not in everything
    assert 'Target="http://' not in links.replace("http://schemas.openxmlformats.org", "")
    assert sorted(path.name for path in book.glob(".partial*")) == []


@pytest.mark.slow
def test_jats_is_an_article_with_front_body_and_references(book, tmp_path):
    written = export_book(book, "jats", tmp_path / "paper.xml")
    assert written == tmp_path / "paper.xml"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["paper-media", "paper.xml"]
    article = ElementTree.parse(written).getroot()
    assert article.tag == "article"
    assert [part.tag for part in article] == ["front", "body", "back"]
    assert article.findtext("front//article-title") == "Beyond Classification, Revisited"
    assert "The visprof authors" in "".join(article.find("front").itertext())
    body = article.find("body")
    assert [title.text for title in body.iter("title")] == [
        "Front", "Numbers", "One more level", "Glossary",
    ]  # fmt: skip
    assert article.findtext("back/ref-list/title") == "Bibliography"
    (figure,) = body.iter("fig")
    assert "line that rises" in "".join(figure.find("caption").itertext())
    (picture,) = figure.iter("graphic")
    assert (tmp_path / picture.get(HREF)).read_bytes().startswith(b"\x89PNG")
    assert len(list(body.iter("table"))) == 2
    assert len(list(body.iter("disp-formula"))) == 2
    (reference,) = article.find("back").iter("ref")
    assert "Longqi Yang" in "".join(reference.itertext())
    names = [part.get("id") for part in article.iter() if part.get("id")]
    assert len(names) == len(set(names))
    links = {link.get("rid"): link for link in body.iter("xref")}
    assert links.keys() <= set(names)
    assert links["term-pin"].text == "pin"
    assert links[reference.get("id")].get("ref-type") == "bibr"


@pytest.mark.slow
def test_an_older_document_is_replaced_whole(book, tmp_path):
    (tmp_path / "book-media").mkdir()
    (tmp_path / "book-media" / "old.png").touch()
    (tmp_path / "book.xml").write_text("old")
    export_book(book, "jats", tmp_path / "book.xml")
    assert "old.png" not in {path.name for path in (tmp_path / "book-media").rglob("*")}
    assert (tmp_path / "book.xml").read_text("utf-8").startswith("<?xml")
