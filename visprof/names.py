"""Names that come from data (of boards, classes, users) are text in figures, and can be read.

A name may hold anything: a ``$``, letters that the font of the figure lacks, hundreds of letters.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import count
from typing import Any

from visprof._extras import needs

with needs("book"):
    import matplotlib.figure
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
    from matplotlib.text import Text

__all__ = ["Figure", "drawable"]

_LAST_RESORT = re.compile("last ?resort", re.IGNORECASE)  # such fonts have a box for every letter


class Figure(matplotlib.figure.Figure):
    """A figure whose texts are text: only what is given to `formulas` is read as mathematics.

    So a ``$`` in a name is drawn as it is, in whatever figure. Logarithmic axes need a formatter
    without mathematics.

    Attributes
    ----------
    names : dict of str to str
        Names, by the label that is drawn in their place.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names: dict[str, str] = {}
        self._formulas: set[Text] = set()
        self._families: list[str] = []

    def formulas(self, *texts: Text) -> None:
        """Read texts, which hold no name, as mathematics between dollar signs."""
        self._formulas |= {*texts}

    def label(
        self, names: Iterable[object], kind: str, width: int, n_lines: int = 1
    ) -> dict[str, str]:
        """Labels to draw in the place of names; what they stand for is kept in `names`.

        Parameters
        ----------
        names, kind, width, n_lines
            See `drawable`. One call should get all names that a figure shows.

        Returns
        -------
        dict of str to str
            Labels by name.
        """
        labels, self._families = drawable(names, kind, width, n_lines)
        self.names |= {label: name for name, label in labels.items() if label != name}
        return labels

    def told(self) -> dict[str, str]:
        """Names that the figure cuts or numbers, by the label in their place, each on one line."""
        return {
            _squeezed(label): _squeezed(name)
            for label, name in self.names.items()
            if "".join(label.split()) != "".join(name.split())
        }

    def draw(self, renderer: Any) -> None:
        """Draw the figure."""
        for text in self.findobj(Text):
            text.set_parse_math(text in self._formulas)
            own = text.get_fontfamily()
            text.set_fontfamily([*own, *(name for name in self._families if name not in own)])
        super().draw(renderer)


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
    shown = {str(name): _squeezed(str(name)) for name in names}
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


def _squeezed(name: str) -> str:
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
