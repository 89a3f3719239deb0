"""The numbers published below the figures of the book are those that its studies computed."""

from __future__ import annotations

import ast
import functools
import inspect

import jupytext
import pytest
from test_chapters import CHAPTERS, ROOT
from test_figures_numbers import DRAWN, check_numbers, published

from visprof import figures
from visprof.figures.kept import KeptFigures


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that draws numbers: name of its function, what that was given, the figure."""
    found = []

    def watched(name, function):
        @functools.wraps(function)
        def draw(*args, **kwargs):
            figure = function(*args, **kwargs)
            given = inspect.signature(function).bind(*args, **kwargs)
            found.append((name, given, figure))
            return figure

        return draw

    # a figure that was drawn before would be read from disk
    monkeypatch.setattr(
        KeptFigures, "_kept", lambda _, draw, *given, **named: draw(*given, **named)
    )
    for name in DRAWN:
        monkeypatch.setattr(figures, name, watched(name, getattr(figures, name)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_numbers_below_the_figures_of_a_chapter_are_those_of_its_study(chapter, drawn):
    space = {"__name__": "__main__"}
    for cell in jupytext.read(ROOT / chapter, fmt="md:myst").cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
            if "parameters" in cell.metadata.get("tags", []):
                space["preset"] = "tiny"
    for name, given, figure in drawn:
        check_numbers(name, given, published(figure))
    called = {
        node.attr
        for cell in jupytext.read(ROOT / chapter, fmt="md:myst").cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Attribute)
    }
    assert {name for name, *_ in drawn} >= called & set(DRAWN)
