"""A local Weights & Biases server that suffices for `wandb sync` and online runs."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """Keeps the history of each run by line number."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lines: dict[str, dict[int, dict[str, Any]]] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def history(self, run: str) -> list[dict[str, Any]]:
        """History rows of a run by line number."""
        return [row for _, row in sorted(self.lines.get(run, {}).items())]

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer the GraphQL operation of this name."""
        if operation == "UpsertBucket":
            return {"upsertBucket": {"bucket": self._bucket(given["name"]), "inserted": True}}
        if operation == "RunResumeStatus":
            known = given["name"] in self.lines
            return {"model": {**PROJECT, "bucket": self._bucket(given["name"]) if known else None}}
        if operation == "CreateRunFiles":
            files = [{"name": f, "uploadUrl": f"{self.address}/{f}"} for f in given["files"]]
            return {"createRunFiles": {"runID": "QQ==", "uploadHeaders": [], "files": files}}
        if operation == "Viewer":
            teams = {"edges": []}
            return {"viewer": {"id": "QQ==", "entity": "me", "username": "me", "teams": teams}}
        return {}

    def _bucket(self, run: str) -> dict[str, Any]:
        history = self.history(run)
        return {
            **{"id": "QQ==", "name": run, "displayName": run, "project": PROJECT, "tags": []},
            **{"config": "{}", "wandbConfig": '{"t": 1}', "summaryMetrics": "{}"},
            **{"historyLineCount": len(history), "eventsLineCount": 0, "logLineCount": 0},
            "historyTail": json.dumps([json.dumps(row) for row in history[-1:]]),
            "eventsTail": "[]",
        }


PROJECT = {"id": "QQ==", "name": "saibench", "entity": {"id": "QQ==", "name": "me"}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        content = self._content()
        if self.path == "/graphql":
            given = json.loads(content)
            named = re.search(r"(?:query|mutation) (\w+)", given["query"])
            data = self.server.answer(named[1] if named else "", given.get("variables") or {})
            self._send({"data": data})
            return
        if self.path.endswith("/file_stream"):
            sent = (json.loads(content).get("files") or {}).get("wandb-history.jsonl")
            lines = self.server.lines.setdefault(self.path.split("/")[-2], {})
            for number, line in enumerate(sent["content"] if sent else ()):
                lines[sent["offset"] + number] = json.loads(line)
        self._send({"limits": {}})

    def do_PUT(self) -> None:
        self._content()
        self._send({})

    def do_HEAD(self) -> None:
        self._send({})

    do_GET = do_HEAD

    def log_message(self, *message: Any) -> None:
        """Print nothing."""

    def _content(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers["Content-Encoding"] == "gzip" else content

    def _send(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def wandb_server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
