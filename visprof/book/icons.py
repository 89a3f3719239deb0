"""The theme's icons, of which a book shows a dozen: the others leave its script and its fonts."""

from __future__ import annotations

import re
from pathlib import Path

from visprof._lazy import lazily
from visprof.files import write_whole

with lazily("book"):  # a run cuts no font
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

__all__ = ["drop_unused_glyphs", "drop_unused_icons", "shown_icons"]

SCRIPT = Path("_static", "scripts", "fontawesome.js")
FONTS = Path("_static", "vendor", "fontawesome", "webfonts")
# files of one font in a style sheet, in two formats
_SOURCE = re.compile(
    r'url\(([^()"]*/)([\w-]+)\.woff2\) format\("woff2"\),\s*'
    r'url\(\1\2\.ttf\) format\("truetype"\)'
)
_CODE = re.compile(r"\\([ef][\da-f]{3})\b|([\ue000-\uf8ff])", re.IGNORECASE)  # of private use
_SHOWN = re.compile(r"\bfa-([a-z\d-]+)")
# "name":[width,height,[other names and codes],"code","path"],
_ICON = re.compile(
    r'(?:"([\w-]+)"|([A-Za-z_]\w*)):\[\d+,\d+,\[([^\]]*)\],"[\da-f]+",'
    r'(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?'
)


def shown_icons(html: Path) -> set[str]:
    """Names of the icons that pages or scripts of a built book ask for.

    Parameters
    ----------
    html : Path
        Folder of the book.
    """
    scripts = [*html.glob("_static/*.js"), *html.glob("_static/scripts/*.js")]
    texts = (
        file.read_text("utf-8")
        for file in [*html.rglob("*.html"), *scripts]
        if file != html / SCRIPT
    )
    return {name for text in texts for name in _SHOWN.findall(text)}


def drop_unused_icons(html: Path) -> None:
    """Leave only the icons that a book shows in the script that every page loads: of 1.5 MB, 5 %.

    Parameters
    ----------
    html : Path
        Folder of a built book; a script of another form stays as it is.
    """
    if not (html / SCRIPT).is_file():
        return
    shown = shown_icons(html)

    def kept(icon: re.Match[str]) -> str:
        names = {icon[1] or icon[2], *re.findall(r'"([\w-]+)"', icon[3])}
        return icon[0] if names & shown else ""

    script = (html / SCRIPT).read_text("utf-8")
    write_whole(html / SCRIPT, _ICON.sub(kept, script).encode())


def drop_unused_glyphs(html: Path) -> None:
    """Leave only the icons that style sheets name in the fonts of icons: of 160 kB, 2.

    Parameters
    ----------
    html : Path
        Folder of a built book, whose style sheets have no rules for icons that are not shown
        (`visprof.book.styles`). Fonts that no sheet names in the theme's way stay as they are.
    """
    sheets = [*html.glob("_static/*.css"), *html.glob("_static/styles/*.css")]
    texts = {sheet: sheet.read_text("utf-8") for sheet in sheets}
    found = {pair for text in texts.values() for pair in _CODE.findall(text)}
    codes = {int(code, 16) if code else ord(letter) for code, letter in found}
    smaller = set()
    for sheet, text in texts.items():
        for source in _SOURCE.finditer(text):
            font = html / FONTS / f"{source[2]}.ttf"
            if source[1].endswith("webfonts/") and font.is_file():
                smaller.add(font)
                text = text.replace(source[0], f'url({source[1]}{source[2]}.woff) format("woff")')
        if text != texts[sheet]:
            write_whole(sheet, text.encode())
    for font in sorted(smaller):
        _reduce(font, codes)


def _reduce(font: Path, codes: set[int]) -> None:
    """Put a font of these letters alone, compressed, in the place of its two files."""
    options = Options(flavor="woff", layout_features=[], name_IDs=[], notdef_outline=False)
    with TTFont(font, recalcTimestamp=False) as whole:  # the same font gives the same file
        letters = Subsetter(options)
        letters.populate(unicodes=codes)
        letters.subset(whole)
        whole.flavor = "woff"
        whole.save(font.with_suffix(".woff"))
    font.unlink()
    font.with_suffix(".woff2").unlink(missing_ok=True)
