"""The pictures of the front page: what they draw, and that names stay text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from figure_examples import card, colour_files, scorecards

from visprof import figures
from visprof.results.claims import Margin
from visprof.results.verdicts import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, UNANSWERABLE


@pytest.fixture
def cards():
    return scorecards()


def arms(html):
    """Ends of the intervals that are drawn, from the line in the middle of a cell (45 of 90)."""
    return [
        (float(low) - 45, float(high) - 45)
        for low, high in re.findall(r'class="arm" d="M([\d.]+) 7.0H([\d.]+)"', html)
    ]


def test_the_scorecard_draws_each_interval_on_its_side_of_the_line(cards):
    figure = figures.scorecard_picture(cards)
    drawn = arms(figure.data)
    assert len(drawn) == 3  # what cannot be answered has none
    (a_low, a_high), (lost_low, lost_high), (open_low, open_high) = drawn
    assert 0 < a_low < a_high
    assert lost_low < lost_high < 0
    assert open_low < 0 < open_high
    # the farther end lies at the edge, and the scale of a cell is one for both ends
    np.testing.assert_allclose([a_high, -lost_low, -open_low], 41, atol=0.1)
    np.testing.assert_allclose(a_low / a_high, 0.05 / 0.2, atol=0.01)
    np.testing.assert_allclose(open_high / -open_low, 0.2 / 0.4, atol=0.01)


def test_the_scorecard_is_a_table_that_says_what_it_draws(cards):
    figure = figures.scorecard_picture(cards, "Two studies.")
    html = figure.data
    assert re.findall(r'<td class="(\w+)">', html) == ["holds", "fails", "open", "none"]
    assert html.count('scope="row"') == 2
    assert html.count('scope="col"') == 3
    assert '<a href="06-prediction.html">C above &lt;D&gt;</a>' in html
    assert 'aria-label="not resolved: 0.1 &amp; less"' in html
    assert "1 of 2 hold" in html
    assert "0 of 2 hold" in html
    assert figure.numbers["verdict"].tolist() == [
        HOLDS, DOES_NOT_HOLD, NOT_RESOLVED, UNANSWERABLE
    ]  # fmt: skip
    assert np.isnan(figure.numbers["margin"].iloc[-1])
    assert figure.numbers["low"].tolist()[:3] == [0.05, -0.2, -0.4]


def test_a_number_at_its_bound_is_drawn_on_the_line():
    figure = figures.scorecard_picture({"one": card(
        ("A", "A", "01-data", "0", NOT_RESOLVED, Margin(0.0, 0.0, 0.0))
    )})  # fmt: skip
    assert arms(figure.data) == [(0, 0)]


def test_boards_have_their_pictures_and_a_line_each(tmp_path):
    files = colour_files(tmp_path, 4)
    figure = figures.board_row(["<b>ann</b>", "bob"], [files[:3], []], ["x < 2", "none"], "c")
    assert figure.data.count("<img ") == 3
    assert "&lt;b&gt;ann&lt;/b&gt;" in figure.data
    assert "x &lt; 2" in figure.data
    assert "0 pictures of the board bob" in figure.data
    assert figure.numbers["finding"].tolist() == ["x < 2", "none"]


def test_bars_of_the_title_are_as_long_as_their_values():
    figure = figures.title_test({"a": 0.1, "b": 0.4}, 0.05, "So & so.")
    assert re.findall(r"width:([\d.]+)%", figure.data) == ["25.0", "100.0", "12.5"]
    assert "So &amp; so." in figure.data
    assert figure.numbers["profile"].tolist() == ["a", "b", "chance"]
