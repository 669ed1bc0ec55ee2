"""Caches for slow results that several parts of a page, or several pages of a process, need."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Generic, TypeVar

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


class Recent(Generic[Found]):
    """The latest results by the hash of all that they depend on.

    A run's own evidence and that of its study hold the same samples: what is found for the first
    is that of the second, unless another process tested the run.

    Args:
        size: number of kept results.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: OrderedDict[str, Found] = OrderedDict()

    def get(self, content: str, find: Callable[[], Found]) -> Found:
        """The result kept for this hash, else that of `find`; an exception is not kept."""
        if content not in self._kept:
            self._kept[content] = find()
            if len(self._kept) > self.size:
                self._kept.popitem(last=False)
        self._kept.move_to_end(content)
        return self._kept[content]
