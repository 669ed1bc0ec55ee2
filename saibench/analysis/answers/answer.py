"""One answer: a question, a sentence, and the numbers of a small picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from saibench.errors import UserError, first_line

Numbers = TypeVar("Numbers", covariant=True)


@dataclass(frozen=True, eq=False)
class Answer(Generic[Numbers]):
    """The answer to a question about a study.

    Args:
        question: in plain words.
        sentence: the answer with its numbers, or the reason why there is none.
        numbers: those of a picture; None if there is no answer.
        cautions: sentences on what limits the answer.
        error: a defect of the program that prevented the answer. Callers show the other answers
            and warn about it afterwards.
    """

    question: str
    sentence: str
    numbers: Numbers | None = None
    cautions: tuple[str, ...] = ()
    error: Exception | None = None

    @property
    def label(self) -> str:
        """Its name in a warning."""
        return f"the answer to '{self.question}'"


def answered(question: str, find: Callable[[str], Answer[Numbers]]) -> Answer[Numbers]:
    """`find(question)`, or an answer with the reason why it failed."""
    try:
        return find(question)
    except UserError as error:
        return Answer(question, f"Not known: {error}")
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        return Answer(question, f"Not known: {reason}", error=error)
