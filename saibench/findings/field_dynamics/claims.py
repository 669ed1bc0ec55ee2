"""Claims on forecasts of evolving fields, tested on a study's evidence.

The paper has no results on fields that evolve (table 1 names the task). The comparison with zeros
is that of the Common Task Framework (Wyder et al. 2025), where zeros have a higher score on the
Kuramoto–Sivashinsky equation than most nets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from saibench.analysis.bootstrap import Interval
from saibench.analysis.field_dynamics.forecasts import (
    PERSISTENCE,
    ZEROS,
    Forecasts,
    forecasts,
    why_no_forecasts,
)
from saibench.analysis.sample_means import interval_of_means
from saibench.analysis.tested_models import TestedModel, over_trained_seeds
from saibench.evidence.reader import StudyEvidence
from saibench.findings.finding import INCONCLUSIVE, Answer, Finding, check_claim
from saibench.findings.verdict import verdict
from saibench.formatting import bracketed, percent

LONGER_VALID = "forecasts are valid longer than those of persistence"
BEATS_ZEROS = "most forecasts have a smaller relative L2 error than zeros"
PHASE = "phases of the waves contribute more of the error at the last lead than their amplitudes"
MIN_FORECASTS = 10
"""Fewest forecasts for a verdict."""

Test = Callable[[Forecasts, TestedModel], Answer | None]


def findings(evidence: StudyEvidence) -> list[Finding]:
    """One finding per claim and trained model."""
    if why_no_forecasts(evidence) is not None:
        return []
    found = forecasts(evidence)
    named = len(found.models) > 1
    return [
        finding
        for claim, test in OF_MODEL.items()
        for model in found.trained
        for finding in check_claim(
            claim,
            model.label if named else "",
            partial(test, found, model),
        )
    ]


def longer_valid(found: Forecasts, model: TestedModel) -> Answer | None:
    """Compare the valid times; None without persistence."""
    persistence = found.named(PERSISTENCE)
    if persistence is None:
        return None
    gain = found.gain(model, persistence, "valid_time")
    unit = found.units["valid_time"]
    own = over_trained_seeds(lambda one: found.mean(found.of_sample(one, "valid_time")), model)
    return _answer(
        gain,
        0.0,
        f"valid for {bracketed(own, unit)}, {bracketed(gain, unit)} longer than persistence, over "
        f"{gain.count:,} forecasts.",
    )


def beats_zeros(found: Forecasts, model: TestedModel) -> Answer | None:
    """Share of forecasts that are closer to the truth than zeros; None without zeros."""
    zeros = found.named(ZEROS)
    if zeros is None:
        return None
    share = found.share_better(model, zeros, "relative_l2")
    return _answer(
        share,
        0.5,
        f"{percent(share, 0)} of {share.count:,} forecasts have a smaller error than zeros over "
        "all leads.",
    )


def phase_dominates(found: Forecasts, model: TestedModel) -> Answer | None:
    """Share of the phases in the error of the last lead; None without a grid."""
    by_lead = found.tables.get("by_lead")
    if by_lead is None or "phase_part" not in by_lead.columns:
        return None

    def share(own: TestedModel) -> Interval:
        phase, amplitude = (
            found.along(own, "lead", f"{name}_part")[:, -1] for name in ("phase", "amplitude")
        )
        whole = np.isfinite(phase) & np.isfinite(amplitude)  # without rollouts that blew up
        of_phase, of_amplitude = (np.where(whole, part, np.nan) for part in (phase, amplitude))
        return interval_of_means(lambda a, b: a / (a + b), found.samples, of_phase, of_amplitude)

    part = over_trained_seeds(share, model)
    return _answer(
        part,
        0.5,
        f"phases contribute {percent(part, 0)} of the mean squared error at the last lead, over "
        f"{part.count:,} forecasts.",
    )


OF_MODEL: dict[str, Test] = {
    LONGER_VALID: longer_valid,
    BEATS_ZEROS: beats_zeros,
    PHASE: phase_dominates,
}


def _answer(interval: Interval, above: float, numbers: str) -> Answer:
    if interval.count < MIN_FORECASTS:
        return INCONCLUSIVE, f"too few forecasts ({interval.count}): {numbers}"
    return verdict(interval, above), numbers
