"""Names of all runs of the latest sweep of a study: `sweep.json` in its folder."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from saibench.errors import UserError
from saibench.evidence.run_record import FILE as RECORD
from saibench.files.bounded_json import load_json, write_json

FILE = "sweep.json"
_OF_A_SWEEP = (".submitit", "multirun.yaml", FILE)
"""What a sweep has written into a new study before its first run, Hydra's files included."""
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


@contextlib.contextmanager
def kept_if_refused(studies: Iterable[Path]) -> Iterator[None]:
    """Leave studies as they are if the jobs of a sweep cannot be submitted.

    Args:
        studies: their folders; one that does not exist yet is removed again.
    """
    before = {study: read_expected(study) if study.exists() else None for study in studies}
    try:
        yield
    except UserError:
        for study, names in before.items():
            if names:
                write_expected(study, names)
            elif names is None and not any(study.glob(f"*/{RECORD}")):
                _remove_begun(study)
        raise


def _remove_begun(study: Path) -> None:
    for path in (study / name for name in _OF_A_SWEEP):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # another process uses it, or a parent
        for emptied in (study, study.parent):
            emptied.rmdir()
