"""Parameters of chapters, their execution, and the build, on a small book made here."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from visprof import book, cli, memo
from visprof.results.ledger import Ledger
from visprof.verify import verify

ROOT = Path(__file__).resolve().parent.parent

FRONT = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

CHAPTER = (
    FRONT
    + """
# Numbers

```{code-cell} ipython3
:tags: [parameters, hide-input]

preset: str = "demo"  # which constants
data: str | None = None  # folder of real data
ledger: str = ""  # file of results
n_clusters: int = 20  # clusters of the vocabulary
beta: float | None = None  # bandwidth
verbose: bool = False
```

```{code-cell} ipython3
from pathlib import Path
from myst_nb import glue
from visprof.inputs import note_inputs
from visprof.intervals import percentile_interval
from visprof.memo import fingerprint
from visprof.intervals import Estimate
from visprof.results.ledger import Ledger
print("clusters", n_clusters, "beta", beta, "verbose", verbose, "cwd", Path.cwd().name)
glue("clusters", float(n_clusters), display=False)
if ledger:
    Ledger(ledger).write({"clusters": Estimate(n_clusters)}, {}, preset)
if data:
    note_inputs({}, {str(Path(data).resolve()): fingerprint(data)})
print("lowest", percentile_interval([1, 2, 3], 0.5)[0])
```

$$
a = b
$$ (equality)
"""
)

INDEX = """\
# Front

There were {glue:text}`01-numbers.md::clusters:.1f` clusters, by {eq}`equality`, after {cite:t}`A`.

```{bibliography}
```
"""


def text_of(notebook: Path) -> str:
    """Everything that the cells of a notebook printed."""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def chapter(folder: Path, body: str) -> Path:
    path = folder / "chapter.md"
    path.write_text(FRONT + "\n# Title\n\n" + body)
    return path


def cell(source: str, tag: str = "parameters") -> str:
    return f"```{{code-cell}} ipython3\n:tags: [{tag}]\n\n{source}\n```\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A book of two pages, with the configuration of the real one."""
    root = tmp_path / "root"
    (root / "book").mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(ROOT / "_config.yml", root)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: book/01-numbers\n"
    )
    (root / "book" / "01-numbers.md").write_text(CHAPTER)
    (root / "book" / "index.md").write_text(INDEX)
    (root / "book" / "references.bib").write_text(
        "@book{A, author={Author, An}, title={Title}, publisher={House}, year={1999}}\n"
    )
    return root


# --- parameters


def test_parameters_have_name_type_default_and_help(root):
    found = book.chapter_parameters(root / "book" / "01-numbers.md")
    assert list(found) == ["preset", "data", "ledger", "n_clusters", "beta", "verbose"]
    assert found["n_clusters"] == book.Parameter(
        "n_clusters", "int", 20, "clusters of the vocabulary"
    )
    assert found["beta"] == book.Parameter("beta", "float | None", None, "bandwidth")
    assert found["verbose"].help == ""


def test_parameters_without_annotation_take_the_type_of_their_default(tmp_path):
    path = chapter(tmp_path, cell('a = 1\nb = 0.5\nc = "#x"  # a colour\nd: "int | None" = 3'))
    found = book.chapter_parameters(path)
    assert [p.type for p in found.values()] == ["int", "float", "str", "int | None"]
    assert (found["c"].default, found["c"].help) == ("#x", "a colour")


def test_a_page_without_parameters_cell_has_none(root):
    assert book.chapter_parameters(root / "book" / "index.md") == {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a = 2\ntwice = a * 2", "twice = a \\* 2 is not a literal"),
        ("import os", "only assignments"),
        ("a: list = [1]", "annotated 'list'"),
        ("a: int = 0.5", "not of the declared type int"),
    ],
)
def test_a_parameters_cell_that_cannot_be_changed_safely_is_refused(tmp_path, source, message):
    with pytest.raises(ValueError, match=message):
        book.chapter_parameters(chapter(tmp_path, cell(source)))


def test_two_parameters_cells_are_refused(tmp_path):
    with pytest.raises(ValueError, match="2 cells tagged"):
        book.chapter_parameters(chapter(tmp_path, cell("a = 1") + "\n" + cell("b = 1")))


def test_code_without_kernelspec_is_refused(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# Page\n\n" + cell("a = 1"))
    with pytest.raises(ValueError, match="no kernelspec"):
        book.chapter_parameters(path)


def test_a_missing_chapter_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        book.chapter_parameters(tmp_path / "nowhere.md")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "-3", -3),
        ("float", "1e-5", 1e-5),
        ("float", "2", 2.0),
        ("bool", "True", True),
        ("bool", "false", False),
        ("str", "12", "12"),
        ("int | None", "None", None),
        ("int | None", "7", 7),
        ("float | int", "7", 7),
        ("tuple[int, ...]", "5, 10", (5, 10)),
        ("tuple[int, ...] | None", "(5, 10)", (5, 10)),
        ("tuple[int, ...]", "[5]", (5,)),
        ("str | None", "a=b", "a=b"),
    ],
)
def test_text_becomes_a_value_of_the_declared_type(kind, text, value):
    defaults = {"bool": True, "str": "x", "str | None": None, "int | None": None}
    default = (1,) if "tuple" in kind else defaults.get(kind, 1)
    parsed = book.Parameter("p", kind, default, "").parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"), [("int", "0.5"), ("int", "many"), ("bool", "1"), ("float", "None")]
)
def test_text_of_another_type_is_refused(kind, text):
    parameter = book.Parameter("p", kind, kind == "bool" or 1, "the help")
    with pytest.raises(ValueError, match=rf"p='{text}' is not of the declared type {kind}.*help"):
        parameter.parse(text)


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_values_survive_being_written_as_text(value):
    kind = "None" if value is None else type(value).__name__
    parsed = book.Parameter("p", kind, value, "").parse(str(value))
    assert parsed == value
    assert type(parsed) is type(value)


# --- one chapter


def test_a_changed_parameter_shows_in_the_output(root, tmp_path):
    target = tmp_path / "out" / "numbers.ipynb"
    source = root / "book" / "01-numbers.md"
    made = book.execute_chapter(source, target, {"n_clusters": "7", "beta": 0.5}, root)
    assert made == target
    assert text_of(target) == "clusters 7 beta 0.5 verbose False cwd root\nlowest 1.5\n"
    tags = [c.metadata.get("tags", []) for c in nbformat.read(target, as_version=4).cells]
    assert ["injected-parameters", "hide-input"] in tags
    assert str(tmp_path) not in target.read_text()
    assert list(target.parent.iterdir()) == [target]


def test_a_value_equal_to_its_default_adds_no_cell(root, tmp_path):
    target = tmp_path / "numbers.ipynb"
    book.execute_chapter(root / "book" / "01-numbers.md", target, {"n_clusters": 20}, root)
    assert "injected-parameters" not in target.read_text()
    assert text_of(target).startswith("clusters 20 ")


def test_an_unknown_parameter_lists_the_known_ones(root, tmp_path):
    target = tmp_path / "numbers.ipynb"
    with pytest.raises(ValueError, match="no parameter clusters") as error:
        book.execute_chapter(root / "book" / "01-numbers.md", target, {"clusters": 7}, root)
    assert "n_clusters: int = 20  clusters of the vocabulary" in str(error.value)
    assert not target.exists()


def test_a_failing_cell_is_named_and_leaves_no_notebook(tmp_path):
    source = chapter(tmp_path, cell("1 + 1", "fine") + "\n" + cell("1 / 0", "wrong"))
    target = tmp_path / "out" / "chapter.ipynb"
    told = r"chapter\.md: cell 2 failed: ZeroDivisionError: division by zero$"
    with pytest.raises(book.BookError, match=told) as raised:
        book.execute_chapter(source, target, root=tmp_path)
    assert "1 / 0" in raised.value.traceback
    assert list(target.parent.iterdir()) == []


def test_what_a_kernel_says_of_itself_is_not_for_the_terminal(tmp_path, capfd):
    said = "import os\nos.write(2, b'KeyboardInterrupt caught in kernel')\n"
    source = chapter(tmp_path, cell(said, "fine"))
    book.execute_chapter(source, tmp_path / "out" / "chapter.ipynb", root=tmp_path)
    assert "KeyboardInterrupt" not in "".join(capfd.readouterr())


def test_a_kernel_that_dies_is_told_with_its_last_words(tmp_path):
    died = "import os\nos.write(2, b'no memory left')\nos._exit(1)\n"
    source = chapter(tmp_path, cell(died, "wrong"))
    with pytest.raises(book.BookError, match="the kernel died") as raised:
        book.execute_chapter(source, tmp_path / "out" / "chapter.ipynb", root=tmp_path)
    assert "no memory left" in raised.value.traceback


def test_a_traceback_goes_into_a_file_that_is_named(tmp_path):
    file = tmp_path / "new" / "page.traceback.txt"
    with (
        pytest.raises(book.BookError, match=rf"(?s)^failed\n\(traceback: {file}\)$"),
        book.traceback_kept(file),
    ):
        raise book.BookError("failed", "line 1\nline 2")
    assert file.read_text() == "line 1\nline 2"
    with book.traceback_kept(file):
        pass
    assert not file.exists()


# --- the book


def test_the_front_page_comes_last(root):
    assert book.book_pages(root) == [Path("book/01-numbers.md"), Path("book/index.md")]


def test_a_page_that_is_missing_is_named(root):
    (root / "book" / "01-numbers.md").unlink()
    with pytest.raises(FileNotFoundError, match=re.escape("01-numbers.md")):
        book.book_pages(root)


def test_a_folder_without_contents_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape("no _toc.yml")):
        book.book_pages(tmp_path)


@pytest.mark.parametrize("name", ["01-numbers", "01-numbers.md", "book/01-numbers"])
def test_a_chapter_is_found_by_path_or_name(root, name):
    assert book.find_chapter(name, root) == Path("book/01-numbers.md")


def test_an_unknown_chapter_lists_the_known_ones(root):
    with pytest.raises(ValueError, match="no chapter 'x'; there are 01-numbers, index"):
        book.find_chapter("x", root)


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
        book.build_book(root, out=tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_command_line_reports_errors(root, capsys):
    assert cli.main(["build", "--root", str(root), "-p", "clusters=1"]) == 1
    assert "visprof: the book has no parameter clusters" in capsys.readouterr().err
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


@pytest.fixture
def build(root, tmp_path, monkeypatch, capsys):
    """Bring the pages up to date without rendering; return why each was executed."""

    def stand_in(executed, out):
        html = out / "_build" / "html"
        for page in executed.rglob("*.ipynb"):
            name = page.relative_to(executed)
            for made in (html / name.with_suffix(".html"), html / "_sources" / name):
                made.parent.mkdir(parents=True, exist_ok=True)
                made.touch()

    monkeypatch.setattr(book, "_run_sphinx", stand_in)

    def build(**arguments):
        capsys.readouterr()
        book.build_book(root, out=tmp_path / "out", **arguments)
        printed = capsys.readouterr().out
        found = re.search(r"01-numbers\.md (?:executed for (.*), )?[\d.]+ s\n", printed)
        return found[1], "not needed" not in printed  # why, and whether it was rendered

    return build


def test_an_unchanged_book_is_neither_executed_nor_rendered(build, tmp_path):
    assert build() == ("the first time", True)
    notebook = tmp_path / "out" / "demo" / "pages" / "book" / "01-numbers.ipynb"
    before = notebook.stat().st_mtime_ns
    assert build() == (None, False)
    assert notebook.stat().st_mtime_ns == before
    assert Ledger(tmp_path / "out" / "results" / "demo.json").read()["clusters"]["value"] == 20


def test_a_changed_page_or_parameter_is_executed(build, root):
    build()
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text() + "\nOne sentence more.\n")
    assert build() == ("its text", True)
    assert build(parameters={"n_clusters": 7}) == ("the parameters", True)
    assert build(parameters={"n_clusters": 7}) == (None, False)


def test_a_page_of_text_is_rendered_but_nothing_executed(build, root):
    build()
    (root / "book" / "index.md").write_text("# Another front page\n")
    assert build() == (None, True)
    (root / "book" / "_static" / "custom.css").write_text("p {}")
    assert build() == (None, True)


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
    assert old in memo.SOURCES[module]
    monkeypatch.setitem(memo.SOURCES, module, memo.SOURCES[module].replace(old, new))
    memo._parse.cache_clear()
    memo.code_version.cache_clear()


def test_changed_code_is_seen_where_the_page_uses_it(build, monkeypatch):
    build()
    with monkeypatch.context() as patch:
        change_source(patch, "visprof.intervals", "Percentile interval", "An interval")
        assert build()[0] == "code visprof.intervals.percentile_interval"
        change_source(patch, "visprof.retrieval", "How well", "How")
        # nothing is executed; the pages are rendered, for one shows the library's docstrings
        assert build() == (None, True)
    memo._parse.cache_clear()
    memo.code_version.cache_clear()


def test_changed_packages_are_seen(build, monkeypatch):
    build()
    monkeypatch.setattr("visprof.inputs.environment_version", lambda: "another")
    assert build()[0] == "the installed packages"


def test_the_numbers_of_a_book_are_made_again_without_rendering_it(root, tmp_path):
    published = book.make_ledger(root, out=tmp_path / "first")
    found = verify(published, root=root, out=tmp_path / "again")
    assert found.holds
    assert found.counts["equal"] == 1
    assert not (tmp_path / "again" / "demo" / "html").exists()
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text().replace("n_clusters: int = 20", "n_clusters: int = 21"))
    assert verify(published, root=root, out=tmp_path / "again").beyond == ["clusters"]


def test_another_machine_is_seen(build, monkeypatch):
    build()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert build()[0] == "the machine"


@pytest.mark.parametrize("broken", ["cut", "emptied", "changed", "gone"])
@pytest.mark.parametrize("suffix", [".ipynb", ".inputs.json", ".ledger.json"])
def test_a_page_that_is_no_longer_whole_is_executed(build, tmp_path, broken, suffix):
    build()
    kept = (tmp_path / "out" / "demo" / "pages" / "book" / "01-numbers").with_suffix(suffix)
    content = kept.read_bytes()
    if broken == "gone":
        kept.unlink()
    else:
        flipped = content[:40] + bytes([content[40] ^ 1]) + content[41:]
        kept.write_bytes({"cut": content[:-5], "emptied": b"", "changed": flipped}[broken])
    assert build()[0] == "the first time"
    assert Ledger(tmp_path / "out" / "results" / "demo.json").read()["clusters"]["value"] == 20


def test_a_failed_page_is_not_kept(build, root):
    build()
    page = root / "book" / "01-numbers.md"
    text = page.read_text()
    page.write_text(text.replace('print("lowest"', '1 / 0\nprint("lowest"'))
    with pytest.raises(book.BookError):
        build()
    page.write_text(text)
    assert build()[0] == "the first time"


def test_a_second_build_waits_for_the_first(build, tmp_path, capsys):
    (tmp_path / "out" / "demo").mkdir(parents=True)
    lock = FileLock(tmp_path / "out" / "demo" / ".lock")
    with lock, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(build)
        time.sleep(1)
        assert not waiting.done()
        lock.release()
        assert waiting.result(timeout=60) == ("the first time", True)
        lock.acquire()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_killed_build_is_followed_by_a_right_one(root, tmp_path, seed):
    out, rng = tmp_path / "out", random.Random(seed)
    command = [sys.executable, "-m", "visprof.cli", "build", "--root", str(root)]
    for n in (3, 4):
        process = subprocess.Popen(
            [*command, "--out", str(out), "-p", f"n_clusters={n}"], start_new_session=True
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.5, 8))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    html = book.build_book(root, parameters={"n_clusters": 7}, out=out)
    assert re.search(r"There were <span[^>]*>7\.0</span>", (html / "book/index.html").read_text())
    assert Ledger(out / "results" / "demo.json").read()["clusters"]["value"] == 7
    assert not list((out / "demo" / "pages").rglob("*.tmp"))
    assert not list((out / "demo" / "pages").rglob(".partial-*"))


@pytest.mark.slow
def test_a_broken_reference_fails_the_build_and_keeps_the_old_book(root, tmp_path, capfd):
    out = tmp_path / "out"
    (out / "demo" / "html").mkdir(parents=True)
    (out / "demo" / "html" / "index.html").write_text("the old book")
    (root / "book" / "index.md").write_text(INDEX + "\n{ref}`nowhere`\n")
    with pytest.raises(book.BookError, match="Jupyter Book ended with status"):
        book.build_book(root, out=out)
    assert "nowhere" in capfd.readouterr().err
    assert (out / "demo" / "html" / "index.html").read_text() == "the old book"


def test_a_magic_in_a_chapter_is_named(build, root):
    page = root / "book" / "01-numbers.md"
    page.write_text(page.read_text() + "\n```{code-cell} ipython3\n%timeit 1 + 1\n```\n")
    with pytest.raises(ValueError, match="not plain Python, near '%timeit 1"):
        build()


def test_a_full_disk_is_told_in_one_line_that_names_the_page(tmp_path, full_disk):
    target = tmp_path / "out" / "chapter.ipynb"
    source = chapter(tmp_path, cell("print('long ' * 5_000)", "fine"))
    with full_disk(20_000), pytest.raises(OSError, match="File too large") as caught:
        book.execute_chapter(source, target, root=tmp_path)
    assert str(caught.value) == f"[Errno 27] File too large: '{target}'"
    assert list(target.parent.iterdir()) == []
