"""Saving pictures of strangers, the manifest, resuming, and boards from a folder."""

from __future__ import annotations

import io
import os
import unicodedata
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_pictures import png_header
from PIL import Image, ImageOps

from visprof.boards import read_boards, split_readable, survey_boards
from visprof.cli import main
from visprof.files import replacing
from visprof.manifests import read_manifest
from visprof.sources import collect
from visprof.sources.collect import (
    CollectSummary,
    PictureError,
    board_folder,
    collect_folder,
    keep_board,
    save_picture,
    write_manifest,
)


def pixels(width: int = 40, height: int = 30, seed: int = 0) -> np.ndarray:
    """A smooth picture, which JPEG changes little."""
    y, x = np.mgrid[:height, :width]
    phase = np.random.default_rng(seed).uniform(0, 6, 3)
    waves = [np.sin(x / 7 + p) + np.cos(y / 9 - p) for p in phase]
    return (127 + 60 * np.stack(waves, axis=-1)).clip(0, 255).astype(np.uint8)


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def saved(data: bytes, tmp_path, **options) -> tuple[np.ndarray, tuple[int, int]]:
    """Save a picture and read it back."""
    size = save_picture(data, tmp_path / "saved.jpg", **options)
    with Image.open(tmp_path / "saved.jpg") as picture:
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        assert not picture.getexif()
        return np.asarray(picture).astype(int), size


# ------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_pictures_of_every_kind_keep_their_look(tmp_path, kind):
    data = encoded(Image.fromarray(pixels()), kind)
    result, size = saved(data, tmp_path)
    assert size == (40, 30)
    assert np.abs(result - pixels()).mean() < 8


def test_cmyk_grey_and_palette_become_rgb(tmp_path):
    picture = Image.fromarray(pixels())
    for mode, kind in (("CMYK", "JPEG"), ("L", "PNG"), ("P", "GIF"), ("1", "PNG"), ("LA", "PNG")):
        expected = np.asarray(picture.convert(mode).convert("RGB")).astype(int)
        result, _ = saved(encoded(picture.convert(mode), kind), tmp_path)
        dithered = mode in ("1", "P")  # JPEG blurs the dots
        assert np.abs(result - expected).mean() < (30 if dithered else 8), mode


def test_sixteen_bits_keep_their_upper_half(tmp_path):
    grey = pixels()[..., 0]
    sixteen = Image.fromarray(grey.astype(np.uint16) * 256 + 99)
    result, _ = saved(encoded(sixteen, "PNG"), tmp_path)
    assert np.abs(result - grey[..., None]).mean() < 3


def test_transparent_parts_become_white(tmp_path):
    rgba = np.dstack([pixels(), np.full((30, 40), 255, np.uint8)])
    rgba[:, :20, 3] = 0
    result, _ = saved(encoded(Image.fromarray(rgba), "PNG"), tmp_path)
    assert result[:, :12].min() > 245
    assert np.abs(result[:, 24:] - pixels()[:, 24:]).mean() < 8


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.fromarray(pixels(seed=seed)) for seed in range(3)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=95)
    result, _ = saved(data, tmp_path)
    assert np.abs(result - pixels(seed=0)).mean() < 8


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, orientation, kind):
    """Oracle: Pillow's own transposition, before anything is scaled."""
    picture = Image.fromarray(pixels())
    exif = picture.getexif()
    exif[0x0112] = orientation
    data = encoded(picture, kind, exif=exif)
    with Image.open(io.BytesIO(data)) as opened:
        expected = ImageOps.exif_transpose(opened).convert("RGB")
    result, size = saved(data, tmp_path)
    assert size == expected.size
    assert np.abs(result - np.asarray(expected).astype(int)).mean() < 8
    assert saved(data, tmp_path, short_side=15)[1] == expected.size


@given(
    st.integers(1, 300), st.integers(1, 300), st.integers(1, 200), st.booleans(),
    st.sampled_from(["PNG", "JPEG"]),
)  # fmt: skip
def test_scaled_to_the_side_asked_and_never_enlarged(width, height, side, short, kind):
    if max(width, height) > collect.MAX_ASPECT * min(width, height):
        return
    data = encoded(Image.new("RGB", (width, height)), kind)
    measure = min if short else max
    options = {"short_side" if short else "max_side": side}
    picture, size = collect._decode(data, options.get("max_side"), options.get("short_side"))
    assert size == (width, height)
    assert measure(picture.size) == min(side, measure(size))
    scale = min(1, side / measure(size))
    assert picture.size == pytest.approx((width * scale, height * scale), abs=1)


def test_equal_bytes_give_equal_files_and_no_other_file(tmp_path):
    data = encoded(Image.fromarray(pixels(400, 300)), "JPEG")
    for name in ("one.jpg", "below/two.jpg"):
        save_picture(data, tmp_path / name, short_side=50)
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "below/two.jpg").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["below", "one.jpg"]


WHOLE = encoded(Image.fromarray(pixels(200, 150)), "PNG")
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
BAD_PICTURES = {
    "empty": (b"", "empty file"),
    "text": (b"no picture", "not a picture"),
    "html": (b"<html>" + b" " * 500, "not a picture"),
    "postscript": (POSTSCRIPT, "not a picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    "truncated png": (WHOLE[:2000], "truncated or damaged picture"),
    "truncated jpeg": (
        encoded(Image.fromarray(pixels(200, 150)), "JPEG")[:900],
        "truncated or damaged picture",
    ),
    "only a signature": (WHOLE[:8], "not a picture"),
    "damaged": (WHOLE[:300] + b"\xff" * 300 + WHOLE[600:], "truncated or damaged picture"),
    "bomb": (png_header(60_000, 60_000), "more than 160000000 pixels"),
    "large bomb": (png_header(2**31 - 1, 2**31 - 1), "more than 160000000 pixels"),
    "ribbon": (png_header(30_000, 2), "one side more than 50 times the other"),
    "floating point": (
        encoded(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"),
        "floating-point picture, of unknown range",
    ),
}


@pytest.mark.parametrize("case", BAD_PICTURES)
def test_a_bad_picture_is_refused_by_its_reason(tmp_path, case):
    data, reason = BAD_PICTURES[case]
    with pytest.raises(PictureError) as refused:
        save_picture(data, tmp_path / "bad.jpg", short_side=160)
    assert str(refused.value) == reason
    assert not list(tmp_path.iterdir())


def test_too_many_bytes_are_refused(tmp_path):
    with pytest.raises(PictureError, match="more than 100 bytes"):
        save_picture(WHOLE, tmp_path / "x.jpg", max_bytes=100)


@given(st.data())
def test_damaged_bytes_decode_or_are_refused_and_nothing_else(data):
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]))
    content = bytearray(encoded(Image.fromarray(pixels()), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture, _ = collect._decode(bytes(content), None, 20)
    except PictureError:
        return
    assert picture.mode == "RGB"
    assert min(picture.size) <= 20


def test_sides_that_make_no_sense_are_named(tmp_path):
    with pytest.raises(ValueError, match="max_side=9 or short_side=8, not both"):
        save_picture(WHOLE, tmp_path / "x.jpg", max_side=9, short_side=8)
    with pytest.raises(ValueError, match="short_side is 0"):
        save_picture(WHOLE, tmp_path / "x.jpg", short_side=0)


# ------------------------------------------------------------------------------------- manifests

ROWS = [
    {"board_id": "b", "image": "b/2.jpg", "added_at": "2020-01-02T01:00:00+05:00", "caption": "x"},
    {"board_id": "b", "image": "b/1.jpg", "added_at": "2020-01-01T23:00:00Z", "caption": 'é, "q"'},
    {"board_id": "a", "image": "a/2.jpg", "added_at": "2021-01-01", "caption": "two\nlines"},
    {"board_id": "a", "image": "a/1.jpg", "added_at": "2021-01-01", "caption": ""},
]
COLUMNS = ("board_id", "image", "added_at", "caption")


@given(st.permutations(ROWS))
def test_rows_in_any_order_give_the_same_manifest(tmp_path_factory, rows):
    out = tmp_path_factory.mktemp("out")
    assert write_manifest(out, rows, COLUMNS) == out / "manifest.csv"
    assert (out / "manifest.csv").read_bytes() == (
        b"board_id,image,added_at,caption\n"
        b"a,a/1.jpg,2021-01-01,\n"
        b'a,a/2.jpg,2021-01-01,"two\nlines"\n'
        b"b,b/2.jpg,2020-01-02T01:00:00+05:00,x\n"
        b'b,b/1.jpg,2020-01-01T23:00:00Z,"\xc3\xa9, ""q"""\n'
    )
    assert os.listdir(out) == ["manifest.csv"]
    assert list(read_boards(out)["caption"]) == ["", "two\nlines", "x", 'é, "q"']


def test_rows_and_columns_that_lack_something_are_named(tmp_path):
    with pytest.raises(ValueError, match="lack image, caption"):
        write_manifest(tmp_path, ROWS, ("board_id", "added_at"))
    with pytest.raises(ValueError, match="lacks licence"):
        write_manifest(tmp_path, ROWS, (*COLUMNS, "licence"))
    with pytest.raises(ValueError, match="'yesterday' is not an ISO 8601 time"):
        write_manifest(tmp_path, [ROWS[0] | {"added_at": "yesterday"}], COLUMNS)
    assert not list(tmp_path.iterdir())


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates, too
ODD_TEXT = st.one_of(
    ANY_TEXT,
    st.text(st.sampled_from("\r\n\0\",;|\t \\'\ufeff\u2028\x1a\ud800ae\u0301"), max_size=12),
)


def kept_text(text: str) -> str:
    """What a file in UTF-8 holds of it."""
    return text.encode(errors="backslashreplace").decode()


@given(
    st.lists(
        st.tuples(
            ODD_TEXT.filter(lambda text: kept_text(text).strip()),
            ODD_TEXT.map(lambda text: "x" + text.replace("/", "").replace("\\", "")),
            ODD_TEXT,
            ODD_TEXT,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_text_that_is_written_is_read_back(tmp_path_factory, texts):
    out = tmp_path_factory.mktemp("out")
    columns = (*COLUMNS, "licence", "title")
    rows = [
        {"board_id": board, "image": image, "added_at": f"2015-06-0{day}", "caption": caption,
         "licence": other, "title": other}
        for day, (board, image, caption, other) in enumerate(texts, start=1)
    ]  # fmt: skip
    write_manifest(out, rows, columns)
    table = read_manifest(out / "manifest.csv")
    assert list(table.columns) == list(columns)
    written = [tuple(kept_text(row[column]) for column in columns) for row in rows]
    assert sorted(map(tuple, table.to_numpy().tolist())) == sorted(written)
    pins = read_boards(out)
    read = pins[["board", "image", "caption", "licence"]].to_numpy().tolist()
    assert sorted(read) == sorted(
        [unicodedata.normalize("NFC", row[0]).strip(), str(out / row[1]), row[3], row[4]]
        for row in written
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "../up.jpg"}, "leads out of the folder"),
        ({"image": "/etc/hostname"}, "leads out of the folder"),
        ({"image": "link/x.jpg"}, "leads out of the folder"),
        ({"image": ""}, "image is empty"),
        ({"board_id": "\r\n"}, "board_id is empty"),
        ({"added_at": "now"}, "'now' is not an ISO 8601 time"),
        ({"added_at": "2400-01-01"}, "'2400-01-01' is not an ISO 8601 time of the years 1678 to"),
    ],
)
def test_a_manifest_that_would_not_read_does_not_replace_an_earlier_one(tmp_path, change, message):
    out = tmp_path / "out"
    write_manifest(out, ROWS, COLUMNS)
    (out / "link").symlink_to(tmp_path)
    before = (out / "manifest.csv").read_bytes()
    with pytest.raises(ValueError, match=message):
        write_manifest(out, [*ROWS, ROWS[0] | change], COLUMNS)
    assert (out / "manifest.csv").read_bytes() == before
    assert sorted(os.listdir(out)) == ["link", "manifest.csv"]


def test_a_disk_that_loses_bytes_is_noticed(tmp_path, monkeypatch):
    def losing(keep):
        @contextmanager
        def opened(path):
            with replacing(path) as file:
                yield SimpleNamespace(
                    name=file.name, flush=file.flush, write=lambda data: file.write(keep(data))
                )

        monkeypatch.setattr(collect, "replacing", opened)

    losing(lambda data: data[:-2])
    with pytest.raises(
        ValueError, match=r"manifest\.csv was not written.*line 6 is not CSV"
    ) as lost:
        write_manifest(tmp_path / "out", ROWS, COLUMNS)
    assert ".part" not in str(lost.value)
    losing(lambda data: data[: data.rindex(b"b,")])
    with pytest.raises(ValueError, match=r"manifest\.csv was not written.*not what was to be"):
        write_manifest(tmp_path / "out", ROWS, COLUMNS)
    assert not list((tmp_path / "out").iterdir())


def test_a_board_has_a_safe_folder_of_its_own():
    names = [
        "\ud800",
        "plain-1",
        "../up",
        "a/b",
        "a b",
        "",
        "..",
        ".git",
        "é",
        "x" * 300,
        "a_b",
        "CON ",
    ]
    folders = [board_folder(name) for name in names]
    assert folders[1] == "plain-1"
    assert len(set(folders)) == len(names)
    for folder in folders:
        assert folder == os.path.basename(folder)
        assert not folder.startswith(".")
        assert 0 < len(folder) < 100


def test_the_summary_says_what_was_kept_and_why_not_the_rest():
    summary = CollectSummary(7, Counter({"not a picture": 2, "empty file": 11}), 3, {"b": "gone"})
    lines = str(summary).splitlines()
    assert lines[0] == "kept 7 pins on 3 boards"
    assert lines[1] == "left out 13:"
    assert [line.split(maxsplit=1) for line in lines[2:4]] == [
        ["11", "empty file"],
        ["2", "not a picture"],
    ]
    assert lines[5].strip() == "b: gone"
    timed = CollectSummary(7, Counter(), 3, file_times=2)
    assert str(timed).splitlines()[1].startswith("2 of them have the time of their file")


def test_a_kept_board_is_loaded_until_something_else_is_asked(tmp_path):
    calls = []

    def board():
        calls.append(1)
        return [{"image": "x.jpg", "caption": "é\udcff"}], Counter({"reason": 2})

    (tmp_path / "x.jpg").touch()
    first = keep_board(tmp_path, "b", {"side": 1}, board)
    assert keep_board(tmp_path, "b", {"side": 1}, board) == first
    assert len(calls) == 1
    keep_board(tmp_path, "b", {"side": 2}, board)
    assert len(calls) == 2
    (tmp_path / "x.jpg").unlink()
    keep_board(tmp_path, "b", {"side": 2}, board)
    assert len(calls) == 3


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"asked": {}}', b"\xff\xfe", b"[" * 10**6, None]
)
def test_a_kept_board_that_cannot_be_read_is_told_and_collected_anew(tmp_path, caplog, content):
    calls = []

    def board():
        calls.append(1)
        (tmp_path / "x.jpg").write_bytes(b"picture")
        return [{"image": "x.jpg", "caption": "Sea"}], Counter({"reason": 2})

    first = keep_board(tmp_path, "b", {}, board)
    kept = tmp_path / ".rows" / "b.json"
    whole = kept.read_bytes()
    kept.write_bytes(whole.replace(b"Sea", b"Tea") if content is None else content)
    assert keep_board(tmp_path, "b", {}, board) == first
    assert len(calls) == 2
    assert f"{kept} cannot be used (it was cut or changed since it was written" in caplog.text
    assert kept.read_bytes() == whole
    keep_board(tmp_path, "b", {}, board)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["emptied", "cut", "gone", "a folder"])
def test_a_picture_that_is_not_as_it_was_written_is_told_and_collected_anew(
    folder, tmp_path, caplog, damage
):
    out = tmp_path / "out"
    collect_folder(folder, out, progress=False)
    picture = sorted((out / "hills").iterdir())[1]
    whole = picture.read_bytes()
    picture.unlink()
    if damage == "a folder":
        picture.mkdir()
        with pytest.raises(OSError, match=picture.name):
            collect_folder(folder, out, progress=False)
        picture.rmdir()
    elif damage != "gone":
        picture.write_bytes(whole[: 99 * (damage == "cut")])
    caplog.clear()
    assert collect_folder(folder, out, progress=False).kept == 9
    assert picture.read_bytes() == whole
    assert f"1 of 3 pictures of {out / '.rows' / 'hills.json'} are no longer" in caplog.text
    assert f"(hills/{picture.name})" in caplog.text


def test_what_a_killed_run_left_is_cleared_away_by_the_next(folder, tmp_path, dead_process):
    out = tmp_path / "out"
    written = ("manifest.csv", "sea/x.jpg", ".rows/x.json")
    for name in written:
        (out / name).parent.mkdir(exist_ok=True, parents=True)
        (out / f"{name}.{dead_process}.part").touch()
        (out / f"{name}.{os.getppid()}.part").touch()
    collect_folder(folder, out, progress=False)
    left = [path.relative_to(out).as_posix() for path in out.rglob("*.part")]
    assert sorted(left) == sorted(f"{name}.{os.getppid()}.part" for name in written)


def test_a_full_disk_is_told_in_one_line_that_names_the_file(folder, tmp_path, full_disk, capsys):
    with full_disk(100):
        assert main(["collect", "folder", str(folder), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"visprof: [Errno 27] File too large: '{tmp_path / 'out' / 'hills'}/")
    assert said[0].endswith(".jpg'")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


# --------------------------------------------------------------------------------------- folders


@pytest.fixture
def folder(tmp_path):
    """Three boards of pictures, some of them bad."""
    src = tmp_path / "src"
    for board in ("sea", "über uns", "hills"):
        (src / board).mkdir(parents=True)
        for k in range(3):
            file = src / board / f"Picture {k}.png"
            file.write_bytes(encoded(Image.fromarray(pixels(80, 60, k)), "PNG"))
            os.utime(file, (1e9 + k, 1e9 + k))
    (src / "sea" / "broken.jpg").write_bytes(b"nothing")
    (src / "hills" / "empty.gif").write_bytes(b"")
    return src


def test_a_folder_becomes_a_manifest_with_scaled_pictures(folder, tmp_path):
    summary = collect_folder(folder, tmp_path / "out", short_side=30, progress=False)
    assert (summary.kept, summary.boards) == (9, 3)
    assert summary.left_out == {"not a picture": 1, "empty file": 1}
    before, after = read_boards(folder), read_boards(tmp_path / "out")
    good = before[before["image"].str.endswith(".png")].reset_index(drop=True)
    for column in ("board", "time", "caption"):
        assert list(good[column]) == list(after[column])
    for image in after["image"]:
        with Image.open(image) as picture:
            assert picture.size == (40, 30)


def test_a_folder_is_copied_to_the_same_bytes_also_after_being_killed(
    folder, tmp_path, monkeypatch
):
    def contents(out):
        return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    collect_folder(folder, tmp_path / "whole", progress=False)
    saved = []

    def kill(data, path, **options):
        if len(saved) == 5:
            raise KeyboardInterrupt
        saved.append(path)
        return save_picture(data, path, **options)

    out = tmp_path / "killed"
    monkeypatch.setattr(collect, "save_picture", kill)
    with pytest.raises(KeyboardInterrupt):
        collect_folder(folder, out, progress=False)
    monkeypatch.undo()
    collect_folder(folder, out, progress=False)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_changed_file_is_copied_again(folder, tmp_path):
    out = tmp_path / "out"
    collect_folder(folder, out, progress=False)
    (folder / "sea" / "broken.jpg").write_bytes(encoded(Image.fromarray(pixels()), "JPEG"))
    assert collect_folder(folder, out, progress=False).kept == 10


def test_a_manifest_is_copied_and_missing_pictures_are_counted(folder, tmp_path):
    collect_folder(folder, tmp_path / "out", progress=False)
    next((tmp_path / "out" / "sea").iterdir()).unlink()
    summary = collect_folder(tmp_path / "out" / "manifest.csv", tmp_path / "more", progress=False)
    assert summary.kept == 8
    assert summary.left_out == {"no such file": 1}


def test_large_files_are_not_read(folder, tmp_path, monkeypatch):
    (folder / "sea" / "small.gif").write_bytes(encoded(Image.new("L", (1, 1)), "GIF"))
    monkeypatch.setattr(collect, "MAX_BYTES", 100)
    summary = collect_folder(folder, tmp_path / "out", progress=False)
    assert (summary.kept, summary.left_out["more than 100 bytes"]) == (1, 9)


def test_the_copy_may_not_lie_inside_of_the_source(folder):
    with pytest.raises(ValueError, match="is inside of"):
        collect_folder(folder, folder / "out", progress=False)


def test_where_times_and_licences_are_from_is_kept(folder, tmp_path):
    exif = Image.Exif()
    exif[0x0132] = "2013:02:03 04:05:06"
    (folder / "sea" / "dated.jpg").write_bytes(encoded(Image.new("RGB", (9, 9)), "JPEG", exif=exif))
    summary = collect_folder(folder, tmp_path / "out", progress=False)
    assert (summary.kept, summary.file_times) == (10, 9)
    pins = read_boards(tmp_path / "out")
    assert pins["time_source"].value_counts().to_dict() == {"file": 9, "exif": 1}
    listed = read_manifest(tmp_path / "out" / "manifest.csv").assign(licence="CC0-1.0")
    listed.to_csv(tmp_path / "out" / "manifest.csv", index=False)
    again = collect_folder(tmp_path / "out", tmp_path / "more", progress=False)
    assert again.file_times == 9
    more = read_boards(tmp_path / "more")
    assert list(more["time_source"]) == list(pins["time_source"])
    assert set(more["licence"]) == {"CC0-1.0"}


def test_a_folder_of_which_nothing_is_left_is_an_error_with_the_reasons(tmp_path):
    (tmp_path / "src" / "a").mkdir(parents=True)
    (tmp_path / "src" / "a" / "x.jpg").write_bytes(b"nothing")
    (tmp_path / "src" / "a" / "y.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no pin is left of .*: not a picture \(1\), empty file"):
        collect_folder(tmp_path / "src", tmp_path / "out", progress=False)
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_a_manifest_from_someone_else_cannot_fetch_pictures_of_the_reader(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(encoded(Image.fromarray(pixels()), "JPEG"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "manifest.csv").write_text(
        "board_id,image,added_at,caption\na,../secret.jpg,2015-06-01,\n"
    )
    with pytest.raises(ValueError, match=r"leads out of the folder .* in line 2"):
        collect_folder(tmp_path / "src", tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


# what is made of each kind of entry, its suffix, and what becomes of it
GOOD = encoded(Image.fromarray(pixels(20, 15)), "PNG")
OUT_OF_FOLDER = "a link out of the folder: put a copy in its place"
ENTRIES = {
    "picture": (GOOD, ".png", None),
    "picture under another name": (GOOD, ".JPG", None),
    "picture without suffix": (GOOD, "", None),
    "cut picture": (GOOD[:200], ".png", "truncated or damaged picture"),
    "cut picture without suffix": (GOOD[:200], "", "truncated or damaged picture"),
    "text as picture": (b"text", ".jpg", "not a picture"),
    "empty picture": (b"", ".gif", "empty file"),
    "bomb": (png_header(60_000, 60_000), ".png", "more than 160000000 pixels"),
    "bomb without suffix": (png_header(60_000, 60_000), "", "more than 160000000 pixels"),
    "ribbon": (png_header(30_000, 2), ".png", "one side more than 50 times the other"),
    "text": (b"text", ".txt", "not a picture (.txt)"),
    "nothing": (b"", "", "not a picture (no usual suffix)"),
    "hidden": (GOOD, ".png", "hidden or of the system"),
    "of 2381": (GOOD, ".png", "its time is not of the years 1678 to 2261"),
    "bytes": (GOOD, ".png", "its name is not UTF-8: rename it"),
    "pipe": (None, ".png", "not a regular file"),
    "link to nothing": (None, ".png", "a link to nothing"),
    "link in a circle": (None, ".png", "too many levels of symbolic links"),
    "link out": (None, ".png", OUT_OF_FOLDER),
    "link inside": (None, ".png", None),
    "link to a folder": (None, ".png", "a link to a folder: put a copy in its place"),
    "link to a folder out": (None, "", OUT_OF_FOLDER),
    "hidden folder": (None, "", "hidden or of the system"),
    "empty folder": (None, ".jpg", ""),
}
ODD_NAMES = [
    "plain", "two\nlines", "cr\rhere", 'a "b", c', " blanks ", "$5 - $10", "<b>", "é", "e\u0301",
    "写真", "-rf", "x" * 120, "..two", "%s", "a\\b",
]  # fmt: skip
PLACES = ["one", "one/deep/er", "two\r", "Two ", "cafe\u0301", "caf\u00e9", "album.jpg"]


def make_entry(root: Path, target: Path, kind: str, content: bytes | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        target.write_bytes(content)
    if kind == "of 2381":
        os.utime(target, (13e9, 13e9))
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind.startswith("link"):
        to = {
            "link to nothing": root / "gone.png",
            "link in a circle": target,
            "link out": root.parent / "secret.png",
            "link inside": root / "one" / "always.png",
            "link to a folder": root / "one",
            "link to a folder out": root.parent,
        }[kind]
        target.symlink_to(to)
    elif kind in ("hidden folder", "empty folder"):
        target.mkdir()
        if kind == "hidden folder":
            (target / "picture.png").write_bytes(GOOD)


@given(
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(ODD_NAMES), st.sampled_from([*ENTRIES])),
        max_size=14,
    ),
    st.booleans(),
)
def test_no_entry_of_a_folder_ends_a_collection_and_all_are_counted(
    tmp_path_factory, entries, one_is_good
):
    above = tmp_path_factory.mktemp("above")
    root = above / "boards"
    (root / "one").mkdir(parents=True)  # a link to a folder leads to it
    (above / "secret.png").write_bytes(GOOD)
    expected: Counter[str | None] = Counter()
    if one_is_good or any(kind == "link inside" for _, _, kind in entries):
        make_entry(root, root / "one" / "always.png", "picture", GOOD)
        expected[None] += 1
    for number, (place, name, kind) in enumerate(entries):
        content, suffix, reason = ENTRIES[kind]
        bare = name.lstrip(".")
        name = {"hidden": "._" + name, "hidden folder": "." + name, "bytes": bare + "\udcff"}.get(
            kind, bare
        )
        make_entry(root, root / place / f"{name}{number}{suffix}", kind, content)
        expected[reason] += reason != ""
    expected += Counter()  # without those of no entry
    kept = expected.pop(None, 0)
    n_entries = sum(
        len(files) + sum(name.startswith(".") or os.path.islink(os.path.join(here, name))
                         for name in folders)
        for here, folders, files in os.walk(root)
        if "/." not in here[len(str(root)):]
    )  # fmt: skip
    assert kept + expected.total() == n_entries
    if not kept:
        with pytest.raises(ValueError, match=r"no pictures below|no pin is left"):
            collect_folder(root, above / "out", short_side=10, progress=False)
        return
    summary = collect_folder(root, above / "out", short_side=10, progress=False)
    assert summary.kept == kept
    assert summary.left_out == expected
    pins = read_boards(above / "out")
    assert len(pins) == kept
    assert pins["image"].map(os.path.isfile).all()
    found, left_out = survey_boards(root)  # who reads the folder itself is told the same
    readable, unreadable = split_readable(found)
    assert len(found) + len(left_out) == n_entries
    assert len(readable) == kept
    assert len(unreadable) + len(left_out) == expected.total()


def test_a_manifest_of_the_readers_own_is_not_replaced(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    for folder in (source / "alps", out):
        folder.mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(source / "alps" / "a.jpg")
    (out / "manifest.csv").write_text(
        "board_id,image,added_at,caption\nmine,x.jpg,2015-01-01,mine\n"
    )
    with pytest.raises(FileExistsError, match=r"manifest\.csv is there, .* it would be replaced"):
        collect_folder(source, out, progress=False)
    assert "mine" in (out / "manifest.csv").read_text()


def test_a_second_source_does_not_replace_the_first(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "alps").mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(tmp_path / name / "alps" / "a.jpg")
    collect_folder(tmp_path / "one", tmp_path / "out", progress=False)
    with pytest.raises(
        FileExistsError, match=r"holds what was collected from folder .*one; collect"
    ):
        collect_folder(tmp_path / "two", tmp_path / "out", progress=False)
    collect_folder(tmp_path / "one", tmp_path / "out", progress=False)


def test_only_what_a_collection_left_unfinished_is_removed(tmp_path, dead_process):
    (tmp_path / "source" / "alps").mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(tmp_path / "source" / "alps" / "a.jpg")
    out = tmp_path / "out"
    out.mkdir()
    for name in (f"film.mkv.{dead_process}.part", f"alps.jpg.{dead_process}.part"):
        (out / name).write_bytes(b"half")
    collect_folder(tmp_path / "source", out, progress=False)
    assert [path.name for path in out.glob("*.part")] == [f"film.mkv.{dead_process}.part"]


def test_no_board_has_the_folder_of_the_manifest():
    assert board_folder("manifest.csv") != "manifest.csv"
