"""What a bound is good for, in sentences: usefulness, coverage in parts of the range, shift."""

from __future__ import annotations

from saibench.analysis.trusted_range.conditional import ConditionalCoverage, CoverageIn
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.shift import Shift
from saibench.analysis.trusted_range.usefulness import Decision, Usefulness
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import fixed, in_range, number, percent

MAX_FAILING = 3


def usefulness_sentences(found: Usefulness, statistic: Quantity) -> list[str]:
    """Samples that are declared trusted, and the order of the errors."""
    lines = [] if found.decision is None else [_decision(found.decision, statistic)]
    worst = number(found.worst_from, unit=statistic.unit)
    verdict = "" if found.ranks_errors else ", not significantly above 0.5"
    return [
        *lines,
        f"The bound ranks the worst tenth of the errors (from {worst}) with an AUROC of "
        f"{fixed(found.auroc)}{verdict}; rejecting the samples of the largest bounds first gains "
        f"{percent(found.risk_coverage.area)} of what rejecting those of the largest errors would.",
    ]


def _decision(found: Decision, statistic: Quantity) -> str:
    limit = number(found.tolerance, unit=statistic.unit)
    if found.recognised is None:
        return f"No sample has an error within {limit}."
    recognised = (
        f"{percent(found.recognised)} of the samples with an error within {limit} are declared "
        "trusted"
    )
    if found.correct is None:
        return f"{recognised}."
    return f"{recognised}, and {percent(found.correct)} of the trusted ones have such an error."


def conditional_sentences(found: ConditionalCoverage, evidence: StudyEvidence) -> list[str]:
    """The parts of the range in which the coverage is too low, the lowest first."""
    nominal = f"{100 * found.nominal:g} %"
    failing = sorted(found.failing, key=lambda one: one.coverage.estimate)
    if not failing:
        parts = len(found.bins) + len(found.groups) + (found.worst_slab is not None)
        return [
            f"In none of {parts} parts of the range is the coverage significantly below {nominal}."
        ]
    lines = [
        f"For {_part(one, one in found.groups, evidence)} the coverage is "
        f"{percent(one.coverage)}, significantly below {nominal}."
        for one in failing[:MAX_FAILING]
    ]
    rest = len(failing) - len(lines)
    return [*lines, f"It is also too low in {rest} further parts."] if rest else lines


def _part(part: CoverageIn, is_group: bool, evidence: StudyEvidence) -> str:
    """`SOAP distance to training from 0.02 to 0.03 (10 % of the samples)`."""
    share = f" ({100 * part.share:.3g} % of the samples)"
    if is_group:
        return f"{part.label}{share}"
    name = titled(part.name or part.label, evidence)
    low, high = (in_range(end, part.low, part.high) for end in (part.low, part.high))
    return f"{name} from {low} to {high}{share}"


def shift_sentence(found: Shift, coverage: float) -> str:
    """How the range does on another partition."""
    inside = (
        f"On {found.partition}, {percent(found.inside)} of {found.count:,} samples are inside the "
        "fitted range"
    )
    if found.coverage_inside is None:
        return f"{inside}."
    sentence = (
        f"{inside}, and {percent(found.coverage_inside)} of these are below their "
        f"{100 * coverage:g} % bound"
    )
    if found.decision is not None and found.decision.recognised is not None:
        sentence += (
            f"; {percent(found.decision.recognised)} of the samples within the tolerance are "
            "recognised"
        )
    return f"{sentence}."
