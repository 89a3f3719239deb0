"""Texts of strangers in Markdown."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from visprof.markdown import as_markdown


@given(text=st.text())
def test_a_text_is_shown_as_it_is_and_no_sign_of_it_means_anything(text):
    written = as_markdown(text)
    assert re.fullmatch(r"(?:[^\W_]|[ ,./]|&#\d+;)*", written)
    as_browsers = html.unescape(written)
    assert as_browsers == html.unescape("".join(f"&#{ord(c)};" for c in text))
