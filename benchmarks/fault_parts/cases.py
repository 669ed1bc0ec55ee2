"""How a case of the campaign ended, and the table of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The columns of the table.

    `UNCHECKED` are other values from a file of a format without checksums, such as a digit of a
    CSV file, which no reader can know.
    """

    EQUAL = "equal"
    REFUSED = "refused"
    UNCHECKED = "unchecked"
    SILENT = "silent"
    TRACEBACK = "traceback"
    HANG = "hang"
    DIED = "died"


FAULTS = (Outcome.SILENT, Outcome.TRACEBACK, Outcome.HANG, Outcome.DIED)


@dataclass(frozen=True)
class Case:
    """One fault.

    fault: its row of the table.
    outcome: the end.
    example: what was printed or differs, of faults of the product.
    """

    fault: str
    outcome: Outcome
    example: str = ""


HEADING = "| fault | cases | " + " | ".join(Outcome) + " | seconds |\n|---|" + "---:|" * 9


def row(fault: str, outcomes: Sequence[Outcome], seconds: float) -> str:
    counts = Counter(outcomes)
    cells = [fault, len(outcomes), *(counts[outcome] for outcome in Outcome), f"{seconds:.0f}"]
    return f"| {' | '.join(map(str, cells))} |"


def examples(cases: Iterable[Case], most: int = 5) -> Iterator[str]:
    """Different examples of faults of the product."""
    seen: dict[str, None] = {}
    for case in cases:
        if case.outcome in FAULTS and case.example[:100] not in seen and len(seen) < most:
            seen[case.example[:100]] = None
            yield f"{case.fault}: {case.outcome}: {case.example}"
