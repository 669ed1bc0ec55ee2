"""`run.json`: what is known of a point, from its first second to its last."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from saibench.errors import UserError
from saibench.whole_files import written_whole

COMPLETE = "complete"
FAILED = "failed"
NOT_APPLICABLE = "not_applicable"
RUNNING = "running"
STOPPED = "stopped"

FILE = "run.json"
_ALWAYS = {"point", "settings"}
"""Entries that every record has from its first second."""


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a point; empty when it never ran.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / FILE
    record = read_json(path)
    if path.exists() and (missing := sorted(_ALWAYS - set(record))):
        raise _damaged(path, f"it has no {', '.join(missing)}")
    return record


def update_record(folder: Path, **changes: Any) -> dict[str, Any]:
    """Change entries of the record, all or nothing."""
    record = {**read_record(folder), **changes}
    write_json(folder / FILE, record)
    return record


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file; empty when there is none.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, "it does not hold a JSON object")
    return content


def _damaged(path: Path, how: str) -> UserError:
    mend = "remove it and run" if path.name == FILE else "run"
    return UserError(f"{path} is damaged ({how}): {mend} its point again.")


def write_json(path: Path, content: Any) -> None:
    """Write JSON, all or nothing."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    with written_whole(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
