"""Runs of one chapter: their folder, their errors, and two of them side by side."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from visprof.book import runs
from visprof.book.compare import compare_runs, differing_parameters
from visprof.book.errors import BookError
from visprof.book.kept import file_digest
from visprof.book.page import read_page
from visprof.book.parameters import list_parameters
from visprof.book.reference import parameter_table
from visprof.book.runs import read_run, run_chapter
from visprof.parameters import PRESETS, Parameters
from visprof.results.ledger import Ledger

ROOT = Path(__file__).resolve().parent.parent
FRONT = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---
"""
CHAPTER = f"""{FRONT}
# Numbers

```{{code-cell}}
:tags: [parameters]
preset: str = "demo"  # set of parameter values
ledger: str = ""  # file of the numbers
n_clusters: int | None = None  # visual clusters
n_shown: int = 3  # numbers shown
fail: bool = False  # whether to fail
```

```{{code-cell}}
from myst_nb import glue
from pandas import DataFrame

from visprof import figures
from visprof.intervals import Estimate
from visprof.results.ledger import Ledger

assert not fail
figures.use_book_style()
value = float(n_clusters or 0)
if ledger:
    numbers = {{"a": Estimate(value, value - 1, value + 1, 7, "pins"), "b": Estimate(1.0)}}
    Ledger(ledger).write(numbers, {{"n_clusters": n_clusters, "seed": 0}}, preset)
glue("value", value, display=False)
```

It is **{{glue:text}}`value:.1f`**, as {{cite:t}}`Yang2015` say ({{doc}}`words`, {{doc}}`index`).

$$ x^2 $$

```{{code-cell}}
---
mystnb:
  figure: {{name: fig-line, caption: A line.}}
---
figure = figures.Figure(numbers=DataFrame({{"y": [1, 2]}}))
figure.subplots().plot([1, 2])
figure
```
"""


@pytest.fixture
def root(tmp_path):
    """A book of a front page, a chapter, and two pages of text."""
    folder = tmp_path / "root"
    (folder / "book").mkdir(parents=True)
    (folder / "book" / "index.md").write_text(f"{FRONT}\n# Front\n\n```{{code-cell}}\n1\n```\n")
    (folder / "book" / "words.md").write_text("# The words\n\nText.\n")
    (folder / "book" / "bibliography.md").write_text("# Literature\n\n```{bibliography}\n```\n")
    (folder / "book" / "01-numbers.md").write_text(CHAPTER)
    (folder / "book" / "references.bib").write_bytes(
        (ROOT / "book" / "references.bib").read_bytes()
    )
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n"
        + "".join(f"- file: book/{name}\n" for name in ("01-numbers", "words", "bibliography"))
    )
    shutil.copytree(ROOT / "book" / "_static", folder / "book" / "_static")
    shutil.copy(ROOT / "_config.yml", folder)
    return folder


@pytest.fixture
def pages(monkeypatch):
    """Do without rendering, which takes seconds."""

    def render(root, page, notebook, html, scratch):
        html.mkdir()
        (html / "index.html").write_text("a page")

    monkeypatch.setattr(runs, "render_page", render)
    monkeypatch.setattr(runs, "prepare_renderer", lambda: None)


@pytest.mark.slow
def test_a_run_has_its_notebook_page_figures_and_numbers(root, tmp_path):
    run = run_chapter(
        "01-numbers",
        {"preset": "demo", "n_clusters": "5", "n_shown": 4},
        tmp_path / "runs",
        root=root,
    )
    assert run.folder == tmp_path / "runs" / "01-numbers_n_clusters=5_n_shown=4"
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "01-numbers.ipynb", "figures", "html", "inputs.json", "numbers.json",
        "ro-crate-metadata.json", "run.json",
    ]  # fmt: skip
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {run.folder.name, "_static"}
    figures = [path.name for path in (run.folder / "figures").iterdir()]
    assert set(figures) == {"line.svg", "line.png", "line.csv"}
    assert "<svg" in (run.folder / "figures" / "line.svg").read_text()
    assert run.numbers["a"].value == 5.0
    assert run.numbers["a"].unit == "pins"
    assert run.given == {"n_clusters": 5, "n_shown": 4}
    assert run.parameters["seed"] == 0
    assert read_run(run.folder) == run
    # the notebook names the ledger where it lies now
    injected = next(
        cell.source
        for cell in nbformat.read(run.folder / "01-numbers.ipynb", as_version=4).cells
        if "injected-parameters" in cell.metadata.get("tags", [])
    )
    ledger = re.search(r'ledger = "(.*)"', injected)[1]
    assert (root / ledger).resolve() == run.folder / "numbers.json"

    crate = json.loads((run.folder / "ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    made = {result["@id"] for result in entities["#execution-01-numbers"]["result"]}
    figures = {f"figures/line.{suffix}" for suffix in ("csv", "png", "svg")}
    assert made == figures | {
        "01-numbers.ipynb", "html/book/01-numbers.html", "inputs.json", "numbers.json", "run.json",
    }  # fmt: skip
    assert entities["numbers.json"]["sha256"] == file_digest(run.folder / "numbers.json")
    assert entities["#01-numbers-n_clusters"]["value"] == "5"

    redirect = run.page.read_text()
    assert "book/01-numbers.html" in redirect
    html = (run.folder / "html" / "book" / "01-numbers.html").read_text()
    text = " ".join(re.sub(r"<[^>]+>", "", html).split())
    assert re.search(r"It is 5\.0, as Yang .*say \(The words, index\)\.", text)
    assert 'href="words.html"' in html
    assert 'href="index.html"' not in html  # the front page is not there: its name is text
    assert "A line." in html
    loaded = re.findall(r"<(?:script|img|iframe|link)[^>]+(?:src|href)=\"([^\"]+)\"", html)
    assert any("mathjax" in file for file in loaded)
    assert all((run.page.parent / "book" / file.split("?")[0]).is_file() for file in loaded)
    # what is the same for all runs lies beside them
    own = [path for path in run.folder.rglob("*") if path.is_file() and "_static" not in path.parts]
    assert sum(path.stat().st_size for path in own) < 3e6
    assert (run.folder / "html" / "_static").is_symlink()
    copied = shutil.copytree(run.folder, tmp_path / "copied")
    assert (copied / "html" / "_static" / "mathjax" / "tex-chtml.js").is_file()
    assert not [file for file in loaded if re.match(r"(https?:)?//", file)]


@pytest.mark.slow
def test_a_run_takes_the_place_of_one_like_it_only(root, tmp_path, pages):
    given = {"n_clusters": 5}
    first = run_chapter("01-numbers", given, tmp_path, "mine", root)
    again = run_chapter("01-numbers", given, tmp_path, "mine", root)
    took = {"seconds": first.seconds, "computing": first.computing}
    assert dataclasses.replace(again, **took) == first
    with pytest.raises(ValueError, match=r"is a run of 01-numbers with n_clusters=5; .*--name"):
        run_chapter("01-numbers", {"n_clusters": 6}, tmp_path, "mine", root)
    (tmp_path / "letters").mkdir()
    with pytest.raises(ValueError, match="is not a run; choose another name"):
        run_chapter("01-numbers", given, tmp_path, "letters", root)
    for name in ("../up", "", ".hidden", "a/b"):
        with pytest.raises(ValueError, match="name is"):
            run_chapter("01-numbers", given, tmp_path, name, root)


@pytest.mark.slow
def test_a_failed_run_leaves_its_traceback_alone(root, tmp_path, pages):
    with pytest.raises(BookError, match=r"cell \d+ failed: AssertionError"):
        run_chapter("01-numbers", {"fail": True}, tmp_path / "runs", root=root)
    (left,) = (tmp_path / "runs").iterdir()
    assert left.name.endswith(".traceback.txt")
    assert "assert not fail" in left.read_text()


@pytest.mark.parametrize(
    ("chapter", "given", "message"),
    [
        ("02-number", {}, "no chapter '02-number'; there are 01-numbers"),
        ("01-numbers", {"n_cluster": 5}, r"no parameter n_cluster; did you mean n_clusters\?$"),
        ("01-numbers", {"n_clusters": "x"}, "n_clusters='x' is not of the declared type int"),
        ("01-numbers", {"n_clusters": 1}, "n_clusters is 1; it must be at least 2"),
        ("01-numbers", {"preset": "huge"}, "preset is 'huge'; known: demo"),
        ("01-numbers", {"ledger": "mine.json"}, "ledger: a run keeps its numbers"),
    ],
)
def test_wrong_parameters_run_nothing_and_list_the_right_ones(
    chapter, given, message, root, tmp_path
):
    with pytest.raises(ValueError, match=message) as raised:
        run_chapter(chapter, given, tmp_path / "runs", root=root)
    assert not (tmp_path / "runs").exists()
    if not {"ledger", "02-number"} & {chapter, *given}:
        assert "n_shown: int = 3  numbers shown" in str(raised.value)
        assert "n_clusters: int = 100  visual clusters [at least 2]" in str(raised.value)


def test_absent_data_is_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data: there is no folder .*absent"):
        run_chapter("01-numbers", {"data": tmp_path / "absent"}, tmp_path / "runs", root=root)


def test_long_names_of_runs_are_cut_and_stay_apart(root):
    a, b = (
        runs.run_name("06-prediction", {"data": f"{'folder/' * 30}{k}", "n": 1}, None) for k in "ab"
    )
    assert a != b
    assert len(a) == len(b) == runs.LONGEST_NAME
    foreign = runs.run_name("09-your-boards", {"board": "海の写真" * 40}, None)
    assert len(foreign.encode()) <= runs.LONGEST_NAME
    assert re.fullmatch(r"[\w.=,+-]+", a)


@pytest.mark.slow
def test_compare_shows_what_differs(root, tmp_path, pages):
    a, b, c = (run_chapter("01-numbers", {"n_clusters": k}, tmp_path, root=root) for k in (5, 7, 9))
    found = compare_runs([a, b, c], "ABC")
    assert found.parameters.to_numpy().tolist() == [["n_clusters", 5, 7, 9]]
    assert list(found.numbers) == ["number", "A", "B", "C", "B less A", "C less A"]
    assert found.numbers.to_numpy().tolist() == [
        ["a", "5 (4 to 6)", "7 (6 to 8)", "9 (8 to 10)", "+2", "+4"],
        ["b", "1", "1", "1", "+0", "+0"],
    ]
    assert found.not_paired == dict.fromkeys("BC", "no values of users are kept")
    assert compare_runs([a, a], "AB").parameters.empty


def test_what_differs_is_told_of_any_number_of_runs():
    of_runs = [{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "c": None}]
    assert differing_parameters(of_runs) == ["b"]
    assert differing_parameters(of_runs[:2]) == []


def test_what_pages_load_is_kept_once_for_all_runs(tmp_path):
    for name, content in {"one": "a", "two": "a", "three": "b"}.items():
        own = tmp_path / name / "html" / "_static"
        (own / "mathjax").mkdir(parents=True)
        (own / "mathjax" / "tex.js").write_text(content)
        runs._share_static(own, tmp_path / "_static", own.parent)
        assert (own / "mathjax" / "tex.js").read_text() == content
    assert len(list((tmp_path / "_static").iterdir())) == 2


@pytest.mark.slow
def test_runs_without_a_number_in_common_are_not_compared(root, tmp_path, pages):
    a, b = (run_chapter("01-numbers", {"n_clusters": k}, tmp_path, root=root) for k in (5, 7))
    (b.folder / "numbers.json").unlink()
    with pytest.raises(ValueError, match="no number in common"):
        compare_runs([a, read_run(b.folder)], "AB")
    with pytest.raises(ValueError, match="at least 2 to compare, got 1"):
        compare_runs([a], "A")
    with pytest.raises(FileNotFoundError, match="there are: 01-numbers_n_clusters=5"):
        read_run(tmp_path / "absent")


# --- the book's own chapters ----------------------------------------------------------------------


def test_parameters_of_a_chapter_show_the_presets_default_and_what_is_allowed():
    known = read_page("book/06-prediction.md", ROOT).own_parameters
    for preset in ("demo", "tiny"):
        clusters = PRESETS[preset].get("n_clusters", Parameters.n_clusters)
        assert f"n_clusters: int = {clusters}  visual" in list_parameters(known, preset)
    assert len(list_parameters(known).splitlines()) == len(known)
    assert list_parameters({}) == "  (none)"


def test_the_table_of_parameters_has_all_of_every_page_and_of_the_study():
    table = parameter_table(ROOT).set_index("parameter")
    assert set(table.index) >= set(Parameters.__dataclass_fields__) | {"preset", "ledger"}
    assert table.index.is_unique
    clusters = table.loc["n_clusters"]
    assert clusters["type"] == "int"
    assert clusters["default"].startswith(f"{Parameters.n_clusters} (")
    assert table.loc["preset", "default"] == "'demo'"
    assert "06-prediction" in clusters["pages"]
    assert table.loc["distance", "values allowed"] == "euclidean or hellinger or cosine"
    assert table.loc["drawn", "pages"] == ""
    assert (table["meaning"] != "").all()


def test_the_table_of_parameters_names_presets_of_one_value_together(monkeypatch):
    presets = {name: {} for name in PRESETS} | {"tiny": {"n_clusters": 8}, "own": {"n_clusters": 8}}
    presets["paper"] = {"n_clusters": 200}
    for name, values in presets.items():
        monkeypatch.setitem(PRESETS, name, values)
    default = parameter_table(ROOT).set_index("parameter").loc["n_clusters", "default"]
    assert default == f"{Parameters.n_clusters} (tiny, own: 8; paper: 200)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("parameters", ["n_clusters", f"{Parameters.n_clusters} (tiny: "]),
        ("cite", ["% mrr.image.50 = ", "@software{visprof", "@misc{Yang2015,"]),
    ],
)
def test_pages_made_of_the_library_and_the_ledgers_run(page, shown, tiny_book):
    made = tiny_book / "pages" / "book" / f"{page}.ipynb"
    outputs = [
        str(output.get("data", output.get("text")))
        for cell in nbformat.read(made, as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    assert all(any(text in output for output in outputs) for text in shown)


@pytest.mark.slow
def test_plain_papermill_runs_the_generated_notebook(tmp_path):
    """As the book says: jupytext makes the notebook, papermill runs it with parameters."""
    made, done, ledger = (tmp_path / name for name in ("made.ipynb", "done.ipynb", "n.json"))
    scripts = Path(sys.executable).parent
    chapter = "book/06-prediction.md"
    subprocess.run(
        [scripts / "jupytext", "--to", "ipynb", "--output", made, chapter], cwd=ROOT, check=True
    )
    given = {"preset": "tiny", "n_clusters": "5", "distance": "hellinger", "ledger": str(ledger)}
    words = [word for name, value in given.items() for word in ("-p", name, value)]
    ran = subprocess.run(
        [scripts / "papermill", made, done, *words, "--no-progress-bar"], cwd=ROOT, check=True,
        env=os.environ, capture_output=True, text=True,
    )  # fmt: skip
    assert "unknown parameter" not in ran.stdout + ran.stderr
    run = Ledger(ledger).read()["mrr.image.10"]["run"]["parameters"]
    assert (run["n_clusters"], run["distance"]) == (5, "hellinger")
    assert json.loads(done.read_text())["metadata"]["papermill"]["exception"] is None
