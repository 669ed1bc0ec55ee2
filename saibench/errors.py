"""Errors that the user can fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """A mistake of the user; the message says what is wrong, where, and what to do.

    Entry points print the message without a traceback, and exit with code 2.
    """


class PartFailed(UserWarning):
    """Part of a page or of a command's output is missing because of an error."""


class InsufficientData(UserError):
    """The data set is too small for a request (50,000 samples of 9,633).

    A study lists such a run as `not_applicable`; for a single run it is an error.

    Args:
        largest: the largest count that the data allow, if there is one.
    """

    def __init__(self, sentence: str, largest: int | None = None) -> None:
        super().__init__(sentence)
        self.largest = largest


def closest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or the list of known names if none is similar."""
    names = sorted(str(option) for option in known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"valid values: {', '.join(names)}." if names else "none are known."


def refuse_repeated(kind: str, names: Sequence[str]) -> None:
    """Refuse a list with a repeated name.

    Args:
        kind: what is named, such as `feature`.

    Raises:
        UserError: the first repeated name.
    """
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{kind} {name} is named twice. Name it once.")


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
