"""A local Weights & Biases server that suffices for `wandb sync` and online runs."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

PROJECT = {"id": "QQ==", "name": "saibench", "entity": {"id": "QQ==", "name": "me"}}


@dataclass
class Arrived:
    """What was received of one run."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Variables of the first `UpsertBucket`: groupName, jobType, displayName, tags, …"""
    config: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Rows of the history by number."""
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """Media, and the files of artifacts, by name."""

    @property
    def history(self) -> list[dict[str, Any]]:
        return [row for _, row in sorted(self.lines.items())]

    def upsert(self, given: dict[str, Any]) -> None:
        self.settings = self.settings or given
        values = json.loads(given.get("config") or "{}")
        self.config |= {name: entry["value"] for name, entry in values.items()}

    def stream(self, files: dict[str, Any]) -> None:
        """Take lines; a line of a number that is known replaces it."""
        if sent := files.get("wandb-history.jsonl"):
            for number, line in enumerate(sent["content"], sent["offset"]):
                self.lines[number] = json.loads(line)
        for line in files.get("wandb-summary.json", {"content": ()})["content"]:
            self.summary = json.loads(line)

    def bucket(self, name: str) -> dict[str, Any]:
        """The run as the server describes it to a client that resumes it."""
        return {
            **{"id": "QQ==", "name": name, "displayName": name, "project": PROJECT, "tags": []},
            "config": json.dumps({key: {"value": value} for key, value in self.config.items()}),
            **{"wandbConfig": '{"t": 1}', "summaryMetrics": json.dumps(self.summary)},
            **{"historyLineCount": len(self.lines), "eventsLineCount": 0, "logLineCount": 0},
            "historyTail": json.dumps([json.dumps(row) for row in self.history[-1:]]),
            "eventsTail": "[]",
        }


class Server(ThreadingHTTPServer):
    """Keeps what arrives by run; answers every upload with the status `refusal` if it is given."""

    daemon_threads = True

    def __init__(self, port: int = 0, refusal: int | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.refusal = refusal
        self.runs: dict[str, Arrived] = {}

    def handle_error(self, *request: Any) -> None:
        """Ignore clients that end."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer the GraphQL operation of this name; an artifact has the id of its run."""
        sent = given.get("input") or {}
        match operation:
            case "Viewer":
                teams = {"edges": []}
                return {"viewer": {"id": "QQ==", "entity": "me", "username": "me", "teams": teams}}
            case "UpsertBucket":
                run = self.runs.setdefault(given["name"], Arrived())
                run.upsert(given)
                return {"upsertBucket": {"bucket": run.bucket(given["name"]), "inserted": True}}
            case "RunResumeStatus":
                known = self.runs.get(given["name"])
                bucket = known and known.bucket(given["name"])
                return {"model": {**PROJECT, "bucket": bucket}}
            case "CreateRunFiles":
                files = [self._file(given["run"], name) for name in given["files"]]
                return {"createRunFiles": {"runID": "QQ==", "uploadHeaders": [], "files": files}}
            case "ArtifactType":  # of an artifact of this name
                return {"project": None}
            case "CreateArtifact":
                created = {"id": sent["runName"], "state": "PENDING"}
                sequence = {"artifactSequence": {"latestArtifact": None}}
                return {"createArtifact": {"artifact": created | sequence}}
            case "CreateArtifactManifest":
                manifest = {"id": "QQ==", "file": self._file(given["artifactID"], "manifest")}
                return {"createArtifactManifest": {"artifactManifest": manifest}}
            case "UpdateArtifactManifest":
                manifest = {"id": "QQ==", "file": self._file("manifests", "manifest")}
                return {"updateArtifactManifest": {"artifactManifest": manifest}}
            case "CreateArtifactFiles":
                nodes = [
                    self._file(file["artifactID"], file["name"]) for file in sent["artifactFiles"]
                ]
                edges = [{"node": node} for node in nodes]
                return {"createArtifactFiles": {"files": {"edges": edges}}}
            case "CommitArtifact":
                committed = {"id": given["artifactID"], "digest": ""}
                return {"commitArtifact": {"artifact": committed}}
        return {}

    def _file(self, run: str, name: str) -> dict[str, Any]:
        """Where a file of a run is uploaded."""
        address = f"{self.address}/{run}/{quote(name)}"
        named = {"id": "QQ==", "name": name, "displayName": name, "storagePath": name}
        return named | {"uploadUrl": address, "uploadHeaders": [], "artifact": {"id": run}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        content = self._content()
        if self.server.refusal is not None:
            self._send({"errors": [{"message": "not permitted"}]}, self.server.refusal)
        elif self.path == "/graphql":
            given = json.loads(content)
            named = re.search(r"(?:query|mutation) (\w+)", given["query"])
            data = self.server.answer(named[1] if named else "", given.get("variables") or {})
            self._send({"data": data})
        else:
            if self.path.endswith("/file_stream"):
                run = self.server.runs.setdefault(self.path.split("/")[-2], Arrived())
                run.stream(json.loads(content).get("files") or {})
            self._send({"limits": {}})

    def do_PUT(self) -> None:
        run, _, name = unquote(self.path).lstrip("/").partition("/")
        self.server.runs.setdefault(run, Arrived()).files[name] = self._content()
        self._send({})

    def do_HEAD(self) -> None:
        self._send({})

    do_GET = do_HEAD

    def log_message(self, *message: Any) -> None:
        """Print nothing."""

    def _content(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers["Content-Encoding"] == "gzip" else content

    def _send(self, answer: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def wandb_server(port: int = 0, refusal: int | None = None) -> Iterator[Server]:
    """Serve on a free port, or on the port of a server that has ended."""
    server = Server(port, refusal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
