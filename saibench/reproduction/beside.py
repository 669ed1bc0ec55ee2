"""What the paper found, beside what a study's own evidence says."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from saibench.interpretation.finding import Finding
from saibench.reproduction.result import Result, Said

WIDTH = 100
NO_QUESTION = "not asked of these points"


def beside(result: Result, findings: Sequence[Finding]) -> list[str]:
    """Lines of text: each finding of the paper, and under it what was found here."""
    lines = []
    for said in result.said:
        lines += ["", *_line("paper", f"{said.text} ({said.section})")]
        for here in found_here(said, findings):
            lines += _line("here", here)
    return lines[1:]


def found_here(said: Said, findings: Sequence[Finding]) -> list[str]:
    """What there is to set beside one finding of the paper."""
    if said.compare:
        return [f"compare {said.compare}."]
    asked = [finding for finding in findings if finding.claim == said.claim]
    return [
        f"{finding.verdict}{f' ({finding.variant})' if finding.variant else ''}: {finding.numbers}"
        for finding in asked
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
