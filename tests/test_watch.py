"""A chapter made again when it changes: what is made next, what the form has, who is refused."""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from small_book import cell, chapter, write_book

from visprof.book import remake as remaker
from visprof.book import watch
from visprof.book.errors import BookError
from visprof.book.page import read_page
from visprof.book.remake import page_fields, remake
from visprof.book.watch import Remaking, Shown, is_of_library, remade
from visprof.book.watch_server import WatchServer, open_in_browser, watch_chapter
from visprof.parameters import preset_parameters

ROOT = Path(__file__).resolve().parent.parent
REQUEST = {"chapter": "book/01-numbers.md", "root": ".", "out": "runs"}


# --- what is made next ----------------------------------------------------------------------------


class FakeMaker:
    """Writes down what it is asked for; a test says what it answers."""

    def __init__(self, told):
        self.told, self.asked, self.given_up, self.ended = told, [], 0, False

    def make(self, number, request):
        self.asked.append((number, dict(request)))

    def give_up(self):
        self.given_up += 1

    def end(self):
        self.ended = True


def test_a_process_that_ends_in_the_middle_of_an_answer_is_told(tmp_path):
    events, log = [], tmp_path / "watch.log"
    log.write_text("Traceback\nMemoryError\n")
    process = SimpleNamespace(_told=events.append, _process=Mock(), _log=log)
    watch._Process._read(process, ['{"number": 1, "doing": "x"}\n', '{"number": 1, "ma'])
    first, last = events
    assert first == {"number": 1, "doing": "x"}
    assert "has ended: MemoryError" in last["ended"]


class Steps:
    """A `Remaking` whose events a test handles one by one."""

    def __init__(self, given=None):
        self.makers = []
        self.remaking = Remaking(given or {}, REQUEST, self._begin)
        self.remaking._wanted(time.time())

    def _begin(self, told):
        self.makers.append(FakeMaker(told))
        return self.makers[-1]

    def ask(self, **given):
        self.remaking.ask(given)
        self.remaking.step()

    def save(self, *, library=False):
        self.remaking.changed(time.time(), library=library)
        self.remaking.step()

    def answer(self, number, maker=-1, **answer):
        self.makers[maker].told({"number": number, **answer})
        self.remaking.step()

    @property
    def told(self):
        return self.remaking.shown.after(0, 0)[1]

    @property
    def asked(self):
        return [number for maker in self.makers for number, _ in maker.asked]


def made(computing=0.0):
    return {"page": "run/html/book/01-numbers.html", "computing": computing}


def test_the_first_page_is_made_at_once_and_told():
    steps = Steps({"n_clusters": "5"})
    number, request = steps.makers[0].asked[0]
    assert request == {**REQUEST, "given": {"n_clusters": "5"}, "anew": False}
    steps.answer(number, fields=[{"name": "n_clusters"}])
    steps.answer(number, doing="computing")
    assert (steps.told["phase"], steps.told["doing"]) == ("making", "computing")
    steps.answer(number, made=made(1.5))
    told = steps.told
    assert told["phase"] == "made"
    assert told["chapter"] == "01-numbers"
    assert told["fields"] == [{"name": "n_clusters"}]
    assert told["made"] == {**made(1.5), "at": number, "seconds": told["made"]["seconds"]}
    assert 0 <= told["made"]["seconds"] < 60


def test_of_many_changes_the_last_is_made_and_what_was_begun_is_given_up():
    steps = Steps()
    for value in "678":
        steps.ask(n_clusters=value)
    (maker,) = steps.makers
    assert (steps.asked, maker.given_up) == ([1], 1)
    steps.answer(1, stopped="")
    assert steps.asked == [1, 4]
    assert maker.asked[-1][1]["given"] == {"n_clusters": "8"}
    steps.answer(4, made=made())
    assert steps.told["made"]["at"] == 4


@pytest.mark.parametrize("last", [{"made": made()}, {"failed": "wrong"}])
def test_a_page_that_ends_before_it_is_given_up_is_not_shown(last):
    steps = Steps()
    steps.ask(n_clusters="6")
    steps.answer(1, doing="an older page")
    steps.answer(1, **last)
    assert (steps.told["phase"], steps.told["error"], steps.told["made"]) == ("making", "", None)
    assert steps.told["doing"] != "an older page"
    assert steps.asked == [1, 2]


def test_a_page_that_was_given_up_too_late_is_made_again():
    steps = Steps()
    steps.ask(n_clusters="6")
    steps.answer(1, made=made())
    steps.answer(2, stopped="")
    assert steps.asked == [1, 2, 2]


def test_an_error_stays_until_the_page_is_made():
    steps = Steps()
    steps.answer(1, failed="cell 2 failed")
    assert (steps.told["phase"], steps.told["error"]) == ("failed", "cell 2 failed")
    steps.save()
    assert (steps.told["phase"], steps.told["error"]) == ("making", "cell 2 failed")
    assert steps.makers[0].asked[-1][1]["anew"]
    steps.answer(2, made=made())
    assert (steps.told["phase"], steps.told["error"]) == ("made", "")


def test_a_change_of_the_library_begins_a_new_process_and_the_old_one_has_no_say():
    steps = Steps()
    steps.save(library=True)
    old, new = steps.makers
    assert old.ended
    assert [number for number, _ in new.asked] == [2]
    steps.answer(2, maker=0, failed="of the old library")
    steps.makers[0].told({"ended": "as it should"})
    steps.remaking.step()
    assert (steps.told["phase"], steps.told["error"]) == ("making", "")
    steps.answer(2, made=made())
    assert steps.told["phase"] == "made"


def test_a_process_that_ends_is_told_and_the_next_change_begins_another():
    steps = Steps()
    steps.makers[0].told({"ended": "SyntaxError: invalid syntax"})
    steps.remaking.step()
    assert (steps.told["phase"], steps.told["error"]) == ("failed", "SyntaxError: invalid syntax")
    steps.save(library=True)
    assert len(steps.makers) == 2
    steps.answer(2, made=made())
    assert steps.told["error"] == ""


def test_a_process_that_does_not_give_a_page_up_is_ended(monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 0.01)
    steps = Steps()
    steps.ask(n_clusters="6")
    steps.remaking.step()  # nothing happens: patience ends
    assert steps.makers[0].ended
    assert [number for number, _ in steps.makers[1].asked] == [2]


def test_closing_ends_the_process():
    steps = Steps()
    steps.remaking.close()
    steps.remaking.step()
    assert steps.makers[0].ended
    assert steps.remaking._over


def test_who_waits_is_told_of_a_change_or_that_there_is_none():
    shown = Shown(phase="making")
    version, _ = shown.after(0, 0)
    assert shown.after(version, 0.01) == (version, {"phase": "making"})
    threading.Timer(0.02, shown.tell, kwargs={"phase": "made"}).start()
    assert shown.after(version, 60) == (version + 1, {"phase": "made"})


def test_which_files_are_of_the_library():
    package = ROOT / "visprof"
    assert is_of_library(package / "figures" / "ranks.py")
    assert is_of_library(package / "results" / "claims.yaml")
    assert not is_of_library(package / "figures" / "ranks.txt")
    assert not is_of_library(ROOT / "tests" / "test_watch.py")


class Noted:
    def __init__(self):
        self.changes = []

    def changed(self, since, *, library):
        self.changes.append((since, library))


def test_of_saved_files_those_that_count_are_passed_on_with_the_time_of_saving(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    for file in (page, other):
        file.write_text("x")
    library, noted = ROOT / "visprof" / "ties.py", Noted()
    changes = [{(2, str(other))}, {(2, str(page)), (2, str(other))}, {(2, str(library))}]
    changes.append({(3, str(tmp_path / "gone.md")), (2, str(page))})
    os.utime(page, (time.time() - 5, time.time() - 5))
    os.utime(other)
    watch._look(changes, lambda path: path == page, noted)
    assert [library for _, library in noted.changes] == [False, True, False]
    now = time.time()
    assert [now - since for since, _ in noted.changes] == pytest.approx([5, 0, 5], abs=2)


# --- the form -------------------------------------------------------------------------------------


def test_the_form_has_the_pages_parameters_as_the_command_line_lists_them():
    page = read_page("book/06-prediction.md", ROOT)
    fields = {field["name"]: field for field in page_fields(page, "tiny")}
    assert list(fields)[:2] == ["preset", "data"]
    assert "ledger" not in fields
    assert set(fields) == set(page.parameters) - {"ledger"}
    n_clusters = fields["n_clusters"]
    assert (n_clusters["type"], n_clusters["allowed"]) == ("int", "at least 2")
    assert n_clusters["own"]
    assert not fields["n_users"]["own"]
    assert f"n_clusters: int = {n_clusters['default']}  " in page.listing("tiny")
    assert fields["preset"]["choices"][0] == "demo"
    assert fields["sentence_encoder"]["choices"] == ["true", "false"]
    assert n_clusters["choices"] == []
    assert page_fields(page, "nonsense") == page_fields(page, "demo") == page_fields(page)


def test_defaults_are_texts_that_the_form_would_take():
    page = read_page("book/06-prediction.md", ROOT)
    taken = {
        field["name"]: page.parameters[field["name"]].parse(field["default"])
        for field in page_fields(page)
    }
    assert taken["preset"] == "demo"
    assert taken["n_clusters"] == preset_parameters("demo", {}).n_clusters
    assert taken["train_sizes"] == preset_parameters("demo", {}).train_sizes


# --- one page -------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    return write_book(tmp_path / "root")


def told_of(root, tmp_path, given):
    told = []
    remake(
        lambda what, how: told.append((what, how)),
        "01-numbers", given, str(root), str(tmp_path / "runs"), anew=False,
    )  # fmt: skip
    return dict(told)


def test_a_bad_value_is_told_in_the_words_of_the_command_line(small, tmp_path):
    told = told_of(small, tmp_path, {"n_clusters": "x"})
    assert told["failed"].startswith("n_clusters='x' is not of the declared type int")
    assert "\n" not in told["failed"]
    assert {field["name"] for field in told["fields"]} >= {"n_clusters", "beta", "verbose"}


def test_a_page_that_cannot_be_read_is_told(small, tmp_path):
    page = small / "book" / "01-numbers.md"
    page.write_text(page.read_text().replace('preset: str = "demo"', "preset: str = name"))
    assert "preset = name is not a literal" in told_of(small, tmp_path, {})["failed"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BookError("cell 2 failed\n(traceback: file)", "where"), r"failed\n.traceback: file.$"),
        (OSError("the disk is full"), "the disk is full$"),
        (KeyError("a"), r"KeyError: 'a'\n\(traceback: .*watch\.traceback\.txt\)$"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_and_where_is_in_a_file(
    error, message, small, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(remaker, "run_chapter", fail)
    failed = told_of(small, tmp_path, {})["failed"]
    assert re.search(message, failed)
    if isinstance(error, KeyError):
        assert "in fail" in (tmp_path / "runs" / "watch.traceback.txt").read_text()


# --- who is refused -------------------------------------------------------------------------------


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture
def server(tmp_path):
    out = tmp_path / "runs"
    (out / "one" / "html").mkdir(parents=True)
    (out / "one" / "html" / "page.html").write_text("a page")
    (tmp_path / "secret").write_text("not of the runs")
    asked = []
    with WatchServer(Shown(phase="made"), asked.append, out, "token") as server:
        server.asked = asked
        with serving(server):
            yield server


def answer(server, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read(), response.headers


def test_it_serves_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/token/"


@pytest.mark.parametrize("path", ["", "watch.js", "watch.css", "runs/one/html/page.html"])
def test_with_the_token_all_is_there(server, path):
    status, body, headers = answer(server, f"/token/{path}")
    assert status == 200
    assert len(body) == int(headers["Content-Length"]) > 0
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Referrer-Policy"] == "same-origin"
    assert ("frame-ancestors 'none'" in headers.get("Content-Security-Policy", "")) != (
        "runs" in path
    )


@pytest.mark.parametrize("start", ["", "/", "/tokem/", "/token", "/TOKEN/", "/%74oken/", "//"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_without_the_token_nothing_is_there(server, start, method):
    for path in ("", "values", "events", "runs/one/html/page.html"):
        if (start + path).startswith("/"):
            status, body, _ = answer(server, start + path, method, "{}")
            assert status == 403
            assert b"a page" not in body
    assert server.asked == []


@pytest.mark.parametrize(
    "foreign",
    [
        {"Host": "evil.example"}, {"Host": "127.0.0.1"}, {"Host": "evil.example:{port}"},
        {"Origin": "http://evil.example"}, {"Origin": "null"},
        {"Origin": "https://127.0.0.1:{port}"}, {"Origin": "http://127.0.0.1:1"},
    ],
)  # fmt: skip
@pytest.mark.parametrize(("path", "method"), [("values", "POST"), ("", "GET"), ("events", "GET")])
def test_a_foreign_host_or_origin_is_refused(server, foreign, path, method):
    headers = {name: value.format(port=server.server_port) for name, value in foreign.items()}
    assert answer(server, f"/token/{path}", method, "{}", **headers)[0] == 403
    assert server.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_page_itself_may_send_the_form(server, host):
    own = f"{host}:{server.server_port}"
    sent = json.dumps({"n_clusters": " 50 ", "seed": "", "data": "  "})
    headers = {"Host": own, "Origin": f"http://{own}"}
    assert answer(server, "/token/values", "POST", sent, **headers)[0] == 204
    assert server.asked == [{"n_clusters": "50"}]


@pytest.mark.parametrize(
    "body", ["", "x", "[1]", '{"a": 1}', '{"a": null}', '"a"', " " * 100_001 + "{}"]
)
def test_what_is_no_form_is_refused(server, body):
    assert answer(server, "/token/values", "POST", body)[0] == 400
    assert server.asked == []


@pytest.mark.parametrize("length", ["-1", "100001", "many"])
def test_a_form_of_no_possible_length_is_refused_at_once(server, length):
    headers = {"Content-Length": length}
    assert answer(server, "/token/values", "POST", "{}", **headers)[0] == 400
    assert server.asked == []


@pytest.mark.parametrize("path", ["no", "runs/", "runs/one/html/", "runs/no", "runs/../../secret"])
def test_nothing_else_is_there(server, path):
    status, body, _ = answer(server, f"/token/{path}")
    assert status == 404
    assert b"not of the runs" not in body
    assert answer(server, f"/token/{path}", "POST", "{}")[0] == 404


def test_changes_are_told_as_they_come(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request("GET", "/token/events")
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "text/event-stream"
    assert json.loads(response.readline().removeprefix(b"data:")) == {"phase": "made"}
    assert response.readline() == b"\n"
    server.shown.tell(phase="making")
    assert json.loads(response.readline().removeprefix(b"data:")) == {"phase": "making"}
    connection.close()


def test_a_port_in_use_is_told(server, tmp_path):
    with pytest.raises(OSError, match=r"port \d+: .* in use; choose another with --port"):
        WatchServer(Shown(), print, tmp_path, "token", server.server_port)


def test_the_browser_gets_the_address_from_a_file_of_the_reader_alone(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    file = tmp_path / "runs" / "watch.html"
    for _ in range(2):
        with open_in_browser("http://127.0.0.1:1/token/", file.parent):  # which may not be there
            assert opened.pop() == file.as_uri()
            assert file.stat().st_mode & 0o077 == 0
            assert "url=http://127.0.0.1:1/token/" in file.read_text()
        assert not file.exists()
        file.write_text("of an earlier time")


def test_without_a_screen_no_browser_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser.open", pytest.fail)
    with open_in_browser("http://127.0.0.1:1/token/", tmp_path):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [("02", {}, "no chapter '02'"), ("1", {"n_cluster": "5"}, "did you mean n_clusters")],
)
def test_what_is_wrong_from_the_start_is_told_at_once(name, given, message, small, tmp_path):
    with (
        pytest.raises(ValueError, match=message),
        watch_chapter(name, given, small, tmp_path / "runs"),
    ):
        pytest.fail("it serves")


# --- the process that makes pages -----------------------------------------------------------------

WAITS = """
import os, time
open("pid", "a").write(f"{os.getpid()} {os.getppid()}\\n")
time.sleep(99 if n == 0 else 0)
"""


def wait_for(found, seconds=120):
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.05)


def ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.slow
def test_a_page_is_given_up_for_the_next_one_and_all_processes_end(small, tmp_path):
    page = small / "book" / "01-numbers.md"
    chapter(small, cell("n: int = 0") + "\n" + cell(WAITS, "waits"))
    (small / "chapter.md").rename(page)
    with remade(Path("book/01-numbers.md"), {}, small, tmp_path / "runs") as remaking:
        pids = small / "pid"
        wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"))
        first = remaking._maker._process.pid
        remaking.ask({"n": "1"})
        wait_for(lambda: remaking.shown.after(0, 0)[1]["phase"] == "made")
        assert remaking._maker._process.pid == first  # it stayed
        assert remaking.shown.after(0, 0)[1]["made"]["page"].startswith("01-numbers_n=1/html/")
        noted = {int(pid) for pid in pids.read_text().split()}
    assert len(noted) == 3  # two kernels, and what forks them
    wait_for(lambda: all(map(ended, [first, *noted])), 30)
    left = {path.name for path in (tmp_path / "runs").iterdir()}
    assert left == {"01-numbers_n=1", "_static", watch.LOG}
