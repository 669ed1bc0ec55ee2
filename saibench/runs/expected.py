"""Names of all runs of the latest sweep of a study: `sweep.json` in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from saibench.errors import UserError
from saibench.files.bounded_json import load_json, write_json

FILE = "sweep.json"
_NAMES = TypeAdapter(list[str])


def write_expected(study: Path, names: Sequence[str]) -> None:
    """Write the names of the runs of a sweep that starts.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        study.mkdir(parents=True, exist_ok=True)
        write_json(study / FILE, list(names))
    except OSError as error:
        raise UserError(
            f"{study} cannot be written ({error.strerror}). Use another one: study=mine."
        ) from error


def read_expected(study: Path) -> list[str]:
    """The names of the runs of the latest sweep; empty if there was none or it is unknown."""
    try:
        return _NAMES.validate_python(load_json(study / FILE))
    except (OSError, ValueError, ValidationError):
        return []
