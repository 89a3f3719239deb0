"""A built book as one PDF: a single page of HTML, printed by Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path

from visprof.book.errors import BookError
from visprof.book.render import executed_pages, run_tool, single_page
from visprof.files import partial_folder, put_in_place

__all__ = ["build_pdf"]

# The first is Chromium without windows: the same pages for half the processor time.
BROWSERS = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome",
)  # fmt: skip
# Scripts (mathematics, the map) get this long, in milliseconds of the browser's own clock.
BUDGET = 120_000


def build_pdf(out: str | Path = "_build", preset: str = "demo") -> Path:
    """Print the book that `visprof.book.build.build_book` made.

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
    pages = executed_pages(folder)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(
            f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is on the path; "
            "install it (Debian: apt-get install chromium)"
        )
    with partial_folder(folder) as scratch:
        printed = _print(browser, single_page(pages, scratch), scratch)
        put_in_place(printed, folder / "book.pdf")
    return folder / "book.pdf"


def _print(browser: str, page: Path, scratch: Path) -> Path:
    printed = scratch / "book.pdf"
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--no-pdf-header-footer", "--generate-pdf-document-outline",
        f"--user-data-dir={scratch / 'profile'}", f"--virtual-time-budget={BUDGET}",
        f"--print-to-pdf={printed}", page.resolve().as_uri(),
    ]  # fmt: skip
    run_tool(command, "Chromium")
    if not printed.is_file():
        raise BookError(f"Chromium printed nothing of {page}")
    return printed
