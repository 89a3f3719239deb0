"""Manifests: CSV and Parquet, times, and what cannot be read as it is meant."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from board_files import save_picture, write_manifest
from hypothesis import given
from hypothesis import strategies as st

from visprof import boards, manifests


def test_a_licence_is_kept_and_other_columns_are_not(tmp_path):
    write_manifest(
        tmp_path,
        [("a", "x.jpg", "2014-01-01T00:00:00Z", "", "CC0-1.0", "abc")],
        ("board_id", "image", "added_at", "caption", "licence", "blob_sha"),
    )
    pins = boards.read_boards(tmp_path)
    assert list(pins.columns) == ["board", "image", "time", "caption", "licence"]
    assert pins["licence"].tolist() == ["CC0-1.0"]


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
    pd.DataFrame({column: [] for column in manifests.MANIFEST_COLUMNS}).to_parquet(path)
    with pytest.raises(ValueError, match="lists no pins"):
        boards.read_boards(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"manifest\.parquet is not a Parquet file"):
        boards.read_boards(tmp_path)


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


NO_TIMES = [
    "now", "today", "yesterday", "", "1433152800", "20150601", "2015-06", "03/04/2022",
    "2015-02-30", "2015-06-01T24:00", "2015-06-01T10:00:60", "2015-06-01T10:00+25:00",
    "2015-06-01 10:00 PM", "2015-06-01T10:00:00.1234567891", "1600-01-01", "9999-12-31",
    "\u0662\u066015-06-01", 1433152800, None, float("nan"), ["2015-06-01"],
]  # fmt: skip


def test_only_iso_8601_is_a_time_and_nothing_is_guessed():
    assert manifests.parse_times(NO_TIMES).isna().all()


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
    together = manifests.parse_times([*given, *NO_TIMES])
    alone = [manifests.parse_times([text])[0] for text in given]
    for times in (together[: len(given)], alone):
        assert [str(time.to_datetime64()) for time in times] == list(given.values())
    assert str(together.dtype) == str(manifests.parse_times([]).dtype) == "datetime64[ns, UTC]"


@given(st.datetimes(min_value=datetime(1678, 1, 1), max_value=datetime(2261, 12, 31)))
def test_what_isoformat_writes_is_read_back(moment):
    read = manifests.parse_times([moment.isoformat(), f"{moment.isoformat(' ')}+00:00"])
    assert read[0] == read[1] == pd.Timestamp(moment, tz="UTC")


GOOD = "a,x.jpg,2014-01-01,first"


HEADER = "board_id,image,added_at,caption"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; its first line must name board_id"),
        (f"{HEADER},caption\n{GOOD},\n", "has more than one column caption"),
        (f"{HEADER}\n{GOOD}\n{GOOD},\n", r"has 4 columns, but .* in line 3 \(5 fields\)"),
        (f"{HEADER}\n{GOOD},\n{GOOD},\n", r"line 2 \(5 fields\), line 3 \(5 fields\): a text"),
        (f"{HEADER}\na,x.jpg,2014-01-01\n", r"line 2 \(3 fields\)"),
        (f'{HEADER}\na,x.jpg,2014-01-01,"two\nlines"\nb,x.jpg,now,\n', r"line 4 \('now'\)"),
        (f'{HEADER}\n{GOOD}\na,x.jpg,2014-01-01,"open\n', "row that begins in line 3 is not CSV"),
        (f'{HEADER}\na,x.jpg,2014-01-01,"a"b\n', "row that begins in line 2 is not CSV"),
        (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "is in UTF-16, by line 1: save it as UTF-8"),
        (f"{HEADER}\n{GOOD}\na,x.jpg,2014-01-01,caf\u00e9\n".encode("latin-1"),
         "is in another encoding, by line 3: save it as UTF-8"),
        (f"{HEADER}\na,x.jpg,1433152800,\n", r"not an ISO 8601 time .* in line 2 \('1433152800'\)"),
        (f"{HEADER}\na,x.jpg,03/04/2022,\n", r"not an ISO 8601 time .* in line 2 \('03/04/2022'\)"),
        (f"{HEADER}\na,x.jpg,2015-02-30,\n", "does not exist in line 2"),
        (f"{HEADER}\na,x.jpg,1600-01-01,\na,x.jpg,2014-01-01T00:00:00.000000001,\n",
         r"not of the years 1678 to 2261 in line 2 \('1600-01-01'\)$"),
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_read_is_named_with_its_line(tmp_path, content, message):
    file = tmp_path / "manifest.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as refused:
        boards.read_boards(tmp_path)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_of_all_systems_a_mark_and_empty_lines_are_read(tmp_path, end, mark):
    text = mark + end.join([HEADER, GOOD, "", 'b,"y, z.jpg",2015-01-01,"so ""called"""', ""])
    (tmp_path / "manifest.csv").write_bytes(text.encode())
    pins = boards.read_boards(tmp_path)
    assert pins["caption"].tolist() == ["first", 'so "called"']
    assert pins["image"].tolist() == [str(tmp_path / "x.jpg"), str(tmp_path / "y, z.jpg")]


def test_captions_longer_than_the_csv_module_allows_are_read(tmp_path):
    write_manifest(tmp_path, [("a", "x.jpg", "2014-01-01", "long " * 50_000)])
    assert len(boards.read_boards(tmp_path)["caption"][0]) == 250_000


@pytest.fixture
def with_secret(tmp_path):
    """A folder for a manifest, and a picture beside it that is none of its business."""
    save_picture(tmp_path / "secret.png")
    for name in ("a/good.png", "a/b/deep.png"):
        save_picture(tmp_path / "shared" / name)
    (tmp_path / "shared" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "shared" / "up").symlink_to(tmp_path)
    (tmp_path / "shared" / "circle.png").symlink_to("circle.png")
    (tmp_path / "shared" / "inside.png").symlink_to("a/good.png")
    (tmp_path / "shared2").mkdir()
    save_picture(tmp_path / "shared2" / "x.png")
    return tmp_path / "shared"


def write_any(folder, kind, images):
    table = pd.DataFrame(
        {"board_id": "a", "image": images, "added_at": "2014-01-01", "caption": ""}
    )
    if kind == "csv":
        table.to_csv(folder / "manifest.csv", index=False)
    else:
        table.to_parquet(folder / "manifest.parquet")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "image",
    ["../secret.png", "a/../../secret.png", "{}/secret.png", "link.png", "up/secret.png", "..",
     "../shared2/x.png", "no/../../secret.png", "up/shared/up/secret.png", "../gone.png"],
)  # fmt: skip
def test_a_manifest_that_points_out_of_its_folder_is_refused(with_secret, kind, image):
    image = image.format(with_secret.parent)
    write_any(with_secret, kind, ["a/good.png", image])
    place = {"csv": "line 3", "parquet": "row 2"}[kind]
    with pytest.raises(
        ValueError, match=f"image leads out of the folder .* in {place} "
    ) as refused:
        boards.read_boards(with_secret)
    assert repr(image) in str(refused.value)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_paths_inside_of_the_folder_are_read_and_hopeless_ones_set_aside(with_secret, kind):
    inside = ["a/good.png", "./a/good.png", "a/b/../good.png", "inside.png", "up/shared/a/good.png",
              str(with_secret / "a" / "good.png")]  # fmt: skip
    hopeless = {
        "a": "not a regular file",
        ".": "not a regular file",
        "x" * 300: "file name too long",
        "circle.png": "too many levels of symbolic links",
        "gone.png": "no such file",
    } | ({"a\0b.png": "its name holds a NUL"} if kind == "csv" else {})
    write_any(with_secret, kind, [*inside, *hopeless])
    readable, unreadable = boards.split_readable(boards.read_boards(with_secret))
    assert len(readable) == len(inside)
    assert unreadable["reason"].tolist() == list(hopeless.values())


def test_where_a_time_is_from_is_kept_if_the_manifest_says_so(tmp_path):
    rows = [("a", "x.jpg", "2014-01-01", "", "commit"), ("a", "y.jpg", "2014-01-02", "", "exif")]
    write_manifest(tmp_path, rows, (*HEADER.split(","), "time_source"))
    assert boards.read_boards(tmp_path)["time_source"].tolist() == ["commit", "exif"]
