"""One page, executed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from small_book import cell, chapter, run_here, text_of, write_book

from visprof.book.errors import BookError, traceback_kept
from visprof.book.execute import execute_page
from visprof.book.page import read_page


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_book(tmp_path / "root")


@pytest.mark.slow
def test_a_changed_parameter_shows_in_the_output(root, tmp_path):
    target = tmp_path / "out" / "numbers.ipynb"
    source = root / "book" / "01-numbers.md"
    made = execute_page(read_page(source), target, {"n_clusters": "7", "beta": 0.5}, root)
    assert made == target
    assert text_of(target) == "clusters 7 beta 0.5 verbose False cwd root\nlowest 1.5\n"
    tags = [c.metadata.get("tags", []) for c in nbformat.read(target, as_version=4).cells]
    assert ["injected-parameters", "hide-input"] in tags
    assert str(tmp_path) not in target.read_text()
    assert list(target.parent.iterdir()) == [target]


def test_a_value_equal_to_its_default_adds_no_cell(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("visprof.book.execute._run_notebook", run_here)
    target = tmp_path / "numbers.ipynb"
    execute_page(read_page("book/01-numbers.md", root), target, {"n_clusters": 20}, root)
    assert "injected-parameters" not in target.read_text()
    assert capsys.readouterr().out.startswith("clusters 20 ")


def test_a_page_that_only_got_its_ledger_says_of_no_parameter_that_it_changed(
    root, tmp_path, monkeypatch
):
    monkeypatch.setattr("visprof.book.execute._run_notebook", run_here)
    source, ledger = read_page("book/01-numbers.md", root), str(tmp_path / "ledger.json")
    for values, hidden in (({"ledger": ledger}, True), ({"ledger": ledger, "beta": 0.5}, False)):
        target = tmp_path / "numbers.ipynb"
        execute_page(source, target, values, root)
        (tags,) = [
            cell.metadata["tags"]
            for cell in nbformat.read(target, as_version=4).cells
            if "injected-parameters" in cell.metadata.get("tags", [])
        ]
        assert ("remove-cell" in tags) == hidden


def test_an_unknown_parameter_lists_the_known_ones(root, tmp_path):
    target = tmp_path / "numbers.ipynb"
    with pytest.raises(ValueError, match="no parameter clusters") as error:
        execute_page(read_page("book/01-numbers.md", root), target, {"clusters": 7}, root)
    assert "n_clusters: int = 20  clusters of the vocabulary" in str(error.value)
    assert not target.exists()


@pytest.mark.slow
def test_a_failing_cell_is_named_and_leaves_no_notebook(tmp_path):
    source = chapter(tmp_path, cell("1 + 1", "fine") + "\n" + cell("1 / 0", "wrong"))
    target = tmp_path / "out" / "chapter.ipynb"
    told = r"chapter\.md: cell 2 failed: ZeroDivisionError: division by zero$"
    with pytest.raises(BookError, match=told) as raised:
        execute_page(read_page(source), target, root=tmp_path)
    assert "1 / 0" in raised.value.traceback
    assert list(target.parent.iterdir()) == []


@pytest.mark.slow
def test_what_a_kernel_says_of_itself_is_not_for_the_terminal(tmp_path, capfd):
    said = "import os\nos.write(2, b'KeyboardInterrupt caught in kernel')\n"
    source = chapter(tmp_path, cell(said, "fine"))
    execute_page(read_page(source), tmp_path / "out" / "chapter.ipynb", root=tmp_path)
    assert "KeyboardInterrupt" not in "".join(capfd.readouterr())


@pytest.mark.slow
def test_a_kernel_that_dies_is_told_with_its_last_words(tmp_path):
    died = "import os\nos.write(2, b'no memory left')\nos._exit(1)\n"
    source = chapter(tmp_path, cell(died, "wrong"))
    with pytest.raises(BookError, match="the kernel died") as raised:
        execute_page(read_page(source), tmp_path / "out" / "chapter.ipynb", root=tmp_path)
    assert "no memory left" in raised.value.traceback


def test_a_traceback_goes_into_a_file_that_is_named(tmp_path):
    file = tmp_path / "new" / "page.traceback.txt"
    with (
        pytest.raises(BookError, match=rf"(?s)^failed\n\(traceback: {file}\)$"),
        traceback_kept(file),
    ):
        raise BookError("failed", "line 1\nline 2")
    assert file.read_text() == "line 1\nline 2"
    with traceback_kept(file):
        pass
    assert not file.exists()


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line_that_names_the_page(tmp_path, full_disk):
    target = tmp_path / "out" / "chapter.ipynb"
    source = chapter(tmp_path, cell("print('long ' * 5_000)", "fine"))
    # first with room enough: kernels, which then are ready, would keep what they compile
    execute_page(read_page(source), tmp_path / "first.ipynb", root=tmp_path)
    with full_disk(20_000), pytest.raises(OSError, match="File too large") as caught:
        execute_page(read_page(source), target, root=tmp_path)
    assert str(caught.value) == f"[Errno 27] File too large: '{target}'"
    assert list(target.parent.iterdir()) == []
