"""Tables of the book: what stands in them."""

from __future__ import annotations

import pandas as pd

from visprof import tables
from visprof.results.cite import find_ledger
from visprof.results.scorecard import KINDS, own_name, scorecards
from visprof.results.verdicts import UNANSWERABLE


def test_verdicts_are_marked_and_seeds_told_where_they_waver():
    card = pd.DataFrame(
        {
            "claim": ["a", "b", "c", "d"],
            "verdict": ["holds", "does not hold", "not resolved", UNANSWERABLE],
            "seeds": ["10 of 10", "9 of 10", "5 of 10", ""],
        }
    )
    assert tables.verdicts({"simulated world": card}).data["simulated world"].tolist() == [
        "✔ holds",
        "✘ does not hold (9 of 10 seeds)",
        "? not resolved (5 of 10 seeds)",
        "– cannot be answered with these data",
    ]


def test_numbers_that_moved_most_come_first():
    kept = {
        "half_widths": {"a": 0.001, "b": 0.5, "c": 0.02},
        "digits": {"a": 6.2, "b": 1.4, "c": 3.0},
    }
    frame = tables.moved_most(kept, 2).data
    assert frame["number"].tolist() == ["b", "c"]
    assert frame["digits that stay"].tolist() == [1.4, 3.0]


def test_numbers_are_counted_by_the_first_part_of_their_keys():
    listed = {"demo": pd.DataFrame({"key": ["mrr.a", "mrr.b", "map.c"]}),
              "boards": pd.DataFrame({"key": ["mrr.a"]})}  # fmt: skip
    frame = tables.numbers_by_kind(listed).data.set_index("keys that begin with")
    assert frame.loc["mrr"].tolist() == [2, 1]
    assert frame.loc["map"].tolist() == [1, 0]


def test_parameters_of_no_page_stand_apart():
    listed = pd.DataFrame(
        {"parameter": ["a", "b"], "type": ["int", "str"], "values allowed": ["at least 1", ""],
         "meaning": ["how many", "which"], "default": ["3", "x"],
         "pages": ["05-pairwise, 06-prediction", ""]}
    )  # fmt: skip
    of_pages = tables.page_parameters(listed).data
    assert of_pages[["parameter", "meaning", "pages"]].to_numpy().tolist() == [
        ["a", "how many (int, at least 1)", "05, 06"]
    ]
    others = tables.other_parameters(listed).data
    assert others["meaning"].tolist() == ["which (str)"]
    assert "pages" not in others


def test_a_books_own_scorecard_stands_in_its_place():
    own, asked = pd.DataFrame({"claim": ["own"]}), []

    def published(preset):
        asked.append(preset)
        if preset == "travel":
            raise FileNotFoundError
        return find_ledger(preset=preset)

    cards = scorecards(own, "demo", published)
    assert cards["simulated world"] is own
    assert asked == ["boards", "travel"]
    assert list(scorecards(own, "tiny", published)) == [own_name("tiny"), *cards]
    assert list(cards) == list(KINDS.values())[:2]  # of the last, nothing is published
    assert own_name("tiny") == "data of this book (tiny)"


def test_a_table_shows_all_of_a_long_text_and_no_index():
    frame = pd.DataFrame({"a": ["x" * 200], "b": [0.123456]})
    html = tables.table(frame, {"b": "{:.2f}"}).to_html()
    assert "x" * 200 in html
    assert "0.12<" in html
    assert "row_heading" not in html
