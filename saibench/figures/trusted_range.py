"""The trusted range: where the bound keeps the tolerance, how it ranks errors, where it holds.

The run that the page's first answer is about comes first; errors and bounds of others are small.
"""

from __future__ import annotations

import polars
from matplotlib.figure import Figure

from saibench.analysis.answers.best_run import best_runs
from saibench.analysis.answers.ranges import ordered_ranges
from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.details import (
    conditional_sentences,
    shift_sentence,
    usefulness_sentences,
)
from saibench.analysis.trusted_range.in_short import short_sentences
from saibench.analysis.trusted_range.study_ranges import fitted_points, further, refusals
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.questions import TRUST
from saibench.figures.style import styled
from saibench.figures.trusted_range_panels import draw_ranges
from saibench.figures.trusted_range_rows import Drawn, range_rows
from saibench.formatting import joined

title = "Trusted operating range"
paper = "Section 2.5"
question = TRUST

MAX_OTHERS = 6


def needs(evidence: StudyEvidence) -> str | None:
    try:
        trust_config(evidence)
        found = ordered_ranges(evidence)
    except UserError as error:
        return str(error)
    if any(one.trusted for one in found):
        return None
    return found[0].refused if found else "No run was tested."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (points, curve, position).

    `expected error` and `upper bound` are along the best feature. For `observed coverage` the
    position is the nominal coverage, for `coverage of a bin` the middle of a bin of the best
    feature, and for `kept error` and `ideal kept error` the share of kept samples.
    """
    rows = [row for one in _drawn(evidence) for row in range_rows(one)]
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    first, *others = _drawn(evidence)
    return draw_ranges(first, others, evidence)


def caption(evidence: StudyEvidence) -> str:
    found, drawn = ordered_ranges(evidence), _drawn(evidence)
    first, *others = drawn
    trusted = first.trusted
    statistic = trusted.statistic
    per = f" per {statistic.per}" if statistic.per else ""
    unit = f" [{statistic.unit}{per}]" if statistic.unit else ""
    alone = together = ""
    if len(trusted.chosen) > 1:
        names = joined([titled(name, evidence) for name in trusted.chosen])
        alone, together = " by it alone", f"; the other numbers are of the bound by {names}"
    parts = [
        f"Left: {titled(statistic.title, evidence)}{unit} of each sample against "
        f"{titled(trusted.best.features[0].title, evidence)}, with the bound{alone} for "
        f"{100 * trusted.coverage:g} % of new samples{together}. Middle and right, for samples "
        "held out of the fit: mean error if those of the largest bounds are rejected (area: 0 for "
        "a random order, 1 for the ideal one; AUROC for the worst tenth), and coverage by bin of "
        "the feature, with 95 % intervals from resampling blocks."
        + (" Below: the other runs." if others else "")
    ]
    if any(one.mean_above_bound for one in drawn):
        parts.append(
            "The expected error is a mean. Where it is above the bound, few samples have most of "
            f"the error: they are among the {100 * (1 - trusted.coverage):.3g} % above the bound."
        )
    named = len(found) > 1
    parts.append(_opening(first, named) + " ".join(_sentences(first, evidence)))
    for one in others:
        short = short_sentences(one.found, evidence, typed=False)
        parts.append(_opening(one, named) + " ".join(short))
    parts += refusals(found)
    fitted = [one for one in found if one.trusted]
    parts += further(fitted[len(drawn) :])
    unfitted = len(evidence.metrics) - len({*fitted_points(evidence, best_runs(evidence))})
    if unfitted:
        parts.append(
            f"The ranges of {unfitted:,} further runs are not fitted for the page "
            "(`python -m saibench trust` fits all)."
        )
    return "\n".join(parts)


def reading(evidence: StudyEvidence) -> str:
    """Where the first of the drawn runs can be trusted."""
    first, *others = _drawn(evidence)
    answer, *_ = short_sentences(first.found, evidence, typed=False)
    return _opening(first, bool(others)) + answer


def _opening(one: Drawn, named: bool) -> str:
    return f"{one.label}: " if named else ""


def _sentences(one: Drawn, evidence: StudyEvidence) -> list[str]:
    found, trusted = one.found, one.trusted
    lines = short_sentences(found, evidence, typed=False)
    if found.validation is not None:
        lines += usefulness_sentences(found.validation.usefulness, trusted.statistic)[-1:]
        if found.validation.conditional.failing:
            lines += conditional_sentences(found.validation.conditional, evidence)
    return [*lines, *(shift_sentence(shift, trusted.coverage) for shift in found.shifts)]


def _drawn(evidence: StudyEvidence) -> list[Drawn]:
    fitted = [
        Drawn(one, one.trusted, one.samples)
        for one in ordered_ranges(evidence)
        if one.trusted is not None and one.samples is not None
    ]
    return fitted[: 1 + MAX_OTHERS]
