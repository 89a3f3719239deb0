"""Kernels forked from a process that has imported the library."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.session import Session
from small_book import cell, chapter

from visprof.book import execute, kernels
from visprof.book.errors import BookError
from visprof.book.note import study_note
from visprof.book.page import read_page

ROOT = Path(__file__).resolve().parent.parent
# Everything that a page may find of its process, but for what tells processes apart.
SURROUNDINGS = """
import json, os, signal, sys
import numpy as np, matplotlib
figure = matplotlib.pyplot.figure() if hasattr(matplotlib, "pyplot") else None
print(json.dumps({
    "folder": os.getcwd(), "first": sys.path[0], "main": __name__,
    # the last is of a debugger, which only a fresh process loads
    "variables": sorted(set(os.environ) - {"JPY_PARENT_PID", "COLUMNS", "LINES",
                                           "PYDEVD_USE_FRAME_EVAL"}),
    "leads": os.getpgid(0) == os.getpid(),
    "signals": [str(signal.getsignal(of)) for of in (signal.SIGCHLD, signal.SIGTERM)],
    "backend": matplotlib.get_backend(), "read": os.read(0, 1).decode(),
}))
"""


def executed(source: Path, target: Path) -> list[str]:
    execute.execute_page(read_page(source), target, root=source.parent)
    cells = nbformat.read(target, as_version=4).cells
    return [output.text for of in cells for output in of.get("outputs", []) if "text" in output]


@pytest.mark.slow
def test_a_page_finds_what_it_finds_in_a_fresh_process(tmp_path, monkeypatch):
    source = chapter(tmp_path, cell(SURROUNDINGS, "fine"))
    forked = json.loads(executed(source, tmp_path / "forked.ipynb")[0])
    monkeypatch.setattr(execute, "ReadyKernelManager", AsyncKernelManager)
    fresh = json.loads(executed(source, tmp_path / "fresh.ipynb")[0])
    assert forked == fresh
    assert forked["folder"] == str(tmp_path)


def test_the_kernel_is_this_python_whatever_is_registered_by_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/other/python"], "display_name": "Other", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    usual = AsyncKernelManager(kernel_name="python3").kernel_spec
    own = kernels.ReadyKernelManager(kernel_name="python3").kernel_spec
    assert (usual.argv[0], own.argv[0]) == ("/other/python", sys.executable)
    assert own.metadata["supported_encryption"] == ["curve"]


def test_a_kernel_that_begins_late_is_waited_for(tmp_path):
    """A fresh process imports for longer than the client listens at a time."""

    async def said() -> str:
        manager = AsyncKernelManager(kernel_name="python3", client_factory=kernels._NearClient)
        manager.connection_file = str(tmp_path / "kernel.json")
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            client.execute("print('here')")
            while (message := await client.get_iopub_msg())["msg_type"] != "stream":
                pass
            return message["content"]["text"]
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(now=True)

    assert asyncio.run(said()) == "here\n"


def test_a_client_listens_for_what_nobody_says_no_longer_than_it_takes():
    async def waited(timeout: float | None) -> float | None:
        with zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as near:
            near.bind("inproc://quiet")
            channel, start = kernels._Broadcast(near, Session()), time.perf_counter()
            try:
                await asyncio.wait_for(channel.get_msg(timeout), 0.15)
            except queue.Empty:
                return time.perf_counter() - start
            except TimeoutError:
                return None

    assert asyncio.run(waited(30)) < 0.15
    assert asyncio.run(waited(None)) is None  # what a cell says is waited for without end


FORKING = """
import sys
from pathlib import Path
from visprof.book.forks import fork_helpers
fork_helpers()
from visprof.book import kernels
kernels.prepare_kernels()
assert type(kernels._HELPER._process).__name__ == "_Forked"
from visprof.book.execute import execute_page
from visprof.book.page import read_page
source = Path("chapter.md")
execute_page(read_page(source), "command.ipynb", root=".")
"""


@pytest.mark.slow
def test_a_page_of_a_command_finds_what_it_finds_in_a_fresh_process(tmp_path):
    source = chapter(tmp_path, cell(SURROUNDINGS, "fine"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "command").write_text(FORKING)  # as the command is a file of its own
    subprocess.run([sys.executable, "bin/command"], cwd=tmp_path, check=True)
    cells = nbformat.read(tmp_path / "command.ipynb", as_version=4).cells
    of_command = json.loads(next(of.outputs[0].text for of in cells if of.get("outputs")))
    of_test = json.loads(executed(source, tmp_path / "usual.ipynb")[0])
    assert of_command == of_test


DRAWS = """
from visprof import figures
figures.use_book_style()
figures.max_z_ecdf({"users": [1.0, 2.0], "pins shuffled": [0.5, 0.7]})
"""


@pytest.mark.slow
def test_a_page_is_the_same_but_for_times_as_of_a_fresh_process(tmp_path, monkeypatch):
    page = read_page(chapter(tmp_path, cell(DRAWS, "drawn")))

    def made(name):
        execute.execute_page(page, tmp_path / name, root=tmp_path)
        notebook = nbformat.read(tmp_path / name, as_version=4)
        for of in (notebook, *notebook.cells):
            for times in ("papermill", "execution"):
                of.metadata.pop(times, None)
        notebook.cells.pop()  # the foot, of its own time and memory
        return nbformat.writes(notebook)

    forked = made("forked.ipynb")
    monkeypatch.setattr(execute, "ReadyKernelManager", AsyncKernelManager)
    assert made("fresh.ipynb") == forked
    assert "image/svg+xml" in forked


@pytest.mark.slow
def test_a_page_sees_nothing_of_the_page_before(tmp_path):
    mark = "import os, visprof\nprint(hasattr(visprof, 'marked'))\nvisprof.marked = os.getpid()\n"
    source = chapter(tmp_path, cell(mark, "fine"))
    for number in range(2):
        assert executed(source, tmp_path / f"{number}.ipynb") == ["False\n"]


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_kernels_end_with_the_process_that_starts_them_and_the_next_page_starts_another(tmp_path):
    ends = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time\ntime.sleep(60)\n"
    source = chapter(tmp_path, cell(ends, "wrong"))
    with pytest.raises(BookError, match="the kernel died"):
        executed(source, tmp_path / "out.ipynb")
    fine = chapter(tmp_path, cell("print('well')", "fine"))
    assert executed(fine, tmp_path / "out.ipynb") == ["well\n"]


@pytest.mark.slow
def test_a_kernel_that_dies_before_it_answers_is_told(tmp_path, monkeypatch):
    class Killed(kernels._Forked):
        def __init__(self, wanted):
            super().__init__(wanted)
            self.kill()

    monkeypatch.setattr(kernels, "_Forked", Killed)
    with pytest.raises(BookError, match=r"chapter\.md: the kernel died or never answered"):
        executed(chapter(tmp_path, cell("1", "fine")), tmp_path / "out.ipynb")


@pytest.mark.slow
def test_an_interrupted_page_leaves_no_process(tmp_path):
    script = f"""
        from pathlib import Path
        from visprof.book.execute import execute_page
        from visprof.book.page import read_page
        folder = Path({str(tmp_path)!r})
        execute_page(read_page(folder / "chapter.md"), folder / "out.ipynb", root=folder)
    """
    waits = """
import os, time
open("pid", "w").write(f"{os.getpid()} {os.getppid()}")
time.sleep(99)
"""
    chapter(tmp_path, cell(waits, "slow"))
    made = subprocess.Popen([sys.executable, "-c", "if True:" + script], stderr=subprocess.PIPE)
    while not (tmp_path / "pid").exists() or len((tmp_path / "pid").read_text().split()) < 2:
        assert made.poll() is None
        time.sleep(0.1)
    made.send_signal(signal.SIGKILL)
    made.wait()
    processes = [int(pid) for pid in (tmp_path / "pid").read_text().split()]
    until = time.monotonic() + 30
    while any(map(running, processes)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(running, processes))


def test_a_kernel_that_cannot_be_started_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels._HELPER, "_running", lambda: subprocess.Popen(
        [sys.executable, "-c", "1 / 0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ))  # fmt: skip
    fine = chapter(tmp_path, cell("print('well')", "fine"))
    with pytest.raises(BookError, match="process that starts kernels has ended"):
        executed(fine, tmp_path / "out.ipynb")


@pytest.mark.slow
def test_a_call_is_made_where_the_library_is_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISPROF_TRACE", "a file")
    assert kernels.call_ready(os.getcwd) == str(tmp_path)
    assert kernels.call_ready(os.getenv, "VISPROF_TRACE") == "a file"
    assert kernels.call_ready(os.getpid) != kernels.call_ready(os.getpid) != os.getpid()
    helper = kernels._HELPER._process
    with pytest.raises(ValueError, match="invalid literal for int") as raised:
        kernels.call_ready(int, "a\nb")
    assert "function(*given)" in raised.value.__notes__[0]
    with pytest.raises(BookError, match="has ended, perhaps for want of memory"):
        kernels.call_ready(os._exit, 1)
    assert kernels.call_ready(abs, -1) == 1
    assert kernels._HELPER._process is helper


@pytest.mark.slow
def test_a_page_says_what_is_not_as_the_preset_has_it(tmp_path):
    note = study_note(ROOT, "tiny", {"n_clusters": 7})
    assert "`n_clusters` is 7 instead of 8 " in note
    assert study_note(ROOT, "tiny", {}) == ""
    with pytest.raises(FileNotFoundError):
        study_note(ROOT, "own", {"data": str(tmp_path / "none")})


def test_what_is_asked_of_a_process_that_is_gone():
    gone = kernels._Forked.__new__(kernels._Forked)
    gone.pid = os.fork()
    if gone.pid == 0:
        os._exit(0)
    os.waitpid(gone.pid, 0)
    assert gone.poll() == 0
    assert gone.wait() == 0
    with pytest.raises(ProcessLookupError):
        gone.terminate()
