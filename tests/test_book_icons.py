"""The script of icons holds what a book shows, and nothing else."""

from __future__ import annotations

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from visprof.book.icons import (
    FONTS,
    SCRIPT,
    drop_unused_glyphs,
    drop_unused_icons,
    shown_icons,
)

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


def font_of(names, path):
    """A font of squares, whose codes count from f000 on."""
    pen = TTGlyphPen(None)
    for move, to in ((pen.moveTo, (0, 0)), (pen.lineTo, (0, 9)), (pen.lineTo, (9, 9))):
        move(to)
    pen.closePath()
    square = pen.glyph()
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder([".notdef", *names])
    made.setupCharacterMap({0xF000 + place: name for place, name in enumerate(names)})
    made.setupGlyf(dict.fromkeys([".notdef", *names], square))
    made.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (500, 0)))
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": "Icons", "styleName": "Solid"})
    made.setupOS2()
    made.setupPost()
    made.save(path)


@pytest.fixture
def fonts(tmp_path):
    """A book with a font of icons, and the style sheet that names four of them."""
    folder = tmp_path / FONTS
    folder.mkdir(parents=True)
    font_of([f"icon{place}" for place in range(40)], folder / "solid.ttf")
    (folder / "solid.woff2").write_bytes(b"the same, compressed")
    (tmp_path / "_static" / "styles").mkdir()
    files = "../vendor/fontawesome/webfonts/solid"
    (tmp_path / "_static" / "styles" / "theme.css").write_text(
        f'@font-face{{src:url({files}.woff2) format("woff2"),url({files}.ttf) format("truetype")}}'
        '.a:before{content:"\\f003"}:root{--icon:"\\F00a"}.b:after{content:"\uf011"}'
        '.c:before{content:"\\f0ff"}'
    )
    return tmp_path


def test_fonts_keep_the_icons_that_style_sheets_name(fonts):
    whole = (fonts / FONTS / "solid.ttf").stat().st_size
    drop_unused_glyphs(fonts)
    [left] = (fonts / FONTS).iterdir()
    assert left.name == "solid.woff"
    assert left.stat().st_size < whole
    assert sorted(TTFont(left).getBestCmap()) == [0xF003, 0xF00A, 0xF011]
    sheet = (fonts / "_static" / "styles" / "theme.css").read_text()
    assert 'src:url(../vendor/fontawesome/webfonts/solid.woff) format("woff")}' in sheet
    drop_unused_glyphs(fonts)
    assert [left] == list((fonts / FONTS).iterdir())


def test_the_same_font_gives_the_same_file(fonts):
    before = (fonts / FONTS / "solid.ttf").read_bytes()
    sheet = fonts / "_static" / "styles" / "theme.css"
    text = sheet.read_text()
    drop_unused_glyphs(fonts)
    first = (fonts / FONTS / "solid.woff").read_bytes()
    (fonts / FONTS / "solid.ttf").write_bytes(before)
    sheet.write_text(text)
    drop_unused_glyphs(fonts)
    assert (fonts / FONTS / "solid.woff").read_bytes() == first


def test_fonts_that_no_sheet_names_stay(fonts):
    (fonts / "_static" / "styles" / "theme.css").write_text("a{src:url(x/solid.ttf)}")
    drop_unused_glyphs(fonts)
    assert {file.name for file in (fonts / FONTS).iterdir()} == {"solid.ttf", "solid.woff2"}
