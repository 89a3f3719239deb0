"""Boards: reading, filters, background split and samples."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from board_files import save_picture, write_manifest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visprof import boards


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


def test_folder_of_folders_takes_exif_or_file_time_and_words_of_the_name(tmp_path):
    save_picture(tmp_path / "alps" / "Blue_lake-01.jpg")
    os.utime(tmp_path / "alps" / "Blue_lake-01.jpg", (1.5e9, 1.5e9))
    exif = Image.Exif()
    exif[0x0132] = "2013:02:03 04:05:06"
    Image.new("RGB", (8, 8)).save(tmp_path / "alps" / "old.jpg", exif=exif)
    save_picture(tmp_path / "city" / "x.png")
    (tmp_path / "city" / "notes.txt").write_text("not a picture")
    pins = boards.read_boards(tmp_path)
    assert pins["time_source"].tolist() == ["exif", "file", "file"]
    assert pins["board"].tolist() == ["alps", "alps", "city"]
    assert pins["time"].iloc[0] == pd.Timestamp("2013-02-03 04:05:06", tz="UTC")
    assert pins["time"].iloc[1] == pd.Timestamp(1.5e9, unit="s", tz="UTC")
    assert pins["caption"].iloc[1] == "blue lake 01"


def test_csv_manifest_goes_before_a_parquet_one_beside_it(tmp_path):
    write_manifest(tmp_path, [("csv", "x.jpg", "2014-01-01T00:00:00Z", "")])
    table = pd.read_csv(tmp_path / "manifest.csv").assign(board_id="parquet")
    table.to_parquet(tmp_path / "manifest.parquet")
    assert boards.read_boards(tmp_path)["board"].tolist() == ["csv"]


def test_boards_are_in_their_folder_or_the_folder_itself(tmp_path):
    (tmp_path / "garden").mkdir()
    for empty in (tmp_path / "absent", tmp_path / "garden", tmp_path):
        with pytest.raises(
            FileNotFoundError, match="has no folder boards/: it must hold"
        ) as raised:
            boards.boards_folder(empty)
        assert "\n" not in str(raised.value)
    (tmp_path / "garden" / ".DS_Store").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").touch()
    with pytest.raises(FileNotFoundError, match="has no folder boards/"):
        boards.boards_folder(tmp_path)
    save_picture(tmp_path / "garden" / "rose.jpg")
    assert boards.boards_folder(tmp_path) == tmp_path
    assert boards.read_boards(boards.boards_folder(tmp_path))["board"].tolist() == ["garden"]
    (tmp_path / "scenes").mkdir()  # a folder of data, then, and its boards are missing
    with pytest.raises(FileNotFoundError, match="has no folder boards/"):
        boards.boards_folder(tmp_path)
    (tmp_path / "boards").mkdir()
    assert boards.boards_folder(tmp_path) == tmp_path / "boards"
    with pytest.raises(FileNotFoundError, match=r"no folder travel/: .* as boards_folder"):
        boards.boards_folder(tmp_path, "travel")
    (tmp_path / "travel").mkdir()
    assert boards.boards_folder(tmp_path, "travel") == tmp_path / "travel"


def test_a_manifest_alone_is_boards(tmp_path):
    write_manifest(tmp_path, [])
    assert boards.boards_folder(tmp_path) == tmp_path


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        boards.read_boards(tmp_path / "nowhere")


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
    assert sorted(unreadable["reason"]) == [
        "no such file", "not a picture", "truncated or damaged picture",
    ]  # fmt: skip


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
    [(3, "elsewhere", "known: active, rest"), (0, "active", "n_background: expected .* got 0"),
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


# --- folders of strangers -------------------------------------------------------------------------


def test_what_a_phone_gives_is_a_pin_and_the_rest_is_left_out_by_reason(tmp_path, caplog):
    board = tmp_path / "alps"
    for name in ("a.jfif", "0a1b2c", "deep/b.webp"):
        (board / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(board / name, "JPEG")
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "film.mov"):
        (board / name).write_text("x")
    (tmp_path / "readme.txt").write_text("x")
    save_picture(tmp_path / "__MACOSX" / "alps" / "._a.jpg")
    save_picture(tmp_path / "beside.jpg")
    pins, left_out = boards.survey_boards(tmp_path)
    assert pins["board"].unique().tolist() == ["alps"]
    assert sorted(pins["caption"]) == ["0a1b2c", "a", "b"]
    assert left_out["reason"].value_counts().to_dict() == {
        "hidden or of the system": 3,
        "not a picture (.txt)": 2,
        "not a picture (.mov)": 1,
        "in no sub-folder": 1,
    }
    pd.testing.assert_frame_equal(boards.read_boards(tmp_path), pins)
    assert "7 entries were left out: 3 hidden or of the system, 2 not a picture" in caplog.text


def test_a_file_of_a_year_that_no_table_holds_is_left_out_unless_its_picture_is_dated(tmp_path):
    exif = Image.Exif()
    exif[0x0132] = "2013:02:03 04:05:06"
    for name, options in (("dated", {"exif": exif}), ("old", {}), ("good", {})):
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "a" / f"{name}.jpg", **options)
    for name in ("dated", "old"):
        os.utime(tmp_path / "a" / f"{name}.jpg", (13e9, 13e9))  # of 2381
    pins, left_out = boards.survey_boards(tmp_path)
    assert pins["caption"].tolist() == ["dated", "good"]
    assert left_out["reason"].tolist() == ["its time is not of the years 1678 to 2261"]


def test_a_date_outside_of_the_years_or_the_calendar_gives_way_to_the_files_time(tmp_path):
    for name, date in (("a", "1600:01:01 00:00:00"), ("b", "2015:02:30 00:00:00"),
                       ("c", "0000:00:00 00:00:00"), ("d", "9999:01:01 00:00:00")):  # fmt: skip
        exif = Image.Exif()
        exif[0x0132] = date
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "a" / f"{name}.jpg", exif=exif)
        os.utime(tmp_path / "a" / f"{name}.jpg", ns=(10**18, 10**18 + 1))
    pins = boards.read_boards(tmp_path)
    assert pins["time_source"].unique().tolist() == ["file"]
    assert (pins["time"] == pd.Timestamp(10**18 + 1, tz="UTC")).all()


def test_of_several_dates_the_first_that_exists_counts(tmp_path):
    exif = Image.Exif()
    exif[0x0132] = "2013:02:03 04:05:06"
    exif.get_ifd(0x8769).update({0x9003: "0000:00:00 00:00:00", 0x9004: "2015:02:30 00:00:00"})
    (tmp_path / "a").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "a" / "x.jpg", exif=exif)
    pins = boards.read_boards(tmp_path)
    assert pins["time"].tolist() == [pd.Timestamp("2013-02-03 04:05:06", tz="UTC")]
    assert pins["time_source"].tolist() == ["exif"]


def test_composed_and_decomposed_names_and_blanks_are_one_board_and_case_is_told(tmp_path, caplog):
    for number, name in enumerate(["Caf\u00e9", "Cafe\u0301", " Caf\u00e9 ", "caf\u00e9"]):
        save_picture(tmp_path / name / f"{number}.png")
    pins = boards.read_boards(tmp_path)
    assert pins.groupby("board").size().to_dict() == {"Caf\u00e9": 3, "caf\u00e9": 1}
    assert "boards 'Caf\u00e9' and 'caf\u00e9' differ only by upper and lower case" in caplog.text
    rows = [(name, "x.jpg", "2014-01-01", "") for name in ("Cafe\u0301", "Caf\u00e9 ")]
    (tmp_path / "listed").mkdir()
    write_manifest(tmp_path / "listed", rows)
    assert boards.read_boards(tmp_path / "listed")["board"].tolist() == ["Caf\u00e9"] * 2


def test_a_folder_without_pictures_says_what_was_left_out(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("x")
    with pytest.raises(
        ValueError, match=r"no pictures below .* Left out: 1 not a picture \(\.txt\)"
    ):
        boards.read_boards(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="neither a regular file nor a folder"):
        boards.read_boards(tmp_path / "pipe")


# --- manifests of strangers -----------------------------------------------------------------------


def board_table(sizes):
    return pd.DataFrame(
        [
            {"board": board, "time": pd.Timestamp("2014-01-01") + pd.Timedelta(hours=t)}
            for board, size in sizes.items()
            for t in range(size)
        ]
    )


@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_split_takes_the_first_and_the_last(n_train, n_test, extra):
    sizes = {f"b{i}": n_train + n_test + more for i, more in enumerate(extra)}
    pins = board_table(sizes)
    train, test = boards.split_pins(pins, n_train, n_test)
    expected_train, expected_test = [], []
    for size in sizes.values():
        expected_train += [t < n_train for t in range(size)]
        expected_test += [t >= size - n_test for t in range(size)]
    assert train.tolist() == expected_train
    assert test.tolist() == expected_test
    assert not (train & test).any()


def test_split_ignores_the_index():
    pins = board_table({"a": 4, "b": 4})
    pins.index = [0] * 8
    assert boards.split_pins(pins, 2, 2)[0].tolist() == [True, True, False, False] * 2


@pytest.mark.parametrize(
    ("pins", "n_train", "message"),
    [
        (board_table({"a": 5, "b": 2}), 3, r"'b' \(2\); drop"),
        (board_table({f"b{i}": 2 for i in range(12)}), 3, "and 2 more"),
        (board_table({"a": 5}), 0, "at least 1"),
        (board_table({"a": 5})[::-1], 2, "sorted"),
        (pd.concat([board_table({"a": 5, "b": 5}), board_table({"a": 5})]), 2, "sorted"),
        (board_table({"a": 5})[["board"]], 2, r"no column\(s\) time; there are board"),
        (
            board_table({"a": 5}).assign(time=pd.NaT),
            2,
            r"pins: time: 5 of 5 values are missing, at row\(s\) 0, 1, 2, 3, 4;",
        ),
        (board_table({"a": 5})[:0], 2, "the table is empty"),
    ],
)
def test_tables_that_cannot_be_split_are_named(pins, n_train, message):
    with pytest.raises(ValueError, match=message):
        boards.split_pins(pins, n_train, 2)


def test_batches_stay_whole_on_the_side_of_the_test_pins():
    table = pd.DataFrame(
        {
            "board": list("aaaaabbbbbccccc"),
            "time": pd.to_datetime([1, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5], unit="D"),
        }
    )
    train, test = boards.split_pins(table, 3, 2, keep_batches=True)
    plain, same_test = boards.split_pins(table, 3, 2)
    np.testing.assert_array_equal(test, same_test)
    assert table["board"][train].tolist() == ["a", "a", "c", "c", "c"]  # b is one batch
    assert (plain & ~train).sum() == 4


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_no_time_is_on_both_sides_where_batches_are_kept(seed, n_times):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, n_times, size=(3, 9)), axis=1)
    table = pd.DataFrame({"board": np.repeat(list("xyz"), 9), "time": times.ravel()})
    train, test = boards.split_pins(table, 4, 3, keep_batches=True)
    for board in "xyz":
        of_board = (table["board"] == board).to_numpy()
        learnt, found = (table["time"][of_board & side] for side in (train, test))
        assert learnt.empty or learnt.max() < found.min()
        dropped = boards.split_pins(table, 4, 3)[0] & ~train & of_board
        assert (table["time"][dropped] == found.min()).all()


def plain_sessions(users, times, rule):
    """Each user's pins in time, one after the other."""
    numbers, number = np.empty(len(users), int), -1
    for user in np.unique(users):
        own = np.flatnonzero(users == user)
        last = None
        for row in own[np.argsort(times[own], kind="stable")]:
            time = times[row]
            together = (
                last is not None
                and {
                    "day": time.astype("M8[D]") == last.astype("M8[D]"),
                    "gap": time - last <= np.timedelta64(30, "m"),
                    "commit": time == last,
                }[rule]
            )
            number += not together
            numbers[row], last = number, time
    return numbers


@given(seed=st.integers(0, 10**6), n=st.integers(1, 30), rule=st.sampled_from(boards.SESSION_RULES))
def test_sessions_equal_plain_loops(seed, n, rule):
    rng = np.random.default_rng(seed)
    users = rng.choice(["b", "a", "c"], n)
    times = np.datetime64("2015-03-31T22:00", "ns") + rng.choice([1, 15, 30], n).cumsum() * (
        np.timedelta64(1, "m")
    )
    times = rng.permutation(times)
    expected = plain_sessions(users, times, rule)
    for given_times in (times, list(pd.DatetimeIndex(times)), pd.Series(times, index=[3] * n)):
        np.testing.assert_array_equal(boards.sessions(users, given_times, rule), expected)
    aware = pd.Series(times).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    np.testing.assert_array_equal(boards.sessions(users, aware, rule), expected)


def test_sessions_by_day_are_those_of_the_steps():
    pins = table({"b": 9, "a": 4})
    pins["time"] = pins["time"].dt.floor("3D")
    expected = pins.groupby(["board", pins["time"].dt.floor("D")]).ngroup()
    np.testing.assert_array_equal(boards.sessions(pins["board"], pins["time"]), expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rule": "week"}, ValueError, "rule: expected one of day, gap, commit, got 'week'"),
        ({"times": [1, 2]}, TypeError, r"times: expected dates, got int64 \(.*1.* at row 0\)"),
        ({"times": ["2015-01-01", "2015-01-02"]}, TypeError, "times: expected dates"),
        (
            {"times": pd.to_datetime(["2015-01-01", None])},
            ValueError,
            r"times: 1 of 2 .* row\(s\) 1",
        ),
        ({"users": ["a"]}, ValueError, r"users: expected shape \(2,\)"),
        ({"users": ["a", None]}, ValueError, r"users: 1 of 2 values are missing, at row\(s\) 1"),
    ],
)
def test_sessions_of_what_has_no_time(change, error, message):
    good = {"users": ["a", "a"], "times": pd.to_datetime(["2015-01-01", "2015-01-02"])}
    with pytest.raises(error, match=message):
        boards.sessions(**(good | change))


def test_days_stay_whole_whatever_the_hour():
    hours = pd.to_datetime([0, 10, 24, 30, 40, 47, 0, 1, 2, 3, 4, 5], unit="h", utc=True)
    table = pd.DataFrame({"board": list("aaaaaabbbbbb"), "time": hours})
    train, test = boards.split_pins(table, 4, 2, keep_days=True)
    assert np.flatnonzero(train).tolist() == [0, 1]  # b is one day
    np.testing.assert_array_equal(test, boards.split_pins(table, 4, 2)[1])
    assert boards.split_pins(table, 4, 2, keep_batches=True)[0].sum() == 8
    numbers = table.assign(time=np.arange(12))
    with pytest.raises(TypeError, match="times are int64"):
        boards.split_pins(numbers, 4, 2, keep_days=True)
