"""The build, on a small book made here."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Event

import jupytext
import nbformat
import psutil
import pytest
from filelock import FileLock
from small_book import INDEX, run_here, text_of, write_book

from visprof import cli, memo
from visprof.book import execute, render
from visprof.book.build import build_book, make_ledger
from visprof.book.errors import BookError
from visprof.book.kept import KeptPage
from visprof.book.workers import workers
from visprof.results.ledger import Ledger, estimates
from visprof.results.users import read_users, users_file
from visprof.verify import verify


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_book(tmp_path / "root")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": {"clusters": 1}}, "the book has no parameter clusters"),
        ({"parameters": {"n_clusters": "x"}}, "not of the declared type int"),
        ({"parameters": {"n_clusters": "1"}}, "n_clusters is 1; it must be at least 2"),
        ({"data": "nowhere"}, "data: there is nothing at"),
        ({"parameters": {"preset": "tiny"}}, "preset: no parameter of a build, which has its own"),
        ({"parameters": {"ledger": "x", "data": "y"}}, "data, ledger: no parameter of a build"),
    ],
)
def test_wrong_arguments_fail_before_anything_runs(root, tmp_path, arguments, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        build_book(root, out=tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_page_at_a_time_is_refused(root, tmp_path, jobs, capsys):
    with pytest.raises(ValueError, match="jobs"):
        make_ledger(root, out=tmp_path / "out", jobs=jobs)
    assert cli.main(["build", "--root", str(root), "--out", str(tmp_path), f"--jobs={jobs}"]) == 1
    assert "jobs" in capsys.readouterr().err


def test_command_line_reports_errors(root, capsys):
    assert cli.main(["build", "--root", str(root), "-p", "clusters=1"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "the book has no parameter clusters; did you mean n_clusters?"
    assert "  n_clusters: int = 20  clusters of the vocabulary [at least 2]" in lines
    with pytest.raises(SystemExit):
        cli.main(["build", "--root", str(root), "-p", "clusters"])


@pytest.mark.slow
def test_a_built_book_shows_the_parameters_and_reads_offline(root, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--data", str(root / "book"), "-p", "n_clusters=7", "--out", str(out)]
    assert cli.main(["build", "--root", str(root), *arguments]) == 0
    assert "[1/2] book/01-numbers.md" in capsys.readouterr().out
    html = out / "demo" / "html"
    front = (html / "book" / "index.html").read_text()
    assert re.search(r"There were <span[^>]*>7\.0</span> clusters", front)
    assert 'data = "book"' in text_of_source(out / "demo/executed/book/01-numbers.ipynb")
    assert Ledger(out / "results" / "demo.json").read()["clusters"]["value"] == 7
    assert "How this page was made" in (html / "book" / "01-numbers.html").read_text()
    pages = "".join(page.read_text() for page in html.rglob("*.html"))
    loads = r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//[^"]*"'
    assert re.findall(loads, pages) == []
    assert (html / "_static" / "mathjax" / "tex-chtml.js").is_file()
    left = sorted(path.name for path in (out / "demo").iterdir())
    assert left == [".lock", "executed", "html", "pages"]


def text_of_source(notebook: Path) -> str:
    return "\n".join(c.source for c in nbformat.read(notebook, as_version=4).cells)


# --- what is executed again, and what is not


@pytest.fixture(scope="module")
def once_built(tmp_path_factory):
    """A root, and the pages that were made of it, for tests of what comes after."""
    folder = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "run_jupyter_book", stand_in)
        patch.setattr(execute, "_run_notebook", run_here)
        build_book(write_book(folder / "root"), out=folder / "out")
    return folder


@pytest.fixture
def built(root, once_built, tmp_path, quick):
    """That book in this test's own folders."""
    shutil.copytree(once_built, tmp_path, dirs_exist_ok=True)
    return quick


def stand_in(executed, scratch):
    """Make the files that Jupyter Book would make of executed pages, empty."""
    html = scratch / "html"
    for page in executed.rglob("*.ipynb"):
        name = page.relative_to(executed)
        for made in (html / name.with_suffix(".html"), html / "_sources" / name):
            made.parent.mkdir(parents=True, exist_ok=True)
            made.touch()
    return html


@pytest.fixture
def build(root, tmp_path, monkeypatch, capsys):
    """Bring the pages up to date without rendering; return why each was executed."""
    monkeypatch.setattr(render, "run_jupyter_book", stand_in)

    def build(**arguments):
        capsys.readouterr()
        build_book(root, out=tmp_path / "out", **arguments)
        printed = capsys.readouterr().out
        found = re.search(
            r"01-numbers\.md (?:executed for (.*), [\d.]+ s|is up to date)\n", printed
        )
        return found[1], "not needed" not in printed  # why, and whether it was rendered

    return build


@pytest.fixture
def quick(build, monkeypatch):
    """The same, without a kernel."""
    monkeypatch.setattr(execute, "_run_notebook", run_here)
    return build


@pytest.mark.slow
def test_an_unchanged_book_is_neither_executed_nor_rendered(build, tmp_path):
    assert build() == ("the first time", True)
    notebook = tmp_path / "out" / "demo" / "pages" / "book" / "01-numbers.ipynb"
    before = notebook.stat().st_mtime_ns
    assert build() == (None, False)
    assert notebook.stat().st_mtime_ns == before
    assert Ledger(tmp_path / "out" / "results" / "demo.json").read()["clusters"]["value"] == 20


def test_a_build_parses_each_page_with_code_once(quick, root, monkeypatch):
    parsed: Counter[str] = Counter()
    reads = jupytext.reads

    def count(text, **options):
        parsed[text] += 1
        return reads(text, **options)

    monkeypatch.setattr(jupytext, "reads", count)
    monkeypatch.setattr(jupytext, "read", lambda *_, **__: pytest.fail("read by another way"))
    quick()
    assert parsed == {(root / "book" / "01-numbers.md").read_text(): 1}
    quick()
    assert set(parsed.values()) == {2}


def test_a_changed_page_or_parameter_is_executed(built, root):
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text() + "\nOne sentence more.\n")
    assert built() == ("its text", True)
    assert built(parameters={"n_clusters": 7}) == ("the parameters", True)
    assert built(parameters={"n_clusters": 7}) == (None, False)


def test_a_page_of_text_is_rendered_but_nothing_executed(built, root):
    (root / "book" / "index.md").write_text("# Another front page\n")
    assert built() == (None, True)
    (root / "book" / "_static" / "custom.css").write_text("p {}")
    assert built() == (None, True)


@pytest.mark.slow
def test_changed_data_are_seen(build, root, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("1")
    assert build(data=data)[0] == "the first time"
    assert build(data=data) == (None, False)
    (data / "b.txt").write_text("2")
    why, _ = build(data=data)
    assert why == f"files {os.path.relpath(data, root)}"  # no folder above the book's


def change_source(monkeypatch, module, old, new):
    """Let a module's source be another, as it is for a build that starts after an edit."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nor are its versions kept
    assert old in memo.SOURCES[module]
    monkeypatch.setitem(memo.SOURCES, module, memo.SOURCES[module].replace(old, new))
    memo._parse.cache_clear()
    memo._known_versions.cache_clear()


def test_changed_code_is_seen_where_the_page_uses_it(built, monkeypatch):
    with monkeypatch.context() as patch:
        change_source(patch, "visprof.intervals", "(1 - level) / 2", "(1 - level) / 3")
        assert "code visprof.intervals.percentile_interval" in built()[0].split(", ")
        change_source(patch, "visprof.intervals", "Percentile interval", "An interval")
        # nothing is executed; the pages are rendered, for one shows the library's docstrings
        assert built() == (None, True)
    memo._parse.cache_clear()
    memo._known_versions.cache_clear()


def test_changed_packages_are_seen(built, monkeypatch):
    monkeypatch.setattr("visprof.book.inputs.environment_version", lambda: "another")
    assert built()[0] == "the installed packages"


@pytest.mark.slow
def test_the_numbers_of_a_book_are_made_again_without_rendering_it(root, tmp_path):
    published = make_ledger(root, out=tmp_path / "first")
    found = verify(published, root=root, out=tmp_path / "again")
    assert found.holds
    assert found.counts["equal"] == 1
    assert not (tmp_path / "again" / "demo" / "html").exists()
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text().replace("n_clusters: int = 20", "n_clusters: int = 21"))
    assert verify(published, root=root, out=tmp_path / "again").beyond == ["clusters"]


def test_values_of_users_lie_beside_the_ledger_of_the_book(root, tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "_run_notebook", run_here)
    page = root / "book" / "01-numbers.md"
    plain = page.read_text()
    write = "from visprof.results.users import write_users; from pandas import DataFrame\n"
    write += 'write_users(DataFrame({"user": ["ann"]}), ledger)\nprint("lowest"'
    page.write_text(plain.replace('print("lowest"', write))
    ledger = make_ledger(root, out=tmp_path / "out")
    assert users_file(ledger.path).name == "demo.users.parquet"
    assert read_users(ledger.path)["user"].tolist() == ["ann"]
    page.write_text(plain)
    assert read_users(make_ledger(root, out=tmp_path / "out").path) is None


def test_another_machine_is_seen(built, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert built()[0] == "the machine"


def test_a_page_that_is_no_longer_whole_is_executed(built, tmp_path):
    kept = tmp_path / "out" / "demo" / "pages" / "book" / "01-numbers.ledger.json"
    kept.write_bytes(kept.read_bytes()[:-5])
    assert built()[0] == "the first time"
    assert Ledger(tmp_path / "out" / "results" / "demo.json").read()["clusters"]["value"] == 20


def test_a_failed_page_is_not_kept(built, root):
    page = root / "book" / "01-numbers.md"
    text = page.read_text()
    page.write_text(text.replace('print("lowest"', '1 / 0\nprint("lowest"'))
    with pytest.raises(BookError):
        built()
    page.write_text(text)
    assert built()[0] == "the first time"


@pytest.fixture
def two_pages(root):
    """A second page with code, beside the first."""
    page = root / "book" / "01-numbers.md"
    (root / "book" / "02-others.md").write_text(page.read_text().replace("clusters", "others"))
    toc = (root / "_toc.yml").read_text()
    (root / "_toc.yml").write_text(f"{toc}  - file: book/02-others\n")
    return root


@pytest.fixture
def four_pages(two_pages, tmp_path, monkeypatch):
    """Four pages, executed by threads: a function that does so as it is told, and says in which
    order they were begun."""
    for number in (3, 4):
        page = (two_pages / "book" / "02-others.md").read_text()
        (two_pages / "book" / f"0{number}-more.md").write_text(page.replace("others", f"n{number}"))
        with (two_pages / "_toc.yml").open("a") as toc:
            toc.write(f"  - file: book/0{number}-more\n")
    monkeypatch.setattr("visprof.book.build.LOOK", 0.01)
    monkeypatch.setattr("visprof.book.build.workers", ThreadPoolExecutor)
    monkeypatch.setattr("visprof.book.build.count_steps", lambda pages: [2, 9, 4, 7])
    begun = []

    def make(execute=lambda name, trace: None, jobs=2):
        def execute_kept(page, kept, *_):
            begun.append(page.name)
            kept.notebook.parent.mkdir(parents=True, exist_ok=True)
            execute(page.name, kept.trace)
            kept.notebook.write_text("{}")

        begun.clear()
        monkeypatch.setattr("visprof.book.build._execute_kept", execute_kept)
        make_ledger(two_pages, out=tmp_path / "out", jobs=jobs)
        return [*begun]

    make.begun = begun
    return make


PAGES = ["01-numbers", "02-others", "03-more", "04-more"]
BY_STEPS = ["02-others", "04-more", "03-more", "01-numbers"]


def test_pages_that_take_longest_are_begun_first(four_pages, root, tmp_path):
    assert four_pages(jobs=1) == PAGES
    for page in PAGES:
        file = root / "book" / f"{page}.md"
        file.write_text(f"{file.read_text()}\nMore.\n")
    took = dict(zip(PAGES, [3.0, 5.0, 4.0, 7.0], strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeptPage, "seconds", lambda kept: took[kept.path.stem])
        assert four_pages() == ["04-more", "02-others", "03-more", "01-numbers"]
    shutil.rmtree(tmp_path / "out")
    assert four_pages() == BY_STEPS
    assert KeptPage(tmp_path / "out" / "demo" / "pages" / "book" / "02-others.md").seconds() >= 0


def test_a_page_that_waits_for_another_leaves_its_place_to_a_third(four_pages):
    until, there, go_on = time.monotonic() + 60, [], Event()

    def execute(name, trace):
        if name != BY_STEPS[0]:
            assert go_on.wait(60)
            return
        trace.write_text('{"waits for": "a step", "since": 0.0}\n')
        while len(four_pages.begun) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)  # in which another might be begun
        there.extend(four_pages.begun)
        go_on.set()

    assert four_pages(execute) == BY_STEPS
    assert there == BY_STEPS[:3]


@pytest.mark.slow
def test_pages_made_side_by_side_are_those_made_one_after_the_other(two_pages, tmp_path, capsys):
    one, two = (make_ledger(two_pages, out=tmp_path / f"{jobs}", jobs=jobs) for jobs in (1, 2))
    assert estimates(one.read()) == estimates(two.read())
    printed = capsys.readouterr().out
    for page in ("01-numbers", "02-others"):
        assert printed.count(f"book/{page}.md executed for the first time") == 2
        made = [tmp_path / f"{jobs}" / "demo/pages/book" / f"{page}.ipynb" for jobs in (1, 2)]
        assert text_of(made[0]) == text_of(made[1])


@pytest.mark.slow
def test_a_page_that_fails_ends_the_one_beside_it(two_pages, tmp_path):
    page, slow = (two_pages / "book" / name for name in ("01-numbers.md", "02-others.md"))
    page.write_text(page.read_text().replace('print("lowest"', '1 / 0\nprint("lowest"'))
    slow.write_text(slow.read_text().replace('print("lowest"', "import time; time.sleep(600)\n#"))
    before = set(multiprocessing.active_children())  # of other tests in this process
    with pytest.raises(BookError, match=r"01-numbers.md: cell \d+ failed: ZeroDivisionError"):
        make_ledger(two_pages, out=tmp_path / "out", jobs=2)
    assert set(multiprocessing.active_children()) <= before


BUILT = "import sys; from visprof.book import build; build.make_ledger(sys.argv[1], jobs=2)"


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(two_pages, tmp_path):
    slow, file = two_pages / "book" / "02-others.md", tmp_path / "process"
    wait = f"import os, time\nPath({str(file)!r}).write_text(str(os.getppid()))\ntime.sleep(600)\n#"
    slow.write_text(slow.read_text().replace('print("lowest"', wait))
    command = [sys.executable, "-c", BUILT, str(two_pages)]
    build = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (file.exists() and file.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    worker = int(file.read_text())
    build.kill()
    build.wait()
    while psutil.pid_exists(worker) and time.monotonic() < until:
        time.sleep(0.1)
    assert not psutil.pid_exists(worker)


@pytest.mark.slow
def test_workers_have_imported_what_pages_need_and_the_environment_of_now(monkeypatch):
    imported = "'sklearn.neighbors' in __import__('sys').modules"
    for now in ("one", "two"):  # what they are forked of has begun with the first
        monkeypatch.setenv("OF_NOW", now)
        with workers(2) as pool:
            assert pool.submit(eval, imported).result()
            assert pool.submit(os.getenv, "OF_NOW").result() == now


def test_a_second_build_waits_for_the_first(quick, tmp_path, monkeypatch):
    told: SimpleQueue[str] = SimpleQueue()
    monkeypatch.setattr("visprof.book.build.print", lambda text, **_: told.put(text), raising=False)
    (tmp_path / "out" / "demo").mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool, FileLock(tmp_path / "out" / "demo" / ".lock") as lock:
        waiting = pool.submit(quick)
        assert "this one waits for it" in told.get(timeout=60)
        assert not waiting.done()
        lock.release()
        assert waiting.result(timeout=60) == ("the first time", True)


@pytest.fixture(scope="module")
def old_book(tmp_path_factory):
    """A root and a book that was built of it."""
    folder = tmp_path_factory.mktemp("old")
    build_book(write_book(folder / "root"), parameters={"n_clusters": 3}, out=folder / "out")
    return folder


# what is whole or absent is put in its place by a rename
KILLED = """
import os, signal, sys
from pathlib import Path
from visprof.book.build import build_book
root, left, rename = Path(sys.argv[1]), int(sys.argv[2]), os.replace
def replace(*names):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*names)
os.replace = replace
build_book(root, parameters={"n_clusters": 4}, out=root.parent / "out")
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5, 6])
def test_a_killed_build_is_followed_by_a_right_one(old_book, tmp_path, moment):
    """Killed before a file of a page is in its place, its ledger, and the old book out of it."""
    shutil.copytree(old_book, tmp_path, dirs_exist_ok=True)
    root, out = tmp_path / "root", tmp_path / "out"
    process = subprocess.run([sys.executable, "-c", KILLED, str(root), str(moment)])
    assert process.returncode == -signal.SIGKILL
    html = build_book(root, parameters={"n_clusters": 7}, out=out)
    assert re.search(r"There were <span[^>]*>7\.0</span>", (html / "book/index.html").read_text())
    assert Ledger(out / "results" / "demo.json").read()["clusters"]["value"] == 7
    assert not list((out / "demo" / "pages").rglob("*.tmp"))
    assert not list((out / "demo" / "pages").rglob(".partial-*"))


@pytest.mark.slow
def test_a_broken_reference_fails_the_build_and_keeps_the_old_book(root, tmp_path):
    out = tmp_path / "out"
    (out / "demo" / "html").mkdir(parents=True)
    (out / "demo" / "html" / "index.html").write_text("the old book")
    (root / "book" / "index.md").write_text(INDEX + "\n{ref}`nowhere`\n")
    with pytest.raises(BookError, match=r"(?s)Jupyter Book ended with status.*nowhere"):
        build_book(root, out=out)
    assert (out / "demo" / "html" / "index.html").read_text() == "the old book"


def test_a_magic_in_a_chapter_is_named(quick, root):
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text() + "\n```{code-cell} ipython3\n%timeit 1 + 1\n```\n")
    with pytest.raises(ValueError, match="not plain Python, near '%timeit 1"):
        quick()
