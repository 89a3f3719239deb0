"""Names are text, and can be read, whatever stands in them."""

from __future__ import annotations

import html
import io
import re
import warnings
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from visprof import figures, tables
from visprof.figures import Figure, names
from visprof.figures.names import drawable

MATHS = ["$$$ shoes $$$", "$5 - $10 outfits", "$a_b_c$", r"\$x\$ ^_{", "a $ b"]
MARKUP = ["<img src=x onerror=alert(1)>", "a|b`c`**d**", "{{x}} & 'y'", "-- > <!-- -->"]
FOREIGN = ["海の写真", "नदी", "🏠", "\x07", ""]
FANCY = "\U0001d4d5ancy"  # a letter of the mathematics fonts that come with Matplotlib
LONG = ["x" * 200, "a name of many words " * 10]


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("names") / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    return str(path)


def svg(figure):
    """The figure as the page has it; a letter that no font has is an error."""
    drawn = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(drawn, format="svg", bbox_inches="tight")
    return drawn.getvalue()


def board_samples(found, picture):
    pins = pd.DataFrame({"board": found, "image": picture})
    return figures.board_samples(pins, found, n=1)


def class_mean_ap(found, picture):
    return figures.class_mean_ap(pd.DataFrame({"ours": 0.5}, index=found))


def neighbour_strips(found, picture):
    places = range(len(found))
    queries = pd.DataFrame(
        {"query": [0], "neighbours": [list(places)[1:]], "average_precision": [1.0]}
    )
    return figures.neighbour_strips([picture] * len(found), found, queries, size=4)


def scene_map(found, picture):
    return figures.scene_map(np.arange(2 * len(found)).reshape(-1, 2), found)


def cluster_contrasts(found, picture):
    table = pd.DataFrame(pairwise(found), columns=["user_i", "user_j"]).assign(
        differ=range(len(found) - 1), max_z=5.0, z=-5.0, count_i=0.5, count_j=9.0, again=0.7
    )
    return figures.cluster_contrasts(table.assign(images=[[picture]] * len(table)), size=4)


def clusters_with_names(found, picture):
    table = pd.DataFrame({"name": found}).assign(
        user_i="ann", user_j="ben", differ="most", max_z=5.0, z=-5.0, count_i=0.5, count_j=9.0,
        again=0.7, images=[[picture]] * len(found),
    )  # fmt: skip
    return figures.cluster_contrasts(table, size=4)


def named_clusters(found, picture):
    table = pd.DataFrame({"name": found, "images": [[picture]] * len(found)})
    return figures.named_clusters(table, size=4)


def own_clusters(found, picture):
    table = pd.DataFrame({"name": found, "value": 0.2, "low": 0.1, "high": 0.3, "others": 0.1})
    pictures = [[picture]] * len(found)
    return figures.own_clusters(table.assign(own_images=pictures, other_images=pictures), size=4)


def labelled_pictures(found, picture):
    return figures.labelled_pictures(dict.fromkeys(found, np.zeros((2, 2, 3), np.uint8)), 3)


NAMED = [
    board_samples, class_mean_ap, cluster_contrasts, clusters_with_names, labelled_pictures,
    named_clusters, neighbour_strips, own_clusters, scene_map,
]  # fmt: skip


@pytest.mark.parametrize("draw", NAMED)
def test_a_dollar_in_a_name_is_a_dollar(draw, picture):
    drawn = svg(draw(["$$$ shoes $$$", "$5 - $10 fun"], picture))
    assert "$$$ shoes" in drawn
    assert "$5 - $10" in drawn


@pytest.mark.slow
@pytest.mark.parametrize("draw", NAMED)
def test_any_name_is_drawn(draw, picture):
    found = [*MATHS, *MARKUP, *FOREIGN, *LONG]
    drawn = svg(draw(found, picture))
    assert "<img" not in drawn.replace("<image", "")


@pytest.mark.slow
@pytest.mark.parametrize("draw", [class_mean_ap, scene_map])
def test_any_text_is_a_name(draw):
    @settings(max_examples=15)
    @given(st.lists(st.text(max_size=60), min_size=2, max_size=4, unique=True))
    def check(found):
        FigureCanvasAgg(draw(found, "")).draw()

    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Glyph")
        check()


@example([*MATHS, *MARKUP, *FOREIGN, *LONG], 20, 2)
@given(st.lists(st.text()), st.integers(4, 40), st.integers(1, 3))
def test_labels_are_short_drawable_and_differ(found, width, n_lines):
    labels, families = drawable(found, "name", width, n_lines)
    assert set(labels) == set(found)
    assert len(set(labels.values())) == len(labels)
    letters = set().union(
        names._letters(mpl.font_manager.findfont("DejaVu Sans")),
        *(names._fonts()[family] for family in families),
    )
    for name, label in labels.items():
        assert {*label} <= letters | {"\n"}
        if not label.startswith("name "):
            lines = label.split("\n")
            assert len(lines) <= n_lines
            assert max(map(len, lines)) <= width
            whole = "".join(label.split())
            assert "".join(name.translate(CONTROL).split()).startswith(whole.removesuffix("…"))


CONTROL = dict.fromkeys([*range(32), *range(127, 160)], " ")


def test_short_names_are_whole_and_others_wrapped_and_cut():
    labels, families = drawable(
        ["sea", "by the blue sea", "on the hill by the sea"], "board", 11, 2
    )
    assert list(labels.values()) == ["sea", "by the blue\nsea", "on the hill\nby the sea"]
    assert drawable(["on the hill by the sea"], "board", 11, 1)[0] == {
        "on the hill by the sea": "on the hil…"
    }
    assert families == []


def test_a_name_of_letters_that_no_font_has_is_a_number_that_names_no_other(monkeypatch):
    monkeypatch.setattr(names, "_fonts", dict)
    labels, families = drawable(["海", "board 1", "sea", "写真"], "board", 20)
    assert list(labels.values()) == ["board 2", "board 1", "sea", "board 3"]
    assert families == []


def test_names_that_are_cut_alike_are_told_apart():
    labels, _ = drawable(["a" * 30, "a" * 31, "a b", "a\tb"], "class", 10)
    assert list(labels.values()) == ["a" * 9 + "…", "class 1", "a b", "class 2"]


def test_a_font_that_has_the_letters_is_used():
    labels, families = drawable([FANCY], "board", 20)
    assert labels == {FANCY: FANCY}
    assert len(families) == 1
    figure = Figure()
    figure.text(0, 0, figure.label([FANCY], "board", 20)[FANCY])
    svg(figure)
    assert figure.texts[0].get_fontfamily()[1:] == families


def test_the_figure_tells_whole_names_where_it_does_not_draw_them(picture):
    figure = board_samples(["sea", "海の写真", *LONG, "two lines " * 6], picture)
    told = figure.told()
    assert told["board 1"] == "海の写真"
    assert told["x" * 44 + " " + "x" * 43 + "…"] == "x" * 200
    assert len(told) == 3
    assert board_samples(["sea", "hill"], picture).told() == {}


@pytest.mark.slow
def test_long_names_make_no_figure_wider(picture):
    for draw in NAMED:
        figure = draw([*LONG, "海" * 100], picture)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        extent = figure.get_tightbbox(canvas.get_renderer())
        assert extent.width <= figure.get_figwidth() + 0.3


def test_our_own_formulas_are_mathematics():
    for figure in (figures.framework(3, 4, 5), figures.max_z_ecdf({"users": np.arange(3.0)})):
        FigureCanvasAgg(figure).draw()
        texts = [text for text in figure.findobj(mpl.text.Text) if "$" in text.get_text()]
        assert texts
        assert all(text.get_parse_math() for text in texts)
    network = figures.siamese_network("a$b$", 3, 4, 5.0, "l2")
    FigureCanvasAgg(network).draw()
    maths = {t.get_text(): t.get_parse_math() for t in network.axes[0].texts}
    assert not maths["a$b$\nwithout last layer"]
    assert maths["picture $x$"]


def test_a_new_figure_draws_text_too():
    figure = Figure()
    figure.add_subplot(title="$$$ shoes $$$").set_yticks([0, 1], ["$x_$", "$$"])
    assert "$$$ shoes $$$" in svg(figure)


def test_numbers_of_a_figure_come_with_whole_names():
    figure = class_mean_ap(["海の写真", "x" * 200, "sea"], "")
    assert set(figure.numbers["class"]) == {"海の写真", "x" * 200, "sea"}


def test_tables_hold_text():
    table = pd.DataFrame({name: [name] for name in [*MATHS, *MARKUP]})
    shown = tables.table(table).to_html()
    assert "<img" not in shown
    cells = [html.unescape(cell) for cell in re.findall("<t[dh] [^>]*>(.*?)</t", shown)]
    assert cells == 2 * [*MATHS, *MARKUP]
