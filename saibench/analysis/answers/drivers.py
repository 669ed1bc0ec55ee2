"""What drives the error of a study's best run."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Sequence

from saibench.analysis.answers.answer import Answer
from saibench.analysis.answers.driver import CAUSE, COMPONENT, Driver, DriverNumbers
from saibench.analysis.answers.predictors import predictors
from saibench.analysis.tracing.records import FEATURE, MODEL_FEATURE, Component, ResponseTrace
from saibench.analysis.tracing.study_traces import study_traces
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import capitalized, joined, percent

MAX_DRIVERS = 3


def drivers(evidence: StudyEvidence, runs: Sequence[str], question: str) -> Answer[DriverNumbers]:
    """The first three significant contributions to the first traced error of these runs.

    If that error cannot be traced, as with a drift that makes few independent blocks, the features
    of the trusted range are reported instead: its blocks know them.

    Args:
        runs: of the best model; if none of them was traced, the first traced run is used.

    Raises:
        UserError: no run can be traced.
    """
    try:
        found = study_traces(evidence)
    except UserError as error:
        return predictors(evidence, runs, question, str(error))
    best = next((one for one in found.traces if one.point in runs), found.traces[0])
    chosen = next((one for one in (best, *found.traces) if one.responses), best)
    first = "".join(one.response.name for one in chosen.responses[:1])
    if found.config.responses[0] not in first:
        with contextlib.suppress(UserError):
            return predictors(evidence, runs, question, best.refused[0])
    if not first:
        raise UserError(best.refused[0])
    label = chosen.label if len(evidence.metrics) > 1 else ""
    numbers = drivers_of(chosen.responses[0], found.config.level, label)
    cautions = () if chosen is best else (f"{best.label} is not traced: {best.refused[0]}",)
    return Answer(question, drivers_sentence(numbers, evidence), numbers, cautions)


def drivers_of(trace: ResponseTrace, level: float, run: str = "") -> DriverNumbers:
    """The first three significant contributions to one error."""
    largest = sorted(_significant(trace, level), key=lambda one: -one.excess)
    correlates = [one.feature.name for one in trace.associations if one.rho.is_significant(level)]
    return DriverNumbers(
        run,
        trace.response,
        tuple(largest[:MAX_DRIVERS]),
        () if largest else tuple(correlates[:MAX_DRIVERS]),
    )


def _significant(trace: ResponseTrace, level: float) -> list[Driver]:
    """Causes, components and features; of two that are the same samples, the first."""
    causes = [Driver(one.name, CAUSE, one.share) for one in trace.parts if one.share.low > 0]
    components = [
        one for one in trace.components
        if one.relative.is_significant(level) and one.share.estimate > one.size
    ]  # fmt: skip
    kinds = Counter(one.of for one in trace.components)
    components.sort(key=lambda one: kinds[one.of])  # species before atoms
    single: list[Component] = []
    for one in components:
        if not any(_are_equal(one, other) for other in single):
            single.append(one)
    classes = {one.of for one in single}
    return [
        *causes,
        *(
            Driver(f"{one.of} {one.name}", COMPONENT, one.share, one.size, one.counted)
            for one in single
        ),
        *(
            Driver(one.feature.name, one.kind, one.share)
            for one in trace.associations
            if one.rho.is_significant(level)
            and one.share.low > 0
            and one.feature.name not in classes
        ),
    ]


def _are_equal(one: Component, other: Component) -> bool:
    """Whether two components consist of the same samples or atoms, as the only oxygen."""
    return math.isclose(one.size, other.size, rel_tol=1e-6) and math.isclose(
        one.share.estimate, other.share.estimate, rel_tol=1e-4
    )


def drivers_sentence(numbers: DriverNumbers, evidence: StudyEvidence, typed: bool = False) -> str:
    """What each of them contributes.

    Args:
        numbers: the contributions.
        evidence: of the study, for names in words.
        typed: whether columns are named too, as a command needs them.
    """

    def named(name: str) -> str:
        title = titled(name, evidence)
        return f"{title} ({name})" if typed and title != name else title

    error = named(numbers.response.error_name) + (f" of {numbers.run}" if numbers.run else "")
    if not numbers.drivers:
        correlates = joined([named(name) for name in numbers.correlates])
        known = f", although it correlates with {correlates} (significant)" if correlates else ""
        return f"No feature or component contributes a significant share of {error}{known}."
    of_variation = [
        f"{named(one.name)} explains {percent(one.share)}"
        for one in numbers.drivers
        if one.kind == FEATURE
    ]
    of_model = [
        f"the model's {named(one.name)} explains {percent(one.share)}"
        for one in numbers.drivers
        if one.kind == MODEL_FEATURE
    ]
    of_sum = [_contribution(one) for one in numbers.drivers if one.kind in (COMPONENT, CAUSE)]
    parts: list[str] = []
    for found, whole, beyond in (
        (of_variation, "the variation of ", ""),
        (of_model, "the variation of ", " beyond the data features"),
        (of_sum, "", ""),
    ):
        if found:
            parts.append(f"{joined(found)} of {whole}{'it' if parts else error}{beyond}")
    sentence = "; ".join(parts) + "."
    if sentence.startswith(tuple(one.name for one in numbers.drivers)):  # a column's own name
        return sentence
    return capitalized(sentence)


def _contribution(one: Driver) -> str:
    size = "" if one.size is None else f" ({100 * one.size:.3g} % of the {one.counted})"
    return f"{one.name}{size} contributes {percent(one.share)}"
