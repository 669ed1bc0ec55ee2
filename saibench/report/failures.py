"""What a defect of the program kept off a page: warned of, and kept with its tracebacks."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from saibench.errors import PartFailed, first_line


class ShownPart(Protocol):
    """A part of a page: a finding, a figure, a viewer."""

    @property
    def label(self) -> str:
        """What it is, as a reader of the page finds it."""

    @property
    def error(self) -> Exception | None:
        """The defect that kept it off the page."""


def warn_of_failures(written: Path, parts: Iterable[ShownPart]) -> None:
    """Warn of each part that is missing in a file, and leave the tracebacks beside it.

    One part is not to cost the others, nor be lost: a `PartFailed` warning is an error in tests.

    Args:
        written: the file; the tracebacks are in `<stem>.failures.log`, which is removed if there
            are none.
        parts: all of the file's.
    """
    failed = [(part.label, part.error) for part in parts if part.error is not None]
    log = written.with_name(f"{written.stem}.failures.log")
    if not failed:
        log.unlink(missing_ok=True)
        return
    told = [f"{label}\n\n{''.join(traceback.format_exception(e))}" for label, e in failed]
    log.write_text("\n".join(told), encoding="utf-8")
    for label, error in failed:
        warnings.warn(
            f"{written} is written without {label}: {type(error).__name__}: {first_line(error)}. "
            f"The traceback is in {log}.",
            PartFailed,
            stacklevel=2,
        )
