"""A cache for slow results that several parts of a page need."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from saibench.evidence.reader import StudyEvidence

Found = TypeVar("Found")


def once(find: Callable[[StudyEvidence], Found]) -> Callable[[StudyEvidence], Found]:
    """Cache the result of `find` for the latest evidence."""
    last: tuple[weakref.ref[StudyEvidence], Found] | None = None

    @wraps(find)
    def found(evidence: StudyEvidence) -> Found:
        nonlocal last
        if last is None or last[0]() is not evidence:
            last = weakref.ref(evidence), find(evidence)
        return last[1]

    return found
