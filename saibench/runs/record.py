"""`run.json`: what is known of a point, from its first second to its last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from saibench.config.identity import IDENTITY, refuse_misshapen
from saibench.integrity import (
    FILES,
    RECORD,
    check_file,
    damaged,
    read_json_object,
    read_sealed,
    sealed,
    sha256_of_files,
)
from saibench.whole_files import written_whole

COMPLETE = "complete"
FAILED = "failed"
NOT_APPLICABLE = "not_applicable"
RUNNING = "running"
STOPPED = "stopped"

FILE = RECORD
_ALWAYS = {"point", "settings"}
"""Entries that every record has from its first second."""


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a point; empty when it never ran.

    Raises:
        UserError: the file is damaged, or was changed by something else than saibench.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    record = read_sealed(path)
    if missing := sorted(_ALWAYS - set(record)):
        raise damaged(path, f"it has no {', '.join(missing)}")
    try:
        refuse_misshapen(record.get(IDENTITY))
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return record


def update_record(folder: Path, *written: str, **changes: Any) -> dict[str, Any]:
    """Change entries of the record, all or nothing.

    Args:
        folder: the point's.
        written: names of files in it that were just written, whose SHA-256 is to be kept.
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
    """Write a record with its digest, all or nothing."""
    write_json(path, sealed(record))


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file of a run; empty when there is none.

    Raises:
        UserError: the file is damaged, or is not that of the record beside it.
    """
    if not path.exists():
        return {}
    check_file(path)
    return read_json_object(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, all or nothing."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    with written_whole(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
