"""What a figure to try needs only once it is tried: in a built book, files beside its page.

A page of its own carries all of it (``script.later``). In a book it would be most of what a reader
loads who only reads; a script may be loaded from disk, where a browser refuses other files
(``book/_static/later.js``).
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from visprof.files import write_whole

__all__ = ["put_later_apart"]

_LATER = re.compile(
    r'(?P<tag><script type="application/json" class="later" data-of="(?P<name>[\w-]+)")>'
    r"(?P<data>.*?)</script>",
    re.DOTALL,
)
SUFFIX = ".later.js"


def put_later_apart(page: Path, folder: Path) -> None:
    """Move what figures of a page need later into files; changes the page in place.

    Parameters
    ----------
    page : Path
        HTML; a page without such figures stays as it is.
    folder : Path
        Where to, in the same book; made if there is anything.
    """
    text = page.read_text("utf-8")
    if 'class="later"' not in text:
        return
    address = posixpath.relpath(folder.as_posix(), page.parent.as_posix())

    def moved(found: re.Match[str]) -> str:
        name = found["name"]
        folder.mkdir(parents=True, exist_ok=True)
        script = f'(window.visprofLater ??= {{}})["{name}"] = {found["data"]};\n'
        write_whole(folder / f"{name}{SUFFIX}", script.encode())
        return f'{found["tag"]} data-file="{address}/{name}{SUFFIX}"></script>'

    write_whole(page, _LATER.sub(moved, text).encode())
