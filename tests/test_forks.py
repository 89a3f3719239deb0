"""Processes that import once what many need, and fork for each of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import psutil
import pytest

from visprof.book import renderer
from visprof.book.errors import BookError
from visprof.book.forks import Helper, end_helpers

ROOT = Path(__file__).resolve().parent.parent
SERVES = """
import json, os, sys, time

def serve(path):
    for line in sys.stdin:
        wanted = json.loads(line)
        if "exit" in wanted:
            os._exit(1)
        if "leave" in wanted:  # a process that goes on, as one that renders does
            if os.fork() == 0:
                os.close(1)
                time.sleep(15)
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


FORKED = """
import json, os, sys, threading
from pathlib import Path
from visprof.book.forks import Helper, end_helpers, fork_helpers

helper, other = Helper("serves", "tells what it is told"), Helper("serves", "tells it, too")
sys.stdout.write("waits")  # and is written once
fork_helpers()
helper.begin()
other.begin()
import serves
first, usual, said = helper.ask({"say": "words"})
assert said == "words" and usual
assert os.getpgid(first) == first == helper._process.pid != os.getpid()
assert other.ask({"say": ""})[0] == other._process.pid
try:
    helper.ask({"exit": True})
except Exception as error:
    print(type(error).__name__)
assert helper.ask({"say": "again"})[0] != first  # begun as a process of its own
helper.end()
end_helpers()
assert other._process is None
lone = Helper("serves", "is begun beside a thread")
waits = threading.Event()
threading.Thread(target=waits.wait).start()
lone.begin()
waits.set()
print(type(lone._process).__name__)
third = Helper("no_such_module", "is not there")
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
third.begin()
print(third._process.wait(), third._process.poll())
fourth = Helper("serves", "is left")
fourth.begin()
Path("left").write_text(f"{fourth._process.pid} {lone._process.pid}")
os._exit(0)  # as a killed one
"""


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_a_command_forks_its_helpers_which_end_with_it(tmp_path):
    (tmp_path / "serves.py").write_text(SERVES.replace("[*sys.path]", "sys.path[1:]"))
    (tmp_path / "command.py").write_text(FORKED)
    done = subprocess.run(
        [sys.executable, "command.py"], cwd=tmp_path, check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.split() == ["waitsBookError", "Popen", "1", "1"]
    assert "No module named 'no_such_module'" in done.stderr
    until = time.monotonic() + 30
    left = [int(pid) for pid in (tmp_path / "left").read_text().split()]
    while any(map(runs, left)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(runs, left))


SERVED = """
import multiprocessing, os, time
from multiprocessing import forkserver
from pathlib import Path
from visprof.book.forks import Helper, end_helpers, fork_from_server

if __name__ == "__main__":
    forkserver.set_forkserver_preload(["serves"])
    forkserver.ensure_running()
    fork_from_server()
    helper, other = Helper("serves", "tells what it is told"), Helper("serves", "tells it, too")
    helper.begin()
    print(type(helper._process).__name__)
    first, _, said = helper.ask({"say": "two\\nlines"})
    assert said == "two\\nlines"
    assert os.getpgid(first) == first == helper._process.pid != os.getpid()
    assert helper._process.poll() is None
    helper.end()
    print(multiprocessing.active_children())
    other.begin()
    try:
        other.ask({"exit": True})
    except Exception as error:
        print(type(error).__name__)
    assert other.ask({"say": "again"})[2] == "again"  # begun as a process of its own
    third, start = Helper("serves", "is ended from outside"), time.monotonic()
    third.begin()
    try:
        third.ask({"leave": True})
    except Exception as error:
        print(type(error).__name__, time.monotonic() - start < 10)
    last = Helper("serves", "ends with the program")
    last.begin()
    Path("left").write_text(f"{last._process.pid} {other._process.pid}")
"""


@pytest.mark.slow
def test_a_helper_is_forked_from_the_server_of_workers_and_ends_with_the_program(tmp_path):
    (tmp_path / "serves.py").write_text(SERVES)
    (tmp_path / "program.py").write_text(SERVED)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["_Served", "[]", "BookError", "BookError", "True"]
    until = time.monotonic() + 30
    left = [int(pid) for pid in (tmp_path / "left").read_text().split()]
    while any(map(runs, left)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(runs, left))


DIES = "import os, time; time.sleep(0.3); os._exit(1)"
ENDED = """
import os
from visprof.book import workers
from visprof.book.errors import BookError
from visprof.book.forks import Helper, end_helpers

if __name__ == "__main__":
    workers.READY = "dies"
    workers.prepare_workers()
    helper = Helper("serves", "tells what it is told")
    helper.begin()
    print(type(helper._process).__name__, helper.ask({"say": "well"})[2])
    end_helpers()
    try:
        with workers.workers(2) as pool:
            pool.submit(abs, -1).result()
    except BookError as error:
        print(error)
"""


@pytest.mark.slow
def test_what_is_forked_from_may_be_ended_while_it_loads(tmp_path):
    """Helpers are then processes of their own, and what waits for pages is told."""
    (tmp_path / "serves.py").write_text(SERVES)
    (tmp_path / "dies.py").write_text(DIES)
    (tmp_path / "program.py").write_text(ENDED)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    helper, pool = done.stdout.splitlines()
    assert helper == "Popen well"
    assert pool.startswith("a process that executes pages was ended from outside")


INTERRUPTED = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == "visprof.book.build":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
import visprof.book._ready
"""


@pytest.mark.slow
def test_an_interruption_is_not_for_what_workers_are_forked_from():
    signal_of_terminal = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", signal_of_terminal + INTERRUPTED]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stderr == ""


@pytest.mark.slow
def test_jupyter_book_is_forked_with_its_status_and_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, said = renderer.render(["build", "nothing"], Path("said"))
    assert status != 0
    assert "nothing" in said
    helper = renderer._HELPER._process
    assert renderer.render(["--version"], Path("said"))[0] == 0
    assert renderer._HELPER._process is helper


@pytest.mark.slow
def test_what_imports_for_jupyter_book_beside_a_kernels_library_says_nothing():
    serves = (
        "import ipykernel.zmqshell, sys; from visprof.book import renderer; "
        "renderer.serve(sys.path, *renderer._documented(), 'tqdm.auto')"
    )
    command = [sys.executable, "-c", serves]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert (done.stdout, done.stderr) == (b"", b"")


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
