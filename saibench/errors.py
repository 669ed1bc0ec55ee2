"""The one error that is the user's to mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """A mistake of the user: one sentence saying what is wrong, where, and what would work.

    Entry points print the sentence alone, without a traceback, and exit with code 2.
    """


class PartFailed(UserWarning):
    """A part of a page or a command's answer is missing for a defect; the others stand."""


class InsufficientData(UserError):
    """A request that this data set is too small for (50,000 samples of 9,633).

    Inside a study such a point is listed as `not_applicable`; asked for alone it is an error.

    Args:
        largest: the count that would work, where there is one.
    """

    def __init__(self, sentence: str, largest: int | None = None) -> None:
        super().__init__(sentence)
        self.largest = largest


def closest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or the list of what is known when nothing comes near."""
    names = sorted(str(option) for option in known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(names)}." if names else "none are known."


def refuse_repeated(kind: str, names: Sequence[str]) -> None:
    """Refuse a list in which a name stands twice.

    Args:
        kind: of what is named, such as `feature`.

    Raises:
        UserError: which does.
    """
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{kind} {name} is named twice; once would work.")


def first_line(error: BaseException) -> str:
    """What an exception says first, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
