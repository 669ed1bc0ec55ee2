"""The paper's claims on precipitation nowcasting (§6), tested on a study's evidence.

Each finding has numbers with their intervals from resampling events, and a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.errors import (
    HOURS,
    RainErrors,
    RainModel,
    hours,
    leads_at_hours,
    rain_errors,
    why_no_lead,
    why_no_rain,
)
from saibench.analysis.nowcasting.event_means import difference, mean_over_events
from saibench.analysis.nowcasting.moved_rain import by_shift, shifted_events, shifts, why_no_shifts
from saibench.analysis.nowcasting.repeated_draws import (
    drawn_events,
    repeated_draws,
    spread,
    why_no_draws,
)
from saibench.analysis.sample_means import interval_of_means
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.findings.finding import Answer, Finding, check_claim
from saibench.findings.nowcasting import errors as scores
from saibench.findings.nowcasting import tracing, training
from saibench.findings.nowcasting import trend as trends
from saibench.findings.nowcasting.shared import answer, answer_above
from saibench.findings.verdict import verdict
from saibench.formatting import percent

Test = Callable[[RainErrors, RainModel], Answer | None]

SATURATES = "MAE saturates with displacement, δr stays proportional to it (§6, fig. 13)"
LESS_STABLE = "δr varies more between predictions of one event than MAE (§6.5, fig. 20)"
MIN_REPEATED = 10
"""Number of events that the paper predicts repeatedly; each has its own draws."""

OF_DATA: Mapping[str, Test] = {
    scores.EVENTS_FADE: scores.events_fade,
    trends.FEW_GROW: trends.few_grow,
}
OF_MODEL: Mapping[str, Test] = {
    scores.LOWER_MAE: scores.lower_mae,
    scores.LOWER_ACTIVE_AREA_MAE: scores.lower_active_area_mae,
    scores.HIGHER_CSI: scores.higher_csi,
    scores.CSI_DECAYS: scores.csi_decays,
    scores.ACTIVE_GROWS: scores.active_grows,
    scores.RAW_HIDES: scores.raw_hides,
    trends.FIRST_QUADRANT: trends.first_quadrant,
    trends.UNDER_PREDICTED: trends.under_predicted,
    tracing.PROPORTIONAL: tracing.proportional,
    tracing.WEAKLY_RELATED: tracing.weakly_related,
    tracing.UNRELATED: tracing.unrelated,
    tracing.SOURCE_MORE: tracing.source_more,
    tracing.SOURCE_SCALES: tracing.source_scales,
}
"""The test of each claim, in the paper's order."""

OF_SETTINGS = (scores.LOWER_MAE, scores.LOWER_ACTIVE_AREA_MAE, scores.HIGHER_CSI)
"""Claims that one model is better than another, which a single seed cannot decide."""

STATISTICS = ("mae", "active_area_mae", "observed_rate", "predicted_rate", "displacement")


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings that this study's runs can test."""
    found: list[Finding] = []
    if why_no_shifts(evidence) is None:
        found += check_claim(SATURATES, "", partial(_saturates, evidence))
    if why_no_rain(evidence, STATISTICS, leads=HOURS) is None:
        errors = rain_errors(evidence)
        found += _of_models(errors, OF_DATA, errors.models[:1], named=False)
        found += _of_models(errors, OF_MODEL, errors.subjects, named=len(errors.models) > 1)
        found += training.findings(evidence)
    if why_no_draws(evidence) is None:
        found += check_claim(LESS_STABLE, "", partial(_less_stable, evidence))
    return found


def _of_models(
    errors: RainErrors,
    tests: Mapping[str, Test],
    models: Sequence[RainModel],
    named: bool,
) -> list[Finding]:
    """Test every claim on every model; with `named`, the variant is the model's name."""
    return [
        finding
        for claim, test in tests.items()
        for model in models
        for finding in check_claim(
            claim,
            model.label if named else "",
            partial(test, errors, model),
            model.trainings if claim in OF_SETTINGS else None,
        )
    ]


def _saturates(evidence: StudyEvidence) -> Answer:
    """Compare how much δr and MAE still increase over the second half of the distance."""
    distances = shifts(evidence)
    half = int(np.argmin(np.abs(distances - distances[-1] / 2)))
    events, shares, columns = shifted_events(evidence), {}, []
    for name in ("mae", "displacement"):
        values = by_shift(evidence, name)
        columns += [values[:, half], values[:, -1]]
        shares[name] = interval_of_means(_last_half, events, *columns[-2:])
    later = interval_of_means(lambda a, b, c, d: a / b - c / d, events, *columns)
    return answer_above(
        later,
        f"the distance from {distances[half]} to {distances[-1]} km contributes "
        f"{percent(shares['displacement'], 0)} of the final δr and {percent(shares['mae'], 0)} of "
        f"the final MAE, over {later.count:,} events.",
    )


def _last_half(at_half: Floats, end: Floats) -> Floats:
    return 1 - at_half / end


def _less_stable(evidence: StudyEvidence) -> Answer:
    """Compare the standard deviations over an event's draws, relative to their mean, at 3 h."""
    relative, leads = {}, repeated_draws(evidence)["lead"]
    if reason := why_no_lead(leads, HOURS[-1:]):
        raise UserError(reason)
    lead = leads_at_hours(leads)[-1]
    for name in ("mae", "displacement"):
        at_end = spread(evidence, name).filter(lead=lead).sort("sample_id")
        relative[name] = (at_end["std"] / at_end["mean"]).fill_null(np.nan).to_numpy()
    events = drawn_events(evidence, lead)
    more = difference(relative["displacement"], relative["mae"], events)
    return answer(
        verdict(more),
        more.count,
        f"standard deviation over draws, relative to their mean, at {hours(lead)}: "
        f"{percent(mean_over_events(relative['mae'], events), 0)} of MAE and "
        f"{percent(mean_over_events(relative['displacement'], events), 0)} of δr, over "
        f"{more.count} events.",
        MIN_REPEATED,
    )
