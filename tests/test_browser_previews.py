"""Previews of what links point at, in a browser, on a small book as Sphinx builds it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from test_browser import AXE, DESKTOP, PHONE, browser, listen, violations  # noqa: F401

from visprof.book.render import run_jupyter_book

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
FRONT = r"""# Front

(eq-sum)=
\begin{align*}
a &= b + c, \tag{1} \\
d &= e \tag{2}
\end{align*}

```{figure} curve.svg
:name: fig-curve
:alt: A line that rises.

The **curve** of $x^2$.
```

By {ref}`Eq. 1 <eq-sum>`. See {doc}`other`.
"""
# without mathematics of its own; links at its top, and at its very end
OTHER = """# Other

The {ref}`curve <fig-curve>`, {ref}`Eq. 1 <eq-sum>`, a {term}`pin`, after {cite:t}`Yang2015`;
also {doc}`index` and <https://example.org>.

{filler}

At the end, {ref}`the curve again <fig-curve>`.
"""
GLOSSARY = r"""# Glossary

```{glossary}
pin
  A picture that somebody kept, with $\beta$ of it on a {term}`board`.

board
  A collection of pins.
```
"""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200">'
    '<path d="M 0 200 L 300 0" stroke="black"/></svg>'
)
SEEN = {
    "curve": "The curve of",
    "Eq. 1": "",  # set by MathJax
    "pin": "pin A picture that somebody kept",
    "Yang et al. [2015]": "Longqi Yang, Cheng-Kang Hsieh",
}
BOX = "#preview:popover-open"


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """Folder of the pages in HTML."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "book" / "_static", source / "book" / "_static")
    shutil.copy(ROOT / "book" / "references.bib", source / "book")
    shutil.copy(ROOT / "_config.yml", source)
    (source / "book" / "curve.svg").write_text(SVG)
    pages = {
        "index": FRONT,
        "other": OTHER.replace("{filler}", "\n\n".join(["Text."] * 60)),
        "glossary": GLOSSARY,
        "bibliography": "# Bibliography\n\n```{bibliography}\n```\n",
    }
    for name, text in pages.items():
        (source / "book" / f"{name}.md").write_text(text)
    chapters = "".join(f"- file: book/{name}\n" for name in list(pages)[1:])
    toc = f"format: jb-book\nroot: book/index\nchapters:\n{chapters}"
    (source / "_toc.yml").write_text(toc)
    return run_jupyter_book(source, tmp_path_factory.mktemp("scratch"))


@pytest.fixture
def page(browser, book):  # noqa: F811
    """A page with links, which must have asked for nothing outside the book."""
    context = browser.new_context(**DESKTOP)
    page = context.new_page()
    page.set_default_timeout(20_000)
    asked, complaints = listen(page)
    page.goto((book / "book" / "other.html").as_uri())
    yield page
    assert [url for url in asked if not url.startswith((book.as_uri(), "data:"))] == []
    assert complaints == []
    context.close()


def link(page, text):
    return page.locator(".bd-article a.reference.internal", has_text=text).first


def opened(page):
    """The preview, when it is there with its mathematics and pictures."""
    page.wait_for_function(
        "document.querySelector('#preview:popover-open')?.style.visibility === ''"
    )
    return page.locator(BOX)


def closed(page) -> bool:
    page.wait_for_function(f"!document.querySelector('{BOX}')")
    return page.locator("[aria-describedby]").count() == 0


def of_citation(page):
    """Of a citation in the text, the link is the year."""
    return page.locator(".bd-article .bibtex-citation a, .bd-article a[href*='bibliography']").first


def target(page, text):
    return of_citation(page) if text.startswith("Yang") else link(page, text)


@pytest.mark.parametrize("text", SEEN)
def test_pointing_at_a_link_shows_what_it_points_at(page, text):
    of = target(page, text)
    of.hover()
    box = opened(page)
    assert " ".join(box.inner_text().split()).startswith(SEEN[text])
    assert of.get_attribute("aria-describedby") == box.get_attribute("id")
    assert box.get_attribute("role") == "tooltip"
    assert of.get_attribute("title") is None  # the browser would show it above
    assert box.locator("a, [tabindex]").count() == 0
    if text == "curve":
        assert box.locator("img").evaluate("image => image.naturalWidth") == 300
        assert box.get_by_alt_text("A line that rises.").is_visible()
    if text in ("curve", "Eq. 1", "pin"):
        assert box.locator("mjx-container").count() == 1
    page.mouse.move(640, 880)
    assert closed(page)


@pytest.mark.parametrize("text", SEEN)
def test_reaching_a_link_by_keyboard_shows_it_until_the_next(page, text):
    of = target(page, text)
    page.keyboard.press("Tab")  # the reader uses the keyboard
    of.focus()
    assert of.evaluate("a => a.matches(':focus-visible')")
    box = opened(page)
    assert " ".join(box.inner_text().split()).startswith(SEEN[text])
    page.wait_for_timeout(700)
    assert box.is_visible()  # it stays as long as the link has the focus
    page.keyboard.press("Escape")
    assert closed(page)
    assert of.evaluate("a => a === document.activeElement")


def test_escape_hides_it_until_the_link_is_pointed_at_anew(page):
    link(page, "pin").hover()
    opened(page)
    page.keyboard.press("Escape")
    assert closed(page)
    box = link(page, "pin").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 5)  # still on it
    page.wait_for_timeout(700)
    assert closed(page)
    page.mouse.move(640, 880)
    link(page, "pin").hover()
    assert opened(page).is_visible()


def test_the_pointer_may_go_onto_it(page):
    link(page, "curve").hover()
    box = opened(page).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=8)
    page.wait_for_timeout(700)
    assert page.locator(BOX).is_visible()
    page.mouse.move(1270, 890)
    assert closed(page)


def test_to_cross_a_link_shows_nothing(page):
    box = link(page, "curve").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    page.mouse.move(box["x"] + 2, box["y"] + 200)
    page.wait_for_timeout(700)
    assert closed(page)


def test_to_follow_a_link_hides_it(page):
    page.goto(page.url.replace("other", "index"))
    link(page, "Eq. 1").hover()
    opened(page)
    link(page, "Eq. 1").click()
    assert closed(page)


def test_other_links_show_nothing(page):
    page.locator(".bd-article a[href='index.html']").hover()
    page.wait_for_timeout(700)
    assert closed(page)


@pytest.mark.parametrize("size", [(1280, 900), (640, 400), (360, 640)])
@pytest.mark.parametrize("text", ["curve", "the curve again", "Eq. 1"])
def test_it_is_within_the_window_beside_its_link_and_does_not_move(page, size, text):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    link(page, text).scroll_into_view_if_needed()
    link(page, text).hover()
    page.evaluate("""() => {
      window.seen = []
      const look = () => {
        const box = document.querySelector("#preview:popover-open")
        const seen = box && box.style.visibility === ""
        if (seen) window.seen.push(JSON.stringify(box.getBoundingClientRect()))
        if (window.seen.length < 20) requestAnimationFrame(look)
      }
      look()
    }""")
    page.wait_for_function("window.seen.length >= 20")
    assert len(set(page.evaluate("window.seen"))) == 1
    box, of = page.locator(BOX).bounding_box(), link(page, text).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size[1] + 1
    assert box["y"] >= of["y"] + of["height"] - 6 or box["y"] + box["height"] <= of["y"] + 6


def test_what_does_not_fit_can_be_scrolled_by_keyboard(page):
    page.set_viewport_size({"width": 360, "height": 240})
    link(page, "curve").hover()
    assert opened(page).get_attribute("tabindex") == "0"


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("text", SEEN)
def test_axe_finds_no_serious_or_critical_violation(page, text, colours):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing"
    ).Axe()
    page.emulate_media(color_scheme=colours)
    target(page, text).hover()
    box = opened(page)
    assert box.evaluate("box => getComputedStyle(box).opacity") == "1"
    assert [*violations(axe, page, AXE[colours])] == []


def test_a_finger_shows_nothing(browser, book):  # noqa: F811
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto((book / "book" / "index.html").as_uri())
    link(page, "Eq. 1").tap()
    page.wait_for_timeout(700)
    assert page.locator(BOX).count() == 0
    context.close()


def test_pages_hardly_grow(book):
    for name in ("index", "other", "glossary"):
        text = (book / "book" / f"{name}.html").read_text("utf-8")
        template = text[text.find("<template") : text.find("</template>")]
        assert 0 < len(template) < 4000, name
