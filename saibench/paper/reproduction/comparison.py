"""The paper's claims, compared with a study's evidence."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module
from saibench.findings.finding import Finding
from saibench.paper.reproduction.result import PaperClaim, Result

WIDTH = 100
NOT_TESTED = "not tested on these runs"


def comparison(result: Result, findings: Sequence[Finding], evidence: StudyEvidence) -> list[str]:
    """Lines of text: each claim of the paper, followed by the result of these runs.

    Args:
        findings: the findings of all studies of the result.
        evidence: the evidence of the first study, for numbers.
    """
    first = next(iter(result.studies.values()))
    missing = figure_module(first[0]).needs(evidence)
    lines = []
    for claim in result.claims:
        lines += ["", *_line("paper", f"{claim.text} ({result.section})")]
        if claim.reported is not None:
            here = [missing or claim.reported(evidence)]
        else:
            here = [f"compare {claim.compare}."] if claim.compare else answers(claim, findings)
        lines += [line for one in here for line in _line("here", one)]
    return lines[1:]


def answers(claim: PaperClaim, findings: Sequence[Finding]) -> list[str]:
    """Every verdict on the claim, with its variant and numbers."""
    return [
        f"{finding.verdict}{f' ({finding.variant})' if finding.variant else ''}: {finding.numbers}"
        for finding in findings
        if finding.claim == claim.finding
    ] or [NOT_TESTED]


def _line(who: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{who:<7}",
        subsequent_indent=" " * 7,
        break_on_hyphens=False,
        break_long_words=False,
    )
