"""The paper's claims on scores by lead time (§6.1, §6.2), and comparisons with persistence.

Every test takes the errors of a study and one of its models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.nowcasting.csi_selection import responding_events
from saibench.analysis.nowcasting.errors import (
    HOURS,
    MIN_EVENTS,
    RainErrors,
    RainModel,
    hours,
    hours_listed,
)
from saibench.analysis.nowcasting.event_means import difference, mean_over_events
from saibench.analysis.nowcasting.skill import csi_gain, error_skill, mean_error, pooled_csi
from saibench.analysis.proportions import combined, exact_interval
from saibench.analysis.sample_means import interval_of_means, relative_change
from saibench.errors import UserError
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer
from saibench.findings.nowcasting.shared import answer, answer_above, answer_below
from saibench.formatting import fixed, percent

ACTIVE_GROWS = "active-area MAE increases with lead time (§6.2, table 2)"
RAW_HIDES = (
    "from 2 h to 3 h raw MAE hides the decay that active-area MAE shows: it does not increase "
    "(§6.2, table 2)"
)
EVENTS_FADE = "events lose intensity over the predicted lead times (§6.2, fig. 16)"
CSI_DECAYS = "CSI decays faster at higher thresholds (§6.1, fig. 15)"
LOWER_MAE = "at 60 minutes the MAE is lower than that of persistence"
LOWER_ACTIVE_AREA_MAE = "at 60 minutes the active-area MAE is lower than that of persistence"
HIGHER_CSI = "at 60 minutes the CSI at the lowest threshold is higher than that of persistence"
"""Three scores, because a forecast without any rain has a low MAE."""


def active_grows(errors: RainErrors, model: RainModel) -> Answer:
    first, second, third = (errors.at(model, "active_area_mae", lead) for lead in HOURS)
    growth = difference(third, first, errors.samples)
    found = (mean_over_events(values, errors.samples) for values in (first, second, third))
    means = ", ".join(map(fixed, found))
    return answer_above(
        growth,
        f"active-area MAE {means} mm/h at {hours_listed(errors.hours)}; from "
        f"{hours(errors.hours[0])} to {hours(errors.hours[-1])} it changes by "
        f"{fixed(growth, unit='mm/h')} over the {growth.count:,} events that are active at both.",
    )


def raw_hides(errors: RainErrors, model: RainModel) -> Answer:
    raw, active = (
        relative_change(
            errors.at(model, name, HOURS[1]), errors.at(model, name, HOURS[2]), errors.samples
        )
        for name in ("mae", "active_area_mae")
    )
    found = INCONCLUSIVE
    if active.low > 0 and raw.high < 0:
        found = SUPPORTED
    elif active.high < 0 or raw.low > 0:
        found = CONTRADICTED
    return answer(
        found,
        min(raw.count, active.count),
        f"from {hours(errors.hours[-2])} to {hours(errors.hours[-1])} raw MAE changes by "
        f"{percent(raw, 0)} and active-area MAE by {percent(active, 0)}, over {raw.count:,} and "
        f"{active.count:,} events.",
    )


def events_fade(errors: RainErrors, model: RainModel) -> Answer:
    first, last = (errors.at(model, "observed_rate", lead) for lead in (HOURS[0], HOURS[-1]))
    change = relative_change(first, last, errors.samples)
    return answer_below(
        change,
        f"the mean observed rain rate changes by {percent(change, 0)} from "
        f"{hours(errors.hours[0])} to {hours(errors.hours[-1])}; "
        f"{int((last < first).sum()):,} of {change.count:,} events rain less at "
        f"{hours(errors.hours[-1])}.",
    )


def csi_decays(errors: RainErrors, model: RainModel) -> Answer | None:
    """Compare the fractions of the first hour's mean CSI that are lost by the third hour.

    Raises:
        UserError: there is no hit in the first hour.
    """
    lowest, *higher = errors.thresholds or [""]
    found = {level: _more_lost(errors, model, lowest, level) for level in higher}
    found = {level: lost for level, lost in found.items() if lost.more.count}
    if not found:
        return None
    enough = [lost for lost in found.values() if lost.more.count >= MIN_EVENTS]
    decisive = enough[-1] if enough else next(iter(found.values()))
    numbers = "; ".join(
        f"{percent(lost.low, 0)} at {lowest} and {percent(lost.high, 0)} at {level} mm/h, "
        f"{percent(lost.more, 0)} more ({lost.more.count:,} events)"
        for level, lost in found.items()
    )
    return answer_above(
        decisive.more,
        f"loss of the first hour's mean CSI by the third hour: {numbers}; over events that respond "
        "to the higher threshold at every lead time.",
    )


def lower_mae(errors: RainErrors, model: RainModel) -> Answer | None:
    return _lower_error(errors, model, "mae")


def lower_active_area_mae(errors: RainErrors, model: RainModel) -> Answer | None:
    return _lower_error(errors, model, "active_area_mae")


def higher_csi(errors: RainErrors, model: RainModel) -> Answer | None:
    persistence = errors.persistence
    if persistence is None or model == persistence or not errors.thresholds:
        return None
    level = errors.thresholds[0]
    gain = csi_gain(errors, model, persistence, level, HOURS[0])
    own, other = (pooled_csi(errors, one, level, HOURS[0]) for one in (model, persistence))
    return answer_above(
        gain,
        f"CSI at {level} mm/h over all pixels is {fixed(own)}, that of persistence "
        f"{fixed(other)}: a gain of {fixed(gain)}, paired over {gain.count:,} events.",
    )


def _lower_error(errors: RainErrors, model: RainModel, statistic: str) -> Answer | None:
    persistence = errors.persistence
    if persistence is None or model == persistence:
        return None
    skill = error_skill(errors, model, persistence, statistic, HOURS[0])
    own, other = (mean_error(errors, one, statistic, HOURS[0]) for one in (model, persistence))
    return answer_above(
        skill,
        f"{fixed(own)} against {fixed(other, unit='mm/h')}: a skill of {percent(skill, 0)}, "
        f"paired over {skill.count:,} events.",
    )


@dataclass(frozen=True)
class Lost:
    """Fractions of the CSI lost at two thresholds, and how much more at the higher one."""

    low: Interval
    high: Interval
    more: Interval


def _more_lost(errors: RainErrors, model: RainModel, lower: str, higher: str) -> Lost:
    """Over events that respond to the higher threshold, and so to both, at every lead time."""
    chosen = responding_events(errors, (model,), higher)
    errors.lead_at(HOURS[-1])
    first, third = errors.leads <= 60, (errors.leads > 120) & (errors.leads <= 180)
    means = [
        errors.values(model, f"csi_{level}")[chosen][:, hour].mean(axis=1)
        for level in (lower, higher)
        for hour in (first, third)
    ]
    if chosen.any() and not (means[0].any() and means[2].any()):
        raise UserError(f"{model.label} has no hit in the first hour, so no CSI can decay.")
    events = errors.among(chosen)
    more = interval_of_means(lambda a, b, c, d: b / a - d / c, events, *means)
    shares = [_share_lost(before, after, events) for before, after in (means[:2], means[2:])]
    if more.low == more.high:
        bounds = [(one.low, one.high) for one in shares]
        low, high = combined(more.estimate, (-1, 1), [one.estimate for one in shares], bounds)
        more = replace(more, low=low, high=high)
    return Lost(shares[0], shares[1], more)


def _share_lost(before: Floats, after: Floats, events: polars.DataFrame) -> Interval:
    """The fraction lost; the exact binomial interval if the bootstrap interval has no width."""
    found = interval_of_means(lambda a, b: 1 - b / a, events, before, after)
    if found.low != found.high or not 0 <= found.estimate <= 1:
        return found
    effective = float(before.sum() ** 2 / np.square(before).sum())
    effective = min(effective, found.num_blocks)
    low, high = exact_interval(found.estimate * effective, effective)
    return replace(found, low=low, high=high)
