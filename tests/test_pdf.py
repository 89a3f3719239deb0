"""The book as a PDF: a small book printed by Chromium, and clear errors without one."""

from __future__ import annotations

import re
import shutil
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from visprof import cli
from visprof.book import pdf
from visprof.book.build import build_book
from visprof.book.render import link_within

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3, language: python}
---

# A curve

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-curve, caption: A curve that rises.}
  image: {alt: A rising line.}
---
import matplotlib.pyplot as plt
_ = plt.plot([1, 2])
```

$$ e^{i \\pi} + 1 = 0 $$
"""


def unpacked(printed: bytes) -> bytes:
    """A PDF, followed by what its compressed streams hold."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", printed, re.DOTALL)
    texts = [printed]
    for stream in streams:
        with suppress(zlib.error):  # a picture, packed in another way
            texts.append(zlib.decompress(stream))
    return b"\n".join(texts)


def test_without_a_book_it_says_how_to_build_one(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="make book PRESET=demo"):
        pdf.build_pdf(tmp_path)
    assert cli.main(["pdf", "--out", str(tmp_path)]) == 1
    assert "build it first" in capsys.readouterr().err


def test_without_chromium_it_says_so(tmp_path, monkeypatch):
    (tmp_path / "demo" / "executed").mkdir(parents=True)
    (tmp_path / "demo" / "html").mkdir()
    (tmp_path / "demo" / "html" / "index.html").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="chromium"):
        pdf.build_pdf(tmp_path)
    assert not list((tmp_path / "demo").glob("*.pdf"))


def test_links_that_figures_make_lead_to_places_in_the_single_page():
    page = (
        '<span id="document-book/06-prediction"></span><h1 id="mrr">MRR</h1>'
        '<span id="document-book/cite"></span>'
        '<a href="06-prediction.html">all</a><a href="06-prediction.html#mrr">one</a>'
        '<a href="index.html#fig-x">Figure</a><a href="../book/index.html#eq-1">Eq. 1</a>'
        '<a href="genindex.html">index</a><a href="https://example.org/cite.html">other</a>'
    )
    links = re.findall(r'href="([^"]*)"', link_within(page))
    assert links == [
        "#document-book/06-prediction", "#mrr", "#fig-x", "#eq-1", "genindex.html",
        "https://example.org/cite.html",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_small_book_is_printed_with_its_figure_and_equation(tmp_path):
    if not any(map(shutil.which, pdf.BROWSERS)):
        pytest.skip("no chromium on the path; Debian: apt-get install chromium")
    root = tmp_path / "root"
    (root / "book").mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: book/curve\n"
    )
    (root / "book" / "index.md").write_text(
        "# Front\n\nSee {doc}`curve` and {cite:t}`Yang2015`.\n\n```{bibliography}\n```\n"
    )
    (root / "book" / "curve.md").write_text(CHAPTER)
    build_book(root, "tiny", out=tmp_path / "out")
    printed = unpacked(pdf.build_pdf(tmp_path / "out", "tiny").read_bytes())
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2
    assert re.search(rb"/Subtype\s*/Image", printed)
    fonts = set(re.findall(rb"/FontName\s*/([\w+-]+)", printed))
    assert any(b"MathJax" in font for font in fonts)  # the equation is set, not its source
    assert not list((tmp_path / "out" / "tiny").glob(".partial-*"))
