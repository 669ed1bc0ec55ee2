"""The paper's claims, compared with a study's own evidence."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module
from saibench.findings.finding import Finding
from saibench.paper.reproduction.result import PaperClaim, Result

WIDTH = 100
NO_QUESTION = "not asked of these points"


def comparison(result: Result, findings: Sequence[Finding], evidence: StudyEvidence) -> list[str]:
    """Lines of text: each finding of the paper, and under it what was found here.

    Args:
        findings: of all the result's studies.
        evidence: of the first, from which numbers are taken.
    """
    first = next(iter(result.studies.values()))
    lacking = figure_module(first[0]).needs(evidence)
    lines = []
    for claim in result.claims:
        lines += ["", *_line("paper", f"{claim.text} ({result.section})")]
        if claim.reported is not None:
            here = [lacking or claim.reported(evidence)]
        else:
            here = [f"compare {claim.compare}."] if claim.compare else answers(claim, findings)
        lines += [line for one in here for line in _line("here", one)]
    return lines[1:]


def answers(claim: PaperClaim, findings: Sequence[Finding]) -> list[str]:
    """Every verdict on the claim, with its numbers and the runs that it is of."""
    return [
        f"{finding.verdict}{f' ({finding.variant})' if finding.variant else ''}: {finding.numbers}"
        for finding in findings
        if finding.claim == claim.finding
    ] or [NO_QUESTION]


def _line(who: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{who:<7}",
        subsequent_indent=" " * 7,
        break_on_hyphens=False,
        break_long_words=False,
    )
