"""How a page is laid out: from a notebook through Sphinx's nodes, without a build."""

from __future__ import annotations

from types import SimpleNamespace

import jinja2
import pytest
from docutils import nodes
from docutils.utils import new_document
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.parallel import make_chunks

from visprof.book import layout
from visprof.book.layout import Disclosure, PageLayout, describe_page


def cell(*tags, output=True):
    """A cell of code as it is when its code was folded."""
    made = nodes.container(nb_element="cell_code", classes=["cell", *tags])
    code = HideCodeCellNode(prompt_show="Code", prompt_hide="Hide", classes=[])
    made += code
    if output is not None:
        shown = nodes.container(nb_element="cell_code_output")
        if output:
            figure = nodes.figure()
            figure += nodes.image(uri="x.svg", classes=["drawn", "narrowed"])
            shown += figure
        made += shown
    return made


def paragraph(bold="", text=""):
    made = nodes.paragraph()
    made += nodes.Text("")  # as MyST does
    if bold:
        made += nodes.strong("", bold)
    made += nodes.Text(text)
    return made


def files():
    link = '<p class="figure-files"><a href="../figures/p/ecdf.svg">SVG</a></p>'
    return nodes.raw("", link, format="html")


def provenance():
    made = cell("tag_remove-input", output=None)
    made.clear()
    shown = nodes.container(nb_element="cell_code_output")
    shown += nodes.admonition(classes=["dropdown", "provenance"])
    made += shown
    return made


@pytest.fixture
def page():
    """Set-up, question, text, a leading figure with files, a table, and the foot."""
    document = new_document("page")
    section = nodes.section(ids=["a"])
    section += nodes.title("", "A chapter")
    section += paragraph("What we find.", " Users differ in 5 % of pairs.")
    section += paragraph("Question.", " Do they?")
    section += cell("tag_parameters", output=None)
    section += cell(output=False)
    section += paragraph(text="A text.")
    section += cell("tag_lead")
    section += files()
    section += cell()
    section += provenance()
    document += section
    return document


def arrange(document):
    PageLayout(document).run()
    return document.children[0].children


def test_the_answer_and_its_picture_stand_before_the_question(page):
    kinds = arrange(page)
    assert "finding" in kinds[1]["classes"]
    assert "tag_lead" in kinds[2]["classes"]
    assert kinds[3].astext() == "Question. Do they?"


def test_code_opens_from_a_mark_below_the_figure_beside_its_files(page):
    lead = arrange(page)[2]
    assert [part.get("nb_element") for part in lead] == ["cell_code_output", None]
    line = lead.children[1]
    assert line["classes"] == ["figure-line"]
    assert isinstance(line.children[0], HideCodeCellNode)
    assert "figure-files" in line.children[1].astext()
    other = next(node for node in page.children[0] if node.get("classes") == ["cell"])
    assert len(other.children[1].children) == 1  # no files are below it


def test_parameters_set_up_and_provenance_open_from_one_line_at_the_foot(page):
    arrange(page)
    (foot,) = page.findall(Disclosure)
    assert "tag_parameters" in foot.children[0]["classes"]
    assert foot.children[1].get("nb_element") == "cell_code"
    assert foot.children[2]["classes"] == ["provenance"]  # open with the line
    assert len(foot.children) == 3
    # nothing is lost: each cell's code is still there, once
    assert len([*page.findall(HideCodeCellNode)]) == 4


def test_a_narrow_screen_gets_the_figure_that_was_drawn_for_it(page):
    lead = arrange(page)[2]
    before, image, after = next(iter(lead.findall(nodes.figure))).children
    assert 'srcset="../figures/p/ecdf.narrow.svg"' in before.astext()
    assert isinstance(image, nodes.image)
    assert after.astext() == "</picture>"


def test_a_page_without_question_or_foot_keeps_its_order():
    document = new_document("page")
    section = nodes.section(ids=["a"])
    section += cell("tag_lead")
    section += cell(output=False)
    document += section
    kinds = arrange(document)
    assert "tag_lead" in kinds[0]["classes"]
    assert isinstance(kinds[-1], Disclosure)


def test_pages_of_the_pdf_are_arranged_each_by_itself(page):
    whole = new_document("index")
    front = nodes.section(ids=["front"])
    front += paragraph("Question.", " Which?")
    front += cell(output=False)
    start = addnodes.start_of_file(docname="a")
    start += page.children[0]
    front += start
    whole += front
    PageLayout(whole).run()
    own, other = whole.findall(Disclosure)
    assert {len(own.children), len(other.children)} == {1, 3}
    lead = next(node for node in whole.findall(nodes.container) if "tag_lead" in node["classes"])
    assert lead.parent is start.children[0]


def test_a_page_is_described_by_what_it_found(page):
    assert describe_page(page) == "Users differ in 5 % of pairs."


def test_a_page_without_a_finding_is_described_by_its_first_paragraph():
    document = new_document("page")
    section = nodes.section(ids=["a"])
    section += paragraph(text="many words " * 40)
    document += section
    text = describe_page(document)
    assert len(text) <= 250
    assert text.removesuffix("…").split() == (["many", "words"] * 30)[: len(text.split())]
    assert describe_page(new_document("empty")) == ""


# --- pages made side by side


def application(safe):
    """Of Sphinx: extensions, each with whether it says that pages may be read side by side."""
    extensions = {
        name: SimpleNamespace(parallel_read_safe=reads, parallel_write_safe=True)
        for name, reads in safe.items()
    }
    return SimpleNamespace(extensions=extensions, parallel=1)


def test_many_pages_are_made_side_by_side_where_every_extension_allows_it(monkeypatch):
    many = [*"abcdef"]
    monkeypatch.setattr(layout.os, "cpu_count", lambda: 3)
    app = application({"one": True, "sphinx-mathjax-offline": None})
    layout._work_side_by_side(app, None, many[1:])
    assert app.parallel == 1
    layout._work_side_by_side(app, None, many)
    assert app.parallel == 3
    for wrong in (None, False):
        app = application({"one": True, "other": wrong})
        layout._work_side_by_side(app, None, many)
        assert app.parallel == 1
    monkeypatch.setattr(layout.os, "cpu_count", lambda: None)
    app = application({"one": True})
    layout._work_side_by_side(app, None, many)
    assert app.parallel == 1


@pytest.mark.parametrize("n", [1, 2, 3])
def test_processes_have_as_much_of_the_library_to_read(tmp_path, n):
    """By the order of pages alone: Sphinx cuts that into pieces for them."""
    modules = {f"api-{i}": i for i in (54, 45, 33, 22, 17, 15, 11, 2)}
    names = [*modules, *(f"page-{i:02}" for i in range(27))]
    for name in names:
        text = ".. automodule:: a\n" * modules.get(name, 0)
        (tmp_path / name).write_text(text)
    app, env = SimpleNamespace(parallel=n), SimpleNamespace(doc2path=lambda name: tmp_path / name)
    order = sorted(names)
    layout._spread(app, env, order)
    assert sorted(order) == sorted(names)
    read = [sum(modules.get(name, 0) for name in part) for part in make_chunks(order, n)]
    assert max(read) <= 1.25 * sum(modules.values()) / n


@pytest.mark.parametrize(("n_pages", "n"), [(1, 2), (34, 2), (34, 4), (200, 4)])
def test_pages_are_written_from_early_on(monkeypatch, n_pages, n):
    monkeypatch.setattr(layout.builders, "make_chunks", make_chunks)
    layout._write_few_at_once()
    parts = layout.builders.make_chunks(range(n_pages), n)
    assert [page for part in parts for page in part] == [*range(n_pages)]
    assert max(map(len, parts)) <= max(1, n_pages / 5)


def test_what_is_documented_of_a_module_is_found_without_the_lines_of_definitions(monkeypatch):
    source = """class Sea:
    #: what it weighs
    depth: int = 3
    def wave(self): ...
def land(): ...
"""
    usual = ModuleAnalyzer(source, "usual", "usual")
    usual.analyze()
    monkeypatch.setattr(layout.Parser, "parse_definition", None)  # so that it is put back
    layout._leave_out_places()
    short = ModuleAnalyzer(source, "short", "short")
    short.analyze()
    assert (len(usual.tags), len(short.tags)) == (3, 0)
    for found in ("attr_docs", "annotations", "tagorder"):
        assert getattr(short, found) == getattr(usual, found) != {}


# --- templates


def render(folder, monkeypatch):
    """Render a template as an application of Sphinx would, whose compiled ones are in a folder."""
    environment = jinja2.Environment(loader=jinja2.DictLoader({"page": "<p>{{ text }}</p>"}))
    monkeypatch.setattr(layout, "COMPILED", folder)
    templates = SimpleNamespace(environment=environment)
    layout._keep_templates(SimpleNamespace(builder=SimpleNamespace(templates=templates)))
    return environment.get_template("page").render(text="sea")


def test_a_template_is_compiled_once(tmp_path, monkeypatch):
    folder = tmp_path / "below" / "compiled"
    assert render(folder, monkeypatch) == "<p>sea</p>"
    monkeypatch.setattr(jinja2.Environment, "compile", None)
    assert render(folder, monkeypatch) == "<p>sea</p>"


def test_templates_are_compiled_anew_where_nobody_may_write(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "below", tmp_path / "other"):
        assert render(folder, monkeypatch) == "<p>sea</p>"
        monkeypatch.setattr(layout.sys, "dont_write_bytecode", True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    layout._keep_templates(SimpleNamespace(builder=SimpleNamespace()))  # of a form without any
