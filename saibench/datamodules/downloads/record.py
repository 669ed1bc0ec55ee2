"""What a file on this machine came from: `<file>.json` beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from saibench.errors import UserError, first_line
from saibench.files.bounded_json import load_json


def record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def read_record(path: Path) -> dict[str, Any]:
    """The record of the file `path`; empty if it has none.

    Raises UserError: the record is damaged.
    """
    record = record_path(path)
    if not record.exists():
        return {}
    try:
        found = load_json(record)
    except ValueError as error:
        raise _damaged(record, first_line(error)) from error
    if not isinstance(found, dict):
        raise _damaged(record, "it holds no JSON object")
    return found


def _damaged(record: Path, how: str) -> UserError:
    return UserError(f"{record} is damaged ({how}): remove it and its file, and download it again.")


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Replace the record of the file `path`, whole or not at all.

    To be called before the file appears under its name: a record without its file does no harm,
    a file without its record is of unknown origin.
    """
    draft = path.with_name(f"{path.name}.json.part")
    draft.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, record_path(path))
