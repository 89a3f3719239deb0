"""Tables on the page show all that they hold."""

from __future__ import annotations

import pandas as pd

from visprof import figures


def test_table_shows_all_of_a_long_text_and_no_index():
    html = figures.table(
        pd.DataFrame({"a": ["x" * 200], "b": [0.123456]}), {"b": "{:.2f}"}
    ).to_html()
    assert "x" * 200 in html
    assert "0.12<" in html
    assert "row_heading" not in html
