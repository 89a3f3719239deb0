"""`visprof watch` in a browser: a parameter changed in the form, errors, and errors mended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from small_book import cell, write_book
from test_browser import DESKTOP, PHONE, browser, listen  # noqa: F401

from visprof.book.watch_server import watch_chapter

pytestmark = pytest.mark.slow

HOSTILE = "</script><img src=x onerror='hacked = 1'>"


@pytest.fixture
def root(tmp_path):
    return write_book(tmp_path / "root")


@pytest.fixture
def address(root, tmp_path):
    with watch_chapter("1", {"verbose": "true"}, root, tmp_path / "runs") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.address
        server.shutdown()
        thread.join()


def shows(page, text):
    page.frame_locator("#page").get_by_text(text).first.wait_for()
    page.locator("#status").filter(has_text=re.compile("^shown")).wait_for()


def test_a_value_is_changed_an_error_seen_and_mended(browser, address, root):  # noqa: F811
    context = browser.new_context(**DESKTOP)
    page = context.new_page()
    page.set_default_timeout(180_000)
    asked, complaints = listen(page)
    page.goto(address)
    shows(page, "clusters 20 beta None verbose True")
    field = page.get_by_label("n_clusters int")
    assert field.get_attribute("placeholder") == "20"
    assert page.get_by_label("verbose bool").input_value() == "true"
    assert page.get_by_label("ledger").count() == 0

    field.fill("33")
    field.press("Enter")
    shows(page, "clusters 33 beta None verbose True")
    told = page.locator("#status").text_content()
    assert re.fullmatch(r"shown \d+\.\d s after the change, 0\.0 s of them computing", told)

    error = page.get_by_role("alert")
    field.fill(HOSTILE)  # of no number
    page.get_by_role("button", name="Make the page").click()
    error.get_by_text("is not of the declared type int").wait_for()
    assert HOSTILE in error.text_content()
    assert "below is the last page that was" in page.locator("#status").text_content()
    shows_still = page.frame_locator("#page").get_by_text("clusters 33 beta None").first
    assert shows_still.is_visible()
    page.get_by_role("button", name="Empty all").click()
    field.fill("7")
    field.press("Enter")
    shows(page, "clusters 7 beta None verbose False")
    assert not error.is_visible()

    source = root / "book" / "01-numbers.md"
    text = source.read_text()
    source.write_text(text.replace('print("clusters"', 'no_such_name\nprint("clusters"'))
    error.get_by_text("NameError: name 'no_such_name' is not defined").wait_for()
    traceback = re.search(r"traceback: (.*)\)", error.text_content())[1]
    with open(traceback) as file:
        assert "no_such_name" in file.read()
    assert field.input_value() == "7"
    source.write_text(text.replace('print("clusters"', 'print("mended: clusters"'))
    shows(page, "mended: clusters 7 beta None")
    assert not error.is_visible()

    added = "verbose: bool = False\npatience: float = 2.5  # hours that nobody waits"
    source.write_text(text.replace("verbose: bool = False", added))
    page.get_by_label("patience float").wait_for()
    shows(page, "clusters 7 beta None verbose False")
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {address.split("/")[2]}
    assert [told for told in complaints if "patience" in told] == complaints == []
    assert page.evaluate("window.hacked") is None
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_fits_the_screen_and_can_be_read(browser, address, screen, scheme):  # noqa: F811
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(**screen, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(address)
    shows(page, "clusters 20")
    if not page.locator("#form").is_visible():
        page.get_by_text("Parameters").first.click()
    page.get_by_label("n_clusters int").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#page").bounding_box()["height"] > 0.35 * page.viewport_size["height"]
    found = axe.run(page, options={"iframes": False}).response["violations"]
    assert [violation["id"] for violation in found] == []
    context.close()


def test_the_command_ends_cleanly_when_it_is_interrupted(root, tmp_path):
    command = [sys.executable, "-m", "visprof", "watch", "1", "--no-browser", "--root", str(root)]
    waits = cell(
        "import os, time\nopen('pid', 'w').write(f'{os.getpid()}\\n')\ntime.sleep(99)", "x"
    )
    with (root / "book" / "01-numbers.md").open("a") as page:
        page.write("\n" + waits)
    watched = subprocess.Popen(
        [*command, "--out", str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # in the background, where tests may run, an interruption is ignored, and that is inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    told = watched.stdout.readline()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/  \(Ctrl-C ends\)\n", told)
    waiting = threading.Event()
    while not (root / "pid").exists() or not (root / "pid").read_text().endswith("\n"):
        assert watched.poll() is None
        waiting.wait(0.1)
    watched.send_signal(signal.SIGINT)
    assert watched.wait(30) == 0
    assert watched.stderr.read() == ""
    kernel = int((root / "pid").read_text())
    for _ in range(300):
        try:
            os.kill(kernel, 0)
        except ProcessLookupError:
            return
        waiting.wait(0.1)
    pytest.fail("the kernel still runs")
