"""Pages as they are read: their parameters, and how they are found."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from papermill import inspect_notebook
from small_book import ROOT, cell, chapter, write_book

from visprof.book.page import book_pages, find_chapter, read_page
from visprof.book.parameters import Parameter


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_book(tmp_path / "root")


def test_parameters_have_name_type_default_and_help(root):
    found = read_page(root / "book" / "01-numbers.md").own_parameters
    assert list(found) == ["preset", "data", "ledger", "n_clusters", "beta", "verbose"]
    assert found["n_clusters"] == Parameter("n_clusters", "int", 20, "clusters of the vocabulary")
    assert found["beta"] == Parameter("beta", "float | None", None, "bandwidth")
    assert found["verbose"].help == ""


def test_parameters_without_annotation_take_the_type_of_their_default(tmp_path):
    path = chapter(tmp_path, cell('a = 1\nb = 0.5\nc = "#x"  # a colour\nd: "int | None" = 3'))
    found = read_page(path).own_parameters
    assert [p.type for p in found.values()] == ["int", "float", "str", "int | None"]
    assert (found["c"].default, found["c"].help) == ("#x", "a colour")


def test_a_page_without_parameters_cell_has_none(root):
    assert read_page(root / "book" / "index.md").own_parameters == {}


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
        read_page(chapter(tmp_path, cell(source)))


def test_two_parameters_cells_are_refused(tmp_path):
    with pytest.raises(ValueError, match="2 cells tagged"):
        read_page(chapter(tmp_path, cell("a = 1") + "\n" + cell("b = 1")))


def test_code_without_kernelspec_is_refused(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# Page\n\n" + cell("a = 1"))
    with pytest.raises(ValueError, match="no kernelspec"):
        read_page(path)


def test_a_missing_chapter_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_page(tmp_path / "nowhere.md")


def test_the_front_page_comes_last(root):
    assert book_pages(root) == [Path("book/01-numbers.md"), Path("book/index.md")]


def test_a_page_that_is_missing_is_named(root):
    (root / "book" / "01-numbers.md").unlink()
    with pytest.raises(FileNotFoundError, match=re.escape("01-numbers.md")):
        book_pages(root)


def test_a_folder_without_contents_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape("no _toc.yml")):
        book_pages(tmp_path)


@pytest.mark.parametrize(
    "name", ["01-numbers", "01-numbers.md", "book/01-numbers", "1", "01", "numbers", "Num"]
)
def test_a_chapter_is_found_by_path_name_number_or_part_of_its_name(root, name):
    assert find_chapter(name, root) == Path("book/01-numbers.md")


def test_an_unknown_chapter_lists_the_known_ones(root):
    for name in ("y", "2", "", "01-numbers-"):
        with pytest.raises(ValueError, match=f"no chapter '{name}'; there are 01-numbers, index"):
            find_chapter(name, root)


def test_a_name_that_may_be_several_chapters_lists_them(root):
    with pytest.raises(ValueError, match=r"^'n' may be 01-numbers or index: give more$"):
        find_chapter("n", root)


def test_a_number_and_a_part_find_the_books_own_chapters():
    for name in ("6", "06", "prediction", "6-pred"):
        assert find_chapter(name, ROOT) == Path("book/06-prediction.md")
    assert find_chapter("index", ROOT) == Path("book/index.md")


@pytest.mark.parametrize("page", book_pages(ROOT), ids=lambda page: page.stem)
def test_plain_papermill_knows_the_parameters_of_every_page(page, tmp_path):
    """Else it says "Passed unknown parameter" of one that it passes."""
    read = read_page(page, ROOT)
    if read.notebook is not None:
        nbformat.write(read.notebook, tmp_path / "page.ipynb")
        assert list(inspect_notebook(tmp_path / "page.ipynb")) == list(read.own_parameters)


def test_a_page_is_read_with_all_that_it_takes(root):
    page = read_page("book/01-numbers.md", root)
    assert (page.name, page.path) == ("01-numbers", Path("book/01-numbers.md"))
    assert not page.has_study
    assert page.parameters == page.own_parameters
    own = read_page("book/06-prediction.md", ROOT)
    assert own.has_study
    assert set(own.parameters) >= {"n_clusters", "n_map", "ledger"}
    assert list(own.parameters)[: len(own.own_parameters)] == list(own.own_parameters)
    assert "and every other parameter of a study" in own.listing()
    text = read_page("book/index.md", root)
    assert text.notebook is None
    assert not text.parameters
