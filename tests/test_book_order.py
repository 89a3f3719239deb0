"""In which order pages are begun that are executed side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visprof.book import order
from visprof.book.order import count_steps, longest_first
from visprof.steps import STEPS
from visprof.steps.registry import needed_steps

PAGES = st.lists(st.tuples(st.none() | st.floats(0, 1e4), st.integers(0, 100)), max_size=12)


@given(PAGES)
def test_every_page_is_begun_once_and_none_before_a_longer_one(pages):
    places = longest_first([took for took, _ in pages], [steps for _, steps in pages])
    assert sorted(places) == list(range(len(pages)))
    begun = [pages[place] for place in places]
    unknown = [steps for took, steps in begun if took is None]
    known = [took for took, _ in begun if took is not None]
    assert all(took is None for took, _ in begun[: len(unknown)])
    assert unknown == sorted(unknown, reverse=True)
    assert known == sorted(known, reverse=True)


def test_pages_that_are_alike_keep_the_order_of_the_book():
    assert longest_first([None] * 3, [4] * 3) == [0, 1, 2]
    assert longest_first([2.0] * 3, [1, 2, 3]) == [0, 1, 2]


@pytest.fixture
def here(monkeypatch):
    """In this process, which has the library."""
    monkeypatch.setattr(order, "call_ready", lambda function, *given: function(*given))


def test_steps_are_counted_with_all_that_they_need(here):
    def needed(name):
        return {name}.union(*map(needed, needed_steps(STEPS[name]).values()))

    first, second = "mrr_numbers", "pair_numbers"
    cells = ["x = 1\n", f'page.record("{first}", "no_step")', f"page['{second}']\npage['{first}']"]
    assert count_steps([cells, [], ["'data'"], cells[:2]]) == [
        len(needed(first) | needed(second)), 0, 0, len(needed(first)),
    ]  # fmt: skip


@pytest.mark.slow
def test_steps_are_counted_by_the_process_that_has_the_library():
    assert count_steps([["page['pins']"]])[0] >= 1
