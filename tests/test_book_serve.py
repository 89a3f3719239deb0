"""A built book, served."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request

import pytest

from visprof.book.serve import book_server


@pytest.fixture
def built(tmp_path):
    html = tmp_path / "demo" / "html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("the book")
    (tmp_path / "demo" / "secret").write_text("not of the book")
    return tmp_path


def test_the_files_of_the_book_are_served_to_this_machine_alone(built, capfd):
    with book_server(built, port=0) as server:
        assert server.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            with urllib.request.urlopen(f"{address}/") as answer:
                assert answer.read() == b"the book"
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{address}/../secret")
        finally:
            server.shutdown()
            thread.join()
    assert "".join(capfd.readouterr()) == ""


def test_a_port_in_use_is_told(built):
    with (
        book_server(built, port=0) as first,
        pytest.raises(OSError, match=r"port \d+: .* in use; choose another with --port"),
    ):
        book_server(built, port=first.server_port)


def test_a_book_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no book at .*visprof build --preset own"):
        book_server(tmp_path, "own")
