"""The claims of the paper as rows of a table: one claim, its verdicts, and the numbers behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from saibench.findings.finding import (
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_TESTED,
    SUPPORTED,
    Finding,
)
from saibench.report.text import first_sentence

ORDER = (SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_TESTED)


@dataclass(frozen=True)
class Claim:
    """A claim and its findings, one per variant of the study.

    Args:
        text: the claim.
        findings: at least one.
    """

    text: str
    findings: Sequence[Finding]

    @property
    def verdicts(self) -> list[tuple[str, int]]:
        """Each verdict with the number of findings, the decided ones first."""
        counts = Counter(finding.verdict for finding in self.findings)
        return [(verdict, counts[verdict]) for verdict in ORDER if verdict in counts]

    @property
    def rank(self) -> int:
        """Position of its first verdict: sorts decided claims first."""
        return ORDER.index(self.verdicts[0][0])

    @property
    def in_short(self) -> str:
        """The first sentence on the numbers of its most decided finding."""
        first = min(self.findings, key=lambda one: ORDER.index(one.verdict))
        return first_sentence(first.numbers)


def claims(findings: Sequence[Finding]) -> list[Claim]:
    """The findings grouped by claim; supported claims first, those not tested last."""
    texts = dict.fromkeys(finding.claim for finding in findings)
    grouped = [Claim(text, [one for one in findings if one.claim == text]) for text in texts]
    return sorted(grouped, key=lambda one: one.rank)
