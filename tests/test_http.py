"""Fetching over HTTP, against a server on this machine."""

from __future__ import annotations

import gzip
import re
import time

import pytest
from local_server import Answer, local_server, picture
from PIL import Image

from visprof.sources import http


@pytest.fixture
def server(monkeypatch):
    """A server, and pauses too short to notice."""
    monkeypatch.setattr(http, "PAUSE", 0.001)
    monkeypatch.setattr(http._body.retry.wait, "multiplier", 0.001)
    with local_server() as running:
        yield running


@pytest.mark.parametrize("status", http.PASSING)
def test_what_may_pass_is_tried_again(server, status):
    server.say("/x", Answer(status=status), Answer(status=status), Answer(b"at last"))
    assert http.fetch(http.session(), server.url + "/x") == b"at last"
    assert server.asked() == {"/x": 3}


def test_retries_end_with_the_status(server):
    server.say("/x", Answer(status=503))
    with pytest.raises(http.FetchError, match="HTTP 503") as caught:
        http.fetch(http.session(retries=2), server.url + "/x")
    assert caught.value.status == 503
    assert server.asked() == {"/x": 3}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_will_not_pass_is_asked_once(server, status):
    server.say("/x", Answer(status=status))
    with pytest.raises(http.FetchError, match=f"{re.escape(server.url)}/x: HTTP {status}"):
        http.fetch(http.session(), server.url + "/x")
    assert server.asked() == {"/x": 1}


@pytest.mark.parametrize(
    "header",
    [
        {"Retry-After": "1"},
        {"X-RateLimit-Reset": "1"},
        {"Retry-After": "1", "X-RateLimit-Reset": "999"},
        {"X-RateLimit-Reset": "the epoch's second"},
    ],
)
def test_server_that_names_a_time_is_given_it(server, header, monkeypatch):
    slept = []
    if header.get("X-RateLimit-Reset", "").startswith("the"):
        header = {"X-RateLimit-Reset": str(int(time.time()) + 9)}
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    server.say("/x", Answer(status=429, headers=header), Answer(b"ok"))
    assert http.fetch(http.session(), server.url + "/x") == b"ok"
    assert len(slept) == 1
    assert 0 < slept[0] <= 9


def test_server_cannot_hold_us_for_hours(server, monkeypatch):
    slept = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    server.say("/x", Answer(status=429, headers={"Retry-After": "86400"}), Answer(b"ok"))
    http.fetch(http.session(), server.url + "/x")
    assert slept == [http.LONGEST_PAUSE]


def test_body_that_breaks_off_is_fetched_again(server):
    server.say("/x", Answer(b"half", announced=8), Answer(b"complete"))
    assert http.fetch(http.session(), server.url + "/x") == b"complete"


def test_body_that_keeps_breaking_off_is_refused(server):
    server.say("/x", Answer(b"half", announced=8))
    with pytest.raises(http.FetchError, match="breaks off"):
        http.fetch(http.session(), server.url + "/x")
    assert server.asked() == {"/x": 3}


def test_long_body_is_refused_whether_announced_or_not(server):
    server.say("/announced", Answer(b"x" * 5000))
    chunks = b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n"
    server.say("/silent", Answer(chunks, headers={"Transfer-Encoding": "chunked"}))
    for path in ("/announced", "/silent"):
        with pytest.raises(http.FetchError, match="more than 4999 bytes"):
            http.fetch(http.session(), server.url + path, max_bytes=4999)
    assert len(http.fetch(http.session(), server.url + "/announced", max_bytes=5000)) == 5000


def test_packed_body_is_measured_unpacked(server):
    bomb = gzip.compress(b"\0" * 10**6)
    server.say("/x", Answer(bomb, headers={"Content-Encoding": "gzip"}))
    assert len(bomb) < 5000
    with pytest.raises(http.FetchError, match="more than 5000 bytes"):
        http.fetch(http.session(), server.url + "/x", max_bytes=5000)


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "no address", "", "http://", "http://[::1", "http://x:99999/"]
)
def test_bad_address_is_a_failure_like_others(url):
    with pytest.raises(http.FetchError, match=r"bad address|no answer"):
        http.fetch(http.session(retries=0), url)


def test_silent_server_is_a_failure_with_its_own_reason(server):
    with local_server() as gone:
        url = gone.url
    with pytest.raises(http.FetchError) as caught:
        http.fetch(http.session(retries=1), url)
    assert caught.value.reason == http.NO_ANSWER


def test_pictures_are_saved_and_the_rest_has_reasons(server, tmp_path):
    for number in range(12):
        server.say(f"/{number}", picture(number))
    server.say("/text", Answer(b"not a picture"))
    wanted = {tmp_path / "a" / f"{n}.jpg": f"{server.url}/{n}" for n in range(12)}
    wanted |= {tmp_path / "gone.jpg": server.url + "/gone"}
    wanted |= {tmp_path / "text.jpg": server.url + "/text"}
    failed = http.save_pictures(http.session(), wanted, params={"w": 5}, progress=False)
    assert failed.keys() == {tmp_path / "gone.jpg", tmp_path / "text.jpg"}
    assert failed[tmp_path / "gone.jpg"] == "HTTP 404"
    assert {request.query["w"] for request in server.requests} == {"5"}
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == sorted(f"{n}.jpg" for n in range(12))
    for path in (tmp_path / "a").iterdir():
        assert Image.open(path).size == (24, 16)


def test_saved_pictures_are_not_fetched_again(server, tmp_path):
    server.say("/x", picture(0))
    server.say("/y", Answer(status=404), picture(1))
    wanted = {tmp_path / f"{name}.jpg": f"{server.url}/{name}" for name in "xy"}
    assert http.save_pictures(http.session(), wanted, progress=False)
    assert not http.save_pictures(http.session(), wanted, progress=False)
    assert server.asked() == {"/x": 1, "/y": 2}


def test_lost_network_stops_the_work_early(tmp_path):
    with local_server() as gone:
        url = gone.url
    wanted = {tmp_path / f"{n}.jpg": f"{url}/{n}" for n in range(500)}
    with pytest.raises(http.FetchError, match="20 pictures in a row; collect again"):
        http.save_pictures(http.session(retries=0), wanted, progress=False)
    assert not list(tmp_path.iterdir())
