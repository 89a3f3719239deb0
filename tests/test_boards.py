"""Boards: reading, filters, background split and samples."""

from __future__ import annotations

import os
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visprof import boards


def save_picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_manifest(folder, rows, columns=("board_id", "image", "added_at", "caption")):
    pd.DataFrame(rows, columns=list(columns)).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def table(sizes, start="2014-01-01"):
    """Pins of boards of the given sizes, one pin a day."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "board": name,
                    "image": [f"{name}/{i}.jpg" for i in range(size)],
                    "time": pd.date_range(start, periods=size, tz="UTC"),
                    "caption": "",
                }
            )
            for name, size in sizes.items()
        ],
        ignore_index=True,
    )


def test_manifest_is_sorted_by_time_and_keeps_the_order_of_ties(tmp_path):
    write_manifest(
        tmp_path,
        [
            ("b", "b/2.jpg", "2015-01-01T00:00:00+00:00", "NA"),
            ("a", "a/late.jpg", "2014-06-01T12:00:00+02:00", "late"),
            ("a", "a/early.jpg", "2014-06-01T11:00:00+02:00", ""),
            ("b", "b/1.jpg", "2015-01-01T00:00:00+00:00", "same time, later line"),
        ],
    )
    pins = boards.read_boards(tmp_path)
    assert list(pins.columns) == ["board", "image", "time", "caption"]
    assert [os.path.relpath(image, tmp_path) for image in pins["image"]] == [
        "a/early.jpg", "a/late.jpg", "b/2.jpg", "b/1.jpg",
    ]  # fmt: skip
    assert pins["time"].iloc[0] == pd.Timestamp("2014-06-01 09:00", tz="UTC")
    assert pins["caption"].tolist() == ["", "late", "NA", "same time, later line"]
    pd.testing.assert_frame_equal(pins, boards.read_boards(tmp_path / "manifest.csv"))


def test_a_licence_is_kept_and_other_columns_are_not(tmp_path):
    write_manifest(
        tmp_path,
        [("a", "x.jpg", "2014-01-01T00:00:00Z", "", "CC0-1.0", "abc")],
        ("board_id", "image", "added_at", "caption", "licence", "blob_sha"),
    )
    pins = boards.read_boards(tmp_path)
    assert list(pins.columns) == ["board", "image", "time", "caption", "licence"]
    assert pins["licence"].tolist() == ["CC0-1.0"]


def test_folder_of_folders_takes_exif_or_file_time_and_words_of_the_name(tmp_path):
    save_picture(tmp_path / "alps" / "Blue_lake-01.jpg")
    os.utime(tmp_path / "alps" / "Blue_lake-01.jpg", (1.5e9, 1.5e9))
    exif = Image.Exif()
    exif[0x0132] = "2013:02:03 04:05:06"
    Image.new("RGB", (8, 8)).save(tmp_path / "alps" / "old.jpg", exif=exif)
    save_picture(tmp_path / "city" / "x.png")
    (tmp_path / "city" / "notes.txt").write_text("not a picture")
    pins = boards.read_boards(tmp_path)
    assert pins["board"].tolist() == ["alps", "alps", "city"]
    assert pins["time"].iloc[0] == pd.Timestamp("2013-02-03 04:05:06", tz="UTC")
    assert pins["time"].iloc[1] == pd.Timestamp(1.5e9, unit="s", tz="UTC")
    assert pins["caption"].iloc[1] == "blue lake 01"


def test_parquet_manifest_reads_as_the_same_table_as_csv(tmp_path):
    rows = [
        ("b", "b/2.jpg", "2015-01-01T00:00:00+00:00", "NA", 7),
        ("a", "a/late.jpg", "2014-06-01T12:00:00+02:00", "late", 8),
        ("a", "a/early.jpg", "2014-06-01T11:00:00+02:00", "", 9),
    ]
    columns = ["board_id", "image", "added_at", "caption", "width"]
    for folder in ("csv", "text", "typed"):
        (tmp_path / folder).mkdir()
    table = pd.DataFrame(rows, columns=columns)
    write_manifest(tmp_path / "csv", rows, columns)
    table.to_parquet(tmp_path / "text" / "manifest.parquet")
    typed = table.assign(added_at=pd.to_datetime(table["added_at"], utc=True))
    typed["caption"] = typed["caption"].replace({"": None})
    typed.to_parquet(tmp_path / "typed" / "manifest.parquet")
    expected = boards.read_boards(tmp_path / "csv")
    for folder in ("text", "typed"):
        pins = boards.read_boards(tmp_path / folder)
        assert pins["image"].str.contains(f"/{folder}/").all()
        images = pins["image"].str.replace(f"/{folder}/", "/csv/", regex=False)
        pd.testing.assert_frame_equal(pins.assign(image=images), expected, check_dtype=False)
        assert str(pins["time"].dtype.tz) == "UTC"
        direct = boards.read_boards(tmp_path / folder / "manifest.parquet")
        pd.testing.assert_frame_equal(direct, pins)


def test_parquet_numbers_as_names_dates_and_an_odd_index_become_text(tmp_path):
    table = pd.DataFrame(
        {
            "board_id": [12, 12],
            "image": ["y.jpg", "x.jpg"],
            "added_at": [pd.Timestamp("2014-01-02").date(), pd.Timestamp("2014-01-01").date()],
            "caption": [None, 3.5],
        },
        index=["second", "first"],
    )
    table.to_parquet(tmp_path / "pins.parquet")
    pins = boards.read_boards(tmp_path / "pins.parquet")
    assert pins["board"].tolist() == ["12", "12"]
    assert pins["caption"].tolist() == ["3.5", ""]
    assert pins["time"].tolist() == list(pd.date_range("2014-01-01", periods=2, tz="UTC"))


def test_csv_manifest_goes_before_a_parquet_one_beside_it(tmp_path):
    write_manifest(tmp_path, [("csv", "x.jpg", "2014-01-01T00:00:00Z", "")])
    table = pd.read_csv(tmp_path / "manifest.csv").assign(board_id="parquet")
    table.to_parquet(tmp_path / "manifest.parquet")
    assert boards.read_boards(tmp_path)["board"].tolist() == ["csv"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"added_at": ["2014-01-01", "yesterday"]}, r"added_at is not .* row 2 \('yesterday'\)"),
        ({"added_at": [pd.Timestamp("2014-01-01"), None]}, r"added_at is not .* row 2 \(''\)"),
        ({"board_id": [None, "a"]}, "board_id is empty in row 1"),
        ({"image": ["x.jpg", " "]}, "image is empty in row 2"),
    ],
)
def test_bad_values_of_a_parquet_manifest_are_named_by_row(tmp_path, change, message):
    table = pd.DataFrame(
        {"board_id": "a", "image": "x.jpg", "added_at": ["2014-01-01"] * 2, "caption": ""}
    )
    table.assign(**change).to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(ValueError, match=message):
        boards.read_boards(tmp_path)


def test_parquet_manifest_without_a_column_without_rows_or_broken_is_refused(tmp_path):
    path = tmp_path / "manifest.parquet"
    pd.DataFrame({"board_id": ["a"], "image": ["x.jpg"], "caption": [""]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"lacks the column\(s\) added_at; it has board_id"):
        boards.read_boards(tmp_path)
    pd.DataFrame({column: [] for column in boards.MANIFEST_COLUMNS}).to_parquet(path)
    with pytest.raises(ValueError, match="lists no pins"):
        boards.read_boards(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"manifest\.parquet is not a Parquet file"):
        boards.read_boards(tmp_path)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        boards.read_boards(tmp_path / "nowhere")


def test_missing_column_is_named_with_those_found(tmp_path):
    write_manifest(tmp_path, [("a", "x.jpg", "hello")], ("board_id", "image", "caption"))
    with pytest.raises(ValueError, match=r"lacks the column\(s\) added_at; it has board_id"):
        boards.read_boards(tmp_path)


def test_bad_time_is_named_by_line(tmp_path):
    good = ("a", "x.jpg", "2014-01-01T00:00:00Z", "")
    write_manifest(tmp_path, [good, ("a", "y.jpg", "yesterday", "")])
    with pytest.raises(ValueError, match=r"added_at is not .* line 3 \('yesterday'\)"):
        boards.read_boards(tmp_path)


def test_empty_board_name_is_named_by_line(tmp_path):
    write_manifest(tmp_path, [(" ", "x.jpg", "2014-01-01T00:00:00Z", "")])
    with pytest.raises(ValueError, match="board_id is empty in line 2"):
        boards.read_boards(tmp_path)


def test_manifest_without_pins_and_folder_without_pictures_are_refused(tmp_path):
    write_manifest(tmp_path, [])
    with pytest.raises(ValueError, match="lists no pins"):
        boards.read_boards(tmp_path)
    (tmp_path / "manifest.csv").unlink()
    with pytest.raises(ValueError, match="no pictures below"):
        boards.read_boards(tmp_path)


def test_unreadable_pictures_are_set_aside_with_a_reason(tmp_path):
    save_picture(tmp_path / "a" / "good.png")
    save_picture(tmp_path / "a" / "cut.png")
    whole = (tmp_path / "a" / "cut.png").read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "a" / "text.jpg").write_text("not a picture")
    pins = boards.read_boards(tmp_path)
    gone = pins.iloc[[0]].assign(image=str(tmp_path / "a" / "gone.jpg"))
    readable, unreadable = boards.split_readable(pd.concat([pins, gone], ignore_index=True))
    assert [os.path.basename(image) for image in readable["image"]] == ["good.png"]
    assert sorted(os.path.basename(image) for image in unreadable["image"]) == [
        "cut.png", "gone.jpg", "text.jpg",
    ]  # fmt: skip
    assert unreadable["reason"].str.len().min() > 0


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be read.*text\.jpg"):
        boards.split_readable(boards.read_boards(tmp_path))


def test_filters_and_funnel():
    pins = pd.concat([table({"small": 3, "large": 10}), table({"old": 10}, "2010-01-01")])
    kept, funnel = boards.filter_boards(pins.reset_index(drop=True), 5, "2014-01-05")
    assert kept["board"].unique().tolist() == ["large"]
    assert funnel["boards"].tolist() == [3, 2, 1]
    assert funnel["pins"].tolist() == [23, 20, 10]


def test_filters_that_leave_nothing_say_what_there_is():
    with pytest.raises(ValueError, match="largest of 1 boards has 3 pins"):
        boards.filter_boards(table({"a": 3}), 100)


@pytest.mark.parametrize("source", boards.BACKGROUND_SOURCES)
def test_background_and_analysed_do_not_overlap_and_follow_the_seed(source):
    pins = table({f"board{i:02}": 4 + (i % 2) * 6 for i in range(20)})
    kept, _ = boards.filter_boards(pins, 10)
    background, analysed = boards.background_split(pins, kept, 4, source, random_state=1)
    again, _ = boards.background_split(pins, kept, 4, source, random_state=1)
    assert background["board"].nunique() == 4
    assert analysed["board"].nunique() == (6 if source == "active" else 10)
    assert not set(background["board"]) & set(analysed["board"])
    pd.testing.assert_frame_equal(background, again)


@pytest.mark.parametrize(
    ("n", "source", "message"),
    [(3, "elsewhere", "known: active, rest"), (0, "active", "n_background is 0"),
     (9, "active", "n_background is 9"), (1, "rest", "but 0 boards"), (2, "active", "leave 1")],
)  # fmt: skip
def test_impossible_backgrounds_are_refused(n, source, message):
    pins = table({"a": 5, "b": 5, "c": 5})
    with pytest.raises(ValueError, match=message):
        boards.background_split(pins, pins, n, source)


@given(
    sizes=st.lists(st.integers(5, 30), min_size=1, max_size=6),
    n=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_samples_are_distinct_in_time_order_and_repeatable(sizes, n, seed):
    pins = table({f"board{i}": size for i, size in enumerate(sizes)})
    rows = boards.sample_pins(pins, n, random_state=seed)
    sample = pins.iloc[rows]
    assert (sample.groupby("board").size() == n).all()
    assert len(set(rows)) == len(rows)
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, boards.sample_pins(pins, n, random_state=seed))


def test_boards_with_too_few_pins_are_named_with_their_sizes():
    with pytest.raises(ValueError, match="cannot sample 4 pins a board: b has 3"):
        boards.sample_pins(table({"a": 5, "b": 3}), 4)


def test_real_boards(shared_data):
    pins = boards.read_boards(shared_data / "boards")
    assert pins["board"].nunique() == 44
    assert len(pins) == 4638
    _, funnel = boards.filter_boards(pins, 100, "2014-07-01")
    assert funnel["boards"].tolist() == [44, 24, 24]


NO_TIMES = [
    "now", "today", "yesterday", "", "1433152800", "20150601", "2015-06", "03/04/2022",
    "2015-02-30", "2015-06-01T24:00", "2015-06-01T10:00:60", "2015-06-01T10:00+25:00",
    "2015-06-01 10:00 PM", "2015-06-01T10:00:00.1234567891", "1600-01-01", "9999-12-31",
    "\u0662\u066015-06-01", 1433152800, None, float("nan"), ["2015-06-01"],
]  # fmt: skip


def test_only_iso_8601_is_a_time_and_nothing_is_guessed():
    assert boards.parse_times(NO_TIMES).isna().all()


def test_a_time_is_the_same_whatever_times_are_beside_it():
    given = {
        "2015-06-01": "2015-06-01T00:00:00.000000000",
        " 2015-06-01T10:00 ": "2015-06-01T10:00:00.000000000",
        "2015-06-01 10:00:00.123456789Z": "2015-06-01T10:00:00.123456789",
        "2015-06-01T12:00:00.5+02:00": "2015-06-01T10:00:00.500000000",
        "2015-06-01T10:00:00-0530": "2015-06-01T15:30:00.000000000",
        "1678-01-01T00:00+23:59": "1677-12-31T00:01:00.000000000",
        "2261-12-31T23:59:59-23:59": "2262-01-01T23:58:59.000000000",
    }
    together = boards.parse_times([*given, *NO_TIMES])
    alone = [boards.parse_times([text])[0] for text in given]
    for times in (together[: len(given)], alone):
        assert [str(time.to_datetime64()) for time in times] == list(given.values())
    assert str(together.dtype) == str(boards.parse_times([]).dtype) == "datetime64[ns, UTC]"


@given(st.datetimes(min_value=datetime(1678, 1, 1), max_value=datetime(2261, 12, 31)))
def test_what_isoformat_writes_is_read_back(moment):
    read = boards.parse_times([moment.isoformat(), f"{moment.isoformat(' ')}+00:00"])
    assert read[0] == read[1] == pd.Timestamp(moment, tz="UTC")
