"""Warnings and tracebacks of page parts that a defect of the program prevented."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from saibench.errors import PartFailed, first_line


class PagePart(Protocol):
    """A part of a page: a finding, a figure, a viewer."""

    @property
    def label(self) -> str:
        """Its name on the page."""

    @property
    def error(self) -> Exception | None:
        """The defect that prevented it."""


def warn_of_failures(written: Path, parts: Iterable[PagePart]) -> None:
    """Warn of each part that is missing in a file, and write the tracebacks next to it.

    One failed part does not prevent the others; in tests, a `PartFailed` warning is an error.

    Args:
        written: the file; the tracebacks are in `<stem>.failures.log`, which is removed if there
            are none.
        parts: all parts of the file.
    """
    failed = [(part.label, part.error) for part in parts if part.error is not None]
    log = written.with_name(f"{written.stem}.failures.log")
    if not failed:
        log.unlink(missing_ok=True)
        return
    texts = [f"{label}\n\n{''.join(traceback.format_exception(e))}" for label, e in failed]
    log.write_text("\n".join(texts), encoding="utf-8")
    for label, error in failed:
        warnings.warn(
            f"{written} is written without {label}: {type(error).__name__}: {first_line(error)}. "
            f"See the traceback in {log}.",
            PartFailed,
            stacklevel=2,
        )
