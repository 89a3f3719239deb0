"""Figures: each draws what it is given."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from visprof import figures, tables
from visprof.intervals import Estimate
from visprof.results.claims import chance_parts


def drawn(figure):
    """Pixels of a figure; drawing it would show any text or layout that fails."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.fixture
def pictures(tmp_path):
    """Files of one colour each."""
    paths = []
    for i in range(6):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.new("RGB", (20, 30), (40 * i, 255 - 40 * i, 7)).save(paths[-1])
    return paths


def test_board_samples_shows_every_board(pictures):
    pins = pd.DataFrame({"board": ["a"] * 3 + ["b"] * 3, "image": pictures})
    figure = figures.board_samples(pins, ["a", "b"], n=3)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
    shown = {tuple(pixel) for pixel in drawn(figure).reshape(-1, 3)}
    assert {(0, 255, 7), (200, 55, 7)} <= shown


def test_diagrams_carry_the_numbers_of_the_run():
    texts = " ".join(t.get_text() for t in figures.framework(365, 205, 77).axes[0].texts)
    assert "365 + 205" in texts
    assert "= 570" in texts
    assert "77 centres" in texts
    network = figures.siamese_network("somenet", 512, 205, 20.0, "l2")
    texts = " ".join(t.get_text() for t in network.axes[0].texts)
    assert "512 to 205" in texts
    assert "20 - D" in texts
    assert drawn(network).min() < 100


def test_training_curves_draw_the_log():
    log = pd.DataFrame(
        {
            "iteration": [1, 2, 3],
            "loss": [3.0, 2.0, 1.0],
            "similar_distance": [2.0, 1.5, 1.0],
            "dissimilar_distance": [2.0, 3.0, 4.0],
            "active_share": [1.0, 0.5, 0.0],
        }
    )
    figure = figures.training_curves(log, margin=3.0)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [100.0, 50.0, 0.0]
    assert drawn(figure).min() < 100


def test_ablation_has_a_panel_for_each_normalisation_and_rule():
    rows = [
        {"normalise": normalise, "rule": rule, "margin": margin, "lr_last": 0.1, "value": value,
         "low": value - 0.1, "high": value + 0.1, "first_active": margin - 1}
        for normalise in ("batch", "l2")
        for rule, value in (("slow", 0.4), ("fast", 0.6))
        for margin in (1.0, 10.0)
    ]  # fmt: skip
    start = {"rule": "start", "value": 0.3, "low": 0.2, "high": 0.4}
    starts = [start | {"normalise": normalise} for normalise in ("batch", "l2")]
    figure = figures.siamese_ablation(pd.DataFrame(starts + rows))
    assert [axis.get_title() for axis in figure.axes[:2]] == ["slow: 0.1", "fast: 0.1"]
    pushed, unpushed = (
        next(line for line in figure.axes[3].lines if line.get_label() == label)
        for label in ("dissimilar pairs push", "none pushes at first")
    )
    assert (pushed.get_xdata().tolist(), unpushed.get_xdata().tolist()) == ([1], [0])
    assert pushed.get_ydata().tolist() == [0.6]
    assert figure.axes[0].get_ylabel().startswith("batch normalisation")


def test_classes_stand_in_the_order_of_the_first_method():
    table = pd.DataFrame({"ours": [0.5, 0.9, 0.1], "theirs": [0.2, 0.3, 0.4]}, index=list("abc"))
    axis = figures.class_mean_ap(table).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["c", "a", "b"]
    by_name = {line.get_label(): line for line in axis.lines}
    assert by_name["theirs"].get_xdata().tolist() == [0.4, 0.2, 0.3]


def test_neighbour_strips_mark_right_and_wrong(pictures):
    queries = pd.DataFrame(
        {"query": [0, 3], "neighbours": [[1, 2], [4, 0]], "average_precision": [0.75, 0.2]}
    )
    figure = figures.neighbour_strips(pictures, list("aabbbb"), queries)
    titles = [axis.get_title(loc="center") for axis in figure.axes]
    assert titles == ["a\nAP 0.75", "a", "b", "b\nAP 0.20", "b", "a"]
    frames = [axis.spines["left"].get_edgecolor() for axis in figure.axes]
    assert frames[1] == frames[4]  # right
    assert frames[2] == frames[5]  # wrong
    assert len(set(frames)) == 3
    assert drawn(figure).min() < 100


def test_precision_recall_has_a_curve_a_method():
    curve = (np.array([1.0, 0.5]), np.array([0.5, 1.0]))
    figure = figures.precision_recall({"one": curve, "two": curve})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["one", "two"]


@given(n=st.integers(1, 200), n_blocks=st.integers(1, 8), seed=st.integers(0, 99))
def test_each_occupied_block_has_one_representative_that_lies_in_it(n, n_blocks, seed):
    plane = np.random.default_rng(seed).normal(size=(n, 2))
    points, blocks = figures.grid_representatives(plane, n_blocks, seed)
    assert len(set(blocks)) == len(blocks)
    low, high = plane.min(axis=0), plane.max(axis=0)
    occupied = set()
    for x, y in plane:
        column, row = (
            min(int((v - a) / max(b - a, 1e-12) * n_blocks), n_blocks - 1)
            for v, a, b in zip((x, y), low, high, strict=True)
        )
        occupied.add((n_blocks - 1 - row) * n_blocks + column)
    assert set(blocks) == occupied
    assert len(points) == len(blocks)


def test_picture_map_places_the_top_left_point_at_the_top_left(pictures):
    plane = np.array([[0.0, 1.0], [1.0, 0.0]])
    image = drawn(figures.picture_map(plane, pictures[:2], n_blocks=2))
    height, width, _ = image.shape
    assert tuple(image[height // 4, width // 4]) == (0, 255, 7)
    assert tuple(image[3 * height // 4, 3 * width // 4]) == (40, 215, 7)
    assert tuple(image[height // 4, 3 * width // 4]) == (255, 255, 255)


def test_scene_map_gives_each_class_a_look_of_its_own():
    labels = [f"class_{i:02d}" for i in range(20)] * 3
    plane = np.random.default_rng(0).normal(size=(60, 2))
    figure = figures.scene_map(plane, labels)
    groups = figure.axes[0].collections
    assert [group.get_label() for group in groups] == [f"class {i:02d}" for i in range(20)]
    looks = {(*group.get_facecolor()[0], str(group.get_paths()[0].vertices)) for group in groups}
    assert len(looks) == 20
    np.testing.assert_array_equal(groups[3].get_offsets(), plane[3::20])
    shown = drawn(figure)
    assert (shown[[0, -1]] == 255).all()  # the legend is not cut off
    assert (shown[:, [0, -1]] == 255).all()


def test_scene_map_of_too_many_classes_names_the_largest():
    labels = [f"{i:02d}" for i in range(40)] + [f"{i:02d}" for i in range(5, 40)]
    figure = figures.scene_map(np.random.default_rng(0).normal(size=(75, 2)), labels)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[0] == "other classes"
    assert len(names) == 37
    assert set(names[1:]) >= {f"{i:02d}" for i in range(5, 40)}
    assert sum(len(group.get_offsets()) for group in figure.axes[0].collections) == 75


@pytest.fixture
def placed_pins(pictures):
    """Pins of two boards, as the map takes them."""
    return pd.DataFrame(
        {
            "x": np.arange(6.0), "y": np.arange(6.0) ** 2, "image": pictures,
            "caption": ["</script>", *"bcdef"], "board": ["one", "two"] * 3,
        }
    )  # fmt: skip


def test_interactive_map_is_whole_and_the_same_every_time(placed_pins):
    html = figures.interactive_map(placed_pins, alt='A "map" <of> pins', caption="Six pins.").data
    assert figures.interactive_map(placed_pins, 'A "map" <of> pins', "Six pins.").data == html
    assert 'aria-label="A &quot;map&quot; &lt;of&gt; pins"' in html
    assert "<figcaption>Six pins.</figcaption>" in html
    assert html.count("<script") == html.count("</script>") == 2  # the caption closes none
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=.http", html)
    assert html.count("data:image/webp;base64,") == 6
    assert len(html) < 1.4e6  # nearly all of it Bokeh's script
    other = placed_pins.assign(caption="other")
    assert figures.interactive_map(other, 'A "map" <of> pins', "Six pins.").data != html


def test_interactive_map_comes_with_its_numbers(placed_pins):
    bundle = figures.interactive_map(placed_pins, alt="pins")._repr_mimebundle_()
    numbers = pd.read_csv(io.StringIO(bundle["text/csv"]))
    np.testing.assert_allclose(numbers[["x", "y"]], placed_pins[["x", "y"]], rtol=1e-5)
    assert bundle["text/html"].lstrip().startswith("<figure")


def test_interactive_map_shows_small_pictures_and_their_mean_colours(placed_pins, tmp_path):
    path = str(tmp_path / "halves.png")
    Image.fromarray(
        np.repeat([[[255, 0, 0], [0, 0, 255]]], 200, 0).repeat(150, 1).astype("uint8")
    ).save(path)
    html = figures.interactive_map(placed_pins.head(1).assign(image=path), "one", thumbnail=32).data
    encoded = re.search(r"data:image/webp;base64,([\w+/=]+)", html)[1]
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        assert picture.size == (32, 21)
    assert "#800080" in html


@pytest.mark.parametrize("pins", [slice(0), slice(6)], ids=["no pins", "nowhere"])
def test_interactive_map_of_pins_without_a_place(placed_pins, pins):
    with pytest.raises(ValueError, match="all with finite x and y"):
        figures.interactive_map(placed_pins[pins].assign(x=np.nan), alt="")


def test_max_z_ecdf_is_the_share_at_or_below():
    figure = figures.max_z_ecdf({"users": np.array([1.0, 2.0, 3.0, 4.0])})
    line = figure.axes[0].lines[0]
    assert list(line.get_xdata()) == [0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert list(line.get_ydata()) == [0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert line.get_drawstyle() == "steps-post"


def test_cluster_contrasts_name_users_and_show_each_cluster(pictures):
    table = pd.DataFrame(
        {
            "differ": ["most"] * 2 + ["little"] * 2,
            "user_i": ["ann $"] * 2 + ["carl"] * 2,
            "user_j": ["bob"] * 2 + ["dora"] * 2,
            "max_z": [5.0, 5.0, 1.0, 1.0],
            "z": [-5.0, 2.0, 1.0, 0.5],
            "count_i": [0.5, 3, 2, 2],
            "count_j": [9.0, 1, 1, 1],
            "again": [np.nan, 0.75, np.nan, np.nan],
            "images": [pictures[:6], pictures[:2], pictures[2:4], pictures[4:]],
        }
    )
    figure = figures.cluster_contrasts(table, size=12)
    titles = [part.get_suptitle() for part in figure.subfigs]
    assert ["ann" in titles[0], "bob" in titles[0], "carl" in titles[1]] == [True] * 3
    assert [axis.get_title() for axis in figure.axes][:2] == [
        "$z$ = −5.0   (A 0.5, B 9)",
        "$z$ = +2.0   (A 3, B 1)\nfound again by 75% of the other seeds",
    ]
    pixels = drawn(figure).reshape(-1, 3)
    for i in range(6):
        assert (pixels == (40 * i, 255 - 40 * i, 7)).all(axis=1).any()


def test_reading_curves_have_a_panel_a_parameter_and_both_curves_a_value():
    values = {"alpha": [0.1, 1.0], "bandwidth": [0.0, 0.05, 1.0], "normalised": [True, False]}
    rows = [
        (name, value, place == 0, 1.25, 1234.5, np.linspace(0, 3, 501), np.linspace(0, 2, 501))
        for name, of in values.items()
        for place, value in enumerate(of)
    ]
    columns = ["parameter", "value", "chosen", "entropy", "prior", "max_z", "shuffled_max_z"]
    figure = figures.reading_curves(pd.DataFrame(rows, columns=columns))
    assert [len(axis.lines) for axis in figure.axes] == [4, 6, 4]
    legends = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in figure.axes]
    assert legends[0] == ["0.1 (1,200)", "1 (1,200)"]
    assert legends[1:] == [["0 (1.2)", "0.05 (1.2)", "1 (1.2)"], ["yes", "no"]]
    drawn(figure)


def test_mrr_curves_draw_every_profile_and_the_random_value():
    table = pd.DataFrame(
        {
            "profile": ["image", "image", "text", "text"],
            "n_train": [10, 20, 10, 20],
            "value": [0.4, 0.5, 0.1, 0.2],
            "low": [0.3, 0.4, 0.0, 0.1],
            "high": [0.5, 0.6, 0.2, 0.3],
            "estimate": [Estimate(0)] * 4,
        }
    )
    assert len(figures.mrr_curves(table, random=0.05).axes[0].get_legend().get_texts()) == 3
    by_seed = [((mrr + 0.1, 0, 1), (mrr - 0.1, 0, 1)) for mrr in table["value"]]
    table["estimate"] = [Estimate(0, by_seed=of) for of in by_seed]
    axis = figures.mrr_curves(table, random=0.05).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "image", "text", "random (exact)",
    ]  # fmt: skip
    drawn = [list(line.get_ydata()) for line in axis.lines]
    assert drawn[1:3] == [pytest.approx([0.3, 0.4]), [0.4, 0.5]]  # a seed, and the mean
    assert set(drawn[6]) == {0.05}


@pytest.fixture
def scores():
    """MRR of two profiles in two rows, with intervals."""
    return pd.DataFrame(
        {
            "row": ["a", "a", "b", "b"],
            "x": [10, 10, 20, 20],
            "profile": ["image", "text"] * 2,
            "value": [0.4, 0.1, 0.5, -0.2],
            "low": [0.3, 0.0, 0.4, -0.3],
            "high": [0.5, 0.3, 0.6, 0.1],
        }
    )


def spans(bars):
    """Ends of the error bars of a series, (n, 2)."""
    (lines,) = bars.lines[2]
    ends = np.array(lines.get_segments())
    return ends[:, :, 0] if np.ptp(ends[:, :, 1], axis=1).max() == 0 else ends[:, :, 1]


def test_mrr_intervals_are_those_of_the_table(scores):
    axis = figures.mrr_intervals(scores, "row", random=0.05, marks="profile").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first row is above
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == ["image", "text", "random (exact)"]
    for bars, (_, rows) in zip(axis.containers, scores.groupby("profile"), strict=True):
        assert list(bars.lines[0].get_xdata()) == list(rows["value"])
        np.testing.assert_allclose(spans(bars), rows[["low", "high"]])
        assert [round(y) for y in bars.lines[0].get_ydata()] == [0, 1]


def test_mrr_intervals_of_one_value_a_row_need_no_names(scores):
    axis = figures.mrr_intervals(scores[::2], "row", random=0.05).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["random (exact)"]


def test_mrr_leads_stand_about_a_line_at_0(scores):
    axis = figures.mrr_leads(scores.rename(columns={"profile": "other", "x": "n_train"})).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["image", "text"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["10", "20"]
    assert [bars.lines[0].get_xdata().tolist() for bars in axis.containers] == [
        [0.4, 0.1], [0.5, -0.2],
    ]  # fmt: skip
    assert any(set(line.get_xdata()) == {0} for line in axis.lines)


def test_mrr_growth_has_the_random_value_of_every_number(scores):
    random = scores.assign(profile="random", value=[0.3, 0.3, 0.2, 0.2])
    table = pd.concat([scores, random]).rename(columns={"x": "n_users"})
    axis = figures.mrr_growth(table).axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert [line.get_label() for line in axis.lines] == ["image", "text", "random (exact)"]
    assert axis.lines[0].get_ydata().tolist() == [0.4, 0.5]
    assert len(axis.collections) == 2  # the random value is exact: no band


def test_leakage_curves_have_one_scale_and_two_random_values(scores):
    by_share = scores.assign(removed=scores["x"] / 20)
    null = scores.assign(repeat_share=scores["x"] / 100)
    figure = figures.leakage_curves(by_share, null, (0.05, 0.02))
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    for axis, x, random in ((left, [0.5, 1.0], 0.05), (right, [0.1, 0.2], 0.02)):
        assert list(axis.containers[0].lines[0].get_xdata()) == x
        assert any(set(line.get_ydata()) == {random} for line in axis.lines)


def test_table_shows_all_of_a_long_text_and_no_index():
    html = tables.table(
        pd.DataFrame({"a": ["x" * 200], "b": [0.123456]}), {"b": "{:.2f}"}
    ).to_html()
    assert "x" * 200 in html
    assert "0.12<" in html
    assert "row_heading" not in html


def _title(axis):
    return axis.get_title("left") or axis.get_title()  # by the style


def rates_of(**levels):
    """Shares with intervals: every combination of the levels, at 30 and at 1,000 pins."""
    rows = pd.MultiIndex.from_product([*levels.values(), [30, 1000]], names=[*levels, "n_pins"])
    share = np.linspace(0, 1, len(rows))
    return rows.to_frame(index=False).assign(
        value=share, low=np.maximum(0, share - 0.1), high=np.minimum(1, share + 0.1)
    )


def test_false_positive_rates_have_a_panel_for_each_variance():
    table = rates_of(
        variance=["two-term", "four-term"], assignment=["hard", "soft"], alpha=[0.1, 1.0]
    )
    figure = figures.false_positive_rates(table, 0.05)
    assert [_title(axis) for axis in figure.axes] == [
        "two-term variance",
        "four-term variance",
    ]
    for axis, (_, rows) in zip(figure.axes, table.groupby("variance", sort=False), strict=True):
        assert [tick.get_text() for tick in axis.get_xticklabels()] == ["30", "1,000"]
        drawn_lines = [bars.lines[0].get_ydata().tolist() for bars in axis.containers]
        assert drawn_lines == rows["value"].to_numpy().reshape(4, 2).tolist()
    assert drawn(figure).min() < 100


def test_pvalue_ecdf_is_the_share_at_or_below():
    figure = figures.pvalue_ecdf({"right": np.array([0.2, 0.4, 0.6, 0.8])}, 0.05)
    left, right = figure.axes
    line = next(line for line in left.lines if line.get_label() == "right")
    assert np.interp(0.4, line.get_xdata(), line.get_ydata()) == pytest.approx(0.5)
    assert right.get_xlim() == right.get_ylim() == (0, 0.1)
    assert drawn(figure).min() < 100


def test_power_curves_have_a_panel_for_each_rule():
    table = rates_of(rule=["pins", "Z"], taste=[0.0, 1.0])
    figure = figures.power_curves(table, {"Z": "the rule", "pins": "the test"}, 0.05)
    assert [_title(axis) for axis in figure.axes] == ["the rule", "the test"]
    first = figure.axes[0].containers[0].lines[0].get_ydata()
    assert first.tolist() == table.query("rule == 'Z' and taste == 0")["value"].tolist()
    assert drawn(figure).min() < 100


def test_share_intervals_stand_in_the_order_of_the_table():
    table = pd.DataFrame(
        {"name": ["b", "a"], "value": [0.2, 0.9], "low": [0.1, 0.8], "high": [0.3, 1]}
    )
    axis = figures.share_intervals(table, 0.5).axes[0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["b", "a"]
    assert axis.containers[0].lines[0].get_xdata().tolist() == [0.2, 0.9]
    assert axis.yaxis_inverted()


def test_chance_is_parted_into_users_and_seeds():
    lead = Estimate(0.1, 0.02, 0.18, 9, "users", 0.03, 0.04, ((0.2, 0.1, 0.3), (0.0, -0.1, 0.1)))
    mrr = Estimate(0.5, 0.4, 0.6, 9, "users", 0.05, 0.0, ((0.5, 0.4, 0.6), (0.5, 0.4, 0.6)))
    numbers = {
        "mrr.random": Estimate(0.2), "mrr.image.20": mrr, "mrr.text.20": mrr,
        "mrr.image-text.20": lead, "map.random": Estimate(0.1),
    }  # fmt: skip
    parts = chance_parts(numbers, 20).set_index("key")
    assert parts.index.tolist() == ["mrr.image.20", "mrr.image-text.20"]
    assert parts["part of the seeds"].tolist() == ["0%", "64%"]  # .04^2 of .05^2
    assert parts.loc["mrr.image-text.20", "seeds"] == "0.000 to 0.200"
    assert parts["verdict"].tolist() == ["holds", "holds"]
    assert parts["one seed alone"].tolist() == ["all 2", "1 of 2"]
    axis = figures.chance_bars(parts.reset_index()).axes[0]
    assert [bar.get_width() for bar in axis.patches] == [0.05, 0.03, 0.0, 0.04]
