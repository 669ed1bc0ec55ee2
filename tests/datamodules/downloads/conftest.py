"""A server on the loopback interface with programmable faults."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest


@dataclass(frozen=True)
class Answer:
    """How one request is answered.

    sent: bytes of the body after which the connection is cut; all of them if None
    length: whether the answer says how long it is
    ranges, if_range: whether Range and If-Range are heeded
    pause: seconds of silence after the bytes that are sent
    """

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    length: bool = True
    ranges: bool = True
    if_range: bool = True
    pause: float = 0.0


@dataclass
class ReceivedRequest:
    path: str
    headers: dict[str, str]


class LoopbackServer(ThreadingHTTPServer):
    """Gives each path its answers in turn, repeats the last one, and records the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[Answer]] = defaultdict(lambda: [Answer(status=404)])
        self.received: list[ReceivedRequest] = []
        self.scheme = "http"

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}{path}"

    def serve(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return self.url(path)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what the tests are about: nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackServer

    def do_GET(self) -> None:
        self.server.received.append(ReceivedRequest(self.path, dict(self.headers)))
        answers = self.server.answers[self.path]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        status, body, headers = answer.status, answer.content, dict(answer.headers)
        start = self._start_asked(answer)
        if status == 200 and start is not None:
            total = len(body)
            if start >= total:
                status, body, headers = 416, b"", {"Content-Range": f"bytes */{total}"}
            else:
                status, body = 206, body[start:]
                headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: answer.sent])
        self.wfile.flush()
        time.sleep(answer.pause)

    def _start_asked(self, answer: Answer) -> int | None:
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        current = (answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
        stale = answer.if_range and condition is not None and condition not in current
        return int(span[1]) if span and answer.ranges and not stale else None

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture
def another_server(server: LoopbackServer) -> Iterator[LoopbackServer]:
    with running() as another:
        yield another


@pytest.fixture
def answer() -> type[Answer]:
    """The class itself: a test module can't import its conftest."""
    return Answer
