"""The chapters, executed at a tiny size, and again with a changed parameter."""

from __future__ import annotations

import ast
import shutil
from itertools import combinations
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml

from visprof.book import build
from visprof.book.build import build_book
from visprof.book.execute import execute_page
from visprof.book.page import book_pages, read_page
from visprof.parameters import Parameters
from visprof.results.ledger import Ledger, estimates

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = [page for page in book_pages(ROOT) if read_page(page, ROOT).own_parameters]


def execute(chapter, folder, **parameters):
    target = folder / f"{chapter.stem}.ipynb"
    execute_page(read_page(chapter, ROOT), target, {"preset": "tiny", **parameters}, ROOT)
    return nbformat.read(target, as_version=4)


def executed(chapter, book):
    """The same, as it is in a book of the preset tiny."""
    return nbformat.read((book / "pages" / chapter).with_suffix(".ipynb"), as_version=4)


def glued(notebook):
    """Texts that a chapter glued, by key."""
    return {
        output.metadata["scrapbook"]["name"]: output["data"][
            output.metadata["scrapbook"]["mime_prefix"] + "text/plain"
        ].strip("'")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    }


def figures(notebook):
    return [
        output["data"]["image/svg+xml"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/svg+xml" in output.get("data", {})
    ]


def find(stem):
    return next(chapter for chapter in CHAPTERS if chapter.stem == stem)


def test_chapters_stand_in_the_order_of_their_numbers():
    numbers = [chapter.stem[:2] for chapter in CHAPTERS if chapter.stem[0].isdigit()]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= {"01", "02", "03", "04", "05", "06", "07", "08"}
    assert {chapter.stem for chapter in CHAPTERS} >= {"datasheet", "index"}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_parameters_are_typed_explained_and_those_of_a_study(chapter):
    known = set(Parameters.__dataclass_fields__) | {"preset", "ledger"}
    page = read_page(chapter, ROOT)
    parameters = page.own_parameters
    assert set(parameters) <= known
    assert all(parameter.type and parameter.help for parameter in parameters.values())
    assert page.has_study  # so it has all other parameters of the book too


@pytest.mark.parametrize("page", sorted((ROOT / "book").glob("*.md")), ids=lambda page: page.stem)
def test_pages_give_no_parameter_another_value(page):
    """A cell that is run again would take it for a parameter that was given."""
    cells = [cell for cell in jupytext.read(page, fmt="md:myst").cells if cell.cell_type == "code"]
    for cell in cells:
        if "parameters" in cell.metadata.get("tags", []):
            continue
        stored = {
            node.id
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        assert not stored & Parameters.__dataclass_fields__.keys()


# they show pictures or a diagram, of which there is nothing to find
WITHOUT_FINDING = {"fig-boards", "fig-classes", "fig-framework", "fig-siamese", "fig-styles"}


def test_alternative_texts_say_what_a_figure_found():
    said = {}
    for chapter in CHAPTERS:
        for cell in read_page(chapter, ROOT).notebook.cells:
            shown = cell.metadata.get("mystnb", {})
            if "figure" in shown:
                said[shown["figure"]["name"]] = "{glue:text}" in shown["image"]["alt"]
    assert len(said) > 30
    assert {name for name, finding in said.items() if not finding} == WITHOUT_FINDING


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_chapter_runs_and_draws_its_figures(chapter, tiny_book):
    notebook = executed(chapter, tiny_book)
    with_figure = [cell for cell in notebook.cells if "figure" in cell.metadata.get("mystnb", {})]
    drawn = [bool(figures(nbformat.v4.new_notebook(cells=[cell]))) for cell in with_figure]
    said = [
        any(
            output.get("data", {}).get("text/markdown", "").startswith(("Here", "No "))
            for output in cell.outputs
        )
        for cell in with_figure
    ]  # what the data leave nothing of is said in a line
    assert [one ^ other for one, other in zip(drawn, said, strict=True)] == [True] * len(drawn)
    assert len(figures(notebook)) == sum(drawn)
    assert any(drawn) or chapter.stem in ("datasheet", "paper-size")
    assert all(cell.metadata["mystnb"]["image"]["alt"] for cell in with_figure)


@pytest.mark.slow
def test_pages_made_side_by_side_have_the_numbers_of_one_process(tiny_book, tiny, equal_numbers):
    """Whichever page has computed the seeds of a step that several wait for."""
    made = estimates(Ledger(tiny_book.parent / "results" / "tiny.json").read())
    assert equal_numbers({key: made[key] for key in tiny.headline()}, tiny.headline())


@pytest.mark.slow
def test_a_changed_parameter_shows(tiny_book, tmp_path):
    chapter = find("06-prediction")
    plain, ledger = executed(chapter, tiny_book), str(tmp_path / "changed.json")
    changed = execute(chapter, tmp_path, ledger=ledger, n_clusters=5, distance="hellinger")
    assert (glued(plain)["n_clusters"], glued(changed)["n_clusters"]) == ("8", "5")
    assert glued(changed)["distance"] == "hellinger"
    assert figures(plain) != figures(changed)
    before = Ledger((tiny_book / "pages" / chapter).with_suffix(".ledger.json")).read()
    after = Ledger(ledger).read()
    assert before.keys() == after.keys()
    assert before["mrr.image.10"]["value"] != after["mrr.image.10"]["value"]
    assert after["mrr.image.10"]["run"]["parameters"]["n_clusters"] == 5
    assert after["mrr.random"]["value"] == before["mrr.random"]["value"]


@pytest.mark.slow
def test_a_book_is_one_study(tmp_path, monkeypatch):
    """A parameter that a page does not list reaches it, and pages agree on every number."""
    root, stems = tmp_path / "root", ["04-map", "05-pairwise", "06-prediction"]
    (root / "book").mkdir(parents=True)
    for page in ["index", *stems]:
        shutil.copy(ROOT / "book" / f"{page}.md", root / "book")
    shutil.copy(ROOT / "_config.yml", root)
    chapters = [{"file": f"book/{page}"} for page in stems]
    toc = {"format": "jb-book", "root": "book/index", "chapters": chapters}
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    monkeypatch.setattr(build, "render_book", lambda root, pages, out: out)  # the pages are enough
    given = {"n_clusters": "4", "n_background": "3", "train_sizes": "4,10"}
    assert "n_clusters" not in read_page("book/index.md", ROOT).own_parameters

    build_book(root, "tiny", parameters=given, out=tmp_path / "out")

    pages = tmp_path / "out" / "tiny" / "pages" / "book"
    ledgers = {page: Ledger(pages / f"{page}.ledger.json").read() for page in ["index", *stems]}
    shared = 0
    for one, other in combinations(ledgers.values(), 2):
        for key in one.keys() & other.keys():
            shared += 1
            assert estimates(one)[key] == estimates(other)[key], key
    assert shared > 40
    whole = Ledger(tmp_path / "out" / "results" / "tiny.json").read()
    assert set(whole) == set().union(*ledgers.values())
    for entry in whole.values():
        parameters = entry["run"]["parameters"]
        assert (parameters["n_clusters"], parameters["n_background"]) == (4, 3)
        assert parameters["train_sizes"] == [4, 10]
    for page in ["index", *stems]:
        text = nbformat.read(pages / f"{page}.ipynb", as_version=4).cells[0].source
        assert "Other parameters than those of the preset tiny" in text
        assert "- `n_clusters` is 4 instead of 8 &#40;given&#41;" in text


def test_an_unknown_parameter_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="n_cluster") as raised:
        execute(find("05-pairwise"), tmp_path, n_cluster=5)
    assert "n_clusters" in str(raised.value)
    assert "visual clusters" in str(raised.value)
    assert not list(tmp_path.iterdir())
