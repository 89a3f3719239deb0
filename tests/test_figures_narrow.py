"""Figures for a phone: panels in one column, lettering that can be read."""

from __future__ import annotations

import numpy as np
import pytest
from figure_examples import arguments, drawn
from matplotlib.gridspec import GridSpec
from matplotlib.legend import Legend
from matplotlib.text import Text

from visprof import figures
from visprof.figures.narrow import NARROW_WIDTH, narrowed

PHONE = 358  # CSS pixels of a page of 390
LEAST = 9  # CSS pixels of a letter


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return arguments(tmp_path_factory.mktemp("pictures"))


def wide(examples, name):
    return getattr(figures, name)(*examples[name])


@pytest.mark.parametrize(
    "name",
    ["training_curves", "siamese_ablation", "leakage_curves", "power_curves", "mrr_curves",
     "max_z_ecdf", "bits_by_part", "mrr_leads", "time_resolution"],
)  # fmt: skip
def test_lettering_on_a_phone_is_large_enough(examples, name):
    figure = narrowed(wide(examples, name))
    drawn(figure)
    box = figure.get_tightbbox()
    scale = PHONE / (96 * max(box.width, NARROW_WIDTH))
    sizes = [
        text.get_fontsize() * 96 / 72 * scale
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible()
    ]
    assert min(sizes) >= LEAST
    assert box.width < 1.1 * NARROW_WIDTH


def test_panels_stand_below_each_other_and_each_says_what_it_measures(examples):
    before = wide(examples, "leakage_curves")
    figure = narrowed(before)
    drawn(figure)
    first, second = (axis.get_position() for axis in figure.axes)
    assert first.y0 > second.y1
    np.testing.assert_allclose([first.x0, first.width], [second.x0, second.width], atol=0.02)
    assert [axis.get_ylabel() for axis in figure.axes] == ["mean reciprocal rank"] * 2
    for axis in figure.axes:
        assert any(label.get_visible() and label.get_text() for label in axis.get_yticklabels())
    assert before.axes[0].get_position().y0 == before.axes[1].get_position().y0  # as it was


def test_the_same_is_drawn(examples):
    before = wide(examples, "mrr_curves")
    after = narrowed(before)
    for one, other in zip(before.axes[0].lines, after.axes[0].lines, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
    legends = [figure.findobj(Legend)[0] for figure in (before, after)]
    told = [[text.get_text() for text in legend.get_texts()] for legend in legends]
    assert told[0] == told[1]


def test_a_diagram_and_a_narrow_figure_stay_as_they_are():
    assert narrowed(figures.framework(10, 10, 5)) is None
    figure = figures.Figure(figsize=(4, 3), layout="constrained")
    figure.add_subplot()
    assert narrowed(figure) is None
    assert narrowed(figures.Figure(figsize=(9, 3), layout="constrained")) is None


def test_many_small_pictures_stay_in_rows():
    figure = figures.Figure(figsize=(9, 4), layout="constrained")
    grid = GridSpec(2, 5, figure=figure)
    for place in range(10):
        figure.add_subplot(grid[place]).imshow(np.zeros((4, 4, 3)))
    places = [
        (axis.get_subplotspec().rowspan.start, axis.get_subplotspec().colspan.start)
        for axis in narrowed(figure).axes
    ]
    assert places[:5] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert places[5] == (2, 0)


def test_titles_at_the_left_stay_as_they_are(examples):
    figures.use_book_style()
    before = wide(examples, "leakage_curves")
    titles = [axis.get_title("left") for axis in before.axes]
    assert all(titles)
    assert [axis.get_title("left") for axis in narrowed(before).axes] == titles


def test_a_title_of_a_column_stands_above_each_of_its_panels(examples):
    before = wide(examples, "siamese_ablation")
    titles = [axis.get_title() for axis in before.axes]
    n_columns = before.axes[0].get_subplotspec().get_gridspec().ncols
    assert titles[n_columns:] == [""] * (len(titles) - n_columns)
    after = [axis.get_title() for axis in narrowed(before).axes]
    assert after == titles[:n_columns] * (len(titles) // n_columns)
