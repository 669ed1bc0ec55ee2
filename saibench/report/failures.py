"""What could not be shown for a defect of the program: said on the page, and raised after it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from saibench.interpretation.finding import Finding
from saibench.report.drawn import DrawnFigure
from saibench.report.explorers import Explored


def raise_failures(written: Path, parts: Iterable[Finding | DrawnFigure | Explored]) -> None:
    """Raise what kept these parts out of the file that is written all the same.

    Raises:
        ExceptionGroup: the errors, each with its traceback.
    """
    errors = [part.error for part in parts if part.error is not None]
    if errors:
        raise ExceptionGroup(f"{written} is written without what failed", errors)
