"""Numbers as the text writes them."""

from __future__ import annotations

import pytest

from visprof import sentences
from visprof.intervals import Estimate


@pytest.mark.parametrize(
    ("words", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_words_are_listed(words, said):
    assert sentences.listed(words) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(12345.6, "12,350"), (0.0123456, "0.01235"), (20.0, "20"), (1_234_567.0, "1,235,000")],
)
def test_four_significant_digits(value, said):
    assert sentences.significant(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(True, "yes"), (False, "no"), (12345, "12,345"), (0.05, "0.05"), (2.0, "2"), ("sum", "sum")],
)
def test_parameters_are_written_as_short_as_they_are(value, said):
    assert sentences.plain(value) == said


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("pairs.differ", "50.0% (40.0% to 60.0%)"),
        ("plane.pins.preservation", "50.0% (40.0% to 60.0%)"),
        ("plane.pins.trust", "0.500 (0.400 to 0.600)"),
        ("plane.pins.purity.plane-embedding", "0.500 (0.400 to 0.600)"),
        ("mrr.image.50", "0.500 (0.400 to 0.600)"),
    ],
)
def test_shares_are_in_per_cent(key, said):
    assert sentences.shown(key, Estimate(0.5, 0.4, 0.6)) == said
