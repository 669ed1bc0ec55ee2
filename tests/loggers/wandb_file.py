"""Read a `.wandb` file: LevelDB's log format with protocol buffers as records."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from wandb.proto import wandb_internal_pb2

BLOCK = 32768
FILE_HEADER, RECORD_HEADER = 7, 7
FULL, LAST = 1, 4
TIMEOUT = 10.0
"""Seconds to wait for the end of a run."""


@dataclass(frozen=True)
class LoggedRun:
    """The values logged to one run in one session."""

    folder: Path
    id: str
    name: str
    project: str
    group: str
    job_type: str
    config: dict[str, Any]
    history: list[dict[str, Any]]
    exit_code: int | None

    @property
    def summary(self) -> dict[str, Any]:
        """Last value by name."""
        return {name: value for row in self.history for name, value in row.items()}


def logged_runs(folder: Path) -> list[LoggedRun]:
    """Runs in a folder, by start time."""
    return [read_run(path) for path in sorted(folder.glob("wandb/*run-*/*.wandb"))]


def num_steps_on_disk(folder: Path) -> int:
    """Number of steps in the files of a folder, which a run may still be writing."""
    found = 0
    for path in folder.glob("wandb/*run-*/*.wandb"):
        with contextlib.suppress(DecodeError, AssertionError):  # half written
            for record in _records(path):
                found += wandb_internal_pb2.Record.FromString(record).HasField("history")
    return found


def read_run(path: Path) -> LoggedRun:
    """Wait until the end of the run is on disk: W&B's process writes on after `finish`."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        records = [wandb_internal_pb2.Record.FromString(record) for record in _records(path)]
        if any(record.HasField("exit") for record in records) or time.monotonic() > deadline:
            return _run(path, records)
        time.sleep(0.05)


def _run(path: Path, records: Sequence[Any]) -> LoggedRun:
    run = next(record.run for record in records if record.HasField("run"))
    exits = [record.exit.exit_code for record in records if record.HasField("exit")]
    config = _values(run.config.update)
    for record in records:
        config |= _values(record.config.update)
    return LoggedRun(
        folder=path.parent,
        id=run.run_id,
        name=run.display_name,
        project=run.project,
        group=run.run_group,
        job_type=run.job_type,
        config=config,
        history=[_values(r.history.item) for r in records if r.HasField("history")],
        exit_code=exits[-1] if exits else None,
    )


def _values(items: Iterable[Any]) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    assert content.startswith(b":W&B")
    position, parts = FILE_HEADER, b""
    while position + RECORD_HEADER <= len(content):
        if BLOCK - position % BLOCK < RECORD_HEADER:  # no room for a header
            position += BLOCK - position % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", content, position)
        position += RECORD_HEADER
        parts += content[position : position + size]
        position += size
        if kind in (FULL, LAST):
            yield parts
            parts = b""
