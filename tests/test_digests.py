"""Digests of texts."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from visprof.digests import digest

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0")), max_size=3)


@given(TEXTS, TEXTS)
def test_equal_texts_and_no_others_have_one_digest(one, other):
    one, other = one or [""], other or [""]  # of no text is that of an empty one
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_name_that_is_no_utf_8_has_a_digest():
    assert len(digest(os.fsdecode(b"caf\xe9"))) == 20
