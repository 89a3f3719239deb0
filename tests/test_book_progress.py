"""What is told while a page is made."""

from __future__ import annotations

import io
import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_book import run_here, write_book

from visprof import trace
from visprof.book import progress
from visprof.book.build import build_book
from visprof.book.progress import Progress, time_table


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_quick_page_has_one_line(tmp_path):
    for stream in (io.StringIO(), Terminal()):
        with Progress(stream) as told:
            told.begin("[1/2] page.md", tmp_path / "trace")
            told.end("[1/2] page.md", "0.1 s")
        assert stream.getvalue().split("\r\x1b[K")[-1] == "[1/2] page.md 0.1 s\n"


def test_on_a_terminal_the_line_is_written_anew_and_never_breaks(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    with Progress(stream) as told:
        told.begin("a-page-with-a-long-name.md", tmp_path / "trace")
        told.begin("another.md", tmp_path / "trace")
        told.end("another.md", "1 s")
    lines = stream.getvalue().split("\r\x1b[K")[1:]
    assert lines[-2:] == ["another.md 1 s\n", "a-page-with-a-long-name.md ru\n"]
    assert {len(line.rstrip()) for line in (lines[0], lines[1])} == {29}


def test_an_error_begins_on_a_line_of_its_own(tmp_path):
    def fail(stream):
        with Progress(stream) as told:
            told.begin("page.md", tmp_path / "trace")
            raise KeyError

    for stream in (io.StringIO(), Terminal()):
        with pytest.raises(KeyError):
            fail(stream)
        assert stream.getvalue() == "" or stream.getvalue().endswith("\n")


@pytest.fixture
def soon(monkeypatch):
    """Seconds pass as if they were hours."""
    monkeypatch.setattr(progress, "FIRST", 0.2)
    monkeypatch.setattr(progress, "EVERY", 0.1)
    monkeypatch.setattr(progress, "LOOK", 0.01)


def wait_for(stream, text, times=1):
    until = time.monotonic() + 60
    while stream.getvalue().count(text) < times and time.monotonic() < until:
        time.sleep(0.01)


def test_a_step_that_takes_long_is_named(soon, tmp_path):
    stream, note, threads = io.StringIO(), tmp_path / "trace", threading.enumerate()
    with (
        trace.tracing(note),
        trace.computing("ranks, seed 2 of 10"),
        Progress(stream) as told,
    ):
        told.begin("page.md", note)
        wait_for(stream, "\n", times=2)
    pattern = r"page.md: computing ranks, seed 2 of 10 \(\d+ s; the page \d+ s\)"
    lines = stream.getvalue().splitlines()
    assert len(lines) >= 2
    assert all(re.fullmatch(pattern, line) for line in lines)
    assert threading.enumerate() == threads  # nobody is left who would tell more


def test_what_is_waited_for_is_named_unless_something_is_computed_meanwhile(soon, tmp_path):
    stream, note = io.StringIO(), tmp_path / "trace"
    with (
        trace.tracing(note),
        Progress(stream) as told,
        trace.waiting("pin_features", time.time() - 7),
    ):
        told.begin("page.md", note)
        wait_for(stream, "\n")
        with trace.computing("ranks, seed 2 of 10"):
            wait_for(stream, "computing ranks, seed 2 of 10")
    assert re.match(
        r"page.md: waiting for pin_features \([7-9]\d* s; the page 0 s\)\n", stream.getvalue()
    )


def test_where_no_step_is_computed_the_cells_are_named(soon, tmp_path):
    stream = io.StringIO()
    with Progress(stream) as told:
        told.begin("page.md", tmp_path / "trace")
        wait_for(stream, "\n")
    assert stream.getvalue().startswith("page.md: running its cells (0 s)\n")


def test_pages_made_side_by_side_are_told_apart(soon, tmp_path):
    stream = io.StringIO()
    with Progress(stream) as told:
        told.begin("a.md", tmp_path / "a")
        told.begin("b.md", tmp_path / "b")
        wait_for(stream, "b.md: running")
        told.end("a.md", "1 s")
        wait_for(stream, "b.md: running", times=stream.getvalue().count("b.md: running") + 1)
    after = stream.getvalue().split("a.md 1 s\n")[1]
    assert set(re.findall(r"^\w+\.md", after, re.M)) == {"b.md"}


# run in this process, a page sees what is told of it, and need not take longer than that
SLOW = """
import sys
from pathlib import Path
from test_book_progress import wait_for
from visprof import trace
with trace.computing("ranks"):
    wait_for(sys.stdout, "computing ranks")
"""


def test_a_build_tells_what_a_slow_page_computes(soon, tmp_path, capsys, monkeypatch):
    root = write_book(tmp_path / "root")
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text().replace("from pathlib import Path\n", SLOW))
    monkeypatch.setattr("visprof.book.execute._run_notebook", run_here)
    monkeypatch.setattr("visprof.book.build.render_book", lambda *_: tmp_path)
    build_book(root, out=tmp_path / "out")
    printed = capsys.readouterr().out
    told = r"^\[1/2\] book/01-numbers.md: computing ranks \(\d+ s; the page \d+ s\)$"
    assert re.search(told, printed, re.M)
    ended = r"^\[1/2\] book/01-numbers.md executed for the first time, [\d.]+ s$"
    assert re.search(ended, printed, re.M)
    assert re.search(r"^where the time went\n +[\d.]+ s +\d+ %  ranks\n", printed, re.M)


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0.5, 100)), st.floats(1, 100))
def test_shares_of_time_are_whole_and_in_order(steps, besides):
    lines = time_table(steps, sum(steps.values()) + besides).splitlines()[1:]
    rows = [re.fullmatch(r" +([\d.]+) s +(\d+) %  (.*)", line).groups() for line in lines]
    assert abs(sum(int(share) for _, share, _ in rows) - 100) <= len(rows) / 2
    assert [name for *_, name in rows][: len(steps)][:10] == sorted(
        steps, key=lambda step: -steps[step]
    )[:10]
    assert float(rows[-1][0]) == pytest.approx(besides, abs=0.06)
