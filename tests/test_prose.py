"""No number typed by hand: those in the prose are glued by code, or constants of the paper."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest

from visprof.book.chapter import book_pages

ROOT = Path(__file__).resolve().parent.parent
PAGES = book_pages(ROOT)

# What the paper reports or uses, and may be told without computing it
PAPER = {
    "5,790": "travel boards",
    "1,800": "of them for vocabulary and prior",
    "3,990": "of them analysed",
    "205": "scene classes, and outputs of the networks",
    "1,000": "classes of ImageNet",
    "365": "classes of Places365",
    "100": "least pins of a board, pictures of a class, ratio of learning rates, PV-DM's size",
    "500": "similar pairs of a class",
    "50": "dissimilar pairs of two classes, test pins",
    "20,910": "pairs of classes",
    "50,000": "iterations",
    "10⁻⁵": "learning rate of the last layer",
    "1e-5": "the same",
    "0.002": "lead of the hybrid embedding in Table 1",
    "0.005": "the random row of Table 1",
    "0.0022": "random value of Figure 6",
    "200": "clusters",
    "2": "cut-off of Z",
    "10": "training pins",
    "20": "training pins",
    "2014": "June 2014",
    "2015": "year of the paper",
    "0": "a bound",
    "1": "a bound",
}
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
    return text


def hand_typed(page):
    notebook = jupytext.read(page, fmt="md:myst")
    words = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    captions = [
        cell.metadata["mystnb"]["figure"]["caption"]
        for cell in notebook.cells
        if "figure" in cell.metadata.get("mystnb", {})
    ]
    numbers = re.findall(
        r"(?<![\w.])[\d]+(?:[.,]\d+)*(?:[⁻⁰¹²³⁴-⁹]+|e-?\d+)?", prose("\n\n".join(words + captions))
    )
    return [number for number in numbers if number not in PAPER]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_numbers_in_the_prose_are_glued_or_the_papers(page):
    assert hand_typed(ROOT / page) == []


def test_a_hand_typed_number_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# The metric: Table 1\n\nIn 12 of {glue:text}`n:.2f` classes, $k = 7$, mAP is 0.806 (95 % "
        "interval), as `seed=3` and Figures 5 and 6 of 2015 say.\n"
    )
    assert hand_typed(page) == ["12", "0.806"]
