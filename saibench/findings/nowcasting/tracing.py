"""The paper's claims on correlations of errors and on their sources (§6.6, fig. 21)."""

from __future__ import annotations

import numpy as np

from saibench.analysis.blocks import blocks_of
from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.nowcasting.errors import (
    HOURS,
    RainErrors,
    RainModel,
    hours,
    mean_of_defined,
)
from saibench.analysis.nowcasting.event_means import difference, mean_over_events
from saibench.analysis.nowcasting.relations import (
    DISPLACEMENT,
    INTENSITY,
    MAE,
    NUM_RESAMPLES,
    event_numbers,
    relation,
)
from saibench.analysis.rank_correlation import spearman
from saibench.errors import UserError
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer
from saibench.findings.nowcasting.shared import answer, answer_above
from saibench.findings.verdict import verdict_within
from saibench.formatting import fixed

STRONG, WEAK, NEGLIGIBLE = 0.7, 0.5, 0.2
"""Rank correlations above which a relation is strong, below which weak, and negligible."""

PROPORTIONAL = f"MAE increases with observed intensity, ρ > {STRONG} (§6.6, fig. 21)"
WEAKLY_RELATED = f"MAE and displacement correlate weakly, 0 < ρ < {WEAK} (§6.6, fig. 21)"
UNRELATED = f"displacement and intensity are uncorrelated, |ρ| < {NEGLIGIBLE} (§6.6, fig. 21)"
SOURCE_MORE = "the source term contributes more to the MAE at 60 minutes than the motion (§6.6)"
SOURCE_SCALES = (
    "the source's contribution to the MAE increases with the observed rain rate, the motion's does "
    "not (§6.6)"
)


def proportional(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), INTENSITY, MAE, errors.samples)
    numbers = _correlations(found.rho, found.partial, "displacement")
    return answer_above(found.rho, numbers, STRONG)


def weakly_related(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), DISPLACEMENT, MAE, errors.samples)
    return answer(
        verdict_within(found.rho, 0.0, WEAK),
        found.rho.count,
        _correlations(found.rho, found.partial, "intensity"),
    )


def unrelated(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), INTENSITY, DISPLACEMENT, errors.samples)
    return answer(
        verdict_within(found.rho, -NEGLIGIBLE, NEGLIGIBLE),
        found.rho.count,
        _correlations(found.rho, found.partial, "MAE"),
    )


def source_more(errors: RainErrors, model: RainModel) -> Answer | None:
    """Compare the errors from the predicted source and the predicted motion, if both are known."""
    if not errors.has(model, "source_part"):
        return None
    rows = []
    for lead in HOURS:
        source, motion = (errors.at(model, name, lead) for name in ("source_part", "velocity_part"))
        means = [mean_over_events(part, errors.samples) for part in (source, motion)]
        rows.append(
            f"{fixed(means[0])} and {fixed(means[1], unit='mm/h')} at {hours(errors.lead_at(lead))}"
        )
    common = ""
    if errors.has(model, "scheme_part"):
        both_true = mean_over_events(errors.at(model, "scheme_part", HOURS[0]), errors.samples)
        common = (
            f" (with both true {fixed(both_true, unit='mm/h')} remain at {hours(errors.hours[0])}, "
            "common to both)"
        )
    of_source, of_motion = (
        errors.at(model, name, HOURS[0]) for name in ("source_part", "velocity_part")
    )
    more = difference(of_source, of_motion, errors.samples)
    return answer_above(
        more,
        "MAE with the true motion and the predicted source, and with the predicted motion and the "
        f"true source: {'; '.join(rows)}{common}; the source's minus the motion's is "
        f"{fixed(more, unit='mm/h')} at {hours(errors.hours[0])}.",
    )


def source_scales(errors: RainErrors, model: RainModel) -> Answer | None:
    """Compare how both parts of the MAE [mm/h] correlate with the event's mean rain rate.

    The errors of source [mm/h] and motion [km/h] themselves are reported, but not compared.
    """
    if not errors.has(model, "source_part") or not errors.has(model, "velocity_part"):
        return None
    source, motion = (_with_rain(errors, model, n) for n in ("source_part", "velocity_part"))
    numbers = (
        "Spearman's ρ with the event's mean observed rain rate [mm/h], of the parts of its MAE "
        f"[mm/h]: {fixed(source)} of the source's part, {fixed(motion)} of the motion's, over "
        f"{source.count:,} events"
    )
    if errors.has(model, "source_error") and errors.has(model, "motion_error"):
        own = (_with_rain(errors, model, n) for n in ("source_error", "motion_error"))
        of_source, of_motion = map(fixed, own)
        numbers += (
            f". For the error of the source itself [mm/h] it is {of_source}, of the motion itself "
            f"[km/h] {of_motion}: different quantities, which are not compared"
        )
    return answer(_scales(source, motion), source.count, f"{numbers}.")


def _scales(source: Interval, motion: Interval) -> str:
    """Verdict on the claim that the source's part increases and the motion's does not change."""
    flat = verdict_within(motion, -NEGLIGIBLE, NEGLIGIBLE)
    if source.high <= 0 or flat == CONTRADICTED:
        return CONTRADICTED
    return SUPPORTED if source.low > 0 and flat == SUPPORTED else INCONCLUSIVE


def _with_rain(errors: RainErrors, model: RainModel, name: str) -> Interval:
    """Rank correlation of an error with the rain rate, averaged over lead times with both."""
    error, rain = (errors.values(model, one) for one in (name, INTENSITY))
    undefined = np.isnan(error) | np.isnan(rain)
    columns = np.stack(
        [mean_of_defined(np.where(undefined, np.nan, one)) for one in (error, rain)], axis=1
    )
    defined = ~np.any(np.isnan(columns), axis=1)
    columns = columns[defined]
    if not len(columns):
        raise UserError(f"No event has a value of {name} at any lead time.")
    blocks = blocks_of(errors.among(defined), columns)
    found = block_bootstrap(columns, blocks, spearman, num_resamples=NUM_RESAMPLES)
    return found.within(-1, 1)


def _correlations(rho: Interval, partial: Interval, control: str) -> str:
    return (
        f"Spearman's ρ is {fixed(rho)} over {rho.count:,} events, {fixed(partial)} controlling for "
        f"{control}."
    )
