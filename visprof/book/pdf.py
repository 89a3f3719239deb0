"""A built book as one PDF: a single page of HTML, printed by Chromium."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from visprof.book.errors import BookError
from visprof.book.render import run_jupyter_book, run_tool
from visprof.files import partial_folder, put_in_place

__all__ = ["build_pdf", "link_within"]

# The first is Chromium without windows: the same pages for half the processor time.
BROWSERS = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome",
)  # fmt: skip
FRONT = "index"  # the page that holds all others
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
    with partial_folder(folder) as scratch:
        printed = _print(browser, _single_page(pages, scratch), scratch)
        put_in_place(printed, folder / "book.pdf")
    return folder / "book.pdf"


def _single_page(pages: Path, scratch: Path) -> Path:
    """The whole book as one page of HTML; links between pages become links within it."""
    html = run_jupyter_book(pages, scratch, "singlehtml")
    # Sphinx writes it beside the front page's source, and links all files as seen from the root
    page = (html / "book" / "index.html").replace(html / "index.html")
    page.write_text(link_within(page.read_text("utf-8")), "utf-8")
    return page


def link_within(page: str) -> str:
    """Let links to pages of the book lead to where these are in the single page.

    Sphinx knows none that figures make themselves, and its own to figures and equations name the
    file, which is not there when the PDF is read.

    Examples
    --------
    >>> page = '<span id="document-book/01-data"></span><a href="01-data.html">1</a>'
    >>> link_within(page).partition("</span>")[2]
    '<a href="#document-book/01-data">1</a>'
    """
    pages = {
        name: anchor for anchor, name in re.findall(r'id="(document-(?:[^"]*/)?([^"/]+))"', page)
    }

    def within(link: re.Match[str]) -> str:
        name, place = link.groups()
        if name in pages or (name == FRONT and place):
            return f'href="#{place or pages[name]}"'
        return link[0]

    return re.sub(r'href="(?:\.\./|book/)*([\w-]+)\.html(?:#([^"]+))?"', within, page)


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
