"""Lists of words, and numbers of four digits."""

from __future__ import annotations

import pytest

from visprof import sentences


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a, b"], "a, b"),
        (["a", "b, c"], "a and b, c"),
    ],
)
def test_words_are_listed(words, said):
    assert sentences.listed(words) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(12345.6, "12,350"), (0.0123456, "0.01235"), (20.0, "20"), (1_234_567.0, "1,235,000")],
)
def test_four_significant_digits(value, said):
    assert sentences.significant(value) == said
