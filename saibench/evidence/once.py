"""What takes long to find of a study, found once where several parts of a page ask for it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from saibench.evidence.reader import StudyEvidence

Found = TypeVar("Found")


def once(find: Callable[[StudyEvidence], Found]) -> Callable[[StudyEvidence], Found]:
    """`find`, which keeps what it found of the evidence that it was asked for last."""
    last: tuple[weakref.ref[StudyEvidence], Found] | None = None

    @wraps(find)
    def found(evidence: StudyEvidence) -> Found:
        nonlocal last
        if last is None or last[0]() is not evidence:
            last = weakref.ref(evidence), find(evidence)
        return last[1]

    return found
