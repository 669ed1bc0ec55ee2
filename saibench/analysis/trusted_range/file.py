"""A trusted range as a JSON file: written atomically, validated when read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.errors import UserError, first_line
from saibench.files.bounded_json import load_json, save_json
from saibench.printable import printable

FORMAT = "saibench trusted range"
VERSION = 2
READABLE = (1, 2)
"""Versions that can be read; 1 has no competition of features and error models."""


def write_range(trusted: TrustedRange, path: Path) -> Path:
    """Write a range to a file, atomically.

    Raises:
        UserError: the file cannot be written.
    """
    content = asdict(trusted)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": _digest(content),
        "trusted_range": content,
    }
    return save_json(path, document)


def read_range(path: Path) -> TrustedRange:
    """Read a file of `write_range`.

    Raises:
        UserError: the file is missing, damaged, of another version, or no trusted range.
    """
    remedy = "Save the range again with `trust --save`."
    try:
        document = load_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable ({first_line(error)}). {remedy}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UserError(f"{path} is no trusted range. Use a file that `trust --save` wrote.")
    if document.get("version") not in READABLE:
        version = json.dumps(document.get("version"))[:20]  # escapes control characters
        raise UserError(
            f"{path} is a trusted range of version {version}, and this saibench reads versions "
            f"{READABLE[0]} to {READABLE[-1]}. {remedy}"
        )
    content = document.get("trusted_range")
    if document.get("sha256") != _digest(content):
        raise UserError(f"{path} is damaged: its content does not match its checksum. {remedy}")
    try:
        return TypeAdapter(TrustedRange).validate_python(printable(content))
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise UserError(f"{path} is no valid trusted range ({reason}). {remedy}") from error


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
