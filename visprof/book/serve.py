"""A built book in a browser: its files, served to this machine alone."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["book_server"]


class _QuietHandler(SimpleHTTPRequestHandler):
    """Serves the files of a folder and says nothing of each."""

    def log_message(self, *_: object) -> None:
        pass


def book_server(
    out: str | Path = "_build", preset: str = "demo", port: int = 8000
) -> ThreadingHTTPServer:
    """Make a server of the book that `visprof.book.build.build_book` made.

    Parameters
    ----------
    out : path
        The folder that the book was built in.
    preset : str
        The preset that it was built with.
    port : int
        Of this machine's own address, 127.0.0.1; 0: any that is free.

    Returns
    -------
    ThreadingHTTPServer
        It serves when its `serve_forever` is called.

    Raises
    ------
    FileNotFoundError
        If the book was not built.
    OSError
        If something else uses the port.
    """
    html = Path(out) / preset / "html"
    if not (html / "index.html").is_file():
        raise FileNotFoundError(
            f"no book at {html}; build it first: make book PRESET={preset}, or "
            f"visprof build --preset {preset}"
        )
    handler = functools.partial(_QuietHandler, directory=str(html))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise OSError(f"port {port}: {error.strerror}; choose another with --port") from error
