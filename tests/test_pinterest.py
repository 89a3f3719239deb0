"""The user's Pinterest boards, against a local server that behaves as API v5 does."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
from local_server import Answer, LocalServer, Request, local_server, picture
from PIL import Image

from visprof.boards import read_boards
from visprof.sources import http
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
