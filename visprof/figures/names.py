"""Labels to draw in the place of names that come from data (of boards, classes, users).

A name may hold anything: a ``$``, letters that the font of the figure lacks, hundreds of letters.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import count

from visprof._extras import needs

with needs("book"):
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

__all__ = ["drawable", "squeezed"]

_LAST_RESORT = re.compile("last ?resort", re.IGNORECASE)  # such fonts have a box for every letter


def drawable(
    names: Iterable[object], kind: str, width: int, n_lines: int = 1
) -> tuple[dict[str, str], list[str]]:
    """Labels that can be drawn in the place of names, and the fonts that they need.

    A name is wrapped, and cut with an ellipsis. If no installed font has one of its letters, if
    nothing is left of it, or if another name has the same label, the label is a number.
    Matplotlib before 3.11 sets letter beside letter from left to right: Arabic letters are not
    joined there, vowel signs may stand beside their letter, and right-to-left names are reversed.

    Parameters
    ----------
    names : iterable
        Names; several times the same is one.
    kind : str
        What they name, such as "board": the word before a number.
    width : int
        Most letters of a line; letters of double width, such as Chinese ones, count twice.
    n_lines : int
        Most lines of a label.

    Returns
    -------
    labels : dict of str to str
        Labels by name; no two are equal.
    families : list of str
        Font families that have letters which the figure's own lacks.
    """
    shown = {str(name): squeezed(str(name)) for name in names}
    labels = {name: _cut(text, width, n_lines) for name, text in shown.items()}
    missing = {*"".join(labels.values())} - {"\n", *_letters(findfont(FontProperties()))}
    lacking = missing.difference(*_fonts().values()) if missing else missing
    taken = set(shown.values())
    numbers = (number for k in count(1) if (number := f"{kind} {k}") not in taken)
    seen: set[str] = set()
    for name, label in labels.items():
        if not label or label in seen or lacking & {*label}:
            labels[name] = next(numbers)
        seen.add(labels[name])
    return labels, _families(missing & {*"".join(labels.values())})


def squeezed(name: str) -> str:
    """The name on one line: blanks and control characters are one blank."""
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in name).split())


def _cut(text: str, width: int, n_lines: int) -> str:
    if any(unicodedata.east_asian_width(letter) in "WF" for letter in text):
        width //= 2
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    if len(lines) > n_lines:
        last = " ".join(lines[n_lines - 1 :])
        lines[n_lines - 1 :] = [f"{last[: width - 1].rstrip()}…"]
    return "\n".join(lines)


@cache
def _letters(path: str) -> frozenset[str]:
    return frozenset(map(chr, get_font(path).get_charmap()))


@cache
def _fonts() -> dict[str, frozenset[str]]:
    """Letters of each installed family that has an upright font of regular weight."""
    regular = {
        entry.name: entry.fname
        for entry in sorted(fontManager.ttflist, key=lambda entry: entry.fname)
        if entry.style == "normal"
        and entry.weight in (400, "normal", "regular")
        and not _LAST_RESORT.search(entry.name)
    }
    return {name: _letters(path) for name, path in sorted(regular.items())}


def _families(missing: set[str]) -> list[str]:
    """Few installed families that have the missing letters, those with most of them first."""
    families = []
    while missing:
        most = max(_fonts(), key=lambda family: len(_fonts()[family] & missing))
        families.append(most)
        missing = missing - _fonts()[most]
    return families
