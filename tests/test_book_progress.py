"""What is told while a page is made."""

from __future__ import annotations

import io
import re
import time

import pytest
from small_book import write_book

from visprof import trace
from visprof.book import progress
from visprof.book.build import build_book
from visprof.book.progress import ProgressLine, progress_told


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_quick_page_has_one_line():
    for stream in (io.StringIO(), Terminal()):
        with ProgressLine("[1/2] page.md", stream) as line:
            line.end("0.1 s")
        assert stream.getvalue().split("\r\x1b[K")[-1] == "[1/2] page.md 0.1 s\n"


def test_in_a_file_what_is_computed_has_lines_of_its_own():
    stream = io.StringIO()
    with ProgressLine("page.md", stream) as line:
        line.tell("computing ranks (10 s)")
        line.tell("computing ranks (40 s)")
        line.end("50 s")
    expected = ["page.md ", "    computing ranks (10 s)", "    computing ranks (40 s)"]
    assert stream.getvalue().splitlines() == [*expected, "page.md 50 s"]


def test_on_a_terminal_the_line_is_written_anew_and_never_breaks(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    with ProgressLine("page.md", stream) as line:
        line.tell("computing something with a long name")
    _, told = stream.getvalue().split("\r\x1b[K")
    assert told == "page.md computing something w\n"
    assert len(told) == 30


@pytest.mark.parametrize("told", [True, False])
def test_an_error_begins_on_a_line_of_its_own(told):
    stream = io.StringIO()

    def fail():
        with ProgressLine("page.md", stream) as line:
            if told:
                line.tell("computing ranks")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert stream.getvalue().endswith("\n")
    assert "\n\n" not in stream.getvalue()


@pytest.fixture
def soon(monkeypatch):
    """Seconds pass as if they were hours."""
    monkeypatch.setattr(progress, "FIRST", 0.2)
    monkeypatch.setattr(progress, "EVERY", 0.1)


def test_a_step_that_takes_long_is_named(soon, tmp_path):
    stream = io.StringIO()
    line = ProgressLine("page.md", stream)
    with progress_told(tmp_path / "trace", line), trace.computing("ranks, seed 2 of 10"):
        until = time.monotonic() + 60
        while stream.getvalue().count("\n") < 3 and time.monotonic() < until:
            time.sleep(0.01)
    pattern = r"    computing ranks, seed 2 of 10 \(\d+ s; the page \d+ s\)"
    assert re.fullmatch(pattern, stream.getvalue().splitlines()[1])
    told = stream.getvalue()
    time.sleep(0.3)
    assert stream.getvalue() == told  # nothing more when the block has ended


def test_where_no_step_is_computed_the_cells_are_named(soon, tmp_path):
    stream = io.StringIO()
    with progress_told(tmp_path / "trace", ProgressLine("page.md", stream)):
        until = time.monotonic() + 60
        while "\n    " not in stream.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
    assert "    running its cells (0 s)" in stream.getvalue()


def test_a_build_tells_what_a_slow_page_computes(soon, tmp_path, capsys, monkeypatch):
    root = write_book(tmp_path / "root")
    page = root / "book" / "01-numbers.md"
    slow = "import time\nfrom visprof import trace\nwith trace.computing('ranks'): time.sleep(2)\n"
    page.write_text(
        page.read_text().replace("from pathlib import Path\n", f"{slow}from pathlib import Path\n")
    )
    monkeypatch.setattr("visprof.book.build.render_book", lambda *_: tmp_path)
    build_book(root, out=tmp_path / "out")
    printed = capsys.readouterr().out
    assert re.search(r"^\[1/2\] book/01-numbers.md \n    ", printed)
    assert re.search(r"\n    computing ranks \(\d+ s; the page \d+ s\)\n", printed)
    assert re.search(
        r"\n\[1/2\] book/01-numbers.md executed for the first time, [\d.]+ s\n", printed
    )
