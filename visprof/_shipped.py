"""What stands beside the package in a checkout, and inside it where it is installed from a wheel.

Those are the book's pages, the published results, how to cite them, and the tested versions.
`setup.py` copies them into the wheel; in git they exist once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["SHIPPED", "pages_root"]

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "shipped"
SHIPPED = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent
PAGES = ("book", "_config.yml", "_toc.yml")


def pages_root(folder: str | Path = ".") -> Path:
    """Find the book's pages for a command that was given no folder of them.

    Pages run in a folder that can be written to, so those that come with the package are copied.

    Parameters
    ----------
    folder : path
        Where the command runs.

    Returns
    -------
    Path
        `folder`, if it has pages of its own (a ``_toc.yml``); else ``folder/_build/pages``, with
        those that come with the package.
    """
    folder = Path(folder)
    if (folder / "_toc.yml").exists():
        return folder
    root = folder / "_build" / "pages"
    root.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        if (SHIPPED / name).is_dir():
            shutil.copytree(SHIPPED / name, root / name, dirs_exist_ok=True)
        else:
            shutil.copy2(SHIPPED / name, root / name)
    return root
