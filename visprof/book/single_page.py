"""Pages of one file that need no network: what those of sweeps and of boards have in common."""

from __future__ import annotations

from visprof._extras import needs

with needs("book"):
    from jinja2 import Environment

__all__ = ["single_page"]

_HEAD = """\
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
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 3rem; color: var(--text); background: var(--ground);
  font: 1rem/1.6 system-ui, sans-serif;
}
h1 {
  margin: 0; font-size: 1.75rem; line-height: 1.25; overflow-wrap: anywhere; text-wrap: balance;
}
h2 { margin: 2rem 0 0.5rem; font-size: 1.25rem; }
a { color: var(--link); }
.muted { color: var(--muted); }
"""
_BETWEEN = """\
</style>
</head>
<body>
<main>
"""
_END = """\
</main>
</body>
</html>
"""


def single_page(title: str, style: str, body: str, **values: object) -> str:
    """Write a page that is one file, in light colours or dark ones, as its reader has them.

    Parameters
    ----------
    title : str
    style : str
        Style sheet, after what all such pages have: the colours ``--text``, ``--muted``,
        ``--ground``, ``--line`` and ``--link``, headings and the class ``muted``.
    body : str
        Template of what is shown (Jinja).
    **values : object
        What the template names.

    Returns
    -------
    str
        HTML; texts are text, whatever they hold.

    Examples
    --------
    >>> page = single_page("Sea", "p { margin: 0; }", "<p>{{ name }}</p>\\n", name="<sun & sea>")
    >>> "<p>&lt;sun &amp; sea&gt;</p>" in page
    True
    """
    template = Environment(autoescape=True).from_string(f"{_HEAD}{style}{_BETWEEN}{body}{_END}")
    return template.render(title=title, **values)
