"""Findings on where a study's errors come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars

from saibench.analysis.tracing import sentences
from saibench.analysis.tracing.config import TraceConfig
from saibench.analysis.tracing.in_words import in_words
from saibench.analysis.tracing.records import Association, BiasTrace, PointTrace, ResponseTrace
from saibench.analysis.tracing.study_traces import StudyTraces, study_traces
from saibench.analysis.two_axes import two_axes
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import SEED, differing, is_trained
from saibench.findings.finding import INCONCLUSIVE, NOT_TESTED, SUPPORTED, Finding, check_claim
from saibench.findings.two_axes import statements
from saibench.formatting import counted, fixed, joined

MAX_FEATURES = 2
"""Features that are reported with their numbers; of further ones the names."""
MAX_CORRELATIONS = 3
TRACED_SEED = (
    "for this trained net alone: one seed of the setting was traced; other seeds may give another "
    "verdict."
)


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings on features, components, biased stretches, and the effects of two settings."""
    try:
        found = study_traces(evidence)
    except UserError as error:
        return [Finding("errors correlate with data features", NOT_TESTED, str(error))]
    several, varies_seeds = len(found.traces) + found.num_omitted > 1, _varies_seeds(evidence)
    findings_of_traces = [
        _of_net(finding) if varies_seeds and is_trained(evidence.records[trace.point]) else finding
        for trace in found.traces
        for finding in _of_point(
            in_words(trace, evidence), found, trace.label if several or varies_seeds else ""
        )
    ]
    return [*findings_of_traces, *_of_axes(evidence, found.config)]


def _varies_seeds(evidence: StudyEvidence) -> bool:
    return SEED in differing(
        evidence.points.filter(polars.col("point").is_in(list(evidence.metrics)))
    )


def _of_net(finding: Finding) -> Finding:
    """The finding for the traced net alone: the study has other seeds that were not traced."""
    if finding.verdict != SUPPORTED:
        return finding
    numbers = f"{finding.numbers}\n{SUPPORTED.capitalize()} {TRACED_SEED}"
    return replace(finding, verdict=INCONCLUSIVE, numbers=numbers, nets_verdict=SUPPORTED)


def _of_point(trace: PointTrace, found: StudyTraces, variant: str) -> list[Finding]:
    level = found.config.level
    of_point = []
    for response in trace.responses:
        of_point.append(_correlates(response, level, variant))
        of_point += _differs(response, level, variant)
    if trace.bias is not None:
        of_point.append(_biased(trace.bias, level, variant))
    return of_point


def _correlates(trace: ResponseTrace, level: float, variant: str) -> Finding:
    claim = f"{trace.response.name} correlates with data features (§2.5)"
    found = sentences.significant(trace.associations, level)
    numbers = [_correlations(found)]
    numbers += [sentences.together_sentence(trace)] if trace.together else []
    numbers += [sentences.association_sentence(trace, one) for one in found[:MAX_FEATURES]]
    if len(found) > MAX_FEATURES:
        rest = ", ".join(one.feature.name for one in found[MAX_FEATURES:])
        numbers.append(f"It also correlates with {rest}.")
    numbers += trace.notes
    return Finding(claim, SUPPORTED if found else INCONCLUSIVE, "\n".join(numbers), variant)


def _correlations(found: Sequence[Association]) -> str:
    """The significant rank correlations, largest first, and the number of further ones."""
    if not found:
        return "No feature has a significant rank correlation with it."
    ordered = sorted(found, key=lambda one: -abs(one.rho.interval.estimate))
    listed = [
        f"{one.feature.name} ({fixed(one.rho.interval)})" for one in ordered[:MAX_CORRELATIONS]
    ]
    further = len(ordered) - len(listed)
    listed += [counted(further, "further feature")] if further else []
    return f"Significant rank correlation with {joined(listed)}."


def _differs(trace: ResponseTrace, level: float, variant: str) -> list[Finding]:
    if not trace.components:
        return []
    kinds = " and ".join(dict.fromkeys(one.of for one in trace.components))
    sure = [one for one in trace.components if one.relative.is_significant(level)]
    numbers = sentences.component_sentences(trace, level)
    if trace.parts:
        numbers.append(sentences.part_sentence(trace))
    claim = f"{trace.response.name} differs between {kinds} (§4.1, §5.5, §6.6)"
    return [Finding(claim, SUPPORTED if sure else INCONCLUSIVE, "\n".join(numbers), variant)]


def _biased(trace: BiasTrace, level: float, variant: str) -> Finding:
    claim = f"{trace.statistic.name} is biased in stretches of {trace.along.name} (§4.3, fig. 5)"
    seen = bool(trace.biased(level)) and trace.first.is_significant(level)
    if trace.bias.is_significant(level) and not seen:
        claim = f"{trace.statistic.name} is biased (§4.3)"
        seen = True
    numbers = "\n".join(sentences.bias_sentences(trace, level))
    return Finding(claim, SUPPORTED if seen else INCONCLUSIVE, numbers, variant)


def _of_axes(evidence: StudyEvidence, config: TraceConfig) -> list[Finding]:
    """The findings on two settings, if the workload names them and there are several runs."""
    if len(config.across) != 2 or len(evidence.metrics) < 2:
        return []
    statistics = dict.fromkeys(name for name in (config.bias, config.responses[0]) if name)
    found: list[Finding] = []
    for statistic in statistics:
        try:
            parted = two_axes(evidence, statistic, config.along, config.across)
        except UserError as error:
            first, second = config.across
            claim = f"errors by {first} are local, errors by {second} global in amplitude"
            return [*found, Finding(f"{claim} (§4.3, fig. 5)", NOT_TESTED, str(error))]
        named = in_words(parted, evidence)
        for one in statements(named):
            claim, variant = f"{one.claim} (§4.3, fig. 5)", named.statistic.name
            found += check_claim(claim, variant, one.answer, one.trainings)
    return found
