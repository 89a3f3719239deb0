"""The page of a sweep: a table and a figure, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from visprof.book.single_page import single_page

__all__ = ["sweep_page"]

# Figures are drawn on white, so they lie on a light card where the page is dark; tables and figures
# wider than a phone scroll by themselves, the page does not.
STYLE = """\
body { max-width: 70rem; }
p { max-width: 46rem; overflow-wrap: break-word; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td {
  padding: 0.35rem 0.7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line);
}
thead th { border-bottom-width: 2px; white-space: nowrap; }
td.number { white-space: nowrap; }
td.words { min-width: 20rem; }
figure { margin: 1rem 0; }
img {
  display: block; width: 100%; min-width: 36rem; max-width: 52rem;
  height: auto; padding: 0.6rem; border-radius: 0.6rem; background: #fff;
}
"""
BODY = """\
<h1>{{ title }}</h1>
<p class="muted">{{ fixed }}</p>
<h2 id="settings">Settings</h2>
<div class="wide" role="region" aria-labelledby="settings" tabindex="0">
<table>
<thead><tr>{% for name in table.columns %}<th scope="col">{{ name }}</th>{% endfor %}\
<th scope="col">run</th></tr></thead>
<tbody>
{% for row, link in rows %}<tr>{% for cell in row %}\
<td class="{{ 'words' if loop.last else 'number' }}">{{ cell }}</td>{% endfor %}\
<td>{% if link %}<a href="{{ link }}">page</a>{% endif %}</td></tr>
{% endfor %}</tbody>
</table>
</div>
{% for sentence in told %}<p>{{ sentence }}</p>
{% endfor %}
{% if figure %}<h2 id="figure">Figure</h2>
<figure>
<div class="wide" role="region" aria-labelledby="figure" tabindex="0">
<img src="{{ figure }}" alt="{{ alt }}">
</div>
</figure>
{% endif %}<h2>Files</h2>
<ul>
{% for file, what in files.items() %}<li><a href="{{ file }}">{{ file }}</a>: {{ what }}</li>
{% endfor %}</ul>
"""


def sweep_page(
    title: str,
    fixed: str,
    table: pd.DataFrame,
    links: Sequence[str],
    told: Sequence[str],
    figure: str,
    files: Mapping[str, str],
) -> str:
    """Write the page of a sweep.

    Parameters
    ----------
    title : str
    fixed : str
        What is the same in all runs, in words.
    table : DataFrame
        A row a setting; its last column holds sentences.
    links : sequence of str
        Address of the page of each setting's run; empty where it failed.
    told : sequence of str
        Paragraphs below the table.
    figure : str
        Address of the figure, which shows the table's numbers; empty if there is none.
    files : mapping of str to str
        Addresses of files, and what they are.

    Returns
    -------
    str
        HTML; texts are text, whatever they hold.
    """
    rows = zip(table.itertuples(index=False), links, strict=True)
    alt = "A line a setting: the number, and its difference from the first, as in the table."
    return single_page(
        title, STYLE, BODY, fixed=fixed, table=table, rows=rows, told=told, figure=figure,
        files=files, alt=alt,
    )  # fmt: skip
