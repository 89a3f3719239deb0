"""Picture files: reading one, upright and in RGB, or saying why not."""

from __future__ import annotations

import io
import os
import re
import struct
import threading

import numpy as np
import pillow_heif
import pytest
from odd_pictures import png_header
from PIL import Image, UnidentifiedImageError

from visprof import pictures
from visprof.pictures import (
    is_hidden,
    list_entries,
    map_pictures,
    picture_dates,
    read_image,
    why_unreadable,
)
from visprof.sources.collect import collect_folder, save_picture


def test_transparent_pixels_become_white(tmp_path):
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    image = read_image(tmp_path / "clear.png")
    assert image.mode == "RGB"
    assert image.getpixel((1, 1)) == (255, 255, 255)


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").size == (20, 40)


@pytest.mark.parametrize(
    ("sizes", "n_workers", "by_threads"),
    [([100] * 40, 4, False), ([100] * 39 + [10**5] * 3, 4, True), ([10**5] * 3, 1, False)],
)
def test_only_large_pictures_are_handed_to_threads(tmp_path, sizes, n_workers, by_threads):
    paths = [tmp_path / f"{i}.jpg" for i in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(b"\0" * size)

    def look(path):
        return path.stat().st_size, threading.get_ident() == threading.main_thread().ident

    found = map_pictures(look, iter(paths), n_workers)
    assert found == [(size, not by_threads) for size in sizes]


def test_a_picture_that_is_missing_or_far_away_is_the_functions_affair(tmp_path):
    images = [tmp_path / "none.jpg", "s3://bucket/one.jpg", "no\0name"]
    assert map_pictures(str, images) == [str(image) for image in images]
    assert map_pictures(str, []) == []
    with pytest.raises(FileNotFoundError, match=r"none\.jpg"):
        map_pictures(read_image, images[:1])


@pytest.mark.parametrize("content", [b"not a picture", b""])
def test_undecodable_picture_is_named(tmp_path, content):
    (tmp_path / "broken.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        read_image(tmp_path / "broken.jpg")


def test_truncated_picture_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.png"):
        read_image(tmp_path / "cut.png")


def test_missing_picture_is_not_called_unreadable(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.jpg")


def test_sixteen_bits_keep_their_upper_half(tmp_path):
    Image.fromarray(np.full((4, 4), 0x80FF, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png").getpixel((1, 1)) == (0x80, 0x80, 0x80)


def test_floating_point_pictures_are_refused_by_name(tmp_path):
    Image.fromarray(np.full((4, 4), 0.5, dtype=np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"float\.tif.*floating-point"):
        read_image(tmp_path / "float.tif")


# --- EXIF data of any kind ------------------------------------------------------------------------

PIXELS = np.random.default_rng(5).integers(0, 256, (6, 9, 3), dtype=np.uint8)
PLAIN = {  # what makes the pixels of each orientation upright, without Pillow
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: np.rot90,
}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes by type
WHOLE = {3: "H", 4: "L", 8: "h", 9: "l"}  # types of whole numbers, as struct writes them
TAGS = [
    0x0100, 0x0101, 0x0103, 0x010E, 0x010F, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x0213,
    0x8298, 0x8769, 0x8825, 0xA005, 0x927C, 0x9003, 0x9286, 0xC4A5, 0xFFFF,
]  # fmt: skip


def exif_block(rng: np.random.Generator) -> tuple[bytes, int]:
    """EXIF data with an orientation among random tags, and the orientation that they state."""
    order = rng.choice(["<", ">"])
    number = int(rng.integers(0, 11))
    kind = int(rng.choice([3, 3, 3, 3, *SIZES]))
    raw = struct.pack(order + WHOLE[kind], number) if kind in WHOLE else rng.bytes(SIZES[kind])
    entries = {0x0112: (kind, 1, raw)}
    for tag in rng.choice(TAGS, int(rng.integers(0, 12)), replace=False):
        kind_of_tag, count = int(rng.integers(0, 15)), int(rng.choice([0, 1, 1, 2, 3, 9]))
        entries[int(tag)] = (kind_of_tag, count, rng.bytes(SIZES.get(kind_of_tag, 4) * count))
    at = 8 + 2 + 12 * len(entries) + 4
    table, data = struct.pack(order + "H", len(entries)), b""
    for tag, (kind_of_tag, count, value) in sorted(entries.items()):
        inside = value.ljust(4, b"\0")
        if len(value) > 4:
            astray = rng.random() < 0.1  # a pointer out of the block
            place = int(rng.integers(0, 2**32)) if astray else at + len(data)
            inside, data = struct.pack(order + "L", place), data + value
        table += struct.pack(order + "HHL", tag, kind_of_tag, count) + inside
    magic = b"II" if order == "<" else b"MM"
    block = magic + struct.pack(order + "HL", 42, 8) + table + b"\0" * 4 + data
    stated = number if kind in WHOLE and 1 <= number <= 8 else 1
    if rng.random() < 0.1:
        return rng.bytes(len(block)), 1
    return block, stated


def with_exif(block: bytes, kind: str) -> bytes:
    file = io.BytesIO()
    exif = {} if kind == "JPEG" else {"exif": b"Exif\0\0" + block}
    Image.fromarray(PIXELS).save(
        file, kind, **exif, **({"lossless": True} if kind == "WEBP" else {})
    )
    data = file.getvalue()
    if kind == "JPEG":  # Pillow would check what it writes
        segment = b"Exif\0\0" + block
        data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    return data


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damage, which is what is made here
@pytest.mark.parametrize(
    ("kind", "n_blocks"),
    [
        pytest.param("JPEG", 500, marks=pytest.mark.slow),
        ("JPEG", 100), ("PNG", 100), ("WEBP", 100),
    ],
)  # fmt: skip
def test_pictures_are_turned_by_their_orientation_whatever_else_exif_data_hold(
    tmp_path, kind, n_blocks
):
    rng = np.random.default_rng(11)
    file = tmp_path / f"picture.{kind.lower()}"
    file.write_bytes(with_exif(b"", kind))
    stored = np.asarray(read_image(file))
    assert stored.shape == PIXELS.shape
    turned = set()
    for number in range(n_blocks):
        block, orientation = exif_block(rng)
        file.write_bytes(with_exif(block, kind))
        expected = PLAIN[orientation](stored)
        assert np.array_equal(np.asarray(read_image(file)), expected), (number, block)
        assert all(isinstance(date, str) for date in picture_dates(file))
        save_picture(file.read_bytes(), tmp_path / "saved.jpg")
        with Image.open(tmp_path / "saved.jpg") as saved:
            assert saved.size == expected.shape[1::-1], (number, block)
        turned.add(orientation)
    assert turned == set(PLAIN)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_tags_of_a_tiff_do_not_matter_either(tmp_path):
    """A TIFF's own table holds the EXIF tags, and Pillow follows its pointers while it decodes."""
    rng = np.random.default_rng(12)
    height, width, _ = PIXELS.shape
    for number in range(100):
        tag, kind = (
            int(rng.choice([0x8769, 0x8825, 0xA005, 0x013B, 0x011A])),
            int(rng.choice([*SIZES])),
        )
        short, long = (
            (lambda v: (3, 1, struct.pack("<H", v))),
            (lambda v: (4, 1, struct.pack("<L", v))),
        )
        orientation = 1 + number % 8
        entries = {
            256: short(width), 257: short(height), 258: (3, 3, struct.pack("<3H", 8, 8, 8)),
            259: short(1), 262: short(2), 273: long(8), 274: short(orientation), 277: short(3),
            278: short(height), 279: long(PIXELS.size), tag: (kind, 1, rng.bytes(SIZES[kind])),
        }  # fmt: skip
        place = 8 + PIXELS.size + 2 + 12 * len(entries) + 4
        table, data = struct.pack("<H", len(entries)), b""
        for entry, (of_kind, count, value) in sorted(entries.items()):
            inside = value.ljust(4, b"\0")
            if len(value) > 4:
                inside, data = struct.pack("<L", place + len(data)), data + value
            table += struct.pack("<HHL", entry, of_kind, count) + inside
        head = b"II" + struct.pack("<HL", 42, 8 + PIXELS.size)
        (tmp_path / "a.tif").write_bytes(head + PIXELS.tobytes() + table + b"\0" * 4 + data)
        read = np.asarray(read_image(tmp_path / "a.tif"))
        assert np.array_equal(read, PLAIN[orientation](PIXELS)), (number, tag, kind)


def test_a_resolution_of_an_odd_type_does_not_hide_the_picture(tmp_path):
    """Pillow takes such a JPEG for no picture at all."""
    tags = [(0x0112, 3, b"\6\0"), (0x011A, 1, b"\7"), (0x0128, 3, b"\2\0")]
    table = b"".join(struct.pack("<HHL", tag, kind, 1) + v.ljust(4, b"\0") for tag, kind, v in tags)
    block = b"II" + struct.pack("<HLH", 42, 8, len(tags)) + table + b"\0" * 4
    (tmp_path / "odd.jpg").write_bytes(with_exif(block, "JPEG"))
    with pytest.raises(UnidentifiedImageError):
        Image.open(tmp_path / "odd.jpg")
    assert read_image(tmp_path / "odd.jpg").size == (6, 9)


# --- dates ----------------------------------------------------------------------------------------

ORIGINAL, DIGITIZED, CHANGED, ZONE = 0x9003, 0x9004, 0x0132, 0x9011
DATES = {
    "standard": ({ORIGINAL: "2015:06:01 10:00:00"}, "2015-06-01T10:00:00"),
    "dashes": ({ORIGINAL: "2015-06-01 10:00:00"}, "2015-06-01T10:00:00"),
    "slashes": ({ORIGINAL: "2015/06/01 10:00:00"}, "2015-06-01T10:00:00"),
    "dots": ({ORIGINAL: "2015.06.01 10:00:00"}, "2015-06-01T10:00:00"),
    "T": ({ORIGINAL: "2015-06-01T10:00:00"}, "2015-06-01T10:00:00"),
    "T and colons": ({ORIGINAL: "2015:06:01T10:00:00"}, "2015-06-01T10:00:00"),
    "fraction": ({ORIGINAL: "2015:06:01 10:00:00.25"}, "2015-06-01T10:00:00.25"),
    "comma": ({ORIGINAL: "2015:06:01 10:00:00,250"}, "2015-06-01T10:00:00.250"),
    "zone": ({ORIGINAL: "2015:06:01 10:00:00+02:00"}, "2015-06-01T10:00:00+02:00"),
    "blank and zone": ({ORIGINAL: "2015:06:01 10:00:00 -0500"}, "2015-06-01T10:00:00-0500"),
    "Z": ({ORIGINAL: "2015-06-01T10:00:00Z"}, "2015-06-01T10:00:00Z"),
    "blank behind": ({ORIGINAL: "2015:06:01 10:00:00 "}, "2015-06-01T10:00:00"),
    "NULs behind": ({ORIGINAL: "2015:06:01 10:00:00\0\0\0"}, "2015-06-01T10:00:00"),
    "minutes": ({ORIGINAL: "2015:06:01 10:00"}, "2015-06-01T10:00:00"),
    "day": ({ORIGINAL: "2015:06:01"}, "2015-06-01"),
    "zone's tag": ({ORIGINAL: "2015:06:01 10:00:00", ZONE: "+09:00 "}, "2015-06-01T10:00:00+09:00"),
    "odd zone": ({ORIGINAL: "2015:06:01 10:00:00", ZONE: "JST"}, "2015-06-01T10:00:00"),
    "zone twice": ({ORIGINAL: "2015:06:01 10:00:00Z", ZONE: "+09:00"}, "2015-06-01T10:00:00Z"),
    "digitized": ({DIGITIZED: "2015:06:01 10:00:00"}, "2015-06-01T10:00:00"),
    "changed": ({CHANGED: "2015:06:01 10:00:00"}, "2015-06-01T10:00:00"),
    "order": (
        {CHANGED: "2017:01:01 00:00:00", DIGITIZED: "2016:01:01 00:00:00", ORIGINAL: "2015:06:01"},
        "2015-06-01",
    ),
    "first readable": ({ORIGINAL: "yesterday", DIGITIZED: "2015:06:01"}, "2015-06-01"),
    "blanks": ({ORIGINAL: "    :  :     :  :  "}, None),
    "numbers": ({CHANGED: (2015, 6, 1)}, None),
    "several dates": ({ORIGINAL: "2015:06:01 10:00:00 2016:06:01 10:00:00"}, None),
    "American": ({ORIGINAL: "06/01/2015 10:00 AM"}, None),
    "none": ({}, None),
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("case", DATES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_dates_of_usual_forms_are_read_and_no_others(tmp_path, case, kind):
    tags, expected = DATES[case]
    exif = Image.Exif()
    if CHANGED in tags:
        exif[CHANGED] = tags[CHANGED]
    inner = exif.get_ifd(0x8769)
    inner.update({tag: value for tag, value in tags.items() if tag != CHANGED})
    Image.fromarray(PIXELS).save(tmp_path / "dated", kind, exif=exif.tobytes())
    assert next(iter(picture_dates(tmp_path / "dated")), None) == expected


def test_what_is_no_picture_has_no_date(tmp_path):
    (tmp_path / "text.jpg").write_text("2015:06:01 10:00:00")
    for name in ("text.jpg", "none.jpg", "."):
        assert picture_dates(tmp_path / name) == []


# --- files of any kind ----------------------------------------------------------------------------


def as_heic(seed=0):
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, quality=90)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("phone.jfif", "JPEG"), ("0a1b2c", "PNG"), ("wrong.png", "JPEG"), ("a.avif", "AVIF")],
)
def test_a_picture_is_known_by_its_content(tmp_path, name, kind):
    Image.new("RGB", (9, 6), "teal").save(tmp_path / name, kind)
    assert read_image(tmp_path / name).size == (9, 6)
    assert why_unreadable(tmp_path / name) == ""


def test_pictures_of_phones_are_read(tmp_path):
    (tmp_path / "IMG_0001.HEIC").write_bytes(as_heic())
    assert read_image(tmp_path / "IMG_0001.HEIC").size == (96, 64)


def test_an_orientation_of_heic_and_avif_is_applied_once(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[CHANGED] = "2015:06:01 10:00:00"
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48] = 255  # the left half becomes the upper one
    for kind in ("HEIF", "AVIF"):
        stored = Image.fromarray(pixels)
        stored.info["exif"] = exif.tobytes()
        stored.save(tmp_path / "turned", kind, exif=exif.tobytes())
        read = np.asarray(read_image(tmp_path / "turned")).astype(int)
        assert read.shape == (96, 64, 3)
        assert read[:40].min() > 200, kind
        assert read[56:].max() < 50, kind
        assert picture_dates(tmp_path / "turned") == ["2015-06-01T10:00:00"]


def test_without_its_extra_a_heic_picture_says_what_brings_it(tmp_path, monkeypatch):
    (tmp_path / "boards" / "a").mkdir(parents=True)
    for name in ("IMG_1.HEIC", "IMG_2"):
        (tmp_path / "boards" / "a" / name).write_bytes(as_heic())
    Image.new("RGB", (9, 6)).save(tmp_path / "boards" / "a" / "good.jpg")
    monkeypatch.setattr(pictures, "HEIF", ())
    monkeypatch.setattr(pictures, "FORMATS", tuple(f for f in pictures.FORMATS if f != "HEIF"))
    reason = 'HEIC picture; to read it: pip install "visprof[heif]"'
    with pytest.raises(ValueError, match=re.escape(reason)):
        read_image(tmp_path / "boards" / "a" / "IMG_1.HEIC")
    summary = collect_folder(tmp_path / "boards", tmp_path / "out", progress=False)
    assert (summary.kept, summary.left_out) == (1, {reason: 2})


@pytest.fixture
def odd_places(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "empty.jpg").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder.jpg", "not a regular file"),
        ("pipe.jpg", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("circle.jpg", "too many levels of symbolic links"),
        ("x" * 300 + ".jpg", "file name too long"),
        ("a\0b.jpg", "its name holds a NUL"),
        ("\ud800.jpg", "its name is no text that a file can have"),
        ("empty.jpg/below.jpg", "not a directory"),
        ("empty.jpg", "empty file"),
        ("dangling.jpg", "no such file"),
    ],
)
def test_only_regular_files_are_opened(odd_places, name, reason):
    path = os.path.join(odd_places, name)
    assert why_unreadable(path) == reason
    error = FileNotFoundError if reason == "no such file" else ValueError
    with pytest.raises(error):
        read_image(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # pytest's own filters
def test_one_limit_of_pixels_and_one_message(tmp_path):
    """Pillow would warn from 89 million pixels on, and stop at 179 million in words of its own."""
    for width, height in ((16_000, 10_001), (20_000, 20_000), (2**31 - 1, 2**31 - 1)):
        (tmp_path / "bomb.png").write_bytes(png_header(width, height))
        assert why_unreadable(tmp_path / "bomb.png") == "more than 160000000 pixels"
    with pytest.raises(ValueError, match=r"bomb\.png.*more than 160000000 pixels"):
        read_image(tmp_path / "bomb.png")
    Image.new("1", (10_000, 10_000)).save(tmp_path / "large.png")
    with open(tmp_path / "large.png", "rb") as file, pictures.open_picture(file) as picture:
        assert picture.size == (10_000, 10_000)


def test_entries_of_a_folder_have_their_reasons(odd_places):
    board = odd_places / "board"
    (board / "deep" / "er").mkdir(parents=True)
    (board / "nothing").mkdir()
    for name in ("good.jpg", "suffixless", "deep/er/good.PNG"):
        Image.new("RGB", (9, 6)).save(board / name, "PNG")
    Image.new("RGB", (9, 6)).save(board / "camera.raw", "TIFF")
    (board / "text.txt").write_text("BM is how a BMP begins")
    (board / "notes").write_text("")
    (board / "claims.jpg").write_text("no picture")
    (board / "inside.jpg").symlink_to(board / "good.jpg")
    (board / "out.jpg").symlink_to("/etc/hostname")
    (board / "linked").symlink_to(board / "deep")
    (board / "Thumbs.db").touch()
    (board / ".git").mkdir()
    (board / ".git" / "x.jpg").touch()
    bytes_name = os.fsencode(board) + b"/caf\xe9.jpg"
    with open(bytes_name, "wb"):
        pass
    found = {path.relative_to(odd_places).as_posix(): why for path, why in list_entries(odd_places)}
    assert found == {
        "board/.git": "hidden or of the system",
        "board/Thumbs.db": "hidden or of the system",
        "board/camera.raw": "not a picture (.raw)",
        "board/caf\udce9.jpg": "its name is not UTF-8: rename it",
        "board/claims.jpg": "",
        "board/deep/er/good.PNG": "",
        "board/good.jpg": "",
        "board/inside.jpg": "",
        "board/linked": "a link to a folder: put a copy in its place",
        "board/notes": "not a picture (no usual suffix)",
        "board/out.jpg": "a link out of the folder: put a copy in its place",
        "board/suffixless": "",
        "board/text.txt": "not a picture (.txt)",
        "circle.jpg": "too many levels of symbolic links",
        "dangling.jpg": "a link to nothing",
        "empty.jpg": "in no sub-folder",
        "pipe.jpg": "not a regular file",
    }


@pytest.mark.parametrize(
    "name",
    [".git", "__MACOSX", ".thumbnails", ".Trash-1000", "@eaDir", ".DS_Store", "Thumbs.db",
     "._a.jpg", "desktop.ini", "$RECYCLE.BIN", "System Volume Information", "lost+found"],
)  # fmt: skip
def test_names_of_systems_are_hidden(name):
    assert is_hidden(name)
    assert not is_hidden(f"my {name}")
