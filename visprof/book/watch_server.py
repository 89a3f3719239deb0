"""The server of `visprof.book.watch`: a chapter, above it its form, to this machine alone.

Whoever may ask it may let it compute, and read the runs. So it listens at the loopback address, and
every address begins with a token that only who began it is told. A page of another server cannot
ask it either: what it names as ``Host`` or ``Origin`` would be another.
"""

from __future__ import annotations

import functools
import hmac
import json
import os
import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from visprof.book.page import find_chapter, read_page
from visprof.book.parameters import check_parameters
from visprof.book.watch import Shown, remade

__all__ = ["WatchServer", "open_in_browser", "watch_chapter"]

FRONT = {  # what the page is made of, beside the chapter
    "": ("watch.html", "text/html; charset=utf-8"),
    "watch.css": ("watch.css", "text/css; charset=utf-8"),
    "watch.js": ("watch.js", "text/javascript; charset=utf-8"),
}
MOST_BYTES = 100_000  # of a form
QUIET = 15.0  # seconds, at most, without a word to a browser: it would not be seen to have gone
# of the page around the chapter; the chapter has scripts of its own
POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"


class WatchServer(ThreadingHTTPServer):
    """Serves when its `serve_forever` is called.

    Parameters
    ----------
    shown : Shown
        What the page is told, as it changes.
    ask : callable
        Gets the values of the form, as texts by name, when it is sent.
    out : Path
        Folder of the runs.
    token : str
        Letters, digits, - and _; the address is ``http://127.0.0.1:PORT/TOKEN/``.
    port : int
        0: any that is free.

    Raises
    ------
    OSError
        If something else uses the port.
    """

    daemon_threads = True  # a browser that is told of changes is never done

    def __init__(
        self,
        shown: Shown,
        ask: Callable[[Mapping[str, str]], None],
        out: Path,
        token: str,
        port: int = 0,
    ) -> None:
        self.shown, self.ask, self.token = shown, ask, token
        handler = functools.partial(_Handler, directory=str(out))
        try:
            super().__init__(("127.0.0.1", port), handler)
        except OSError as error:
            raise OSError(f"port {port}: {error.strerror}; choose another with --port") from error

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"


@contextmanager
def watch_chapter(
    chapter: str,
    parameters: Mapping[str, str] | None = None,
    root: str | Path = ".",
    out: str | Path = "_build/runs",
    port: int = 0,
) -> Iterator[WatchServer]:
    """Make one chapter, and make it again when it, the library or a parameter changes.

    Parameters
    ----------
    chapter, parameters, root, out
        As for `visprof.book.runs.run_chapter`; values are texts. What is made is a run, too.
    port : int
        Of this machine's loopback address; 0: any that is free.

    Yields
    ------
    WatchServer
        It serves when its `serve_forever` is called. All that was started ends with the block.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such chapter or parameter, or a value is none that it may have.
    OSError
        If something else uses the port.
    """
    root, out, given = Path(root), Path(out), dict(parameters or {})
    page = read_page(find_chapter(chapter, root), root)
    check_parameters(page.parameters, given, str(page.path), page.listing())
    with (
        remade(page.path, given, root, out) as remaking,
        WatchServer(remaking.shown, remaking.ask, out, token_urlsafe(24), port) as server,
    ):
        yield server


@contextmanager
def open_in_browser(address: str, folder: Path) -> Iterator[None]:
    """Open an address in the reader's browser, if there is a screen.

    By way of a file that only the reader can read, gone when the block ends: the words of a
    command, such as the browser's, can be seen by every user of a machine.
    """
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        yield
        return
    file = folder.resolve() / "watch.html"
    file.parent.mkdir(parents=True, exist_ok=True)  # the page's process may not have begun
    file.unlink(missing_ok=True)
    try:
        with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as page:
            page.write(f'<meta http-equiv="refresh" content="0; url={address}">')
        webbrowser.open(file.as_uri())
        yield
    finally:
        file.unlink(missing_ok=True)


class _Handler(SimpleHTTPRequestHandler):
    server: WatchServer

    def do_GET(self) -> None:
        if (path := self._allowed()) is None:
            return
        if path in FRONT:
            self._send_front(*FRONT[path])
        elif path == "events":
            self._send_events()
        elif path.startswith("runs/"):
            self.path = path.removeprefix("runs")
            super().do_GET()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        if (path := self._allowed()) is None:
            return
        if path != "values":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            length = int(self.headers["Content-Length"])
            if not 0 <= length <= MOST_BYTES:  # of fewer than none, all would be waited for
                raise ValueError(length)
            given = _values(json.loads(self.rfile.read(length)))
        except (TypeError, ValueError):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        self.server.ask(given)
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def _allowed(self) -> str | None:
        """What is asked for, below the token; None, and refused, if nobody may ask for it so."""
        port = self.server.server_port
        hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
        origin = self.headers["Origin"]
        token, slash, path = urlsplit(self.path).path.removeprefix("/").partition("/")
        if (
            slash
            and self.headers["Host"] in hosts
            and (origin is None or origin in [f"http://{host}" for host in hosts])
            and hmac.compare_digest(token.encode(), self.server.token.encode())
        ):
            return path
        self.close_connection = True
        self.send_error(HTTPStatus.FORBIDDEN)
        return None

    def _send_front(self, file: str, kind: str) -> None:
        body = files("visprof.book").joinpath(file).read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_events(self) -> None:
        """Tell what is shown, each time that it changes, as long as somebody reads."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        version = 0
        try:
            while True:
                before = version
                version, told = self.server.shown.after(version, QUIET)
                line = f"data: {json.dumps(told)}" if version > before else ":"
                self.wfile.write(f"{line}\n\n".encode())
                self.wfile.flush()
        except OSError:  # nobody does
            return

    def list_directory(self, path: object) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # of a page of the same name, the new one
        self.send_header("Referrer-Policy", "same-origin")  # addresses have the token
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _values(sent: Any) -> dict[str, str]:
    """Values of the form that are not left empty."""
    if not isinstance(sent, dict) or not all(isinstance(value, str) for value in sent.values()):
        raise ValueError("values are texts by name")
    return {name: value.strip() for name, value in sent.items() if value.strip()}
