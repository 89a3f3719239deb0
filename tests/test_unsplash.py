"""Boards of the Unsplash data set: small tables in its format, pictures from a local server."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_server import Answer, LocalServer, local_server, picture
from PIL import Image

from visprof.boards import read_boards
from visprof.sources import http, unsplash
from visprof.sources.unsplash import collect_unsplash

PHOTO_COLUMNS = ("photo_id", "photo_url", "photo_image_url", "photo_description", "ai_description")
COLLECTION_COLUMNS = ("photo_id", "collection_id", "collection_title", "photo_collected_at")
KEYWORD_COLUMNS = ("photo_id", "keyword", "ai_service_1_confidence", "suggested_by_user")
IDS = ["--2IBUMom1I", "a_b", "C9", "d", "e", "f"]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(http, "PAUSE", 0.001)
    monkeypatch.setattr(http._body.retry.wait, "multiplier", 0.001)
    with local_server() as running:
        for number, photo in enumerate(IDS):
            running.say(f"/photo-{photo}", picture(number))
        yield running


def write_table(path: Path, columns, rows) -> None:
    """As Postgres writes it: tabs, quotes where needed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, dialect="excel-tab", lineterminator="\n").writerows([columns, *rows])


def photo_row(photo, url, described="", generated=""):
    return (photo, f"https://unsplash.com/photos/{photo}", url, described, generated)


@pytest.fixture
def tables(tmp_path, server):
    """Two boards (7: four photos, lakes: three), one photo on both, and a single one."""
    folder = tmp_path / "unsplash-lite"
    folder.mkdir()
    address = {photo: f"{server.url}/photo-{photo}" for photo in IDS}
    texts = {
        "--2IBUMom1I": ("A  lake,\nseen from \"above\"", "not this"),
        "a_b": ("", "grüne Hügel"),
        "C9": (" ", ""),
    }  # fmt: skip
    rows = [photo_row(photo, address[photo], *texts.get(photo, ())) for photo in IDS]
    write_table(folder / "photos.tsv000", PHOTO_COLUMNS, rows)
    rows = [
        ("a_b", "7", "Hills\tand more", "2016-03-15 17:04:25"),
        ("--2IBUMom1I", "7", "Hills\tand more", "2016-03-14 17:04:25.250"),
        ("C9", "7", "Hills\tand more", "2017-01-01 00:00:00"),
        ("d", "7", "Hills\tand more", "2017-01-02 00:00:00"),
        ("a_b", "lakes", "NA", "2015-01-01 00:00:00"),
        ("e", "lakes", "NA", "2015-01-02 00:00:00"),
        ("f", "lakes", "NA", "2015-01-03 00:00:00"),
        ("d", "alone", "", "2015-01-03 00:00:00"),
    ]
    write_table(folder / "collections.tsv000", COLLECTION_COLUMNS, rows)
    rows = [("C9", "sea", "99", "f"), ("C9", "wide", "", "t"), ("C9", "view", "", "t")]
    write_table(folder / "keywords.tsv000", KEYWORD_COLUMNS, [*rows, ("a_b", "no", "", "t")])
    return folder


def add_rows(path: Path, *rows) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, dialect="excel-tab", lineterminator="\n").writerows(rows)


def collect(tables, out, **arguments):
    return collect_unsplash(tables, out, **({"min_pins": 3, "progress": False} | arguments))


def test_collections_become_boards_in_time_order(tables, tmp_path):
    summary = collect(tables, tmp_path / "out")
    assert (summary.kept, summary.boards) == (7, 2)
    assert summary.left_out == {"board with fewer than 3 pins": 1}
    pins = read_boards(tmp_path / "out")
    assert pins["board"].tolist() == ["7"] * 4 + ["lakes"] * 3
    names = [Path(image).stem for image in pins["image"]]
    assert names == ["--2IBUMom1I", "a_b", "C9", "d", "a_b", "e", "f"]
    assert pins["time"].iloc[0] == pd.Timestamp("2016-03-14 17:04:25.250", tz="UTC")
    manifest = pd.read_csv(tmp_path / "out" / "manifest.csv", keep_default_na=False)
    assert set(manifest["collection_title"]) == {"Hills\tand more", "NA"}
    for image in pins["image"]:
        assert Image.open(image).size == (24, 16)


def test_caption_is_described_or_generated_or_suggested(tables, tmp_path):
    collect(tables, tmp_path / "out")
    captions = read_boards(tmp_path / "out").query("board == '7'")["caption"].tolist()
    assert captions == ['A lake, seen from "above"', "grüne Hügel", "wide view", ""]


def test_pictures_are_asked_for_once_in_the_chosen_width(tables, tmp_path, server):
    collect(tables, tmp_path / "out", width=320)
    assert server.asked() == {f"/photo-{photo}": 1 for photo in IDS}
    asked = {tuple(sorted(request.query.items())) for request in server.requests}
    assert asked == {(("fm", "jpg"), ("q", "80"), ("w", "320"))}
    collect(tables, tmp_path / "out", width=320)
    assert sum(server.asked().values()) == len(IDS)
    collect(tables, tmp_path / "out", width=200)
    assert sum(server.asked().values()) == 2 * len(IDS)


def test_second_run_writes_the_same_bytes(tables, tmp_path):
    for out in ("one", "two", "two"):
        collect(tables, tmp_path / out)
    files = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")}
    assert len(files) == 8
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_troubles_that_pass_lose_nothing(tables, tmp_path, server):
    later = server.answers["/photo-e"][0]
    busy = Answer(status=429, headers={"Retry-After": "0"})
    server.say("/photo-e", busy, Answer(status=500), later)
    cut = server.answers["/photo-f"][0]
    server.say("/photo-f", Answer(cut.body[:50], announced=len(cut.body)), cut)
    assert collect(tables, tmp_path / "out").kept == 7


def test_troubles_that_stay_are_counted_by_pin_and_mended_later(tables, tmp_path, server):
    whole = {path: server.answers[path] for path in ("/photo-a_b", "/photo-d", "/photo-e")}
    server.say("/photo-a_b", Answer(status=404))  # on two boards
    body = whole["/photo-d"][0].body
    server.say("/photo-d", Answer(body[:50], announced=len(body)))
    server.say("/photo-e", Answer(b"<html>sorry</html>"))
    summary = collect(tables, tmp_path / "out")
    assert (summary.kept, summary.boards) == (3, 2)
    assert summary.left_out["HTTP 404"] == 2
    assert summary.left_out["breaks off"] == 1
    assert summary.left_out.total() == 5
    assert len(read_boards(tmp_path / "out")) == 3
    server.answers.update(whole)
    assert collect(tables, tmp_path / "out").kept == 7


def test_killed_run_goes_on_where_it_stopped(tables, tmp_path, server, monkeypatch):
    collect(tables, tmp_path / "whole")
    save, saved = http.save_picture, []

    def dies_after_three(data, path, **options):
        if len(saved) == 3:
            raise KeyboardInterrupt
        saved.append(path)
        return save(data, path, **options)

    monkeypatch.setattr(http, "save_picture", dies_after_three)
    monkeypatch.setattr(http, "WORKERS", 1)
    with pytest.raises(KeyboardInterrupt):
        collect(tables, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.csv").exists()
    monkeypatch.setattr(http, "save_picture", save)
    before = len(server.requests)
    collect(tables, tmp_path / "out")
    assert len(server.requests) - before == len(IDS) - 3
    manifests = [(tmp_path / out / "manifest.csv").read_bytes() for out in ("whole", "out")]
    assert manifests[0] == manifests[1]


def test_rows_that_make_no_pin_have_reasons(tables, tmp_path, server):
    good = "2018-01-01 00:00:00"
    add_rows(
        tables / "photos.tsv000",
        photo_row("x", ""), photo_row("../y", server.url + "/photo-d"),
    )  # fmt: skip
    add_rows(
        tables / "collections.tsv000",
        ("gone", "7", "", good), ("x", "7", "", good), ("../y", "7", "", good),
        ("e", "7", "", ""), ("f", "7", "", "someday"), ("d", "7", "", good), ("d", "", "", good),
    )  # fmt: skip
    summary = collect(tables, tmp_path / "out")
    assert summary.kept == 7
    assert summary.left_out == {
        "photo not in the photos table": 1,
        "photo without address": 1,
        "strange photo id": 1,
        "no valid time": 2,
        "twice on its board": 1,
        "no collection named": 1,
        "board with fewer than 3 pins": 1,
    }
    assert not list(tmp_path.rglob("y.jpg"))


def test_topics_of_newer_versions_are_not_boards(tables, tmp_path):
    (tables / "collections.tsv000").unlink()
    kinds = ["Collection", "Topic"]
    rows = [(p, k, k, "2020-01-01 00:00:00", k) for k in kinds for p in IDS]
    columns = (*COLLECTION_COLUMNS, "collection_type")
    write_table(tables / "collections.csv000", columns, rows[:8])
    write_table(tables / "collections.csv001", columns, rows[8:])
    summary = collect(tables, tmp_path / "out")
    assert (summary.kept, summary.boards) == (6, 1)
    assert summary.left_out == {"a topic of the editors": 6}


def test_few_boards_are_the_largest(tables, tmp_path):
    summary = collect(tables, tmp_path / "out", max_boards=1)
    assert read_boards(tmp_path / "out")["board"].unique().tolist() == ["7"]
    assert summary.left_out["board not among the 1 largest"] == 3


def test_other_server_can_stand_in(tables, tmp_path, server):
    with local_server(LocalServer()) as mirror:
        for photo in IDS:
            mirror.say(f"/copy/photo-{photo}", picture(0))
        collect(tables, tmp_path / "out", base_url=mirror.url + "/copy/")
        assert len(mirror.requests) == len(IDS)
    assert not server.requests


GOOD = "2018-01-01 00:00:00"


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("a_b\t7\tHills\t2018-01-01 00:00:00\tand\tmore", 1),
        ('a_b\t7\t"Hills"and more\t2018-01-01 00:00:00', 1),
        ('C9\t8\t"Hills\t2018-01-01 00:00:00\nd\t8\tx\t2018-01-01 00:00:00\ne\t8\t"y"\tx', 3),
    ],
)
def test_lines_that_hold_no_row_are_counted_and_named(tables, tmp_path, caplog, line, lost):
    path = tables / "collections.tsv000"
    path.write_text(path.read_text() + line + "\nb\tlast\tx\t2018-01-01 00:00:00\n")
    summary = collect(tables, tmp_path / "out")
    assert summary.kept == 7
    assert summary.left_out["no row of the table"] == lost
    assert summary.left_out["photo not in the photos table"] == 1  # the line after
    named = ", ".join(str(number) for number in range(10, 10 + lost))
    assert f"{path}: left out what is no row of the table, line(s) {named}" in caplog.text


def test_a_quote_that_is_not_closed_loses_no_more_than_the_lines_that_are_named(
    tables, tmp_path, caplog
):
    path = tables / "collections.tsv000"
    path.write_text(path.read_text() + f'd\tlakes\t"never closed\t{GOOD}\nC9\tlakes\tx\t{GOOD}\n')
    summary = collect(tables, tmp_path / "out")
    assert summary.kept == 7
    assert summary.left_out["no row of the table"] == 2
    assert "line(s) 10, 11" in caplog.text


def test_lone_carriage_returns_and_nul_are_part_of_a_text(tables, tmp_path):
    path = tables / "photos.tsv000"
    path.write_bytes(path.read_bytes().replace("grüne Hügel".encode(), b"green\rhi\0lls"))
    summary = collect(tables, tmp_path / "out")
    assert (summary.kept, summary.boards) == (7, 2)
    with (tmp_path / "out" / "manifest.csv").open(newline="") as file:
        captions = {row["photo_id"]: row["caption"] for row in csv.DictReader(file)}
    assert captions["a_b"] == "green hi\0lls"


@pytest.mark.parametrize("change", ["bom", "crlf", "trailing tabs", "blank lines"])
def test_tables_as_other_programs_write_them_give_the_same_boards(tables, tmp_path, change):
    collect(tables, tmp_path / "one")
    for path in tables.iterdir():
        content = path.read_bytes()
        path.write_bytes({
            "bom": b"\xef\xbb\xbf" + content,
            "crlf": content.replace(b"\n", b"\r\n"),
            "trailing tabs": re.sub(rb"(?<!lake,)\n", b"\t\n", content),
            "blank lines": re.sub(rb"(?<!lake,)\n", b"\n\n", content),
        }[change])  # fmt: skip
    collect(tables, tmp_path / "two")
    one, two = ((tmp_path / out / "manifest.csv").read_bytes() for out in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("time", ["now", "today", "1577836800", "03/04/2022", "2020-02-30", "NaN"])
def test_what_is_no_documented_time_is_left_out(tables, tmp_path, time):
    add_rows(tables / "collections.tsv000", ("d", "lakes", "", time))
    assert collect(tables, tmp_path / "out").left_out["no valid time"] == 1


def test_an_emptied_or_cut_picture_is_fetched_again(tables, tmp_path, server):
    collect(tables, tmp_path / "out")
    pictures = sorted((tmp_path / "out").rglob("*.jpg"))
    whole = [path.read_bytes() for path in pictures]
    pictures[0].write_bytes(b"")
    pictures[1].write_bytes(whole[1][:-7])
    pictures[2].write_bytes(whole[2][:100] + bytes(len(whole[2]) - 100))  # as a lost page is
    assert collect(tables, tmp_path / "out").kept == 7
    assert [path.read_bytes() for path in pictures] == whole
    assert len(server.requests) == len(IDS) + 3


def test_what_a_killed_run_left_is_cleared_away(tables, tmp_path, dead_process):
    left = tmp_path / "out" / "w400" / f"d.jpg.{dead_process}.part"
    left.parent.mkdir(parents=True)
    left.touch()
    collect(tables, tmp_path / "out")
    assert not left.exists()


def test_an_odd_address_or_id_is_one_pin_less(tables, tmp_path, server):
    add_rows(
        tables / "photos.tsv000",
        photo_row("p", "http://[::1"), photo_row("q" * 300, server.url + "/photo-d"),
    )  # fmt: skip
    add_rows(
        tables / "collections.tsv000", ("p", "7", "", GOOD), ("q" * 300, "7", "", GOOD)
    )  # fmt: skip
    for arguments in ({}, {"base_url": server.url}):
        summary = collect(tables, tmp_path / "out", **arguments)
        assert summary.kept == 7
        assert summary.left_out["strange photo id"] == 1
        assert summary.left_out["bad address or answer (InvalidURL)"] == 1


@given(st.data())
def test_any_bytes_in_a_table_add_up_or_are_the_documented_error(tmp_path_factory, data):
    """Oracle: lines of a table without quotes are rows, or counted as none."""
    tables = tmp_path_factory.mktemp("tables")
    write_table(tables / "photos.tsv000", PHOTO_COLUMNS, [photo_row(p, "http://x/") for p in IDS])
    write_table(tables / "keywords.tsv000", KEYWORD_COLUMNS, [])
    lines = ["\t".join(COLLECTION_COLUMNS), *(f"{photo}\t7\tx\t{GOOD}" for photo in IDS)]
    content = bytearray("\n".join(lines).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(len(lines[0]) + 1, len(content)))
        content[place:place] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"\t", b"\r", b"\n", b'"', b"\0", b"\r\n"])
        )
    (tables / "collections.tsv000").write_bytes(content)
    refused = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unsplash, "save_pictures", lambda *_, **__: {})
        try:
            summary = collect(tables, tables / "out", min_pins=1)
        except ValueError as error:
            refused = str(error)
    if refused is not None:
        assert str(tables) in refused
    elif b'"' not in content:
        rows = [line for line in content.decode().split("\n")[1:] if line not in ("", "\r")]
        assert summary.kept + summary.left_out.total() == len(rows)


def test_tables_that_cannot_be_used_are_named(tables, tmp_path):
    with pytest.raises(ValueError, match=r"no pin is left .* fewer than 9 pins"):
        collect(tables, tmp_path / "out", min_pins=9)
    write_table(tables / "keywords.tsv000", ("photo_id", "word"), [])
    with pytest.raises(ValueError, match=r"keywords\.tsv000 lacks the column\(s\) keyword, sugg"):
        collect(tables, tmp_path / "out")
    (tables / "photos.tsv000").write_bytes("photo_id\nZürich".encode("latin-1"))
    with pytest.raises(ValueError, match=r"cannot read the table .*photos\.tsv000"):
        collect(tables, tmp_path / "out")
    (tables / "photos.tsv000").write_bytes("photo_id\tZürich".encode("utf-16"))
    with pytest.raises(ValueError, match=r"cannot read the table .*photos\.tsv000"):
        collect(tables, tmp_path / "out")
    (tables / "photos.tsv000").write_bytes(b"")
    with pytest.raises(ValueError, match=r"photos\.tsv000 lacks .* photo_id, .* it has none"):
        collect(tables, tmp_path / "out")
    (tables / "photos.tsv000").write_bytes(b'"photo_id')
    with pytest.raises(ValueError, match=r"cannot read the table .*photos\.tsv000"):
        collect(tables, tmp_path / "out")
    (tables / "photos.tsv000").unlink()
    with pytest.raises(FileNotFoundError, match=r"no table photos\.tsv000 in .*unsplash-lite"):
        collect(tables, tmp_path / "out")
    assert not (tmp_path / "out").exists()
