"""The theme's style sheets, of which a book uses a third: rules for what no page has leave them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from visprof.files import write_whole

__all__ = ["drop_unused_styles", "kept_rules", "named_classes"]

_CLASSES = re.compile(r"\bclass=(?:\"([^\"]*)\"|'([^']*)')")
_INLINE = re.compile(r"<script(?![^>]*application/json)[^>]*>(.+?)</script>", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][\w-]*")
# what a script puts together: `bs-tooltip-${side}`, "offcanvas-" + side
_BEGUN = re.compile(r"([A-Za-z][\w-]+-)(?:\$\{|[\"']\s*\+|[\"']\.concat\()")
_MADE = ("MathJax", "mjx", "CtxtMenu")  # by scripts that are not searched: mathematics
_ICONS = "fa-"  # scripts begin names of icons so; those that are shown stand in pages and scripts

# texts, comments and what stands in brackets hold no end of a rule
_PART = re.compile(
    r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|/\*.*?\*/|url\([^\"')]*\)|([{};])", re.DOTALL
)
_BRACKETS = re.compile(r"\[[^\]]*\]|\([^()]*\)")
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_OF_RULES = ("@media", "@supports", "@layer", "@container")


def named_classes(html: Path) -> tuple[set[str], tuple[str, ...]]:
    """Classes that pages of a built book have, or that its scripts may give them.

    Parameters
    ----------
    html : Path
        Folder of the book.

    Returns
    -------
    set of str
        Their names, and all other words of scripts.
    tuple of str
        What names begin with that scripts put together.
    """
    names, begun = set(), set()
    scripts = [*html.glob("_static/*.js"), *html.glob("_static/scripts/*.js")]
    texts = [file.read_text("utf-8") for file in scripts]
    for page in html.rglob("*.html"):
        text = page.read_text("utf-8")
        for double, single in set(_CLASSES.findall(text)):
            names.update((double or single).split())
        texts += _INLINE.findall(text)
    for text in set(texts):
        names.update(_WORD.findall(text))
        begun.update(_BEGUN.findall(text))
    return names, (*_MADE, *sorted(begun - {_ICONS}))


def drop_unused_styles(html: Path) -> None:
    """Leave in the style sheets that every page loads the rules of which a book has the classes.

    Parameters
    ----------
    html : Path
        Folder of a built book.
    """
    names, begun = named_classes(html)
    for sheet in [*html.glob("_static/*.css"), *html.glob("_static/styles/*.css")]:
        rules = sheet.read_text("utf-8")
        kept = kept_rules(rules, names, begun)
        if kept != rules:
            write_whole(sheet, kept.encode())


def kept_rules(sheet: str, names: set[str], begun: tuple[str, ...] = ()) -> str:
    """Rules of a style sheet that apply to what has only these classes.

    Parameters
    ----------
    sheet : str
    names, begun
        As of `named_classes`.

    Returns
    -------
    str
        Without comments. What does not name a class stays, and so does every rule whose selector
        is not understood. Classes within brackets, as in ``:not(.a)``, are not asked for.

    Examples
    --------
    >>> kept_rules("a{x:1} .b,.c p{x:2} @media print{.d{x:3}} .c.b{x:4}", {"c"})
    'a{x:1}.c p{x:2}'
    """

    def known(selector: str) -> bool:
        bare = selector
        while bare != (bare := _BRACKETS.sub("", bare)):
            pass
        wanted = _CLASS.findall(bare)
        return "\\" in bare or all(name in names or name.startswith(begun) for name in wanted)

    written = []
    for head, body in _rules(sheet):
        if body is None:
            written.append(f"{head};")
        elif head.startswith(_OF_RULES):
            if inside := kept_rules(body, names, begun):
                written.append(f"{head}{{{inside}}}")
        elif head.startswith("@"):
            written.append(f"{head}{{{body}}}")
        elif selectors := [one for one in _split(head) if known(one)]:
            written.append(f"{','.join(selectors)}{{{body}}}")
    return "".join(written)


def _rules(sheet: str) -> Iterator[tuple[str, str | None]]:
    """What stands before each block of a sheet, and in it; no block where none follows."""
    head: list[str] = []  # pieces of it, comments left out
    depth, start, opened = 0, 0, 0
    for part in _PART.finditer(sheet):
        mark = part[1]
        if depth == 0 and part[0].startswith("/*"):
            head.append(sheet[start : part.start()])
            start = part.end()
        elif mark == "{":
            if depth == 0:
                head.append(sheet[start : part.start()])
                opened = part.end()
            depth += 1
        elif mark == "}" and depth:
            depth -= 1
            if depth == 0:
                yield "".join(head).strip(), sheet[opened : part.start()].strip()
                head, start = [], part.end()
        elif mark == ";" and depth == 0:
            head.append(sheet[start : part.start()])
            yield "".join(head).strip(), None
            head, start = [], part.end()


def _split(selectors: str) -> list[str]:
    """Selectors of a list; a comma within brackets parts nothing."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(selectors):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append(selectors[start:place].strip())
            start = place + 1
    return [*parts, selectors[start:].strip()]
