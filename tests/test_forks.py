"""Processes that import once what many need, and fork for each of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from visprof.book import renderer
from visprof.book.errors import BookError
from visprof.book.forks import Helper, end_helpers

SERVES = """
import json, os, sys, time

def serve(path):
    for line in sys.stdin:
        wanted = json.loads(line)
        if "exit" in wanted:
            os._exit(1)
        if "wait" in wanted:
            open(wanted["wait"], "w").write(str(os.getpid()))
            time.sleep(99)
        print(json.dumps([os.getpid(), path == usual, wanted["say"]]), flush=True)

usual = [*sys.path]
"""


@pytest.fixture
def helper(tmp_path, monkeypatch):
    (tmp_path / "serves.py").write_text(SERVES)
    monkeypatch.syspath_prepend(str(tmp_path))
    helper = Helper("serves", "tells what it is told")
    yield helper
    helper.end()


def test_one_process_answers_until_it_ends_and_then_another(helper):
    first, _, said = helper.ask({"say": "one"})
    assert said == "one"
    assert helper.ask({"say": "two\nlines"})[0] == first != os.getpid()
    with pytest.raises(BookError, match="the process that tells what it is told has ended"):
        helper.ask({"exit": True})
    assert helper.ask({"say": "three"})[0] != first


def test_it_is_begun_once_and_ends_with_all_others(helper):
    helper.begin()
    begun = helper._process
    helper.begin()
    assert helper._process is begun
    end_helpers()
    assert begun.poll() is not None
    helper.end()  # there is none


def test_an_answer_that_nobody_waits_for_is_not_the_next_ones(helper, tmp_path):
    """An interruption comes while it is waited for."""
    mark = tmp_path / "waits"

    def interrupt():
        while not mark.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), 2)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # xdist ignores it
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            helper.ask({"wait": str(mark)})
    finally:
        signal.signal(signal.SIGINT, before)
    assert helper.ask({"say": "next"})[2] == "next"


@pytest.mark.slow
def test_jupyter_book_is_forked_with_its_status_and_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, said = renderer.render(["build", "nothing"], Path("said"))
    assert status != 0
    assert "nothing" in said
    helper = renderer._HELPER._process
    assert renderer.render(["--version"], Path("said"))[0] == 0
    assert renderer._HELPER._process is helper


ENDS = {
    "pass": 0, "sys.exit()": 0, "sys.exit(3)": 3, "sys.exit('why')": 1,
    "raise ValueError('why')": 1,
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_what_a_forked_program_ends_with(end, tmp_path, monkeypatch):
    names = {"sys": sys}
    exec(f"def main():\n    print('said', *sys.argv[1:])\n    {end}\n", names)
    program = types.SimpleNamespace(main=names["main"])
    monkeypatch.setitem(sys.modules, "jupyter_book.cli.main", program)
    pid = os.fork()
    if pid == 0:
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")  # not pytest's
        log = str(tmp_path / "log")
        os._exit(renderer._run(["a", "b"], str(tmp_path), dict(os.environ), log))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == ENDS[end]
    told = (tmp_path / "log").read_text()
    assert "said a b" in told
    assert ("ValueError: why" in told) == ("ValueError" in end)
