"""Curves are named beside them: names near their curves, on nothing else, on a phone too."""

from __future__ import annotations

from itertools import combinations
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from figure_examples import arguments, drawn
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.legend import Legend
from matplotlib.text import Annotation

from visprof import figures
from visprof.figures.curve_labels import LINE, EndLabel, label_curves, label_ends, readable, spread
from visprof.figures.narrow import narrowed
from visprof.figures.style import COLOURS, CYCLE, single_axes


@given(
    st.lists(st.floats(-100, 100), max_size=8), st.floats(0.1, 10), st.floats(-50, 0),
)  # fmt: skip
def test_places_keep_their_distance_their_order_and_their_bounds(wanted, gap, low):
    high = low + gap * len(wanted) + 1
    places = spread(wanted, gap, low, high)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(places[order]) >= gap - 1e-9).all()
    assert ((places >= low - 1e-9) & (places <= high + 1e-9)).all()


def test_places_are_the_nearest_that_there_are():
    wanted, gap = np.array([1.0, 1.2, 1.3, 5.0]), 0.5
    places = spread(wanted, gap, 0, 10)
    best = ((places - wanted) ** 2).sum()
    rng = np.random.default_rng(0)
    for _ in range(2000):
        tried = places + rng.normal(0, 0.1, 4)
        if (np.diff(tried) >= gap).all():
            assert ((tried - wanted) ** 2).sum() >= best - 1e-12
    assert places[3] == 5


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [*COLOURS.values(), "white", "black"])
def test_names_can_be_read_on_white(colour):
    assert 1.05 / (luminance(readable(colour)) + 0.05) >= 4.5
    if 1.05 / (luminance(colour) + 0.05) >= 4.5:
        assert readable(colour) == pytest.approx(to_rgb(colour))


def panel(ends, height=4.2):
    figure, axis = single_axes(height=height)
    for place, end in enumerate(ends):
        axis.plot([0, 1], [0, end], label=f"curve {place}", color=CYCLE[place % 6])
    axis.set(xlim=(0, 1), ylim=(0, 1))
    return figure, axis


def labels_of(figure):
    return [text for text in figure.findobj(EndLabel) if text.get_visible()]


def check_ends(figure):
    """Names of each panel stand near the ends of their curves, apart and inside the figure."""
    drawn(figure)
    drawn(figure)  # as for a page (visprof.figures.files.figure_svg)
    renderer = figure.canvas.get_renderer()
    paper = figure.bbox
    boxes = {label: label.get_window_extent(renderer) for label in labels_of(figure)}
    for label, box in boxes.items():
        end = label.axes.transData.transform((0, label.xy[1]))[1]
        line = LINE * label.get_fontsize() * figure.dpi / 72
        assert abs((box.y0 + box.y1) / 2 - end) < 2 * line
        assert box.x0 >= label.axes.bbox.x1
        assert box.x0 >= paper.x0
        assert box.y0 >= paper.y0
        assert box.x1 <= paper.x1 + 1
        assert box.y1 <= paper.y1 + 1
    for one, other in combinations(boxes.values(), 2):
        assert not one.overlaps(other)
    for axis in figure.axes:
        covered = [box for box in boxes.values() if box.overlaps(axis.bbox)]
        assert not covered


def test_curves_with_room_are_named_at_their_ends_in_their_colours():
    figure, axis = panel([0.2, 0.25, 0.9])
    axis.axhline(0.5, label="random", color="black")
    assert label_ends([axis], mock.Mock(side_effect=AssertionError))
    check_ends(figure)
    names = [label.get_text() for label in labels_of(figure)]
    assert names == ["curve 0", "curve 1", "curve 2", "random"]
    assert [label.get_color() for label in labels_of(figure)] == [
        readable(colour) for colour in [*CYCLE[:3], "black"]
    ]
    assert labels_of(figure)[3].xy[1] == 0.5


def test_curves_that_end_at_one_point_get_a_legend():
    figure, axis = panel([0.9, 0.91, 0.92, 0.905])
    assert not label_ends([axis], axis.legend)
    assert labels_of(figure) == []
    assert figure.findobj(Legend)


def test_a_curve_that_leaves_the_panel_is_named_where_it_does():
    _, axis = panel([0.5])
    axis.plot([0, 1, 2], [0, 0.2, 0.9], label="long")
    axis.set_xlim(0, 1)
    label_ends([axis], axis.legend)
    assert [label.xy[1] for label in labels_of(axis.figure)] == [0.5, 0.2]


def test_rising_curves_are_named_where_no_other_runs():
    z = np.linspace(0, 4, 100)
    figure, axis = single_axes()
    for place, at in enumerate((1.0, 2.2)):
        axis.plot(z, 1 / (1 + np.exp(-6 * (z - at))), label=f"at {at}", color=CYCLE[place])
    axis.set(xlim=(0, 4), ylim=(0, 1))
    assert label_curves(axis, mock.Mock(side_effect=AssertionError))
    check_beside(figure)
    check_beside(narrowed(figure))
    figure, axis = single_axes()
    for name in "ab":
        axis.plot(z, z / 4, label=f"a curve named {name}")
    axis.set(xlim=(0, 4), ylim=(0, 1))
    assert not label_curves(axis, axis.legend)


def check_beside(figure):
    """No name touches a curve or another name."""
    drawn(figure)
    renderer = figure.canvas.get_renderer()
    [axis] = figure.axes
    names = [
        text for text in axis.texts if isinstance(text, Annotation) and "%" not in text.get_text()
    ]
    boxes = [name.get_window_extent(renderer) for name in names]
    assert len(boxes) >= 2
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    for line in axis.lines:
        if line.get_label().startswith("_"):
            continue
        path = line.get_path().interpolated(50)
        points = line.get_transform().transform(path.vertices)
        for box in boxes:
            assert not box.shrunk(0.9, 0.6).count_contains(points)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return arguments(tmp_path_factory.mktemp("pictures"))


NAMED = ["leakage_curves", "mrr_curves", "mrr_growth", "power_curves", "recency_curves",
         "training_curves", "training_losses", "transfer_curves"]  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("narrow", [False, True])
def test_names_stand_apart_in_every_figure(examples, name, narrow):
    figure = getattr(figures, name)(*examples[name])
    figure = narrowed(figure) if narrow else figure
    assert bool(labels_of(figure)) != bool(figure.findobj(Legend))
    check_ends(figure)


def test_the_figures_of_the_front_page_name_their_curves():
    levels = [0.8, 0.68, 0.55, 0.32]
    table = pd.DataFrame(
        [
            (name, n, level + n / 1000, level - 0.05, level + 0.1)
            for name, level in zip(("image", "text", "fused", "whitened"), levels, strict=True)
            for n in (10, 50)
        ],
        columns=["profile", "n_train", "value", "low", "high"],
    )
    estimates = [mock.Mock(by_seed=()) for _ in range(len(table))]
    figure = figures.mrr_curves(table.assign(estimate=estimates), 0.08, 5.2, 2.15)
    assert len(labels_of(figure)) == 5
    check_ends(figure)
    z = np.random.default_rng(0).gamma(3, size=(1, 3000))
    figure = figures.max_z_ecdf({"users": 1.5 + z / 2, "pins shuffled": z / 3}, 5.2, 2.0)
    assert not figure.findobj(Legend)
    check_beside(figure)
