"""What errors go with, and where they come from: the paper's findings of §6.6 (fig. 21)."""

from __future__ import annotations

import numpy as np

from saibench.interpretation.bootstrap import Floats, Interval, block_bootstrap
from saibench.interpretation.correlation import spearman
from saibench.interpretation.event_means import difference, event_blocks, mean_over_events
from saibench.interpretation.finding import NOT_SEEN, SEEN, UNDECIDED, Answer
from saibench.interpretation.rain_claims import answer, answer_positive, less, text
from saibench.interpretation.rain_errors import HOURS, RainErrors, RainModel
from saibench.interpretation.rain_relations import (
    DISPLACEMENT,
    INTENSITY,
    MAE,
    NUM_RESAMPLES,
    event_numbers,
    relation,
)

STRONG, WEAK, NEGLIGIBLE = 0.7, 0.5, 0.2
"""Rank correlations from which a relation is strong, below which weak, and as good as none."""

PROPORTIONAL = f"MAE rises with observed intensity, ρ > {STRONG} (§6.6, fig. 21)"
WEAKLY_RELATED = f"MAE and displacement go together weakly, 0 < ρ < {WEAK} (§6.6, fig. 21)"
UNRELATED = f"displacement does not depend on intensity, |ρ| < {NEGLIGIBLE} (§6.6, fig. 21)"
SOURCE_MORE = "the source's error adds more to the MAE at 60 minutes than the motion's (§6.6)"
SOURCE_SCALES = "the source's error grows with intensity, the motion's does not (§6.6)"


def proportional(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), INTENSITY, MAE)
    numbers = _correlations(found.rho, found.partial, "displacement")
    return answer_positive(less(found.rho, STRONG), numbers)


def weakly_related(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), DISPLACEMENT, MAE)
    return answer(
        within(found.rho, 0.0, WEAK),
        found.rho.count,
        _correlations(found.rho, found.partial, "intensity"),
    )


def unrelated(errors: RainErrors, model: RainModel) -> Answer:
    found = relation(event_numbers(errors, model), INTENSITY, DISPLACEMENT)
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
        rows.append(
            f"{text(mean_over_events(source))} and {text(mean_over_events(motion), 'mm/h')} at "
            f"{lead // 60} h"
        )
    common = ""
    if errors.has(model, "scheme_part"):
        left = mean_over_events(errors.at(model, "scheme_part", HOURS[0]))
        common = (
            f" (with both true {text(left, 'mm/h')} are left at 1 h, which both have in common)"
        )
    more = difference(*(errors.at(model, n, HOURS[0]) for n in ("source_part", "velocity_part")))
    return answer_positive(
        more,
        "MAE with the true motion and the predicted source, and with the predicted motion and the "
        f"true source: {'; '.join(rows)}{common}; the source's less the motion's is "
        f"{text(more, 'mm/h')} at 1 h.",
    )


def source_scales(errors: RainErrors, model: RainModel) -> Answer | None:
    """By the rank correlations of both errors with the event's mean rain rate."""
    if not errors.has(model, "source_error"):
        return None
    columns = np.stack(
        [errors.values(model, n).mean(axis=1) for n in ("source_error", "motion_error", INTENSITY)],
        axis=1,
    )
    source, motion, more = (
        block_bootstrap(columns, event_blocks(len(columns)), rho, num_resamples=NUM_RESAMPLES)
        for rho in (_with_source, _with_motion, _more_with_source)
    )
    return answer_positive(
        more,
        f"rank correlation with the event's mean rain rate: {text(source)} of the source's error, "
        f"{text(motion)} of the motion's, {text(more)} more.",
    )


def within(rho: Interval, low: float, high: float) -> str:
    """Whether a correlation lies between two bounds."""
    if low < rho.low and rho.high < high:
        return SEEN
    return NOT_SEEN if rho.high < low or rho.low > high else UNDECIDED


def _correlations(rho: Interval, partial: Interval, held: str) -> str:
    return (
        f"Spearman's ρ is {text(rho)} over {rho.count:,} events, {text(partial)} with {held} held "
        "still."
    )


def _with_source(values: Floats, weights: Floats) -> Floats:
    return spearman(values[:, [0, 2]], weights)


def _with_motion(values: Floats, weights: Floats) -> Floats:
    return spearman(values[:, [1, 2]], weights)


def _more_with_source(values: Floats, weights: Floats) -> Floats:
    return _with_source(values, weights) - _with_motion(values, weights)
