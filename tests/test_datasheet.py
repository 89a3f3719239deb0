"""The datasheet: its numbers by plain counting, and its sentences by its numbers."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from visprof import boards, datasheet, figures
from visprof.steps import data

START = pd.Timestamp("2015-03-01", tz="UTC")


def table(rows):
    """Pins of (board, day, caption), as `read_boards` sorts them."""
    frame = pd.DataFrame(rows, columns=["board", "day", "caption"])
    frame["time"] = START + pd.to_timedelta(frame.pop("day"), unit="D")
    frame["image"] = [f"{i}.jpg" for i in range(len(frame))]
    return frame.sort_values(["board", "time"], kind="stable", ignore_index=True)


PINS = table(
    [
        ("a", 0, "wallpaper Lake"),
        ("a", 0, "wallpaper 107510"),
        ("a", 0, "wallpaper lake at dawn"),
        ("a", 10, ""),
        ("b", 1, "lake"),
        ("b", 3, "a4bf55e"),
        ("b", 4, "  "),
        ("b", 5, "dawn"),
    ]
)
CLEAN = table([(board, day, "sea") for board in "ab" for day in range(20)])
NOTHING = PINS.iloc[:0].assign(reason="")
BROKEN = PINS.iloc[:3].assign(reason=["empty file", "not a picture", "empty file"])


def sheet(pins, min_pins=1, unreadable=NOTHING, clusters=None, left_out=None):
    _, funnel = boards.filter_boards(pins, min_pins)
    return datasheet.describe(pins, funnel, unreadable, clusters, left_out)


def test_counts_and_spans():
    counts = sheet(PINS, unreadable=PINS.iloc[:3].assign(reason="cut")).counts.iloc[0]
    assert counts[["boards", "pins", "unreadable"]].tolist() == [2, 8, 3]
    assert counts["first"] == START
    assert counts["last"] == START + pd.Timedelta(days=10)


def test_time_resolution_of_each_board():
    resolution = datasheet.time_resolution(PINS).set_index("board")
    assert resolution["pins"].tolist() == [4, 4]
    assert resolution["distinct_times"].tolist() == [2, 4]
    assert resolution["largest_batch"].tolist() == [0.75, 0.25]
    assert resolution["tied"].tolist() == [0.75, 0]
    assert resolution["days"].tolist() == [10, 4]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), min_size=1, max_size=30),
)
def test_time_resolution_by_plain_loops(rows):
    pins = table([(board, day, "") for board, day in rows])
    for found in datasheet.time_resolution(pins).itertuples():
        days = [day for board, day in rows if board == found.board]
        assert found.pins == len(days)
        assert found.distinct_times == len(set(days))
        assert found.largest_batch == max(map(days.count, days)) / len(days)
        assert found.tied == pytest.approx(np.mean([days.count(day) > 1 for day in days]))


def test_quantiles_over_boards():
    quantiles = sheet(PINS).quantiles.set_index("quantity")
    assert quantiles.loc["distinct_times"].tolist() == [2, 2.5, 3, 3.5, 4]
    assert quantiles.loc["pins", "median"] == 4


def test_caption_quality_by_hand():
    quality = datasheet.caption_quality(PINS).iloc[0]
    assert quality["empty"] == 2 / 8
    assert quality["wordless"] == 1 / 8  # a4bf55e: more digits than letters
    # wallpaper x 3, lake x 3, dawn x 2
    assert quality["mean_words"] == 1.0
    # on half of board a's four captions: wallpaper and lake; on b's none is on two
    assert quality["named_by_board"] == 3 / 8
    assert quality["only_named_by_board"] == 2 / 8


def test_serial_numbers_and_words_of_one_caption_are_no_words():
    captions = ["img 0012", "dsc4711", "68382e33 a4bf 456f", "unique", "ab", "Ölberg", "ölberg"]
    pins = table([(f"b{i}", 0, caption) for i, caption in enumerate(captions)])
    assert datasheet.caption_quality(pins)["wordless"].iloc[0] == 5 / 7


def test_captions_without_any_word_give_zero_not_an_error():
    quality = datasheet.caption_quality(table([("a", 0, ""), ("a", 1, "12")])).iloc[0]
    assert quality.to_dict() == {
        "empty": 0.5,
        "wordless": 0.5,
        "mean_words": 0.0,
        "named_by_board": 0.0,
        "only_named_by_board": 0.0,
        "with_serials": 0.5,
        "with_single_letters": 0.0,
        "left_out": 1.0,
    }


def test_what_is_no_word_is_counted_and_said():
    captions = ["A lake, IMG_2041", "lake", "i see a lake", ""]
    pins = table([("a", day, caption) for day, caption in enumerate(captions)])
    quality = datasheet.caption_quality(pins).iloc[0]
    assert quality["with_serials"] == 1 / 4
    assert quality["with_single_letters"] == 2 / 4
    assert quality["left_out"] == 5 / 9  # a, img, 2041, i, a
    text = " ".join(datasheet.known_problems(sheet(pins)))
    assert "56 % of what stands in captions is left out as no word. 25 % of pins" in text
    assert "50 % single letters." in text


def test_words_of_scripts_with_marks_count_as_words():
    pins = table([("a", day, caption) for day, caption in enumerate(["नदी", "नदी", "海", "海"])])
    assert datasheet.caption_quality(pins).iloc[0][["wordless", "mean_words"]].tolist() == [0, 1]


def test_licences_are_counted_and_missing_ones_named():
    pins = PINS.assign(licence=["MIT", "", None, " ", "CC0-1.0", "CC0-1.0", "MIT", "MIT"])
    licences = sheet(pins).licences
    assert licences.to_numpy().tolist() == [["MIT", 2, 3], ["not stated", 1, 3], ["CC0-1.0", 1, 2]]
    assert "38 % of pins have no stated licence" in " ".join(datasheet.known_problems(sheet(pins)))
    assert sheet(PINS).licences is None
    unknown = datasheet.licence_table(PINS.assign(licence=np.nan))
    assert unknown.to_numpy().tolist() == [["not stated", 2, 8]]


def test_clean_data_have_no_problem_but_what_was_not_looked_at():
    words = [f"{'ab'[day % 2] * 3}{'xyz'[day % 3] * 3}" for day in range(20)]
    pins = CLEAN.assign(licence="CC0-1.0", caption=words * 2)
    assert datasheet.known_problems(sheet(pins, clusters=range(40))) == []
    assert datasheet.known_problems(sheet(pins)) == ["Near-duplicate pictures were not looked for."]


def test_problems_carry_the_numbers_of_the_tables():
    rows = [(board, day // 5, "") for board in "abc" for day in range(20)]
    pins = table([*rows, ("d", 0, "x")])
    clusters = np.arange(61)
    clusters[[0, 1, 20]] = 0  # twice on a, once on b
    found = sheet(pins, min_pins=20, unreadable=BROKEN, clusters=clusters)
    text = " ".join(datasheet.known_problems(found))
    for sentence in (
        "3 of 64 pictures cannot be read",
        "The filters keep 3 of 4 boards and 98 % of the pins",
        "3 of 4 boards have exactly 20 pins",
        "98 % of pins share their time",
        "4 of 4 boards have fewer than 10 distinct times",
        "On 1 of 4 boards more than half",
        "98 % of pins have no caption",
        "2 % of pins have a caption without a word",
        "3 % of pins have a near-duplicate on their own",
        "5 % of pins have a near-duplicate on another",
        "No licence is recorded",
    ):
        assert sentence in text


def test_what_is_left_out_is_counted_by_reason():
    left_out = pd.DataFrame(
        {"entry": ["a", "b", "c"], "reason": ["hidden", "empty file", "hidden"]}
    )
    found = sheet(PINS, unreadable=BROKEN, left_out=left_out)
    assert found.left_out.to_numpy().tolist() == [
        ["empty file", 3], ["hidden", 2], ["not a picture", 1],
    ]  # fmt: skip
    text = " ".join(datasheet.known_problems(found))
    assert "3 of 11 pictures cannot be read" in text
    assert "3 other entries of the folder are left out" in text
    assert sheet(PINS).left_out.empty


def test_pins_with_the_time_of_their_file_are_a_known_problem():
    pins = PINS.assign(time_source=["file", "exif"] * 3 + ["commit", "file"])
    assert sheet(pins).time_sources.to_numpy().tolist() == [["file", 4], ["exif", 3], ["commit", 1]]
    text = " ".join(datasheet.known_problems(sheet(pins)))
    assert "4 of 8 pins have the time of their file, since the picture has no EXIF date" in text
    for pins in (PINS, PINS.assign(time_source="commit"), PINS.assign(time_source="exif")):
        assert "time of their file" not in " ".join(datasheet.known_problems(sheet(pins)))
    assert sheet(PINS).time_sources is None


def test_a_folder_that_is_read_without_collecting_is_described_with_its_bad_entries(tmp_path):
    board = tmp_path / "boards" / "alps"
    board.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (9, 9), (60 * number, 0, 0)).save(board / f"{number}.jpg")
    (board / "cut.jpg").write_bytes((board / "0.jpg").read_bytes()[:300])
    (board / "album.jpg").mkdir()
    (board / "gone.jpg").symlink_to("nowhere")
    os.mkfifo(board / "pipe.jpg")
    with open(os.fsencode(board) + b"/caf\xe9.jpg", "wb"):
        pass
    pins = data.pins(tmp_path, "boards")
    assert len(pins.readable) == 3
    _, funnel = boards.filter_boards(pins.readable, 1)
    found = datasheet.describe(pins.readable, funnel, pins.unreadable, None, pins.left_out)
    assert dict(found.left_out.to_numpy().tolist()) == {
        "a link to nothing": 1,
        "its name is not UTF-8: rename it": 1,
        "not a regular file": 1,
        "truncated or damaged picture": 1,
    }
    assert found.time_sources.to_numpy().tolist() == [["file", 3]]


def test_small_shares_are_not_called_none_and_large_ones_not_all():
    pins = table([("a", day, "" if day == 0 else "sea") for day in range(1000)])
    text = " ".join(datasheet.known_problems(sheet(pins)))
    assert "Less than 1 % of pins have no caption" in text
    pins = table([("a", day, "" if day else "sea") for day in range(1000)])
    assert "More than 99 % of pins have no caption" in " ".join(
        datasheet.known_problems(sheet(pins))
    )


def test_describing_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing to describe"):
        datasheet.describe(NOTHING, pd.DataFrame(), NOTHING)


def drawn(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def test_funnel_figure_has_a_bar_a_step_and_its_counts():
    _, funnel = boards.filter_boards(PINS, 4, "2015-03-08")
    figure = figures.board_funnel(funnel)
    for axis, unit in zip(figure.axes, ("boards", "pins"), strict=True):
        assert [bar.get_width() for bar in axis.patches] == funnel[unit].tolist()
    assert "4 (50%)" in [text.get_text() for text in figure.axes[1].texts]
    assert drawn(figure).min() < 100


@pytest.mark.parametrize("pins", [PINS, CLEAN, CLEAN.iloc[:1]], ids=["mixed", "clean", "one pin"])
def test_time_resolution_figure_has_a_point_a_board(pins):
    resolution = datasheet.time_resolution(pins)
    figure = figures.time_resolution(resolution)
    points = figure.axes[0].collections[0].get_offsets()
    assert points.tolist() == resolution[["pins", "distinct_times"]].to_numpy().tolist()
    assert list(figure.axes[1].lines[0].get_ydata())[-1] == 1
    assert drawn(figure).min() < 100


def test_real_boards(shared_data):
    pins = boards.read_boards(shared_data / "boards")
    found = sheet(pins, min_pins=100)
    assert found.counts[["boards", "pins"]].to_numpy().tolist() == [[44, 4638]]
    assert (found.boards["tied"] * found.boards["pins"]).sum() / 4638 > 0.9
    assert found.captions["wordless"].iloc[0] < 0.28
    text = " ".join(datasheet.known_problems(found))
    assert "24 of 44 boards" in text
    assert "exactly 160 pins" in text
