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
from visprof.intervals import Estimate
from visprof.results.claims import Margin
from visprof.tables.style import Bar, bars_about_zero, bars_on_one_scale

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
        {
            "<b>": ["0.774 (0.687 to 0.858)", "a < b"],
            "share": ["-5.2% (-6% to -1%)", "+0.037 (-0.127 to +0.198)"],
        }
    )
    html = finished_table(tables.table(frame).to_html(), r"What & why \1", "table-x")
    assert html.count("<caption") == 1
    assert r'<caption id="table-x">What &amp; why \1</caption>' in html
    assert html.count('scope="col"') == 2
    assert html.count("scope=") == len(re.findall("<th[ >]", html))
    assert re.findall('<span class="interval">(.*?)</span>', html) == [
        "0.774 (0.687 to 0.858)", "-5.2% (-6% to -1%)", "+0.037 (-0.127 to +0.198)",
    ]  # fmt: skip


def places(html):
    """Places of the bars of a table, by kind."""
    return [
        {kind: float(place) for kind, place in re.findall(r"--(\w+):([\d.]+)%", style)}
        for style in re.findall(r'<span class="bar" style="([^"]*)" aria-hidden="true">', html)
    ]


def test_bars_stand_below_the_numbers_of_their_cells():
    numbers = [Estimate(0.2, 0.1, 0.4), Estimate(0.3), Estimate(-0.1, -0.1, 0.0)]
    frame = pd.DataFrame({"name": list("abc"), "MRR": [f"{one:.1f}" for one in numbers]})
    shown = tables.table(frame, bars={"MRR": bars_on_one_scale(numbers)})
    html = finished_table(shown.to_html(), "c", "t")
    assert places(html) == [
        {"at": 60, "low": 40, "high": 100, "zero": 20},
        {"at": 0, "low": 0, "high": 20, "zero": 20},
    ]
    assert '<span class="interval">0.2 (0.1 to 0.4)</span><span class="bar"' in html
    assert html.count("<td") == 6


def test_bars_of_differences_of_several_units_have_their_zero_in_the_middle():
    numbers = [Margin(30, -10, 40), None, Margin(float("nan"), 0, 1), Margin(-0.2, -0.4, -0.1)]
    found = bars_about_zero(numbers)
    assert found[1:3] == [None, None]
    for number, bar in zip(numbers, found, strict=True):
        if bar is not None:
            assert bar.zero == 0.5
            assert (bar.low > 0.5, bar.high < 0.5) == (number.low > 0, number.high < 0)
            assert max(abs(place - 0.5) for place in bar) == pytest.approx(0.5)
    nothing = Margin(0, 0, 0)
    assert bars_about_zero([nothing]) == [Bar(0.5, 0.5, 0.5, 0.5)]
    assert bars_on_one_scale([nothing, None]) == [Bar(0, 0, 0, 0), None]
    assert bars_on_one_scale([]) == []


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
