"""Captions, scopes and whole intervals of tables, and the list of figures and tables."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from visprof import tables
from visprof.book.figures_list import figures_table
from visprof.book.table_captions import caption_tables, finished_table, table_caption

ROOT = Path(__file__).resolve().parent.parent


def page(*sources, html="<table><th>x</th></table>"):
    cells = []
    for source in sources:
        cell = new_code_cell(source)
        cell.outputs.append(new_output("display_data", {"text/html": html}))
        cells.append(cell)
    return new_notebook(cells=cells)


def shown(notebook):
    return [cell.outputs[0]["data"]["text/html"] for cell in notebook.cells]


def used():
    texts = [path.read_text("utf-8") for path in (ROOT / "book").glob("*.md")]
    return sorted(set(re.findall(r"(?m)^tables\.(\w+)\(", "\n".join(texts))))


@pytest.mark.parametrize("name", used())
def test_each_table_of_the_book_has_a_caption_in_words(name):
    caption = table_caption(name)
    assert caption.endswith(".")
    assert "`" not in caption
    assert 10 < len(caption) < 120


def test_a_table_of_pandas_gets_caption_scopes_and_whole_intervals():
    frame = pd.DataFrame(
        {"<b>": ["0.774 (0.687 to 0.858)", "a < b"], "share": ["-5.2% (-6% to -1%)", ""]}
    )
    html = finished_table(tables.table(frame).to_html(), r"What & why \1", "table-x")
    assert html.count("<caption") == 1
    assert r'<caption id="table-x">What &amp; why \1</caption>' in html
    assert html.count('scope="col"') == 2
    assert html.count("scope=") == len(re.findall("<th[ >]", html))
    assert re.findall('<span class="interval">(.*?)</span>', html) == [
        "0.774 (0.687 to 0.858)", "-5.2% (-6% to -1%)",
    ]  # fmt: skip


def test_a_sentence_with_intervals_breaks_between_them():
    html = finished_table("<table><td>holds: 0.8 (0.7 to 0.9) against 0.1</td></table>", "c", "t")
    assert 'holds: <span class="interval">0.8 (0.7 to 0.9)</span> against 0.1' in html


def test_tables_of_a_page_have_addresses_of_their_own():
    notebook = page("tables.left_out(sheet)", "x = 1\ntables.left_out(b)", "figures.something(1)")
    before = shown(notebook)[2]
    caption_tables(notebook)
    ids = [re.findall(r'id="([^"]+)"', html) for html in shown(notebook)]
    assert ids == [["table-left-out"], ["table-left-out-2"], []]
    assert shown(notebook)[2] == before


def test_what_is_said_in_a_line_has_no_caption():
    notebook = page("tables.left_out(sheet)", html="<p>Nothing was left out.</p>")
    caption_tables(notebook)
    assert shown(notebook) == ["<p>Nothing was left out.</p>"]


def test_figures_and_tables_are_listed_with_links():
    notebook = page("tables.left_out(sheet)")
    figure = new_code_cell("figures.x()")
    figure.metadata["mystnb"] = {
        "figure": {"name": "fig-x", "caption": "**Figure 5**, on our data: shares."},
        "image": {"alt": "Two curves: 50% of *all*."},
    }
    notebook.cells.append(figure)
    caption_tables(notebook)
    head, *rows = csv.reader(io.StringIO(figures_table({"05-pairwise": notebook})))
    assert head == ["page", "figure or table", "what it shows"]
    assert rows[0][:2] == ["{doc}`05-pairwise`", "{ref}`Figure 5 <fig-x>`"]
    assert "Two curves" in rows[0][2]
    assert rows[1][1] == '<a href="05-pairwise.html#table-left-out">Table</a>'
    assert rows[1][2].startswith("What was left out")
