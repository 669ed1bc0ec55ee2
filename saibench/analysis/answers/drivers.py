"""What drives the error of a study's best run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from saibench.analysis.answers.answer import Answer
from saibench.analysis.bootstrap import Interval
from saibench.analysis.tracing.records import ResponseTrace
from saibench.analysis.tracing.study_traces import study_traces
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import joined, percent

FEATURE, COMPONENT, CAUSE = "feature", "component", "cause"
MAX_DRIVERS = 3


@dataclass(frozen=True)
class Driver:
    """A feature, component or cause that contributes to the error.

    Args:
        name: `soap_distance`, `species O`, `motion`.
        kind: `feature`, `component` or `cause`.
        share: of the variance of the error's rank for a feature, else of the summed error.
        size: share of the samples (or atoms) that a component has; None for others.
        counted: unit of the size.
    """

    name: str
    kind: str
    share: Interval
    size: float | None = None
    counted: str = ""

    @property
    def excess(self) -> float:
        """The share beyond that of an equal error everywhere."""
        return self.share.estimate - (self.size or 0.0)


@dataclass(frozen=True)
class DriverNumbers:
    """The largest contributions to the error of one run.

    Args:
        run: its label; empty if the study has one run.
        response: the error.
        drivers: significant ones, largest excess first; none if no contribution is significant.
    """

    run: str
    response: Quantity
    drivers: tuple[Driver, ...]


def drivers(evidence: StudyEvidence, runs: Sequence[str], question: str) -> Answer[DriverNumbers]:
    """The first three significant contributions to the first traced error of these runs.

    Args:
        runs: of the best model; if none of them was traced, the first traced run is used.

    Raises:
        UserError: no run can be traced.
    """
    found = study_traces(evidence)
    traced = [one for one in found.traces if one.responses]
    if not traced:
        raise UserError(found.traces[0].refused[0])
    chosen = next((one for one in traced if one.point in runs), traced[0])
    response, label = chosen.responses[0], chosen.label if len(evidence.metrics) > 1 else ""
    largest = sorted(_significant(response, found.config.level), key=lambda one: -one.excess)
    numbers = DriverNumbers(label, response.response, tuple(largest[:MAX_DRIVERS]))
    return Answer(question, _sentence(numbers, evidence), numbers)


def _significant(trace: ResponseTrace, level: float) -> list[Driver]:
    """Causes, components and features; of two that are the same samples, the first."""
    causes = [Driver(one.name, CAUSE, one.share) for one in trace.parts if one.share.low > 0]
    components = [
        one for one in trace.components
        if one.relative.is_significant(level) and one.share.estimate > one.size
    ]  # fmt: skip
    kinds = Counter(one.of for one in trace.components)
    components.sort(key=lambda one: kinds[one.of])  # species before atoms
    same = {(round(one.size, 9), round(one.share.estimate, 9)): one for one in components[::-1]}
    single = same.values()
    classes = {one.of for one in single}
    return [
        *causes,
        *(
            Driver(f"{one.of} {one.name}", COMPONENT, one.share, one.size, one.counted)
            for one in single
        ),
        *(
            Driver(one.feature.name, FEATURE, one.share)
            for one in trace.associations
            if one.rho.is_significant(level)
            and one.share.low > 0
            and one.feature.name not in classes
        ),
    ]


def _sentence(numbers: DriverNumbers, evidence: StudyEvidence) -> str:
    error = titled(numbers.response.error_name, evidence) + (
        f" of {numbers.run}" if numbers.run else ""
    )
    if not numbers.drivers:
        return f"No feature or component contributes significantly to {error}."
    of_variation = [
        f"{titled(one.name, evidence)} explains {percent(one.share)}"
        for one in numbers.drivers
        if one.kind == FEATURE
    ]
    of_sum = [_contribution(one, evidence) for one in numbers.drivers if one.kind != FEATURE]
    parts: list[str] = []
    for found, whole in ((of_variation, "the variation of "), (of_sum, "")):
        if found:
            parts.append(f"{joined(found)} of {whole}{'it' if parts else error}")
    return "; ".join(parts) + "."


def _contribution(one: Driver, evidence: StudyEvidence) -> str:
    size = "" if one.size is None else f" ({100 * one.size:.3g} % of the {one.counted})"
    name = one.name if one.kind == COMPONENT else titled(one.name, evidence)
    return f"{name}{size} contributes {percent(one.share)}"
