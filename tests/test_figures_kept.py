"""Figures of a page that are drawn once: their files are read from disk after that."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from visprof import chapter, figures, memo
from visprof.figures import Figure, HTMLFigure, kept
from visprof.figures.files import shown_files
from visprof.figures.kept import KeptFigures
from visprof.mime import CSV, NAMES, SVG

ROOT = Path(__file__).resolve().parent.parent
DRAWN = []  # what was drawn in a test


def bars(table: pd.DataFrame, title: str = "") -> Figure:
    """Bars by name."""
    DRAWN.append(title)
    figure = Figure(numbers=table, layout="constrained")
    names = figure.label(table["name"], "bar", 8)
    figure.add_subplot(title=title).bar([names[name] for name in table["name"]], table["value"])
    return figure


def table_of(values) -> pd.DataFrame:
    return pd.DataFrame({"name": ["a name of some length", "b"], "value": values})


def page(title: str) -> HTMLFigure | str:
    """A figure of scripts, or words."""
    DRAWN.append(title)
    return HTMLFigure(f"<p>{title}</p>", table_of([1, 2])) if title else "nothing"


MODULE = types.SimpleNamespace(bars=bars, SIZE=3, page=page, table_of=table_of)


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """The functions of a module, which draw in this test's own folder."""
    monkeypatch.setattr(kept, "code_version", lambda module, name: f"{module}.{name}")
    with mpl.rc_context({"svg.hashsalt": "visprof"}):
        DRAWN.clear()
        yield KeptFigures(MODULE, tmp_path, lambda: "pictures")


def test_a_figure_of_the_same_values_is_drawn_once_and_shown_as_if_it_were_anew(drawing):
    first, again = drawing.bars(table_of([1, 2])), drawing.bars(table_of([1, 2]))
    assert DRAWN == [""]
    plain = bars(table_of([1, 2]))
    assert first._repr_mimebundle_() == again._repr_mimebundle_() == shown_files(plain)
    assert repr(first) == repr(again) == repr(plain)
    data, metadata = again._repr_mimebundle_()
    assert {SVG, CSV} <= data.keys()
    assert metadata[NAMES]


def test_a_notebook_shows_the_same_of_it(drawing):
    formatter = InteractiveShell.instance().display_formatter
    formatter.mimebundle_formatter.for_type(mpl.figure.Figure, shown_files)
    try:
        plain = formatter.format(bars(table_of([1, 2])))
        for _ in ("drawn", "kept"):
            data, metadata = formatter.format(drawing.bars(table_of([1, 2])))
            assert [*data.items()] == [*plain[0].items()]
            assert metadata == plain[1]
    finally:
        InteractiveShell.clear_instance()


def test_a_figure_of_scripts_is_kept_as_any_other(drawing):
    plain = page("sea")
    for _ in ("drawn", "kept"):
        kept_one = drawing.page("sea")
        assert kept_one._repr_mimebundle_() == (plain._repr_mimebundle_(), {})
        assert repr(kept_one) == repr(plain)
    assert len(DRAWN) == 2
    assert kept_one.data == plain.data
    assert kept_one._repr_mimebundle_() == (plain._repr_mimebundle_(), {})


@pytest.mark.parametrize("change", ["value", "argument", "pictures", "style", "code", "packages"])
def test_what_a_figure_follows_from_has_it_drawn_anew(drawing, change, tmp_path, monkeypatch):
    drawing.bars(table_of([1, 2]))
    values, title = [1, 2], ""
    if change == "value":
        values = [1, 3]
    elif change == "argument":
        title = "bars"
    elif change == "pictures":
        drawing = KeptFigures(MODULE, tmp_path, lambda: "other pictures")
    elif change == "style":
        mpl.rcParams["lines.linewidth"] = 9
    elif change == "code":
        monkeypatch.setattr(kept, "code_version", lambda module, name: "another")
    else:
        monkeypatch.setattr(kept, "environment_version", lambda: "another")
    drawing.bars(table_of(values), title=title)
    assert len(DRAWN) == 2


def test_a_figure_that_somebody_changes_is_shown_as_changed_and_not_kept_so(drawing):
    changed = drawing.bars(table_of([1, 2]))
    usual = changed._repr_mimebundle_()
    changed.axes[0].set_title("another title")
    assert changed._repr_mimebundle_() != usual
    assert drawing.bars(table_of([1, 2]))._repr_mimebundle_() == usual
    named = drawing.bars(table_of([1, 2]))
    named.numbers = None
    assert CSV not in named._repr_mimebundle_()[0]


def test_what_gives_no_figure_is_as_it_is(drawing):
    assert drawing.SIZE == 3
    assert drawing.table_of is table_of
    assert drawing.page("") == drawing.page("") == "nothing"
    with pytest.raises(AttributeError, match="no_such_figure"):
        drawing.no_such_figure  # noqa: B018
    book = KeptFigures(figures, Path("nowhere"), str)
    assert book.use_book_style is figures.use_book_style
    assert book.mrr_curves is not figures.mrr_curves
    assert book.explore_ranks is not figures.explore_ranks
    assert book.HTMLFigure is HTMLFigure


def test_a_figure_whose_drawing_fails_keeps_nothing(drawing, tmp_path):
    with pytest.raises(KeyError):
        drawing.bars(table_of([1, 2]).drop(columns="name"))
    assert not list(tmp_path.rglob(memo.VALUE))


def test_a_chapter_draws_each_figure_once_and_only_what_is_of_the_book(tmp_path, monkeypatch):
    monkeypatch.setattr(chapter, "glue", lambda *_, **__: None)
    own = object()
    for module in (figures, own):
        variables = {"preset": "tiny", "figures": module}
        chapter.Chapter(variables)
        assert isinstance(variables["figures"], KeptFigures) == (module is figures)
    variables = {"preset": "tiny"}
    chapter.Chapter(variables)
    assert "figures" not in variables


@pytest.mark.slow
def test_another_process_finds_what_one_has_drawn(tmp_path):
    code = f"""
from pathlib import Path
import pandas as pd
from visprof import figures
from visprof.figures.kept import KeptFigures
figures.use_book_style()
table = pd.DataFrame({{"arm": ["a", "b"], "seed": ["all", "1"], "value": [0.1, 0.2]}})
drawn = KeptFigures(figures, Path({str(tmp_path)!r}), str)
drawn.max_z_ecdf({{"users": [1.0, 2.0], "pins shuffled": [0.5, 0.7]}})
drawn.framework(8, 4, 3)
print(len(list(Path({str(tmp_path)!r}).glob("figures/*"))))
"""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
        )
        assert done.stdout.split() == ["2"]
