"""The script of icons holds what a book shows, and nothing else."""

from __future__ import annotations

import pytest

from visprof.book.icons import SCRIPT, drop_unused_icons, shown_icons

BEGIN, END = "(()=>{var icons={", '},other={width:[1,2,["a"]]};run(icons)})()'
ICONS = {
    "moon": 'moon:[384,512,[127769,9214],"f186","M1 2z"]',
    "magnifying-glass": '"magnifying-glass":[512,512,[128269,"search"],"f002","M4 2c0 4z"]',
    "two-tone": '"two-tone":[512,512,[],"e001",["M1 1z","M2 2z"]]',
    "unused": 'unused:[512,512,[],"f111","M3 3z"]',
}


@pytest.fixture
def book(tmp_path):
    (tmp_path / SCRIPT).parent.mkdir(parents=True)
    (tmp_path / SCRIPT).write_text(BEGIN + ",".join(ICONS.values()) + END)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.html").write_text('<i class="fa-solid fa-moon"></i>')
    (tmp_path / "_static" / "own.js").write_text('icon.className = "fa-solid fa-search"')
    return tmp_path


def test_icons_of_pages_and_scripts_are_kept_by_any_of_their_names(book):
    assert {"moon", "search"} <= shown_icons(book)
    drop_unused_icons(book)
    script = (book / SCRIPT).read_text()
    assert script == f"{BEGIN}{ICONS['moon']},{ICONS['magnifying-glass']},{END}"
    drop_unused_icons(book)
    assert (book / SCRIPT).read_text() == script


def test_a_book_without_the_script_or_with_another_stays_as_it_is(tmp_path, book):
    (book / SCRIPT).write_text("icons from elsewhere")
    drop_unused_icons(book)
    assert (book / SCRIPT).read_text() == "icons from elsewhere"
    (book / SCRIPT).unlink()
    drop_unused_icons(book)
    assert not (book / SCRIPT).exists()
