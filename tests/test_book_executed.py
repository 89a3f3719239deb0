"""What is added to executed pages and read from them, and the description of the book."""

from __future__ import annotations

import copy
import csv
import html
import re
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import yaml
from docutils.core import publish_string
from myst_nb.docutils_ import Parser
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from visprof import mime, tables
from visprof.book import footer
from visprof.book.executed import (
    add_foot,
    add_note,
    drop_empty_figures,
    fill_alternatives,
    link_figures,
    page_provenance,
    page_svg,
    save_figures,
    status_table,
)
from visprof.book.note import parameters_note
from visprof.markdown import as_markdown
from visprof.study import Study

PNG = "iVBORw0KGgo="


def figure_cell(*datas, name=None):
    cell = new_code_cell("figure", outputs=[new_output("execute_result", d) for d in datas])
    if name:
        cell.metadata["mystnb"] = {"figure": {"name": name}}
    return cell


@pytest.fixture
def notebook():
    whole = {"image/svg+xml": "<svg/>", "image/png": PNG, "text/csv": "x\n1\n", "text/plain": "F"}
    pictures = {"image/svg+xml": "<svg>2</svg>", "image/png": PNG}
    return new_notebook(cells=[
        figure_cell(whole, name="fig-curve"),
        new_code_cell("1 + 1", outputs=[new_output("execute_result", {"text/plain": "2"})]),
        figure_cell(pictures, pictures),
    ])  # fmt: skip


def few_boards(folder, names=("a", "b")):
    """A folder that is just enough for the preset "own"."""
    for board, number in product(names, range(20)):
        picture = folder / "boards" / board / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, ord(board[0]))).save(picture)
    return folder


def made_here(**variables):
    return footer.PageProvenance.here("03-metric", ["preset", "seed", "ledger"], variables)


def test_figures_become_files_named_as_they_are(notebook, tmp_path):
    saved = save_figures(notebook, tmp_path / "figures")
    names = {name: sorted(path.suffix for path in paths) for name, paths in saved.items()}
    assert names == {
        "curve": [".csv", ".png", ".svg"], "cell-2": [".png", ".svg"], "cell-2-2": [".png", ".svg"],
    }  # fmt: skip
    assert (tmp_path / "figures" / "curve.csv").read_text() == "x\n1\n"
    assert (tmp_path / "figures" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_names_that_a_figure_cuts_or_numbers_stand_below_it_and_in_its_alternative(notebook):
    told = {"board 1": "海の写真", "long…": "long <b>name</b>"}
    notebook.cells[0].metadata["mystnb"]["image"] = {"alt": "Two boards."}
    notebook.cells[0].outputs[0]["metadata"] = {mime.NAMES: told}
    link_figures(notebook, "../figures")
    below = notebook.cells[1].source
    found = [html.unescape(cell) for cell in re.findall("<td>(.*?)</td>", below)]
    assert dict(zip(found[::2], found[1::2], strict=True)) == told
    assert "<b>" not in below
    alternative = notebook.cells[0].metadata["mystnb"]["image"]["alt"]
    assert alternative == "Two boards. Names: board 1: 海の写真; long…: long <b>name</b>"
    assert "<table" not in notebook.cells[-1].source


def glued(name, value):
    text = {"application/papermill.record/text/plain": repr(value)}
    return new_output("display_data", text, metadata={"scrapbook": {"name": name}})


def test_alternative_texts_say_the_numbers_of_the_page(notebook):
    notebook.cells[1].outputs += [glued("pairs.differ", "49.6% (38.4% to 60.1%)"), glued("x", 0.25)]
    image = {"alt": "Curves: {glue:text}`pairs.differ` of pairs, {glue:text}`x:.1f` and so on."}
    notebook.cells[0].metadata["mystnb"]["image"] = image
    fill_alternatives(notebook)
    alternative = notebook.cells[0].metadata["mystnb"]["image"]["alt"]
    assert alternative == "Curves: 49.6% (38.4% to 60.1%) of pairs, 0.2 and so on."


def test_an_alternative_text_that_names_what_is_not_said_is_an_error(notebook):
    notebook.cells[0].metadata["mystnb"]["image"] = {"alt": "{glue:text}`pairs.difer` of pairs."}
    with pytest.raises(ValueError, match=r"'pairs\.difer', which no cell says"):
        fill_alternatives(notebook)


def test_a_line_in_place_of_a_figure_has_no_caption(notebook):
    line = new_code_cell("said", outputs=[new_output("execute_result", {"text/markdown": "None."})])
    line.metadata["mystnb"] = {"figure": {"name": "fig-x"}, "image": {"alt": "x"}, "other": 1}
    notebook.cells.append(line)
    drop_empty_figures(notebook)
    assert line.metadata["mystnb"] == {"other": 1}
    assert notebook.cells[0].metadata["mystnb"]["figure"] == {"name": "fig-curve"}


def test_a_figure_of_a_page_has_no_white_behind_it_and_pictures_keep_their_colours():
    white = '<g id="patch_1">\n <path d="M 0 0 L 1 1 z" \nstyle="fill: #ffffff"/></g>'
    mark = '<g id="line_1"><path d="M 0 0" style="fill: #ffffff; stroke: #000000"/></g>'
    svg = f"<svg><defs></defs>{white}{mark}</svg>"
    found = page_svg(svg)
    assert found == svg.replace('style="fill: #ffffff"/>', 'style="fill: none"/>')
    with_pictures = page_svg(svg.replace("</svg>", "<image/></svg>"))
    assert "prefers-color-scheme: dark" in with_pictures
    assert with_pictures.count("<defs>") == 1
    assert "<image/>" in with_pictures


def test_a_figure_drawn_for_a_phone_is_a_file_beside_the_others(notebook, tmp_path):
    notebook.cells[0].outputs[0]["data"][mime.NARROW] = "<svg>narrow</svg>"
    saved = save_figures(notebook, tmp_path)
    assert tmp_path / "curve.narrow.svg" in saved["curve"]
    link_figures(notebook, "../figures")
    assert notebook.cells[0].metadata["mystnb"]["image"]["classes"] == "drawn narrowed"
    assert mime.NARROW not in notebook.cells[0].outputs[0]["data"]
    assert "narrow" not in notebook.cells[1].source


def test_a_page_without_figures_makes_no_folder(tmp_path):
    assert save_figures(new_notebook(cells=[new_code_cell("1")]), tmp_path / "f") == {}
    assert not (tmp_path / "f").exists()


def test_links_stand_below_their_figure_and_the_page_shows_vectors(notebook):
    link_figures(notebook, "../figures/03-metric")
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds == ["code", "markdown", "code", "code", "markdown", "markdown"]
    links = notebook.cells[1].source
    assert '<a href="../figures/03-metric/curve.svg">SVG</a>' in links
    assert '<a href="../figures/03-metric/curve.csv">' in links
    assert "csv" not in notebook.cells[4].source
    assert notebook.cells[0].outputs[0]["data"].keys() == {"image/svg+xml", "text/plain"}


def test_a_page_is_linked_the_same_every_time(notebook):
    pages_made = [copy.deepcopy(notebook) for _ in range(2)]
    for page in pages_made:
        link_figures(page, "../figures/03-metric")
    assert pages_made[0] == pages_made[1]
    nbformat.validate(pages_made[0])


def test_the_foot_runs_last_and_can_be_read_again():
    notebook = new_notebook(cells=[new_code_cell("preset, seed = 'tiny', 3")])
    add_foot(notebook, "03-metric", ["preset", "seed"])
    space: dict = {}
    exec(notebook.cells[0].source, space)
    *code, last = notebook.cells[-1].source.splitlines()
    exec("\n".join(code), space)
    data, metadata = eval(last, space)._repr_mimebundle_()
    assert "`seed=3`" in data["text/markdown"]
    output = new_output("execute_result", data, metadata=metadata)
    notebook.cells[-1].outputs.append(nbformat.from_dict(output))
    assert page_provenance(notebook)["parameters"] == {"preset": "tiny", "seed": 3}
    assert page_provenance(new_notebook()) is None


def test_the_foot_says_what_the_preset_settled_and_hides_where_files_lie(tmp_path):
    page = SimpleNamespace(study=Study("tiny", home=tmp_path))  # as a Chapter has it
    made = made_here(preset="tiny", seed=None, ledger="/somewhere/ledger.json", page=page)
    assert made.of_preset == {"seed": 0}
    text = made.markdown()
    assert "`preset='tiny'`" in text
    assert "| left to the preset | `seed=0` |" in text
    assert "simulated from the parameters, seed 0" in text
    assert "somewhere" not in text
    assert made.peak_bytes > 1e7
    assert made.seconds > 0
    assert len(made.made_by["tested_packages"]) == len(made.made_by["installed_packages"])
    assert made.made_by["machine"]["processor"] in html.unescape(text)


NAME = "$$$ `b` **c** | <img src=x onerror=alert(1)> {{x}} $5 - $10 \\n _d_ it's"


def test_names_are_text_on_a_page(tmp_path):
    data = str(few_boards(tmp_path / NAME, ("a", NAME)))
    study = Study("own", data=data, home=tmp_path / "home", board=NAME)
    made = footer.PageProvenance.here("page", ["board"], {"board": NAME, "study": study})
    data, metadata = made._repr_mimebundle_()
    glued = {"application/papermill.record/text/plain": repr(NAME)}
    scrap = {"name": "board", "mime_prefix": "application/papermill.record/"}
    table = tables.table(pd.DataFrame({NAME: [NAME]})).to_html()
    outputs = [
        new_output("display_data", glued, metadata={"scrapbook": scrap}),
        new_output("execute_result", {"text/html": table}),
        new_output("execute_result", data, metadata=metadata),
    ]
    cells = [new_code_cell("cell", outputs=[output]) for output in outputs]
    cells[2].metadata["mystnb"] = {"markdown_format": "myst"}
    cells.insert(1, new_markdown_cell("The board **{glue:text}`board`**."))
    language = {"language_info": {"name": "python", "pygments_lexer": "python"}}
    shown = rendered(new_notebook(cells=cells, metadata=language))
    assert "<img" not in shown
    assert "math" not in shown.replace("mathjax_ignore", "")
    text = html.unescape(re.sub("<[^>]*>", "", shown))
    assert text.count(NAME) == 4  # glued, a column's name and value, the folder
    assert f"board={NAME!r}" in text


def test_the_note_of_changed_parameters_is_a_note_and_the_text_goes_on():
    """Rendered, since a sign on the wrong line makes code of the whole page."""
    note = parameters_note("own", [f"`board` is {as_markdown(NAME)}"])
    text = "# Title\n\n**Question.** Is it $a^2$?\n\n```python\ncode\n```"
    notebook = new_notebook(cells=[new_markdown_cell(text)])
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "python"}
    add_note(notebook, note)
    shown = rendered(notebook)
    assert re.search(r'<(div|aside) class="[^"]*admonition[^"]*note', shown)
    assert "Other parameters than those of the preset own" in shown
    assert "<strong>Question.</strong>" in shown
    assert "```" not in shown
    assert NAME in html.unescape(re.sub("<[^>]*>", "", shown))


def rendered(notebook):
    """HTML of a page with the book's own settings."""
    config = yaml.safe_load((Path(__file__).parent.parent / "_config.yml").read_text("utf-8"))
    settings = {
        "myst_enable_extensions": config["parse"]["myst_enable_extensions"],
        "nb_execution_mode": "off",
        "embed_stylesheet": False,
        "output_encoding": "unicode",
        "report_level": 1,
        "halt_level": 2,
    }
    page = publish_string(
        nbformat.writes(notebook), parser=Parser(), writer_name="html5", settings_overrides=settings
    )
    return page[page.index("<body") :]


def test_data_are_known_by_their_content(tmp_path):
    data = few_boards(tmp_path / "mine")

    def told():
        study = Study("own", data=str(data), home=tmp_path / "home")
        return made_here(preset="own", seed=None, ledger="", study=study).data

    before = told()
    (data / "boards" / "a" / "0.png").touch()
    assert told() == before
    Image.new("RGB", (4, 4), (9, 9, 9)).save(data / "boards" / "a" / "0.png")
    assert told() != before
    assert "“mine”" in before
    assert str(tmp_path) not in before


def executed():
    notebook = new_notebook(cells=[new_code_cell("foot")])
    data, metadata = made_here(preset="tiny", seed=1, ledger="")._repr_mimebundle_()
    notebook.cells[0].outputs.append(new_output("execute_result", data, metadata=metadata))
    return notebook


def test_status_has_a_row_for_each_page_with_a_foot():
    table = status_table(
        {"03-metric": (executed(), ["its text", "data"]), "words": (new_notebook(), [])}
    )
    (row,) = csv.DictReader(table.splitlines())
    assert row["page"] == "03-metric"
    assert row["executed for"] == "its text, data"
    assert row["memory"].endswith(" MiB")


def test_status_shows_names_of_folders_as_text():
    table = status_table({"page": (executed(), ["its text", "file ../<img>/a_b*c*"])})
    (row,) = csv.DictReader(table.splitlines())
    assert html.unescape(row["executed for"]) == "its text, file ../<img>/a_b*c*"
    assert not {*"<>_*"} & {*row["executed for"]}
