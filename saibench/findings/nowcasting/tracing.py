"""What errors go with, and where they come from: the paper's findings of §6.6 (fig. 21)."""

from __future__ import annotations

import numpy as np

from saibench.analysis.blocks import blocks_of
from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.correlation import spearman
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
from saibench.errors import UserError
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer
from saibench.findings.nowcasting.shared import answer, answer_positive
from saibench.findings.verdict import less
from saibench.formatting import fixed

STRONG, WEAK, NEGLIGIBLE = 0.7, 0.5, 0.2
"""Rank correlations from which a relation is strong, below which weak, and as good as none."""

PROPORTIONAL = f"MAE rises with observed intensity, ρ > {STRONG} (§6.6, fig. 21)"
WEAKLY_RELATED = f"MAE and displacement go together weakly, 0 < ρ < {WEAK} (§6.6, fig. 21)"
UNRELATED = f"displacement does not depend on intensity, |ρ| < {NEGLIGIBLE} (§6.6, fig. 21)"
SOURCE_MORE = "the source's error adds more to the MAE at 60 minutes than the motion's (§6.6)"
SOURCE_SCALES = (
    "the source's part of the MAE increases with the observed rain rate, the motion's part does "
    "not (§6.6)"
)


def proportional(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), INTENSITY, MAE, errors.samples)
    numbers = _correlations(found.rho, found.partial, "displacement")
    return answer_positive(less(found.rho, STRONG), numbers)


def weakly_related(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), DISPLACEMENT, MAE, errors.samples)
    return answer(
        within(found.rho, 0.0, WEAK),
        found.rho.count,
        _correlations(found.rho, found.partial, "intensity"),
    )


def unrelated(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), INTENSITY, DISPLACEMENT, errors.samples)
    return answer(
        within(found.rho, -NEGLIGIBLE, NEGLIGIBLE),
        found.rho.count,
        _correlations(found.rho, found.partial, "MAE"),
    )


def source_more(errors: RainErrors, model: RainModel) -> Answer | None:
    """Where true motion and source are known: which of them, predicted, costs more."""
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
        left = mean_over_events(errors.at(model, "scheme_part", HOURS[0]), errors.samples)
        common = (
            f" (with both true {fixed(left, unit='mm/h')} are left at {hours(errors.hours[0])}, "
            "which both have in common)"
        )
    of_source, of_motion = (
        errors.at(model, name, HOURS[0]) for name in ("source_part", "velocity_part")
    )
    more = difference(of_source, of_motion, errors.samples)
    return answer_positive(
        more,
        "MAE with the true motion and the predicted source, and with the predicted motion and the "
        f"true source: {'; '.join(rows)}{common}; the source's less the motion's is "
        f"{fixed(more, unit='mm/h')} at {hours(errors.hours[0])}.",
    )


def source_scales(errors: RainErrors, model: RainModel) -> Answer | None:
    """By the rank correlations of both parts of the MAE [mm/h] with the event's mean rain rate.

    The errors of source [mm/h] and motion [km/h] themselves are told, and not compared.
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
            f". Of the error of the source itself [mm/h] it is {of_source}, of the motion itself "
            f"[km/h] {of_motion}: quantities of different kinds, which are not compared"
        )
    return answer(_scales(source, motion), source.count, f"{numbers}.")


def _scales(source: Interval, motion: Interval) -> str:
    """Whether the source's part rises and the motion's neither rises nor falls."""
    flat = within(motion, -NEGLIGIBLE, NEGLIGIBLE)
    if source.high <= 0 or flat == CONTRADICTED:
        return CONTRADICTED
    return SUPPORTED if source.low > 0 and flat == SUPPORTED else INCONCLUSIVE


def _with_rain(errors: RainErrors, model: RainModel, name: str) -> Interval:
    """Rank correlation of an error with the rain rate, means over the lead times that have both."""
    error, rain = (errors.values(model, one) for one in (name, INTENSITY))
    neither = np.isnan(error) | np.isnan(rain)
    columns = np.stack(
        [mean_of_defined(np.where(neither, np.nan, one)) for one in (error, rain)], axis=1
    )
    defined = ~np.any(np.isnan(columns), axis=1)
    columns = columns[defined]
    if not len(columns):
        raise UserError(f"No event has a value of {name} at a lead time.")
    blocks = blocks_of(errors.among(defined), columns)
    found = block_bootstrap(columns, blocks, spearman, num_resamples=NUM_RESAMPLES)
    return found.within(-1, 1)


def within(rho: Interval, low: float, high: float) -> str:
    """Whether a correlation lies between two bounds."""
    if low < rho.low and rho.high < high:
        return SUPPORTED
    return CONTRADICTED if rho.high < low or rho.low > high else INCONCLUSIVE


def _correlations(rho: Interval, partial: Interval, held: str) -> str:
    return (
        f"Spearman's ρ is {fixed(rho)} over {rho.count:,} events, {fixed(partial)} with {held} "
        "held still."
    )
