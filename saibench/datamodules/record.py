"""What a file on this machine came from: `<file>.json` beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def read_record(path: Path) -> dict[str, Any]:
    """The record of the file `path`; empty if it has none."""
    record = record_path(path)
    return json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Replace the record of the file `path`, whole or not at all.

    To be called before the file appears under its name: a record without its file does no harm,
    a file without its record is of unknown origin.
    """
    draft = path.with_name(f"{path.name}.json.part")
    draft.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, record_path(path))
