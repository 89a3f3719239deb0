"""The interactive map and every page of a built book, driven in a browser from files on disk.

The book is one of the preset ``tiny``, built for the tests, or the one whose HTML folder is named
by the environment variable ``VISPROF_BOOK``.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from visprof import figures
from visprof.book.pdf import BROWSERS

pytestmark = pytest.mark.slow

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
HOSTILE = "</script><script>hacked = 1</script><img src=x onerror='hacked = 1'> & @board $index"
# where each pin is on the screen, the range of x, and x of the pins that are ringed
STATE = """() => document.querySelector("figure.interactive-map").shown"""


# resolves when nothing that a test looks at has changed for ten frames, and pictures are decoded
SETTLED = """async () => {
  const look = () => {
    const map = document.querySelector("figure.interactive-map")
    return JSON.stringify([
      scrollX, scrollY, visualViewport.scale, document.documentElement.scrollHeight,
      map?.shown?.range, map?.shown?.ringed, map?.querySelector(".tip")?.textContent,
      [...document.images].every((image) => image.complete),
    ])
  }
  for (let frames = 0, before = ""; frames < 10; ) {
    await new Promise(requestAnimationFrame)
    const now = look()
    frames = now === before && !now.endsWith("false]") ? frames + 1 : 0
    before = now
  }
}"""


@pytest.fixture(scope="module")
def browser():
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        pytest.skip("no chromium on the path; Debian: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page with a map of six pins of two boards, below and above other text."""
    folder = tmp_path_factory.mktemp("map")
    rows = []
    for i in range(6):
        image = folder / f"{i}.png"
        Image.new("RGB", (90, 60), (40 * i, 255 - 40 * i, 7)).save(image)
        place = {"x": float(i), "y": float(i * i), "image": str(image)}
        rows.append({**place, "caption": f"pin {i}", "board": f"board {i % 2}"})
    rows[0]["caption"] = rows[2]["board"] = HOSTILE
    html = figures.interactive_map(pd.DataFrame(rows), alt="Six <pins>", caption="Six pins.").data
    page = folder / "page.html"
    css = (STATIC / "map.css").read_text("utf-8")
    script = "".join((STATIC / f"{of}.js").read_text("utf-8") for of in ("later", "map"))
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>a page</title>'
        f'<meta name="viewport" content="width=device-width"><style>{css}</style>'
        f"<script>{script}</script><body>"
        f'<p style="height: 15rem">above{html}<p style="height: 90rem">below',
        "utf-8",
    )
    return page


def listen(page):
    """Lists that grow by what a page asks for and by what it complains of."""
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    return asked, complaints


@pytest.fixture(params=["desktop", "phone"])
def page(browser, page_file, request):
    """The page, shown; afterwards it must have asked for nothing and complained of nothing."""
    context = browser.new_context(**(PHONE if request.param == "phone" else DESKTOP))
    page = context.new_page()
    asked, complaints = listen(page)
    page.goto(page_file.as_uri())
    page.set_default_timeout(10_000)
    page.wait_for_function("document.querySelector('figure.interactive-map').shown")
    page.evaluate(SETTLED)
    yield page
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert complaints == []
    assert page.evaluate("window.hacked") is None
    context.close()


def point_at(page, pin):
    x, y = page.evaluate(STATE)["pins"][pin]
    if page.evaluate("matchMedia('(pointer: coarse)').matches"):
        page.touchscreen.tap(x, y)
    else:
        page.mouse.move(x, y)
    page.evaluate(SETTLED)


def becomes(look, expected):
    """Wait until a page shows what it must: a tap counts when no second one has followed it."""
    until = time.monotonic() + 10
    while (found := look()) != expected and time.monotonic() < until:
        time.sleep(0.02)
    assert found == expected


def ringed(page):
    return page.evaluate(STATE)["ringed"]


def shown(page):
    """Texts beside the pin that is pointed at, and sizes of its picture on the screen."""
    tip = page.locator(".tip:visible")
    sizes = "all => all.map((one) => [one.clientWidth, one.clientHeight])"
    pictures = tip.locator(".picture")
    loaded = "all => all.every((one) => one.style.backgroundImage.startsWith('url(\"data:image'))"
    assert pictures.evaluate_all(loaded)
    texts = tip.locator("span:not(.picture)").all_inner_texts()
    return [t for t in texts if t], pictures.evaluate_all(sizes)


def test_pin_shows_picture_caption_and_board_and_rings_its_board(page):
    assert page.locator(".tip:visible").count() == 0
    point_at(page, 3)
    becomes(lambda: shown(page), (["pin 3", "board 1"], [[128, 86]]))
    becomes(lambda: ringed(page), [1, 3, 5])
    point_at(page, 4)
    becomes(lambda: shown(page)[0], ["pin 4", "board 0"])
    becomes(lambda: ringed(page), [0, 4])  # pin 2 is of a board of its own


def test_hostile_captions_and_boards_are_shown_as_they_are(page):
    point_at(page, 0)
    becomes(lambda: shown(page), ([HOSTILE, "board 0"], [[128, 86]]))
    point_at(page, 2)
    becomes(lambda: shown(page), (["pin 2", HOSTILE], [[128, 86]]))
    assert page.evaluate("typeof hacked") == "undefined"


def test_map_fits_the_page_and_has_a_name(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.get_by_role("figure", name="Six <pins>").count() == 1
    places = np.array(page.evaluate(STATE)["pins"])
    assert ((places[:, 0] > 0) & (places[:, 0] < page.viewport_size["width"])).all()


@pytest.mark.parametrize("page", ["desktop"], indirect=True)
def test_wheel_zooms_where_the_pointer_was_moved_and_not_where_the_page_was(page):
    start, (x, _) = page.evaluate(STATE)["range"], page.evaluate(STATE)["pins"][0]
    page.mouse.move(x, 100)  # above the map
    page.mouse.wheel(0, 100)
    page.evaluate(SETTLED)
    page.mouse.wheel(0, 200)
    page.evaluate(SETTLED)
    becomes(lambda: page.evaluate("scrollY"), 300)
    assert page.evaluate("document.querySelector('.interactive-map canvas').matches(':hover')")
    page.mouse.wheel(0, 50)  # over the map now, though nobody has moved the pointer
    becomes(lambda: page.evaluate("scrollY"), 350)
    page.evaluate(SETTLED)
    assert page.evaluate(STATE)["range"] == start
    point_at(page, 0)
    page.mouse.wheel(0, -200)
    becomes(lambda: page.evaluate(STATE)["range"] != start, True)
    page.evaluate(SETTLED)
    low, high = page.evaluate(STATE)["range"]
    assert page.evaluate("scrollY") == 350
    assert start[0] < low < 0 < high < start[1]
    becomes(lambda: ringed(page), [0, 4])


def move_fingers(page, *fingers):
    """Put fingers down, move each from its start to its end in ten steps, and lift them."""
    touch = page.context.new_cdp_session(page)
    for step in range(12):
        kind = {0: "touchStart", 11: "touchEnd"}.get(step, "touchMove")
        places = [np.add(start, np.subtract(end, start) * step / 10) for start, end in fingers]
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        points = [] if kind == "touchEnd" else points
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.evaluate("new Promise(requestAnimationFrame)")
    page.evaluate(SETTLED)


@pytest.mark.parametrize("page", ["desktop"], indirect=True)
def test_the_map_is_used_by_keyboard_and_by_buttons(page):
    start = page.evaluate(STATE)["range"]
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")  # the pin nearest the middle, then the next on its right
    becomes(lambda: len(shown(page)[0]), 2)
    first = int(shown(page)[0][0].removeprefix("pin "))
    page.keyboard.press("ArrowRight")
    becomes(lambda: shown(page)[0][0], f"pin {first + 1}")
    page.keyboard.press("ArrowLeft")
    becomes(lambda: shown(page)[0][0], f"pin {first}")
    page.keyboard.press("+")
    page.evaluate(SETTLED)
    low, high = page.evaluate(STATE)["range"]
    assert high - low == pytest.approx((start[1] - start[0]) / 1.5)
    page.get_by_role("button", name="Zoom out").click()
    becomes(lambda: page.evaluate(STATE)["range"], pytest.approx(start))
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Show the whole map").press("Enter")
    becomes(lambda: page.evaluate(STATE)["range"], pytest.approx(start))
    page.locator("canvas").press("Escape")
    assert page.locator(".tip:visible").count() == 0


@pytest.mark.parametrize("page", ["desktop"], indirect=True)
def test_dragging_pans(page):
    (x, y), start = page.evaluate(STATE)["pins"][3], page.evaluate(STATE)["range"]
    page.mouse.move(x + 30, y)
    page.mouse.down()
    page.mouse.move(x - 20, y + 10, steps=5)
    page.mouse.up()
    page.evaluate(SETTLED)
    np.testing.assert_allclose(page.evaluate(STATE)["pins"][3], [x - 50, y + 10], atol=1)
    low, high = page.evaluate(STATE)["range"]
    assert low > start[0]
    assert high - low == pytest.approx(start[1] - start[0])


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_one_finger_scrolls_the_page_and_two_zoom(page):
    start, (x, y) = page.evaluate(STATE)["range"], page.evaluate(STATE)["pins"][3]
    move_fingers(page, ((x, y), (x, y - 200)))
    becomes(lambda: page.evaluate("scrollY") > 100, True)
    assert page.evaluate(STATE)["range"] == start
    x, y = page.evaluate(STATE)["pins"][3]
    move_fingers(page, ((x - 20, y), (x - 100, y)), ((x + 20, y), (x + 100, y)))
    becomes(lambda: page.evaluate(STATE)["range"] != start, True)
    page.evaluate(SETTLED)
    low, high = page.evaluate(STATE)["range"]
    assert high - low < 0.9 * (start[1] - start[0])
    assert page.evaluate("visualViewport.scale") == 1  # the map, not the page


# --- a built book ---------------------------------------------------------------------------------

# Screens that pages are opened on, and how they are looked at there, one after the other: in the
# colours that they were opened in, then in the others, and on a desktop also in a wide window.
# Axe is slow: on a desktop alone, and in the dark at colours alone, since the markup is the same.
SCREENS = {
    "desktop": ({**DESKTOP, "color_scheme": "light"}, ("light", "dark", "wide")),
    "phone": ({**PHONE, "color_scheme": "dark"}, ("dark", "light")),
}
WIDE = {"width": 2560, "height": 1300}
LIGHT = 2_000_000  # bytes of a page: itself, its pictures, scripts, style sheets and fonts
AXE = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
# Of the library's pages, which have a section a module, and of the index, which has a list a letter
# each, the first few: they are slow to look at. The first look sees all of them.
FEW_SECTIONS = """() => {
  for (const parts of ["main section[id^=library-] > section", "table.genindextable"])
    document.querySelectorAll(parts).forEach((part, place) => { if (place >= 5) part.remove() })
}"""
# What of the article cannot be seen: it sticks out of the page, out of a box that does not scroll,
# or lies under something else.
LAYOUT = """() => {
  const name = (element) => `<${element.localName}> ${element.textContent.trim().slice(0, 40)}`
  const problems = []
  const page = document.documentElement
  if (page.scrollWidth > innerWidth) problems.push(`the page is ${page.scrollWidth} wide`)
  const article = document.querySelector("main article") ?? document.body
  const scrolls = (element) => {
    for (let box = element; box && box !== article.parentElement; box = box.parentElement)
      if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return true
    return false
  }
  const blocks = [...article.querySelectorAll(
    "h1, h2, h3, h4, p, li > code, dt, table, img, pre, figcaption, summary, div.math")]
    .filter((block) => block.checkVisibility() && block.getClientRects().length)
    .map((block) => ({block, box: block.getBoundingClientRect(), free: !scrolls(block)}))
  for (const {block, box, free} of blocks) {
    if ((box.left < -1 || box.right > innerWidth + 1) && free)
      problems.push(`from ${Math.round(box.left)} to ${Math.round(box.right)}: ${name(block)}`)
    const clips = /hidden|clip/.test(getComputedStyle(block).overflowX)
    if (clips && block.scrollWidth > block.clientWidth + 1) problems.push(`cut off: ${name(block)}`)
  }
  const free = blocks.filter(({box, free}) => free && box.height > 4 && box.width > 4)
  free.sort((a, b) => a.box.top - b.box.top)
  for (const [i, {block, box}] of free.entries())
    for (const other of free.slice(i + 1)) {
      if (other.box.top > box.bottom - 2) break
      const apart = other.box.left > box.right - 2 || other.box.right < box.left + 2
      const nested = block.contains(other.block) || other.block.contains(block)
      if (!apart && !nested) problems.push(`overlap: ${name(block)} and ${name(other.block)}`)
    }
  return problems
}"""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<p>good<p>and good", None),
        ("<p style='width: 500px'>wide", "the page is 508 wide"),
        ("<p style='margin-left: -50px'>left", "from -42 to "),
        ("<p style='width: 50px; overflow: hidden'>Donaudampfschifffahrt", "cut off: <p> Donau"),
        ("<p>one<p style='margin-top: -30px'>two", "overlap: <p> "),
        ("<div style='overflow-x: auto'><p style='width: 500px'>scrolls</div>", None),
    ],
)
def test_layout_problems_are_seen(browser, body, problem):
    page = browser.new_page(viewport={"width": 390, "height": 400})
    page.set_content(f"<!doctype html><main><article>{body}</article></main>")
    found = page.evaluate(LAYOUT)
    assert found == [] if problem is None else any(text.startswith(problem) for text in found)
    page.close()


@pytest.fixture(scope="session")
def built_book(request) -> Path:
    """Folder of HTML."""
    given = os.environ.get("VISPROF_BOOK")
    html = Path(given) if given else request.getfixturevalue("tiny_book") / "html"
    return html.resolve()


@pytest.fixture(scope="module", params=SCREENS)
def visits(request, browser, built_book) -> dict[str, list[str]]:
    """What is wrong with the pages, by kind, after each was opened on one screen."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing"
    ).Axe()
    files = {file for file in built_book.rglob("*.html") if "_static" not in file.parts}
    files.remove(built_book / "index.html")  # it sends the reader on to book/index.html
    assert len(files) > 10
    wrong = {"console": [], "requests": [], "theme": [], "layout": [], "axe": [], "weight": []}
    screen, looks = SCREENS[request.param]
    inside = (built_book.as_uri(), "data:", "blob:")
    context = browser.new_context(**screen)
    page = context.new_page()  # one for all: a window takes as long to open as a page to show
    asked, complaints = listen(page)
    for file in sorted(files):
        asked.clear()
        complaints.clear()
        page.set_viewport_size(screen["viewport"])
        page.emulate_media(color_scheme=screen["color_scheme"])
        show(page, file)
        found = {"theme": [], "layout": [], "axe": [], "weight": list(heavy(page, asked))}
        for look in looks:
            colours = "light" if look == "wide" else look
            page.emulate_media(color_scheme=colours)
            if look == "wide":
                page.set_viewport_size(WIDE)
            page.evaluate(SETTLED)
            found["theme"] += [theme(page)] if theme(page) != colours else []
            found["layout"] += [f"{look}: {problem}" for problem in page.evaluate(LAYOUT)]
            page.evaluate(FEW_SECTIONS)
        if request.param == "desktop":
            for colours, rules in AXE.items():
                page.emulate_media(color_scheme=colours)
                page.evaluate(SETTLED)
                found["axe"] += [f"{colours}: {node}" for node in violations(axe, page, rules)]
        found["console"] = complaints.copy()
        found["requests"] = [url for url in asked if not url.startswith(inside)]
        for kind, items in found.items():
            wrong[kind] += [f"{file.relative_to(built_book)}: {item}" for item in items]
    context.close()
    return wrong


def show(page, file: Path) -> None:
    """Open a page and wait until scripts, mathematics and the map are done."""
    page.set_default_timeout(60_000)
    page.goto(file.as_uri())
    page.evaluate("window.MathJax?.startup?.promise")
    page.wait_for_function(
        "[...document.querySelectorAll('figure.interactive-map')].every((map) => map.shown)"
    )
    page.evaluate(SETTLED)


def heavy(page, asked: list[str]) -> Iterator[str]:
    """Whether a page weighs too much, with all that it loads from disk and all its pictures.

    Pictures below what is seen count, fonts too; what a figure to try loads once it is tried does
    not.
    """
    pictures = page.evaluate("[...document.images].map((image) => image.currentSrc || image.src)")
    fonts = page.evaluate("performance.getEntriesByType('resource').map((file) => file.name)")
    loaded = {url.partition("?")[0].partition("#")[0] for url in [*asked, *pictures, *fonts]}
    sizes = {}
    for url in loaded:
        file = Path(unquote(urlsplit(url).path))
        if url.startswith("file:") and file.is_file():
            sizes[file] = file.stat().st_size
    if sum(sizes.values()) > LIGHT:
        most = sorted(sizes.items(), key=lambda size: -size[1])[:3]
        told = ", ".join(f"{file.name} {size:,}" for file, size in most)
        yield f"the page has {sum(sizes.values()):,} bytes, most of them {told}"


def theme(page) -> str:
    return page.evaluate("document.documentElement.dataset.theme")


def violations(axe, page, rules: dict[str, object]) -> Iterator[str]:
    # style sheets that axe would load once more are files, which a page of a file may not load
    options = {"preload": False, "resultTypes": ["violations"], **rules}
    for violation in axe.run(page, options=options).response["violations"]:
        if violation["impact"] in ("serious", "critical"):
            yield from (f"{violation['id']}: {node['html'][:150]}" for node in violation["nodes"])


def test_no_page_complains_in_the_console(visits):
    assert visits["console"] == []


def test_no_page_asks_for_anything_outside_the_book(visits):
    assert visits["requests"] == []


def test_pages_are_light_enough_with_their_pictures(visits):
    assert visits["weight"] == []


def test_pages_are_as_light_or_dark_as_the_reader_likes(visits):
    assert visits["theme"] == []


def test_nothing_is_cut_off_or_overlaps(visits):
    assert visits["layout"] == []


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_a_page_loads_the_scripts_that_it_needs_and_no_others(book_page, built_book):
    needs = {
        "05-pairwise": {"later.js", "explorables.js", "startup.js"},
        "04-map": {"later.js", "map.js", "startup.js"},
        "notation": {"startup.js"},
        "contributing": set(),
    }
    some = set().union(*needs.values())
    for name, expected in needs.items():
        show(book_page, built_book / "book" / f"{name}.html")
        scripts = book_page.evaluate("[...document.scripts].map((script) => script.src)")
        assert {Path(urlsplit(of).path).name for of in scripts} & some == expected, name


@pytest.mark.parametrize("visits", ["desktop"], indirect=True)
def test_axe_finds_no_serious_or_critical_violation(visits):
    assert visits["axe"] == []


@pytest.fixture(params=["desktop", "phone"])
def book_page(browser, request):
    """An empty page, which must not have complained when the test is over."""
    context = browser.new_context(**(PHONE if request.param == "phone" else DESKTOP))
    page = context.new_page()
    _, complaints = listen(page)
    yield page
    assert complaints == []
    context.close()


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_search_finds_a_term(book_page, built_book):
    show(book_page, built_book / "book" / "index.html")
    book_page.keyboard.press("Control+k")
    book_page.keyboard.type("permutation")
    book_page.keyboard.press("Enter")
    book_page.wait_for_selector("#search-results li a")
    links = book_page.locator("#search-results li a").evaluate_all("all => all.map((a) => a.href)")
    assert any("glossary.html" in link for link in links)


def test_the_map_of_the_book_shows_the_pin_that_is_pointed_at(book_page, built_book):
    show(book_page, built_book / "book" / "04-map.html")
    book_page.locator("#interactive-map").scroll_into_view_if_needed()
    places = np.array(book_page.evaluate(STATE)["pins"])
    inside = np.flatnonzero((places > 0).all(axis=1) & (places[:, 1] < 800))
    assert len(inside) > 10
    point_at(book_page, inside[0])
    texts, sizes = shown(book_page)
    assert len(texts) >= 2
    assert min(min(size) for size in sizes) > 20
    assert book_page.evaluate(STATE)["ringed"]


def test_what_a_figure_to_try_needs_comes_from_beside_its_page_once_it_is_tried(
    book_page, built_book
):
    asked = listen(book_page)[0]
    loaded = {"explore-pairs": "05-pairwise", "interactive-map": "04-map"}
    for name, chapter in loaded.items():
        asked.clear()
        show(book_page, built_book / "book" / f"{chapter}.html")
        file = (built_book / "figures" / chapter / f"{name}.later.js").as_uri()
        assert file not in asked
        book_page.locator(f"#{name}").scroll_into_view_if_needed()
        if name == "interactive-map":
            point_at(book_page, 0)
            becomes(
                lambda: book_page.evaluate(
                    "getComputedStyle(document.querySelector('.tip .picture')).backgroundImage"
                ).startswith('url("data:image/webp'),
                True,
            )
        else:
            book_page.locator(f"#{name}-pins").focus()
            book_page.keyboard.press("Home")
            book_page.wait_for_function("document.getElementById('explore-pairs').explored.above")
        assert asked.count(file) == 1


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_search_finds_chapters_before_the_library(book_page, built_book):
    show(book_page, built_book / "search.html")
    book_page.goto(f"{(built_book / 'search.html').as_uri()}?q=mean+embedding")
    book_page.wait_for_selector("#search-results li a")
    book_page.evaluate(SETTLED)
    links = book_page.locator("#search-results li a").evaluate_all("all => all.map((a) => a.href)")
    in_library = ["/api" in link for link in links]
    assert not in_library[0]
    assert in_library == sorted(in_library)
    chapters = [bool(re.search(r"/\d\d-", link)) for link in links]
    assert any(chapters[:2])


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_search_says_what_the_book_says_there(book_page, built_book):
    asked = []
    book_page.on("request", lambda request: asked.append(request.url))
    book_page.goto(f"{(built_book / 'search.html').as_uri()}?q=soft+assignment")
    book_page.wait_for_selector("#search-results li .context")
    book_page.evaluate(SETTLED)
    results = book_page.locator("#search-results li").evaluate_all(
        "all => all.map((one) => [one.querySelector('a').href, "
        "one.querySelector('.context')?.textContent, "
        "[...one.querySelectorAll('mark')].map((mark) => mark.textContent)])"
    )
    links, excerpts, marks = zip(*results[:10], strict=True)
    assert sum(excerpt is not None for excerpt in excerpts) >= 9
    assert all(len(excerpt) < 400 for excerpt in excerpts if excerpt)
    assert sum(any("assignment" in mark.lower() for mark in of) for of in marks) >= 7
    glossary = [place for place, link in enumerate(links) if "/glossary.html#term-" in link]
    assert glossary[0] < 3
    assert "belongs" in excerpts[glossary[0]] or "cluster" in excerpts[glossary[0]]
    assert not [url for url in asked if "/book/" in url and url.endswith(".html")]


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_old_links_into_the_library_lead_to_its_pages(book_page, built_book):
    library = (built_book / "book" / "api.html").as_uri()
    for name in ("visprof.logodds.log_odds_z", "module-visprof.logodds"):
        show(book_page, built_book / "book" / "index.html")
        book_page.goto(f"{library}#{name}")
        book_page.wait_for_url(f"**/api-statistics.html#{name}")
        assert book_page.evaluate("(id) => !!document.getElementById(id)", name)


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_code_is_folded_and_one_click_away(book_page, built_book):
    show(book_page, built_book / "book" / "03-metric.html")
    figure = book_page.locator(".cell:has(figure)").first
    code = figure.locator("details.hide .highlight")
    mark = figure.locator("details.hide > summary")
    assert not code.is_visible()
    caption, below = figure.locator("figcaption").bounding_box(), mark.bounding_box()
    assert below["y"] >= caption["y"]
    mark.click()
    assert code.is_visible()


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_parameters_and_set_up_open_from_one_line_at_the_foot(book_page, built_book):
    show(book_page, built_book / "book" / "05-pairwise.html")
    foot = book_page.locator("details.page-made")
    parameters = foot.locator(".cell.tag_parameters")
    assert foot.count() == 1
    assert book_page.locator(".cell.set-up").count() == foot.locator(".cell.set-up").count() >= 2
    assert not parameters.is_visible()
    foot.locator("> summary").click()
    parameters.locator("summary").click()
    assert "n_clusters" in parameters.inner_text()


def test_a_chapter_begins_with_what_it_found_and_its_picture(book_page, built_book):
    show(book_page, built_book / "book" / "05-pairwise.html")
    tops = [
        book_page.locator(of).first.bounding_box()["y"]
        for of in ("p.finding", "figure#fig-ecdf", "p:has(> strong:text('Question.'))")
    ]
    assert tops == sorted(tops)
    assert tops[1] < book_page.viewport_size["height"]


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
@pytest.mark.parametrize(
    ("page", "link", "seen"),
    [
        ("06-prediction", "05-pairwise.html#eq-2", "mjx-container"),
        ("figures", "05-pairwise.html#fig-ecdf", "figure img"),
        ("02-siamese", "glossary.html#term-contrastive-loss", "p"),
    ],
)
def test_links_show_what_they_point_at(book_page, built_book, page, link, seen):
    show(book_page, built_book / "book" / f"{page}.html")
    book_page.locator(f".bd-article a[href='{link}']").first.hover()
    book_page.locator(f"#preview:popover-open {seen}").first.wait_for(state="visible")
    widths = "all => all.map((image) => image.naturalWidth)"
    assert 0 not in book_page.locator("#preview img").evaluate_all(widths)


FRONT = ".front-boards, .front-scorecard, .front-title, #fig-headline-ecdf, #fig-headline-mrr"


@pytest.mark.parametrize("book_page", ["desktop"], indirect=True)
def test_the_front_page_is_one_screen(book_page, built_book):
    show(book_page, built_book / "book" / "index.html")
    boxes = book_page.locator(FRONT).evaluate_all(
        "all => all.map(a => a.getBoundingClientRect().top)"
    )
    assert len(boxes) == 5
    assert max(boxes) < book_page.viewport_size["height"] - 100
    assert book_page.locator(".front-scorecard tbody td svg").count() >= 24


@pytest.mark.parametrize("book_page", ["phone"], indirect=True)
def test_a_phone_gets_the_figures_that_were_drawn_for_it(book_page, built_book):
    show(book_page, built_book / "book" / "07-significance.html")
    shown = book_page.locator("picture img").evaluate_all("all => all.map((a) => a.currentSrc)")
    assert shown
    assert all(source.endswith(".narrow.svg") for source in shown)
