"""The interactive map, driven in a browser from a file on disk."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from visprof import figures

HOSTILE = "</script><script>hacked = 1</script><img src=x onerror='hacked = 1'> & @board $index"
# where each pin is on the screen, and the range of x, as Bokeh has them
STATE = """() => {
  const [view] = Bokeh.index.roots
  const {left, top} = view.canvas.events_el.getBoundingClientRect()
  const {x, y} = view.model.renderers[0].data_source.data
  const {x_scale, y_scale} = view.frame
  return {
    pins: [...x].map((_, i) => [left + x_scale.compute(x[i]), top + y_scale.compute(y[i])]),
    range: [view.model.x_range.start, view.model.x_range.end],
    ringed: [...view.model.renderers[1].data_source.data.x],
  }
}"""


@pytest.fixture(scope="module")
def browser():
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
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
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>a page</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<body><p style="height: 20rem">above{html}<p style="height: 90rem">below',
        "utf-8",
    )
    return page


@pytest.fixture(params=["desktop", "phone"])
def page(browser, page_file, request):
    """The page, shown; afterwards it must have asked for nothing and complained of nothing."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    desktop = {"viewport": {"width": 1280, "height": 900}}
    context = browser.new_context(**(phone if request.param == "phone" else desktop))
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.goto(page_file.as_uri())
    page.set_default_timeout(10_000)
    page.wait_for_function("window.Bokeh && [...Bokeh.index.roots].length")
    page.wait_for_timeout(300)  # until it is laid out
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
    page.wait_for_timeout(300)


def shown(page):
    """Text and pictures' natural sizes of the tooltip."""
    tooltip = page.locator(".bk-Tooltip:visible")
    sizes = "pictures => pictures.map((picture) => [picture.naturalWidth, picture.naturalHeight])"
    texts = tooltip.locator("div:not(:has(*))").all_inner_texts()
    return [t for t in texts if t], tooltip.locator("img").evaluate_all(sizes)


def test_pin_shows_picture_caption_and_board_and_rings_its_board(page):
    assert page.locator(".bk-Tooltip:visible").count() == 0
    point_at(page, 3)
    assert shown(page) == (["pin 3", "board 1"], [[64, 43]])
    assert page.evaluate(STATE)["ringed"] == [1, 3, 5]
    point_at(page, 4)
    assert shown(page)[0] == ["pin 4", "board 0"]
    assert page.evaluate(STATE)["ringed"] == [0, 4]  # pin 2 is of a board of its own


def test_hostile_captions_and_boards_are_shown_as_they_are(page):
    point_at(page, 0)
    assert shown(page) == ([HOSTILE, "board 0"], [[64, 43]])
    point_at(page, 2)
    assert shown(page) == (["pin 2", HOSTILE], [[64, 43]])


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
    page.wait_for_timeout(300)
    page.mouse.wheel(0, 200)
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") == 300
    assert page.evaluate("document.getElementById('interactive-map').matches(':hover')")
    page.mouse.wheel(0, 50)  # over the map now, though nobody has moved the pointer
    page.wait_for_timeout(300)
    assert (page.evaluate("scrollY"), page.evaluate(STATE)["range"]) == (350, start)
    point_at(page, 0)
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(300)
    low, high = page.evaluate(STATE)["range"]
    assert page.evaluate("scrollY") == 350
    assert start[0] < low < 0 < high < start[1]
    assert page.evaluate(STATE)["ringed"] == [0, 4]


def move_fingers(page, *fingers):
    """Put fingers down, move each from its start to its end in ten steps, and lift them."""
    touch = page.context.new_cdp_session(page)
    for step in range(12):
        kind = {0: "touchStart", 11: "touchEnd"}.get(step, "touchMove")
        places = [np.add(start, np.subtract(end, start) * step / 10) for start, end in fingers]
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        points = [] if kind == "touchEnd" else points
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(30)
    page.wait_for_timeout(300)


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_one_finger_scrolls_the_page_and_two_zoom(page):
    start, (x, y) = page.evaluate(STATE)["range"], page.evaluate(STATE)["pins"][3]
    move_fingers(page, ((x, y), (x, y - 200)))
    assert page.evaluate("scrollY") > 100
    assert page.evaluate(STATE)["range"] == start
    x, y = page.evaluate(STATE)["pins"][3]
    move_fingers(page, ((x - 20, y), (x - 100, y)), ((x + 20, y), (x + 100, y)))
    low, high = page.evaluate(STATE)["range"]
    assert high - low < 0.9 * (start[1] - start[0])
    assert page.evaluate("visualViewport.scale") == 1  # the map, not the page
