"""Sweeps of one chapter: values, shared steps, paired differences, failures, the page."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from small_book import FRONT, cell, run_here, write_book

from visprof import study
from visprof.book import execute, runs
from visprof.book import sweep as sweep_module
from visprof.book.page import read_page
from visprof.book.parameters import Parameter
from visprof.book.runs import read_run
from visprof.book.sweep import run_sweep, split_values
from visprof.cli import main
from visprof.intervals import mean_over_seeds
from visprof.rank_scores import holm, randomisation_test
from visprof.steps.registry import find_step, is_kept
from visprof.study import Study

RANKS = FRONT + "\n# Ranks\n\n" + cell(
    """\
preset: str = "tiny"  # set of parameter values
ledger: str = ""  # file of the numbers
n_clusters: int = None  # visual clusters"""
) + cell(
    """\
from visprof.chapter import Chapter
page = Chapter(globals())
page.record("mrr_numbers", "assignment_numbers")
page.record_users("user_values")""",
    "hide-input",
)  # fmt: skip
SETTINGS = FRONT + "\n# Settings\n\n" + cell(
    """\
ledger: str = ""  # file of the numbers
size: int = 1  # a number
name: str = "a"  # a word"""
) + cell(
    """\
from visprof.intervals import Estimate
from visprof.results.ledger import Ledger
assert (size, name) != (2, "b"), "of size two there is no <b>"
Ledger(ledger).write({"score": Estimate(float(size), size - 1.0, size + 1.0)}, {}, "tiny")""",
    "hide-input",
)  # fmt: skip


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A book of two chapters, executed here, whose pages are not rendered."""

    def render(root, page, notebook, html, scratch):
        html.mkdir()
        (html / "index.html").write_text("a page")

    monkeypatch.setattr(runs, "render_page", render)
    monkeypatch.setattr(runs, "prepare_kernels", lambda: None)
    monkeypatch.setattr(runs, "prepare_renderer", lambda: None)
    monkeypatch.setattr(execute, "_run_notebook", run_here)
    monkeypatch.setattr(study, "_default_home", lambda client=None: tmp_path / "home")
    root = write_book(tmp_path / "root")
    (root / "book" / "02-ranks.md").write_text(RANKS)
    (root / "book" / "03-settings.md").write_text(SETTINGS)
    with (root / "_toc.yml").open("a") as toc:
        toc.write("  - file: book/02-ranks\n  - file: book/03-settings\n")
    return root


# --- values ---------------------------------------------------------------------------------------

SIZES = Parameter("train_sizes", "tuple[int, ...]", (5, 10), "")


@pytest.mark.parametrize(
    ("parameter", "text", "values"),
    [
        (Parameter("n", "int", 1, ""), "25,50, 100", [25, 50, 100]),
        (Parameter("n", "int", 1, ""), "25;50", [25, 50]),
        (Parameter("n", "int | None", None, ""), "7,none", [7, None]),
        (Parameter("b", "bool", True, ""), "true,false", [True, False]),
        (Parameter("s", "str", "", ""), "a, b", ["a", "b"]),
        (Parameter("s", "str", "", ""), "a, b;", ["a, b"]),
        (Parameter("s", "str", "", ""), "a,", ["a", ""]),
        (Parameter("s", "str", "", ""), ["a,b", "c;d"], ["a,b", "c;d"]),
        (SIZES, "5,10", [(5, 10)]),
        (SIZES, "5,10;10,20,30", [(5, 10), (10, 20, 30)]),
        (SIZES, [(5, 10), [20]], [(5, 10), (20,)]),
        (Parameter("x", "float", 1.0, ""), 0.5, [0.5]),
    ],
)
def test_values_are_split_by_one_rule(parameter, text, values):
    assert split_values(parameter, text) == values


def test_values_that_are_none_are_named():
    with pytest.raises(ValueError, match="n='x' is not of the declared type int"):
        split_values(Parameter("n", "int", 1, ""), "1,x")
    with pytest.raises(ValueError, match="n has the value 1 twice"):
        split_values(Parameter("n", "int", 1, ""), "1,2, 1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_cluster": "4,6"}, "no parameter n_cluster; did you mean n_clusters"),
        ({"n_clusters": "4,x"}, "n_clusters='x' is not of the declared type"),
        ({"n_clusters": "4,1"}, "n_clusters is 1; it must be at least 2"),
        ({"n_clusters": "4"}, "a parameter of two values at least"),
        ({}, "a parameter of two values at least"),
        ({"n_clusters": "4,6", "ledger": "mine.json"}, "a run keeps its numbers in its own"),
        ({"n_clusters": "4,6", "distance": "foo"}, "it must be euclidean or hellinger or cosine"),
    ],
)
def test_what_no_setting_can_have_stops_the_sweep_before_it_begins(given, message, root, tmp_path):
    with pytest.raises(ValueError, match=message):
        run_sweep("02-ranks", given, tmp_path / "out", root=root)
    assert not (tmp_path / "out").exists()


# --- runs -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_shared_steps_are_computed_once_and_differences_are_those_of_users(root, tmp_path):
    given = {"n_clusters": "4,6,8", "distance": ["euclidean", "hellinger"], "drawn": "false",
             "n_seeds": "2"}  # fmt: skip
    sweep = run_sweep("02-ranks", given, tmp_path / "out", "six", root)
    settings = list(itertools.product((4, 6, 8), ("euclidean", "hellinger")))
    assert sweep.failed == 0
    assert list(sweep.table[["n_clusters", "distance"]].itertuples(index=False, name=None)) == (
        settings
    )
    assert sweep.varied == ["n_clusters", "distance"]

    # each step once for every key that it has, whichever runs need it
    studies = [
        Study("tiny", tmp_path / "home", n_clusters=k, distance=of, drawn=False, n_seeds=2)
        for k, of in settings
    ]
    n_runs = (sweep.log["times"] > 0).groupby(sweep.log["step"]).sum()
    for step, n in n_runs.items():
        if is_kept(find_step(step, studies[0])):
            assert n == len({of.key(step) for of in studies}), step
    assert n_runs.min() == 1  # nothing was kept from before
    assert "steps that they need, 0 were kept from before" in sweep.told[1]
    assert n_runs["pins"] == n_runs["board_split"] == 1
    assert n_runs["visual_vocabulary"] == 3
    assert n_runs["reciprocal_ranks"] == 6

    made = [read_run(sweep.folder / "runs" / name) for name in sweep.table["run"]]
    key = sweep.number
    assert key == "mrr.image.10"
    of_users = []
    for run in made:
        values = run.users
        assert set(values["user"].map(type)) == {str}
        image = values[(values["profile"] == "image") & (values["n_train"] == 10)]
        by_seed = image.pivot(index="seed", columns="user", values="reciprocal_rank").to_numpy()
        assert by_seed.mean() == pytest.approx(run.numbers[key].value, rel=1e-12)
        of_users.append(by_seed)
    p_values = []
    for row, by_seed in list(zip(sweep.table.to_dict("records"), of_users, strict=True))[1:]:
        (expected,) = mean_over_seeds((by_seed - of_users[0])[..., None], "users")
        found = [row[name] for name in ("difference", "difference_low", "difference_high")]
        assert found == pytest.approx([expected.value, expected.low, expected.high])
        p_values.append(randomisation_test(by_seed.mean(axis=0), of_users[0].mean(axis=0)))
    assert sweep.table["p"][1:].tolist() == pytest.approx(holm(p_values))
    assert np.isnan(sweep.table["difference"][0])
    assert all("few users (8)" in told for told in sweep.table["diagnosis"])

    others = {"n_test": "4,5", "n_pins": "14,20", "drawn": "false", "n_seeds": "1"}
    parted = run_sweep("02-ranks", others, tmp_path / "out", "parted", root).table
    assert "not paired: other held-out pins, of 8 of 8 users" in parted["diagnosis"][1]
    assert parted["difference"].notna().tolist() == [False, True, False, True]
    assert parted["difference_low"].isna().all()
    # of these values only one combination cannot be
    assert parted["diagnosis"][2].startswith("not computed: train_sizes end at 10, which with n_")


def test_a_setting_that_fails_loses_no_other_and_a_sweep_goes_on(root, tmp_path, monkeypatch):
    given = {"size": "1,2", "name": "a,b"}
    sweep = run_sweep("03-settings", given, tmp_path / "out", root=root)
    assert sweep.folder.name == "03-settings_size=1,2_name=a,b"
    table = sweep.table
    assert table[["size", "name"]].to_numpy().tolist() == [[1, "a"], [1, "b"], [2, "a"], [2, "b"]]
    assert table["value"].tolist()[:3] == [1, 1, 2]
    assert table["difference"].tolist()[1:3] == [0, 1]
    assert "not paired: no values of users are kept" in table["diagnosis"][2]
    assert re.match(r"not computed: .* cell \d failed: AssertionError", table["diagnosis"][3])
    assert (sweep.failed, table["run"][3]) == (1, "")

    # the page shows texts as texts, and loads nothing but its figure
    page = sweep.page.read_text("utf-8")
    assert "there is no &lt;b&gt;" in page
    assert re.findall(r"(?:src|href)=\"([^\"]+)\"", page)[:2] == [
        "runs/03-settings/html/index.html", "runs/03-settings_name%3Db/html/index.html",
    ]  # fmt: skip
    local = [link for link in re.findall(r"(?:src|href)=\"([^\"]+)\"", page) if "%3D" not in link]
    assert all((sweep.folder / link).exists() for link in local)
    assert "<svg" in (sweep.folder / "figure.svg").read_text()
    numbers = pd.read_csv(sweep.folder / "numbers.csv")
    assert numbers["number"].tolist() == ["score"] * 3

    # again: only what failed is tried again
    executed = []

    def run_and_tell(plain, target, *where):
        executed.append(target)
        run_here(plain, target, *where)

    monkeypatch.setattr(execute, "_run_notebook", run_and_tell)
    again = run_sweep("03-settings", given, tmp_path / "out", root=root)
    pd.testing.assert_frame_equal(again.table, table)
    assert len(executed) == 1
    chapter = root / "book" / "03-settings.md"
    chapter.write_text(chapter.read_text().replace("of size two", "of that size"))
    run_sweep("03-settings", given, tmp_path / "out", root=root)
    assert len(executed) == 5  # the page is another


def test_what_the_data_lack_is_told_without_the_mark_of_its_list():
    error = ValueError("the data hold too little for these parameters:\n  - clusters: too many")
    assert sweep_module._reason(error) == "clusters: too many"


def test_a_folder_of_something_else_is_left_alone(root, tmp_path):
    (tmp_path / "out" / "letters").mkdir(parents=True)
    with pytest.raises(ValueError, match="is not a sweep; choose another name"):
        run_sweep("03-settings", {"size": "3,4"}, tmp_path / "out", "letters", root)
    run_sweep("03-settings", {"size": "3,4"}, tmp_path / "out", "mine", root)
    with pytest.raises(ValueError, match="mine is a sweep of 03-settings"):
        run_sweep("02-ranks", {"n_clusters": "3,4"}, tmp_path / "out", "mine", root)
    with pytest.raises(ValueError, match=r"not all runs in .* have a number 'mrr\.image\.50'"):
        run_sweep("03-settings", {"size": "3,4"}, tmp_path / "out", "mine", root, "mrr.image.50")


def test_the_command_prints_the_table_and_the_path_of_the_page(root, tmp_path, capsys):
    words = ["--out", str(tmp_path / "out"), "--root", str(root), "--name", "four"]
    assert main(["sweep", "3", "-p", "size=1,2", "-p", "name=a,b", *words]) == 1  # one failed
    told = capsys.readouterr()
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines[0] == "size name score difference p diagnosis"
    assert lines[3].startswith("2 a 2 (1 to 3) +1 not paired")
    assert f"{tmp_path / 'out' / 'four' / 'index.html'} the page" in lines
    assert "[4/4] size=2 name=b was not computed: " in told.err
    assert main(["sweep", "3", "-p", "size=3,4", *words[:-1], "two"]) == 0


def test_every_parameter_can_be_split(root):
    """None has a type of which a text says nothing."""
    for parameter in read_page("book/02-ranks.md", root).parameters.values():
        if parameter.default is not None:
            assert split_values(parameter, [parameter.default]) == [parameter.default]
