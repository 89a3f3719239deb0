"""Style sheets keep every rule that a page or a script of the book may need."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.book.styles import drop_unused_styles, kept_rules, named_classes

PAGE = """<html><body class="wide"><p class='a b-c'>text named hidden</p>
<script>document.body.classList.add("by-page")</script>
<script type="application/json">{"class": "not-a-class"}</script></body></html>"""


@pytest.fixture
def book(tmp_path):
    (tmp_path / "_static" / "styles").mkdir(parents=True)
    (tmp_path / "_static" / "scripts").mkdir()
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.html").write_text(PAGE)
    (tmp_path / "_static" / "own.js").write_text("tip.className = `side-${where} fa-${icon}`")
    (tmp_path / "_static" / "scripts" / "theme.js").write_text('x="menu-"+y;z("opened")')
    return tmp_path


def test_classes_of_pages_and_words_of_scripts_are_known(book):
    names, begun = named_classes(book)
    assert {"wide", "a", "b-c", "by-page", "opened", "className"} <= names
    assert not {"hidden", "not-a-class"} & names
    assert {"side-", "menu-", "MathJax"} <= set(begun)
    assert "fa-" not in begun


def test_sheets_lose_what_no_page_has_and_nothing_else(book):
    theme, own = book / "_static" / "styles" / "theme.css", book / "_static" / "own.css"
    kept = ".a{x:1}.side-left .opened{x:2}p>.wide:not(.gone){x:3}.MathJax_x{x:5}.menu-b{x:6}"
    theme.write_text(f"{kept}.gone{{x:7}}.fa-moon{{x:8}}@media print{{.gone{{x:9}}}}")
    own.write_text(".b-c { x: 1 }\n")
    drop_unused_styles(book)
    assert theme.read_text() == kept
    assert own.read_text() == ".b-c{x: 1}"
    drop_unused_styles(book)
    assert theme.read_text() == kept


@pytest.mark.parametrize(
    ("sheet", "kept"),
    [
        ("a,.gone b,.in{x:1}", "a,.in{x:1}"),
        (":is(.gone,.in) p{x:1}", ":is(.gone,.in) p{x:1}"),
        ("a:not(:is(.gone,.other)){x:1}", "a:not(:is(.gone,.other)){x:1}"),
        ("[data-x='.gone,{']{x:1}", "[data-x='.gone,{']{x:1}"),
        ("a{b:url(data:image/png;base64,x)}.gone{x:1}", "a{b:url(data:image/png;base64,x)}"),
        ("a::before{content:'}.gone{'}.gone{x:1}", "a::before{content:'}.gone{'}"),
        ('a{b:url("data:image/svg+xml;x{}")}', 'a{b:url("data:image/svg+xml;x{}")}'),
        ("/* .gone{ */.in{x:1}/*}*/a{y:1}", ".in{x:1}a{y:1}"),
        ("@charset 'utf-8';@import url(a.css);.gone{x:1}", "@charset 'utf-8';@import url(a.css);"),
        ("@keyframes k{from{x:1}50%{x:2}}", "@keyframes k{from{x:1}50%{x:2}}"),
        ("@font-face{a:b;c:d}", "@font-face{a:b;c:d}"),
        (
            "@supports (a:b){@media print{.gone,.in{x:1}}.gone{y:1}}",
            "@supports (a:b){@media print{.in{x:1}}}",
        ),
        (r".sd\:gone{x:1}", r".sd\:gone{x:1}"),
        (".in{x:1;&.gone{y:1}}", ".in{x:1;&.gone{y:1}}"),
        (".in.gone{x:1}", ""),
        ("p{margin:.5rem}", "p{margin:.5rem}"),
        ("", ""),
    ],
)
def test_rules_that_may_apply_stay(sheet, kept):
    assert kept_rules(sheet, {"in"}) == kept
    assert kept_rules(kept, {"in"}) == kept


names = st.from_regex(r"[a-d]{1,2}", fullmatch=True)
selectors = st.lists(names.map(".{}".format), min_size=1, max_size=3).map(" ".join)
rules = st.lists(selectors, min_size=1, max_size=3).map(lambda of: f"{','.join(of)}{{x:1}}")


@given(st.lists(rules, max_size=6), st.sets(names))
def test_a_rule_stays_as_long_as_one_selector_has_only_known_classes(sheet, known):
    expected = []
    for rule in sheet:
        head, _, body = rule.partition("{")
        of = [one for one in head.split(",") if set(re.findall(r"\w+", one)) <= known]
        expected += [f"{','.join(of)}{{{body}"] if of else []
    assert kept_rules("".join(sheet), known) == "".join(expected)
