"""`run.json`, the record of a run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from saibench.evidence import metrics
from saibench.evidence.record_schema import refuse_misshapen_record
from saibench.files.bounded_json import write_json
from saibench.files.integrity import (
    FILES,
    RECORD,
    damaged,
    read_sealed,
    sealed,
    sha256_of_files,
)

COMPLETE = "complete"
FAILED = "failed"
NOT_APPLICABLE = "not_applicable"
RUNNING = "running"
STOPPED = "stopped"

FILE = RECORD
METRICS = "metrics.json"
SAMPLES = "samples.parquet"
PREDICTIONS = "predictions"
"""Folder of what a slow model has predicted, so that a test that stopped continues."""


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a run; empty before it starts.

    Raises:
        UserError: the file is damaged, or was changed by another program.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    record = read_sealed(path)
    try:
        refuse_misshapen_record(record)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return record


def update_record(folder: Path, *written: str, **changes: Any) -> dict[str, Any]:
    """Change entries of the record in one atomic write, and return it.

    Args:
        folder: of the run.
        written: names of files just written there, whose SHA-256 is added to the record.
        changes: entries and their values.
    """
    before = read_record(folder)
    if written:
        kept = changes.get(FILES, before.get(FILES)) or {}
        changes[FILES] = {**kept, **sha256_of_files(folder, written)}
    record = {**before, **changes}
    write_record(folder / FILE, record)
    return record


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record with its digest, atomically.

    Files are listed by name, whatever the order in which a run or its continuation wrote them.
    """
    files = {FILES: dict(sorted(record[FILES].items()))} if record.get(FILES) else {}
    write_json(path, sealed({**record, **files}))


def read_metrics(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The metrics of a run; empty before it is tested.

    Raises:
        UserError: the file is damaged, or does not match the record.
    """
    path = folder / METRICS
    return metrics.read_metrics(path) if path.exists() else {}


def now() -> str:
    """The current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
