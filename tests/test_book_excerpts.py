"""What a page says at each of its addresses, for the excerpts of search results."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

from visprof.book import excerpts
from visprof.book.excerpts import page_texts


def told(text):
    return nodes.paragraph("", text)


@pytest.fixture
def page():
    """A section with another in it, a glossary, and a function of the library."""
    document = new_document("page")
    outer = nodes.section(ids=["outer", "also-outer"])
    outer += nodes.title("", "A title")
    outer += told("Users  differ\nin 5 % of pairs.")
    outer += nodes.raw("", "<table>", format="html")
    figure = nodes.figure()
    figure += nodes.image(uri="x.svg", alt="not said")
    figure += nodes.caption("", "Below it.")
    outer += figure
    quiet = nodes.container(classes=["cell", "set-up"])
    quiet += told("not said")
    outer += quiet
    outer += nodes.literal_block("", "not = 'said'")
    inner = nodes.section(ids=["inner"])
    inner += nodes.title("", "Another")
    inner += told("Within.")
    inner += nodes.paragraph(
        "", "", nodes.Text("Of "), nodes.math("", r"\beta"), nodes.math("", r"\text{MRR}")
    )
    glossary = addnodes.glossary()
    items = nodes.definition_list()
    item = nodes.definition_list_item()
    item += nodes.term("", "board", ids=["term-board"])
    item += nodes.term("", "album", ids=["term-album"])
    item += nodes.definition("", told("A user's collection."))
    items += item
    glossary += items
    inner += glossary
    entry = addnodes.desc()
    entry += addnodes.desc_signature("", "f", ids=["visprof.f"])
    content = addnodes.desc_content()
    content += told("Do this.")
    content += told("More of it.")
    method = addnodes.desc()
    method += addnodes.desc_signature("", "g", ids=["visprof.f.g"])
    method += addnodes.desc_content("", told("Do that."))
    content += method
    entry += content
    inner += entry
    outer += inner
    document += outer
    return document


def test_each_place_says_what_stands_there_and_nowhere_else(page):
    found = page_texts(page)
    assert found["outer"] == "Users differ in 5 % of pairs. Below it."
    assert found["inner"].startswith("Within. Of beta")
    assert "Users" not in found["inner"]
    assert found["term-board"] == "board: A user's collection."
    assert found["term-album"] == "album: A user's collection."
    assert (found["visprof.f"], found["visprof.f.g"]) == ("Do this.", "Do that.")
    assert not any("not said" in text for text in found.values())


def test_the_texts_of_all_pages_are_one_file_of_the_book(page, tmp_path):
    calls, added = {}, []
    app = SimpleNamespace(
        builder=SimpleNamespace(name="html"), outdir=tmp_path, connect=calls.__setitem__,
        add_js_file=added.append,
    )  # fmt: skip
    assert excerpts.setup(app)["parallel_write_safe"] is True
    calls["doctree-resolved"](app, page, "book/a")
    calls["html-page-context"](app, "book/a", "page.html", {}, page)
    assert added == []
    calls["html-page-context"](app, "search", "search.html", {}, None)
    assert added == ["results.js"]
    calls["build-finished"](app, None)
    written = (tmp_path / "excerpts.js").read_text("utf-8")
    texts = json.loads(written.removeprefix("var excerpts = "))
    assert texts == {"book/a": page_texts(page)}


def test_other_builders_and_failed_builds_write_nothing(page, tmp_path):
    for builder, error in (("singlehtml", None), ("html", ValueError())):
        calls = {}
        app = SimpleNamespace(
            builder=SimpleNamespace(name=builder), outdir=tmp_path, connect=calls.__setitem__,
            add_js_file=str,
        )  # fmt: skip
        excerpts.setup(app)
        calls["doctree-resolved"](app, page, "book/a")
        calls["html-page-context"](app, "search", "search.html", {}, None)
        calls["build-finished"](app, error)
    assert list(tmp_path.iterdir()) == []
