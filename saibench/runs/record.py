"""`run.json`: what is known of a point, from its first second to its last."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COMPLETE = "complete"
FAILED = "failed"
NOT_APPLICABLE = "not_applicable"
RUNNING = "running"
STOPPED = "stopped"

FILE = "run.json"


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a point; empty when it never ran."""
    path = folder / FILE
    return json.loads(path.read_text()) if path.exists() else {}


def update_record(folder: Path, **changes: Any) -> dict[str, Any]:
    """Change entries of the record, all or nothing."""
    record = {**read_record(folder), **changes}
    write_json(folder / FILE, record)
    return record


def write_json(path: Path, content: Any) -> None:
    """Write aside, then rename: a reader never sees half a file."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps(content, indent=1, allow_nan=True) + "\n")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
