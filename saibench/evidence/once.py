"""Caches for slow results that several parts of a page, or several pages of a process, need."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Concatenate, Generic, ParamSpec, TypeVar

from saibench.evidence.reader import StudyEvidence

Found = TypeVar("Found")
Arguments = ParamSpec("Arguments")


def once(
    find: Callable[Concatenate[StudyEvidence, Arguments], Found],
) -> Callable[Concatenate[StudyEvidence, Arguments], Found]:
    """Cache the result of `find` for the latest evidence and arguments."""
    last: tuple[weakref.ref[StudyEvidence], list[object], Found] | None = None
    parameters = signature(find)

    @wraps(find)
    def found(evidence: StudyEvidence, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Found:
        nonlocal last
        bound = parameters.bind(evidence, *args, **kwargs)
        bound.apply_defaults()
        _, *given = bound.arguments.values()
        if last is None or last[0]() is not evidence or last[1] != given:
            last = weakref.ref(evidence), given, find(evidence, *args, **kwargs)
        return last[2]

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
