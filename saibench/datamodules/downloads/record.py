"""The record of where a file came from: `<file>.json` next to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saibench.errors import UserError, first_line
from saibench.files.atomic import atomic_write
from saibench.files.bounded_json import load_json


def read_record(path: Path) -> dict[str, Any]:
    """The record of the file `path`; empty if it has none.

    Raises UserError: the record is damaged.
    """
    record = _record(path)
    if not record.exists():
        return {}
    try:
        found = load_json(record)
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
    except ValueError as error:
        raise UserError(
            f"{record} is damaged ({first_line(error)}). Remove it and its file, and download the "
            "file again."
        ) from error
    return found


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record of the file `path`, before the file itself appears under its name.

    A record without its file does no harm; a file without its record has an unknown origin.
    """
    with atomic_write(_record(path)) as draft:
        draft.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
