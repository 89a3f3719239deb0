"""Drawings as text, written shortly: what a screen shows stays, to a hundredth of a point."""

from __future__ import annotations

import re

__all__ = ["shorter_svg"]

_PATH = re.compile(r'(?<= d=")[^"]*(?=")')
_TOKEN = re.compile(r"[A-Za-z]|[-+]?[\d.]+(?:[eE][-+]?\d+)?")
_PAIRS = {"M": 1, "L": 1, "Q": 2, "C": 3}  # points that follow a command
# where a letter or a mark is put
_PLACED = re.compile(r'(?<=<use )[^>]*?(?= style=|/>)|(?<=transform="translate\()[^)]*(?=\))')
_NUMBER = re.compile(r"-?\d+\.\d+")
_INDENTED = re.compile(r"\n\s+")
HUNDREDTHS = 100


def shorter_svg(svg: str) -> str:
    """A drawing of Matplotlib's in fewer letters, a quarter or a third where curves are long.

    Coordinates are rounded to a hundredth of a point, a 75th of a pixel of a page, and those
    of a path count from the point before; rounding does not add up along it.

    Parameters
    ----------
    svg : str
        As Matplotlib writes it. A path with commands that it does not write stays as it is.

    Returns
    -------
    str

    Examples
    --------
    >>> shorter_svg('<path d="M 10.001 5 \\nL 10.5 5 \\nL 10.5 4.25 \\nz\\n"/>')
    '<path d="M10 5h.5v-.75z"/>'
    """
    svg = _PATH.sub(lambda found: _shorter_path(found[0]), svg)
    svg = _PLACED.sub(lambda found: _NUMBER.sub(_rounded, found[0]), svg)
    return _INDENTED.sub("\n", svg)


def _shorter_path(path: str) -> str:
    """A path by differences; as it was if it has other commands, or numbers where none belong."""
    tokens = _TOKEN.findall(path)
    written: list[str] = []
    before, first, at = (0, 0), (0, 0), 0
    while at < len(tokens):
        command = tokens[at]
        if command == "z":
            written.append("z")
            before, at = first, at + 1
            continue
        given = tokens[at + 1 : at + 1 + 2 * _PAIRS.get(command, 0)]
        if not given or len(given) < 2 * _PAIRS[command] or any(map(str.isalpha, given)):
            return path
        numbers = [round(HUNDREDTHS * float(number)) for number in given]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        written.append(_command(command, points, before, written))
        before, at = points[-1], at + 1 + len(given)
        first = before if command == "M" else first
    return "".join(written)


def _command(
    command: str, points: list[tuple[int, int]], before: tuple[int, int], written: list[str]
) -> str:
    if command == "M":
        return "M" + _joined([*points[0]])
    steps = [part for x, y in points for part in (x - before[0], y - before[1])]
    if command != "L":
        return command.lower() + _joined(steps)
    across, up = steps
    if not across and not up:  # a line of no length is a dot, where it is all there is
        return "h0" if written[-1:] and written[-1].startswith("M") else ""
    if not up:
        return f"h{_text(across)}"
    return f"l{_joined(steps)}" if across else f"v{_text(up)}"


def _joined(numbers: list[int]) -> str:
    first, *others = map(_text, numbers)
    return first + "".join(text if text.startswith("-") else f" {text}" for text in others)


def _text(hundredths: int) -> str:
    """A number without the zeros that say nothing."""
    whole, rest = divmod(abs(hundredths), HUNDREDTHS)
    sign = "-" if hundredths < 0 else ""
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{rest:02d}".rstrip("0")


def _rounded(number: re.Match[str]) -> str:
    return _text(round(HUNDREDTHS * float(number[0])))
