"""The user's Pinterest boards, against a local server that behaves as API v5 does."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from local_server import Answer, LocalServer, Request, local_server, picture
from PIL import Image

from visprof.boards import read_boards
from visprof.cli import main
from visprof.sources import http, pinterest
from visprof.sources.pinterest import collect_pinterest

TOKEN = "pina_SECRET"


def reply(value, status=200, **headers) -> Answer:
    headers = {"Content-Type": "application/json"} | headers
    return Answer(json.dumps(value).encode(), status, headers)


class Pinterest(LocalServer):
    """Boards and pins in pages, for the right token alone; anything else is a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.boards: list[dict] = []
        self.pins: dict[str, list[dict]] = {}
        self.page = 2  # most items a page, however many are asked for
        self.trouble: list[Answer] = []  # answers of the API before it works

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith("/v5/"):
            return super().answer(request)
        self.requests.append(request)
        if self.trouble:
            return self.trouble.pop(0)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return reply({"code": 2, "message": "Authentication failed."}, 401)
        parts = request.path.split("/")[2:]
        if parts == ["boards"]:
            return self.paged(self.boards, request)
        if parts[0] == "boards" and parts[2:] == ["pins"] and parts[1] in self.pins:
            return self.paged(self.pins[parts[1]], request)
        return reply({"code": 40, "message": "Board not found."}, 404)

    def paged(self, items: list[dict], request: Request) -> Answer:
        first = int(request.query.get("bookmark", "0=").rstrip("="))
        end = first + min(self.page, int(request.query["page_size"]))
        bookmark = f"{end}=" if end < len(items) else None
        return reply({"items": items[first:end], "bookmark": bookmark})

    def pin(self, number: int, **changes: object) -> dict:
        """An image pin as the API describes it; its pictures are served."""
        images = {}
        for name, width in (("150x150", 15), ("600x", 60), ("1200x", 120)):
            self.say(f"/{name}/{number}.jpg", picture(number, size=(width, 10)))
            url = f"{self.url}/{name}/{number}.jpg"
            images[name] = {"width": width, "height": 10, "url": url}
        return {
            "id": f"10{number}",
            "created_at": f"2020-01-0{number + 1}T20:10:40-00:00",
            "link": None,
            "title": f"Pin {number}",
            "description": "",
            "alt_text": None,
            "board_id": "1",
            "media": {"media_type": "image", "images": images},
        } | changes


@pytest.fixture
def api(monkeypatch):
    """An account with a board of five pins and one of a single pin."""
    monkeypatch.setattr(http, "PAUSE", 0.001)
    monkeypatch.setattr(http._body.retry.wait, "multiplier", 0.001)
    with local_server(Pinterest()) as server:
        server.boards = [
            {"id": "1", "name": "Trips", "privacy": "PUBLIC", "pin_count": 5},
            {"id": "2", "name": "Häuser", "privacy": "SECRET", "pin_count": 1},
        ]
        server.pins = {"1": [server.pin(n) for n in range(5)], "2": [server.pin(7)]}
        yield server


def collect(api, out, **arguments):
    arguments = {"token": TOKEN, "base_url": api.url + "/v5", "progress": False} | arguments
    return collect_pinterest(out, **arguments)


def test_boards_and_pins_of_all_pages_are_collected(api, tmp_path):
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.boards, summary.left_out) == (6, 2, {})
    pins = read_boards(tmp_path)
    assert pins["board"].tolist() == ["1"] * 5 + ["2"]
    assert [Path(image).name for image in pins["image"]] == [f"10{n}.jpg" for n in (*range(5), 7)]
    assert pins["caption"].tolist()[0] == "Pin 0"
    assert pins["time"].iloc[1] == pd.Timestamp("2020-01-02 20:10:40", tz="UTC")
    assert {Image.open(image).size for image in pins["image"]} == {(60, 10)}
    manifest = pd.read_csv(tmp_path / "manifest.csv", dtype=str)
    assert set(zip(manifest["board_name"], manifest["privacy"], strict=True)) == {
        ("Trips", "PUBLIC"), ("Häuser", "SECRET"),
    }  # fmt: skip


def test_pages_are_as_large_as_the_api_allows(api, tmp_path):
    collect(api, tmp_path)
    asked = [request for request in api.requests if request.path.startswith("/v5/")]
    assert {request.query["page_size"] for request in asked} == {"250"}
    assert api.asked()["/v5/boards/1/pins"] == 3
    api.page = 250
    api.requests.clear()
    collect(api, tmp_path)
    assert api.asked() == {"/v5/boards": 1, "/v5/boards/1/pins": 1, "/v5/boards/2/pins": 1}


@pytest.mark.parametrize("width", ["1200x", "originals"])
def test_other_size_or_else_the_widest(api, tmp_path, width):
    collect(api, tmp_path, width=width)
    assert {Image.open(path).size for path in tmp_path.rglob("*.jpg")} == {(120, 10)}


@pytest.mark.parametrize(
    ("texts", "caption"),
    [
        ({"title": "A", "description": "b\n c"}, "A b c"),
        ({"title": "A", "description": "A"}, "A"),
        ({"title": None, "description": None, "alt_text": "seen"}, "seen"),
        ({"title": "", "description": "d", "alt_text": "seen"}, "d"),
        ({"title": None}, ""),
    ],
)
def test_caption(api, tmp_path, texts, caption):
    api.pins = {"1": [], "2": [api.pin(1, **texts)]}
    collect(api, tmp_path)
    assert read_boards(tmp_path)["caption"].tolist() == [caption]


def test_first_picture_of_several_is_taken(api, tmp_path):
    images = api.pin(3)["media"]["images"]
    items = [
        {"item_type": "video", "images": None},
        {"item_type": "image", "title": "1", "images": images},
        {"item_type": "image", "title": "2", "images": api.pin(4)["media"]["images"]},
    ]
    several = [
        api.pin(1, media={"media_type": "multiple_images", "items": items[1:]}),
        api.pin(2, media={"media_type": "multiple_mixed", "items": items}),
    ]
    api.pins = {"1": several, "2": []}
    assert collect(api, tmp_path).kept == 2
    assert set(api.asked()) >= {"/600x/3.jpg"}
    assert "/600x/4.jpg" not in api.asked()


def test_pins_without_a_usable_picture_have_reasons(api, tmp_path):
    images = api.pin(6)["media"]["images"]
    api.pins["2"] = [
        api.pin(1, media={"media_type": "video", "images": images, "cover_image_url": "x"}),
        api.pin(2, media={"media_type": "multiple_videos", "items": []}),
        api.pin(3, media=None),
        api.pin(4, media={"media_type": "image", "images": {"600x": None}}),
        api.pin(5, created_at=None),
        api.pin(6, id="../../10"),
        api.pin(7), api.pin(8),
    ]  # fmt: skip
    api.say("/600x/7.jpg", Answer(b"broken"))
    api.say("/600x/8.jpg", Answer(status=403))
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.boards) == (5, 1)
    expected = {"a video": 2, "no picture": 2, "no valid time": 1, "strange id": 1, "HTTP 403": 1}
    assert expected.items() <= summary.left_out.items()
    assert summary.left_out.total() == 8
    assert len(read_boards(tmp_path)) == 5


def test_rate_limits_and_outages_are_waited_for(api, tmp_path):
    limited = reply({"code": 8, "message": "limit"}, 429, **{"Retry-After": "0"})
    reset = reply({"code": 8, "message": "limit"}, 429, **{"X-RateLimit-Reset": "0"})
    api.trouble = [limited, reset, Answer(status=503)]
    assert collect(api, tmp_path).kept == 6


@pytest.mark.parametrize("token", ["wrong", "pina_secret"])
def test_refused_token_says_which_scopes_it_needs(api, tmp_path, token):
    with pytest.raises(PermissionError, match="boards:read and pins:read") as caught:
        collect(api, tmp_path / "out", token=token)
    assert token not in str(caught.value)
    assert len(api.requests) == 1
    assert not (tmp_path / "out").exists()


def test_empty_token_and_odd_size_are_refused_before_anything_is_sent(api, tmp_path):
    with pytest.raises(ValueError, match="token is empty"):
        collect(api, tmp_path, token=" ")
    with pytest.raises(ValueError, match=r"width is '\.\./x'"):
        collect(api, tmp_path, width="../x")
    assert not api.requests


def test_token_is_sent_to_the_api_alone_and_never_written(api, tmp_path, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        collect(api, tmp_path, progress=True)
    for request in api.requests:
        to_api = request.path.startswith("/v5/")
        assert request.headers.get("Authorization") == (f"Bearer {TOKEN}" if to_api else None)
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())
    assert all(TOKEN.encode() not in path.read_bytes() for path in tmp_path.rglob("*.*"))


def test_token_is_not_carried_to_another_host(api, tmp_path):
    with local_server() as other:
        other.say("/v5/boards", reply({"items": [], "bookmark": None}))
        elsewhere = other.url.replace("127.0.0.1", "localhost") + "/v5/boards"
        api.trouble = [Answer(status=302, headers={"Location": elsewhere})]
        with pytest.raises(ValueError, match="no pin is left"):
            collect(api, tmp_path)
        assert len(other.requests) == 1
        assert "Authorization" not in other.requests[0].headers


def test_netrc_does_not_replace_the_token(api, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert collect(api, tmp_path / "out").kept == 6


def test_next_run_fetches_only_what_is_new(api, tmp_path):
    api.say("/600x/2.jpg", Answer(status=404), *api.answers["/600x/2.jpg"])
    assert collect(api, tmp_path).left_out == {"HTTP 404": 1}
    api.pins["2"].append(api.pin(8))
    api.requests.clear()
    assert collect(api, tmp_path).kept == 7
    pictures = {path for path in api.asked() if not path.startswith("/v5/")}
    assert pictures == {"/600x/2.jpg", "/600x/8.jpg"}
    manifest = (tmp_path / "manifest.csv").read_bytes()
    collect(api, tmp_path)
    assert (tmp_path / "manifest.csv").read_bytes() == manifest


def test_at_most_so_many_pins_a_board(api, tmp_path):
    assert collect(api, tmp_path, max_pins=2).kept == 3
    assert api.asked()["/v5/boards/1/pins"] == 1


def test_board_that_is_not_shown_does_not_stop_the_others(api, tmp_path):
    del api.pins["1"]
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.failed) == (1, {"1": "HTTP 404"})


@pytest.mark.parametrize("status", [400, 403, 404, 500])
@pytest.mark.parametrize("page", [0, 1])
def test_board_that_fails_is_set_aside_whole_and_the_others_are_collected(
    api, tmp_path, status, page
):
    def answer(request):
        on_page = "bookmark" in request.query if page else "bookmark" not in request.query
        if request.path == "/v5/boards/1/pins" and on_page:
            return Answer(status=status)
        return Pinterest.answer(api, request)

    api.pins["1"][0] = api.pins["1"][1]  # counts for nothing on a board that fails
    api.answer = answer
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.failed) == (1, {"1": f"HTTP {status}"})
    assert summary.left_out == {}
    assert read_boards(tmp_path)["board"].tolist() == ["2"]
    assert f"1: HTTP {status}" in str(summary)
    assert not list(tmp_path.rglob("10[0-5].jpg"))


def test_a_failed_board_makes_the_command_fail(api, tmp_path, monkeypatch, capsys):
    del api.pins["1"]
    monkeypatch.setenv("PINTEREST_ACCESS_TOKEN", TOKEN)
    monkeypatch.setattr(pinterest, "session", lambda: Elsewhere(api.url + "/v5"))
    assert main(["collect", "pinterest", "--out", str(tmp_path)]) == 1
    assert "failed 1 boards" in capsys.readouterr().out


class Elsewhere(requests.Session):
    """A session whose requests to the API go to another server."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def get(self, url, **options):
        return super().get(url.replace(pinterest.API, self.url), **options)


def test_a_board_whose_pages_make_no_sense_fails_alone(api, tmp_path):
    odd = {"html": Answer(b"<html>"), "list": reply([]), "deep": Answer(b"[" * 10**6)}
    odd |= {"items": reply({"items": 3}), "bookmark": reply({"items": [], "bookmark": [1]})}
    odd |= {"same": reply({"items": [], "bookmark": "again"})}
    api.boards += [{"id": board} for board in odd]

    def answer(request):
        found = request.path.removeprefix("/v5/boards/").removesuffix("/pins")
        return odd.get(found) or Pinterest.answer(api, request)

    api.answer = answer
    summary = collect(api, tmp_path)
    assert summary.kept == 6
    assert summary.failed == {
        "html": "the answer is not JSON",
        "list": "the answer holds no list of items",
        "deep": "the answer is not JSON",
        "items": "the answer holds no list of items",
        "bookmark": "the answer names no next page that can be asked for",
        "same": "the API names the same page twice",
    }


def test_a_used_up_quota_is_waited_for_once_and_keeps_what_there_is(api, tmp_path):
    api.boards += [{"id": "3"}, {"id": "4"}]

    def answer(request):
        if request.path == "/v5/boards/2/pins":
            api.requests.append(request)
            return reply({"code": 8}, 429, **{"Retry-After": "0"})
        return Pinterest.answer(api, request)

    api.answer = answer
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.boards) == (5, 1)
    refused = "not asked for after HTTP 429"
    assert summary.failed == {"2": "HTTP 429", "3": refused, "4": refused}
    assert "/v5/boards/3/pins" not in api.asked()


def test_a_token_that_expires_and_a_lost_network_end_it(api, tmp_path):
    def expired(request):
        answer = Pinterest.answer(api, request)
        return answer if request.path == "/v5/boards" else Answer(status=401)

    api.answer = expired
    with pytest.raises(PermissionError, match="may have expired"):
        collect(api, tmp_path)
    gone = {"1": http.FetchError("url", http.NO_ANSWER)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            pinterest, "_pins", lambda _, __, board, *___: (_ for _ in ()).throw(gone[board])
        )
        with pytest.raises(http.FetchError, match="no answer"):
            collect(api, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_pin_on_two_pages_is_kept_once_and_counted(api, tmp_path):
    api.pins["1"].insert(3, api.pins["1"][1])
    api.boards.append(api.boards[0])  # and a board listed twice is one board
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.boards) == (6, 2)
    assert summary.left_out == {"pin listed again": 1}
    assert len(read_boards(tmp_path)) == 6
    assert collect(api, tmp_path, max_pins=4).kept == 5  # four others, and not three


ODD_PINS = {
    "images as a list": ({"media": {"media_type": "image", "images": ["x"]}}, "no picture"),
    "an image as text": ({"media": {"images": {"600x": "x"}}}, "no picture"),
    "an address as a number": ({"media": {"images": {"600x": {"url": 3}}}}, "no picture"),
    "media as text": ({"media": "image"}, "no picture"),
    "items as a number": ({"media": {"items": 3}}, "no picture"),
    "items that are null": ({"media": {"items": [None, 3]}}, "no picture"),
    "created_at as a list": ({"created_at": ["2020-01-01"]}, "no valid time"),
    "created_at as an object": ({"created_at": {"year": 2020}}, "no valid time"),
    "created_at as a number": ({"created_at": 1577836800}, "no valid time"),
    "created_at as true": ({"created_at": True}, "no valid time"),
    "created_at as now": ({"created_at": "now"}, "no valid time"),
    "created_at as today": ({"created_at": "today"}, "no valid time"),
    "created_at to be guessed": ({"created_at": "03/04/2022"}, "no valid time"),
    "a day that is none": ({"created_at": "2022-02-30T00:00:00"}, "no valid time"),
    "id as a number": ({"id": 101}, "strange id"),
    "no id": ({"id": None}, "strange id"),
    "id as a list": ({"id": ["101"]}, "strange id"),
    "a long id": ({"id": "1" * 300}, "strange id"),
}


@pytest.mark.parametrize("case", ODD_PINS)
def test_an_odd_pin_is_left_out_counted_and_named_in_the_log(api, tmp_path, caplog, case):
    changes, reason = ODD_PINS[case]
    api.pins["1"][2] |= changes
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.left_out) == (5, {reason: 1})
    named = f"{changes.get('id', '102')!r:.40}"
    assert f"left out pin {named} of board 1: {reason}" in caplog.text
    assert len(read_boards(tmp_path)) == 5


@pytest.mark.parametrize("item", [None, 3, "102", ["102"]])
def test_an_item_that_is_no_pin_is_left_out_and_counted(api, tmp_path, item):
    api.pins["1"][2] = item
    assert collect(api, tmp_path).left_out == {"not a pin": 1}


@pytest.mark.parametrize("item", [None, 3, {}, {"id": 2}, {"id": "../2"}])
def test_a_board_without_a_usable_id_fails_alone(api, tmp_path, item):
    api.boards[1] = item
    summary = collect(api, tmp_path)
    assert (summary.kept, summary.failed) == (5, {"number 2 of the list": "strange id"})


def test_odd_texts_and_widths_do_no_harm(api, tmp_path):
    images = api.pin(4)["media"]["images"]
    for name, width in (("150x150", "15"), ("1200x", [1])):
        images[name]["width"] = width
    media = {"media_type": ["image"], "images": images}
    api.pins["1"][4] |= {"media": media, "title": {"a": 1}, "alt_text": 3, "description": ["b"]}
    api.boards[0] |= {"name": ["Trips"], "privacy": None}
    assert collect(api, tmp_path, width="9x").kept == 6
    assert read_boards(tmp_path)["caption"].tolist()[4] == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.sampled_from(["101", "2020-01-01T00:00:00", "http://127.0.0.1:1/x", "image", "600x"]),
    lambda value: st.lists(value, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "items", "images", "600x", "url", "width"]), value, max_size=3
    ),
    max_leaves=6,
)  # fmt: skip


def places(value, path=()):
    """Where a JSON value can be replaced: itself and everything below."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@given(st.data())
def test_any_json_anywhere_adds_up_or_is_the_documented_error(tmp_path_factory, data):
    images = {"600x": {"width": 600, "height": 9, "url": "http://127.0.0.1:1/1.jpg"}}
    pins = [
        {"id": f"10{n}", "created_at": "2020-01-01T20:10:40-00:00", "title": "a",
         "media": {"media_type": "image", "images": images}}
        for n in range(3)
    ]  # fmt: skip
    pages = {
        "boards": {"items": [{"id": "1", "name": "Trips"}, {"id": "2"}], "bookmark": None},
        "boards/1/pins": {"items": pins, "bookmark": None},
        "boards/2/pins": {"items": pins[:1], "bookmark": None},
    }
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(list(places(pages))[4:]))
        pages = replaced(pages, where, data.draw(json_values))
    listed = 0

    def fetch(api, url, *, params):
        nonlocal listed
        name = url.removeprefix("http://api/")
        if name not in pages:
            raise http.FetchError(url, "HTTP 404", 404)
        page = pages[name] if "bookmark" not in params else {"items": []}
        if name != "boards" and isinstance(page, dict) and isinstance(page.get("items"), list):
            listed += len(page["items"])
        return json.dumps(page).encode()

    out, refused = tmp_path_factory.mktemp("out"), None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pinterest, "fetch", fetch)
        patch.setattr(pinterest, "save_pictures", lambda *_, **__: {})
        try:
            summary = collect_pinterest(out, token=TOKEN, base_url="http://api", progress=False)
        except (http.FetchError, ValueError) as error:
            refused = str(error)
    if refused is not None:
        documented = ("cannot fetch http://api", "no pin is left of the boards at http://api")
        assert refused.startswith(documented)
        return
    rows = pd.read_csv(out / "manifest.csv", dtype=str)
    assert len(rows) == summary.kept
    assert not rows.duplicated(["board_id", "pin_id"]).any()
    if not summary.failed:
        assert summary.kept + summary.left_out.total() == listed


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(b"<html>"), "not JSON"),
        (reply([]), "no list of items"),
        (reply({"items": "x"}), "no list of items"),
        (reply({"items": [3]}), "no list of items"),
        (Answer(status=400), "HTTP 400"),
    ],
)
def test_answer_that_is_not_the_apis_is_an_error(api, tmp_path, answer, message):
    api.trouble = [answer]
    with pytest.raises(http.FetchError, match=message):
        collect(api, tmp_path)


def test_endless_paging_is_noticed(api, tmp_path):
    api.trouble = [reply({"items": [], "bookmark": "again"}) for _ in range(9)]
    with pytest.raises(http.FetchError, match="same page twice"):
        collect(api, tmp_path)
    assert len(api.requests) == 2
