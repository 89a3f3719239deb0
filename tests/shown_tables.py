"""What a table shows."""

from __future__ import annotations

import html
import re


def shown(table):
    """Rows of text of a shown table, the heading first."""
    rows = re.findall("(?s)<tr>(.*?)</tr>", table.to_html())
    cells = [re.findall("(?s)<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]
    return [[html.unescape(cell).strip() for cell in row] for row in cells]
