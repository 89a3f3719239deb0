"""A web server on this machine that gives the answers a test tells it to."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image


@dataclass
class Answer:
    """What the server says once; `announced` is a wrong Content-Length."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None


@dataclass
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class LocalServer:
    """Answers by path: one after the other, the last for ever; 404 for any other path."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[Request] = []
        self.url = ""

    def say(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def asked(self) -> dict[str, int]:
        """How often each path was asked for."""
        counts: dict[str, int] = defaultdict(int)
        for request in self.requests:
            counts[request.path] += 1
        return dict(counts)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answers = self.answers.get(request.path, [Answer(status=404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def local_server(server: LocalServer | None = None) -> Iterator[LocalServer]:
    """Run a server while the block runs."""
    server = server or LocalServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits 40 ms for its head to be received

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            answer = server.answer(Request(parts.path, query, dict(self.headers)))
            self.send_response(answer.status)
            length = len(answer.body) if answer.announced is None else answer.announced
            if "Transfer-Encoding" not in answer.headers:
                self.send_header("Content-Length", str(length))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.announced is not None

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{httpd.server_port}"
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def picture(seed: int, form: str = "JPEG", size: tuple[int, int] = (24, 16)) -> Answer:
    """Return a picture of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return Answer(buffer.getvalue())
