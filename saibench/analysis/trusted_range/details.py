"""The details of a trusted range in sentences, and the table of its competition.

`trust --verbose` prints them: candidates, usefulness, coverage in parts of the range, shift.
"""

from __future__ import annotations

from dataclasses import replace

from saibench.analysis.trusted_range import sentences
from saibench.analysis.trusted_range.competition import Candidate, Competition
from saibench.analysis.trusted_range.conditional import ConditionalCoverage, CoverageIn
from saibench.analysis.trusted_range.in_short import short_sentences
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.shift import Shift
from saibench.analysis.trusted_range.study_ranges import Found
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.usefulness import Decision, Usefulness
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import aligned, are, fixed, in_range, joined, minus, number, percent

HEADER = ("features", "error model", "pinball loss", "gain", "")
MAX_ROWS = 12
CHOSEN = "chosen"
MAX_FAILING = 3


def detail_sentences(found: Found, evidence: StudyEvidence) -> list[str]:
    """The answer, the fit, the tolerance along the best feature, the candidates, the validation.

    Args:
        found: a range of the study.
        evidence: of the study, for names in words.
    """
    lines = short_sentences(found, evidence)
    trusted, validation = found.trusted, found.validation
    if trusted is None:
        return lines
    lines.insert(1, sentences.fit_sentence(trusted, evidence))
    if trusted.tolerance is not None:
        lines.insert(2, sentences.tolerance_sentence(trusted, trusted.trusted(), evidence))
    lines[-1:-1] = candidate_sentences(found, evidence)
    if validation is not None:
        lines[-1:] = [
            sentences.coverage_sentence(validation),
            sentences.width_sentence(trusted, validation, evidence),
            *usefulness_sentences(validation.usefulness, trusted.statistic),
            *conditional_sentences(validation.conditional, evidence),
        ]
    return [*lines, *(shift_sentence(one, trusted.coverage) for one in found.shifts)]


def candidate_sentences(found: Found, evidence: StudyEvidence) -> list[str]:
    """What was chosen, what adds nothing, and what could not be used."""
    trusted, samples = found.trusted, found.samples
    if trusted is None or samples is None:
        return []
    lines = []
    if trusted.competition is not None:
        lines.append(chosen_sentence(trusted, trusted.competition, evidence))
        useless = [titled(name, evidence) for name in trusted.competition.useless]
        if useless:
            verb = "adds" if len(useless) == 1 else "add"
            lines.append(f"{joined(useless)} {verb} nothing to the bound.")
    if samples.skipped:
        lines.append(f"Not used: {'; '.join(samples.skipped)}.")
    if samples.estimated_blocks not in (0, samples.num_blocks):
        lines.append(requested_blocks(samples))
    elif samples.raw_blocks != samples.num_blocks:
        lines.append(
            f"Errors that know the features make {samples.num_blocks} independent blocks; without "
            f"the features they make {samples.raw_blocks}."
        )
    return lines


def requested_blocks(samples: ErrorSamples) -> str:
    """What a requested number of blocks means beside the estimated one."""
    own, estimated = samples.num_blocks, samples.estimated_blocks
    correlated = ": neighbouring ones correlate, so that intervals are too narrow"
    return (
        f"{own} blocks are requested (--blocks), and the errors given the features make "
        f"{estimated} independent ones{correlated if own > estimated else ''}."
    )


def chosen_sentence(
    trusted: TrustedRange, competition: Competition, evidence: StudyEvidence
) -> str:
    """The chosen candidate and its gain."""
    names = joined([titled(name, evidence) for name in trusted.chosen])
    count, chosen = len(competition.candidates), competition.chosen
    worse = replace(chosen, gain=-chosen.gain)
    change = f"{_gain(chosen)} lower" if chosen.gain >= 0 else f"{_gain(worse)} higher"
    return (
        f"Of {count} combinations of features and error models, {names} ({chosen.kind}) "
        f"{are(len(trusted.chosen))} used: the held-out pinball loss is {change} than without a "
        "feature."
    )


def competition_table(competition: Competition, evidence: StudyEvidence) -> list[str]:
    """The candidates of the lowest losses, and the chosen one."""
    first = competition.candidates[:MAX_ROWS]
    chosen = competition.chosen
    rows = [*first, *([] if chosen in first else [chosen])]
    lines = aligned(
        [
            HEADER,
            *(
                (
                    joined([titled(name, evidence) for name in one.features]),
                    one.kind,
                    number(one.loss),
                    _gain(one),
                    CHOSEN if one == chosen else "",
                )
                for one in rows
            ),
        ]
    )
    rest = len(competition.candidates) - len(rows)
    return [*lines, f"and {rest} more (`--json`)"] if rest else lines


def _gain(one: Candidate) -> str:
    """`12.1 ± 1.3 %`, one standard error over blocks."""
    return minus(f"{100 * one.gain:.1f} ± {100 * one.gain_error:.1f} %")


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
