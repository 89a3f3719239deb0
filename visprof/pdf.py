"""A built book as one PDF: a single page of HTML, printed by Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from visprof.book import JUPYTER_BOOK, BookError

__all__ = ["build_pdf"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Scripts (mathematics, the map) get this long, in milliseconds of the browser's own clock.
BUDGET = 120_000


def build_pdf(out: str | Path = "_build", preset: str = "demo") -> Path:
    """Print the book that `visprof.book.build_book` made.

    Parameters
    ----------
    out : path
        The folder that the book was built in.
    preset : str
        The preset that it was built with.

    Returns
    -------
    Path
        ``out/preset/book.pdf``.

    Raises
    ------
    FileNotFoundError
        If the book was not built, or there is no Chromium.
    BookError
        If Sphinx or Chromium fails.
    """
    folder = Path(out) / preset
    pages = folder / "executed"
    if not (folder / "html" / "index.html").is_file() or not pages.is_dir():
        raise FileNotFoundError(
            f"no book in {folder}; build it first: make book PRESET={preset}, or "
            f"visprof build --preset {preset}"
        )
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(
            f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is on the path; "
            "install it (Debian: apt-get install chromium)"
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pdf-") as scratch:
        page = _single_page(pages, Path(scratch))
        printed = _print(browser, page, Path(scratch))
        os.replace(printed, folder / "book.pdf")
    return folder / "book.pdf"


def _single_page(pages: Path, scratch: Path) -> Path:
    """The whole book as one page of HTML; links between pages become links within it."""
    command = [*JUPYTER_BOOK, "build", str(pages), "--path-output", str(scratch)]
    _run([*command, "--builder", "singlehtml", "-W", "-n", "--keep-going", "-q"], "Jupyter Book")
    html = scratch / "_build" / "singlehtml"
    # Sphinx writes it beside the front page's source, and links all files as seen from the root
    return (html / "book" / "index.html").replace(html / "index.html")


def _print(browser: str, page: Path, scratch: Path) -> Path:
    printed = scratch / "book.pdf"
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--no-pdf-header-footer", "--generate-pdf-document-outline",
        f"--user-data-dir={scratch / 'profile'}", f"--virtual-time-budget={BUDGET}",
        f"--print-to-pdf={printed}", page.resolve().as_uri(),
    ]  # fmt: skip
    _run(command, "Chromium")
    if not printed.is_file():
        raise BookError(f"Chromium printed nothing of {page}")
    return printed


def _run(command: Sequence[str], what: str) -> None:
    result = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode:
        raise BookError(f"{what} ended with status {result.returncode}\n\n{result.stdout}")
