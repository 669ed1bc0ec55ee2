"""A claim, and what a study's own evidence says of it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence

SEEN, NOT_SEEN, UNDECIDED = "seen", "not seen", "undecided"


@dataclass(frozen=True)
class Finding:
    """What was claimed, whether this evidence shows it, and with which numbers.

    Args:
        claim: one clause with its source.
        verdict: `seen`, `not seen`, or `undecided` when the interval holds both answers.
        numbers: the numbers behind the verdict, with unit and interval.
    """

    claim: str
    verdict: str
    numbers: str


def study_findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings of every module that the study's records name under `findings`.

    Raises:
        UserError: a name is no module with a function `findings(evidence)`.
    """
    named = dict.fromkeys(
        name for record in evidence.records.values() for name in record.get("findings") or []
    )
    found: list[Finding] = []
    for name in named:
        try:
            find = import_module(name).findings
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"workload.findings names '{name}', which has no findings(evidence): {error}."
            ) from error
        found += find(evidence)
    return found
