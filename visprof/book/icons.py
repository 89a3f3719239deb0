"""The theme's icons, of which a book shows a dozen: the others leave its script."""

from __future__ import annotations

import re
from pathlib import Path

from visprof.files import write_whole

__all__ = ["drop_unused_icons", "shown_icons"]

SCRIPT = Path("_static", "scripts", "fontawesome.js")
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
