"""Options of commands that print sentences for people, or JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from saibench.errors import UserError


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add `--verbose` and `--json`, which exclude each other."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--verbose", action="store_true", help="print all details")
    group.add_argument(
        "--json", action="store_true", help="print one JSON document, and messages on stderr"
    )


def check_target(path: Path | None) -> None:
    """Refuse a file that cannot be written, before minutes are spent on its content.

    Raises:
        UserError: its folder does not exist or is not writable, or it is a folder.
    """
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if path.is_dir() else f"{folder} is no folder that can be written to"
        raise UserError(f"--save {path}: {why}. Use another file.")


def print_json(document: dict[str, Any]) -> None:
    """Print a document whose numbers are finite."""
    print(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
