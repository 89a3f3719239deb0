"""No number typed by hand: those in the prose are glued by code, or constants of the paper."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest

from visprof.book.page import book_pages

ROOT = Path(__file__).resolve().parent.parent
PAGES = book_pages(ROOT)

# What the paper reports or uses, and may be told without computing it: each with what it is of,
# so that the same number of something else is found
PAPER = [
    r"5,790 travel boards",
    r"1,800 boards",  # of them, for vocabulary and prior
    r"3,990 users",  # the others
    r"least 100 pins",
    r"June 2014",
    r"205 (?:scene )?(?:classes|outputs)(?: of 100\b)?",  # pictures each
    r"205 x 500 similar and 20,910 x 50 dissimilar pairs",  # of classes
    r"1,000 outputs",  # classes of ImageNet
    r"365 outputs",  # classes of Places365
    r"100 times faster",  # the last layer
    r"50,000 (?:iterations|small steps)",
    r"(?:10⁻⁵|1e-5)",  # learning rate of the last layer
    r"two rows, 0\.002",  # lead of the hybrid embedding in Table 1
    r"prints 0\.005",  # the random row of Table 1
    r"random value is 0\.0022",  # of Figure 6
    r"200 clusters",
    r"PV-DM, 100 dimensions",
    r"on 100 pins a cluster",  # of the start of k-means
    r"first 10, 20, \.\.\.",  # training pins
    r"with 100 pins, and # with 1,000",  # sizes that an error rate is given for
    # bounds, scores at their ends, and what a symbol is set to
    r"(?:above|below|exceeds?|exclude|near|about|sum to|cut-off of|never) [012]\b(?!\.\d)",
    r"(?:is|be|=|larger by|hard one) [01]\b(?= (?:for|where|and so|the mean)|[:;.,|)](?!\d))",
    r"where 1 is never far",
    r"margin(?: of)? 1\b",
    r"such as 1,",
    r"[Tt]aste 1\b",
    r"rank 1\b",
    r"(?:\(0:|\| 1 for|, 0 for) ?",
    r"since 1 July 2014",
    r"\(pairs, 2\)",
]
NOT_PROSE = [
    r"(?s)\\begin\{(equation|align)\*?\}.*?\\end\{\1\*?\}",
    r"(?s)\$\$.*?\$\$",
    r"(?s)\$[^$]+\$",
    r"(?sm)^(`{3,}|:{3,})\{(?:math|csv-table|eval-rst|toctree)\}.*?^\1",
    r"(?s)\{[a-z:]+\}`[^`]*`",  # roles: what glue puts there is computed
    r"(?s)(`+)[^`].*?\1",  # code
    r"(?<=\])\([^)]*\)",  # addresses of links
    r"(?m)^ {4}.*$",  # listings
    r"(?m)^\([\w-]+\)=$",  # labels
    r"(?m)^\d+\.(?= )",  # numbers of a list
    # names of parts of this book and of the paper
    r"(?i)\b(figures?|tables?|eqs?\.|equations?|chapters?)\s+[\d.]+(\s*(,|to|and)\s*\d+)*",
    r"\b(5|90|95|99)\s?%",  # levels of intervals and tests
    r"\b[A-Za-z]+[-_]?\d+\w*",  # names such as ResNet50
    r"\|\s*[\d, ]+\s*\|",  # numbers of equations in the table of notation
]


def prose(text):
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " # ", text)
    text = re.sub(r"\s+", " ", text)
    for pattern in PAPER:
        text = re.sub(pattern, " ~ ", text)
    return text


def hand_typed(page):
    notebook = jupytext.read(page, fmt="md:myst")
    words = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    captions = [
        cell.metadata["mystnb"]["figure"]["caption"]
        for cell in notebook.cells
        if "figure" in cell.metadata.get("mystnb", {})
    ]
    return re.findall(
        r"(?<![\w.])[\d]+(?:[.,]\d+)*(?:[⁻⁰¹²³⁴-⁹]+|e-?\d+)?", prose("\n\n".join(words + captions))
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_numbers_in_the_prose_are_glued_or_the_papers(page):
    assert hand_typed(ROOT / page) == []


def test_a_hand_typed_number_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# The metric: Table 1\n\nIn 12 of {glue:text}`n:.2f` classes, $k = 7$, mAP is 0.806 (95 % "
        "interval), as `seed=3` and Figures 5 and 6 say.\n"
    )
    assert hand_typed(page) == ["12", "0.806"]


def test_a_number_of_the_paper_is_found_where_it_counts_something_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Pins\n\n10 users of 20, 0 pairs of 1, 2 boards, 50 words, 100 users, 200 pins, 500 and "
        "1,000 boards; in 2014, 205 boards. Its share is 1 of 2, above 100 and at least 2.\n"
    )
    assert hand_typed(page) == [
        "10", "20", "0", "1", "2", "50", "100", "200", "500", "1,000", "2014", "205", "1", "2",
        "100", "2",
    ]  # fmt: skip
