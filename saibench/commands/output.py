"""Options of commands that print sentences for people, or JSON for programs."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add `--verbose` and `--json`, which exclude each other."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--verbose", action="store_true", help="print all details")
    group.add_argument(
        "--json", action="store_true", help="print one JSON document, and messages on stderr"
    )


def print_json(document: dict[str, Any]) -> None:
    """Print a document whose numbers are finite."""
    print(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
