"""The page of a sweep: a table and a figure, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from visprof._extras import needs

with needs("book"):
    from jinja2 import Environment

__all__ = ["sweep_page"]

# Figures are drawn on white, so they lie on a light card where the page is dark; tables and figures
# wider than a phone scroll by themselves, the page does not.
TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root {
  color-scheme: light dark;
  --text: #1f2328; --muted: #59636e; --ground: #fff; --line: #d1d9e0; --link: #0b5cad;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #dfe4ea; --muted: #9aa4af; --ground: #14181e; --line: #3a434d; --link: #7cb7ff;
  }
}
body {
  margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 70rem; color: var(--text);
  background: var(--ground); font: 1rem/1.6 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.25; text-wrap: balance; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.25rem; }
p { max-width: 46rem; overflow-wrap: break-word; }
a { color: var(--link); }
.muted { color: var(--muted); }
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
  display: block; box-sizing: border-box; width: 100%; min-width: 36rem; max-width: 52rem;
  height: auto; padding: 0.6rem; border-radius: 0.6rem; background: #fff;
}
</style>
</head>
<body>
<main>
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
</main>
</body>
</html>
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
    template = Environment(autoescape=True).from_string(TEMPLATE)
    rows = zip(table.itertuples(index=False), links, strict=True)
    alt = "A line a setting: the number, and its difference from the first, as in the table."
    return template.render(
        title=title, fixed=fixed, table=table, rows=rows, told=told, figure=figure, files=files,
        alt=alt,
    )  # fmt: skip
