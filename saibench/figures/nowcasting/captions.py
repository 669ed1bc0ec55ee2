"""Sentences shared by captions of nowcasting figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saibench.analysis.blocks import Blocks, find_blocks
from saibench.analysis.nowcasting.errors import (
    HOURS,
    MIN_EVENTS,
    RainErrors,
    RainModel,
    hours,
    hours_listed,
    mean_of_defined,
)
from saibench.analysis.proportions import MIN_BLOCKS
from saibench.evidence.independence import GROUP, GROUP_COLUMN, TIME
from saibench.evidence.stretches import MAX_BLOCKS
from saibench.formatting import counted, joined

MAE = "mean absolute error of the rain rate over a frame's valid pixels"
DISPLACEMENT = "distance of the predicted from the observed centre of mass"


def events_text(errors: RainErrors) -> str:
    """`26 events of held_out (the last 20 % of the samples in order of sample_id)`."""
    describe = f" ({errors.describe})" if errors.describe else ""
    return f"{counted(len(errors.events), 'event')} of {errors.partition}{describe}"


def intervals_text(errors: RainErrors, seeds: bool = False) -> str:
    """A sentence on the intervals, with a warning if there are few events.

    Args:
        errors: the errors that are drawn.
        seeds: whether the intervals include the variance between seeds.
    """
    alone = any(model.trains for model in errors.models) and not seeds
    nets = " They do not include the variance between seeds." if alone else ""
    blocks = _blocks(errors)
    if blocks.num_blocks < MIN_BLOCKS:
        return f"Too few independent events for intervals: {_resampled(errors, blocks)}."
    resampled = _resampled(errors, blocks)
    return f"Intervals: 95 %, from resampling {resampled}.{nets}{few_text(errors)}"


def _blocks(errors: RainErrors) -> Blocks:
    """The blocks by which the first model's MAE is resampled."""
    model = errors.models[0]
    maes = errors.values(model, "mae") if errors.has(model, "mae") else np.zeros(0)
    of_events = mean_of_defined(maes) if maes.size else np.full(len(errors.events), np.nan)
    return find_blocks(errors.samples, of_events)


def _resampled(errors: RainErrors, blocks: Blocks) -> str:
    if blocks.kind == TIME:
        return f"whole stretches of time, {blocks.num_blocks:,} of them"
    if blocks.contradiction is not None:
        return (
            "whole stretches of neighbouring events, whose errors correlate, "
            f"{blocks.num_blocks:,} of them"
        )
    if blocks.kind == GROUP:
        groups = errors.samples[GROUP_COLUMN].n_unique()
        bundled = f", in {MAX_BLOCKS} bundles" if groups > MAX_BLOCKS else ""
        return f"whole groups of events, {groups:,} of them{bundled}"
    return f"whole events{f', in {MAX_BLOCKS} groups' if len(errors.events) > MAX_BLOCKS else ''}"


def few_text(errors: RainErrors) -> str:
    """A warning if there are too few events for a verdict."""
    return too_few(len(errors.events))


def hours_text(leads: Sequence[int]) -> str:
    """`1, 2 and 3 hours of lead time`, or the nearest lead times, and which are missing.

    Args:
        leads: lead times in minutes, from `leads_at_hours`.
    """
    listed, unit = hours_listed(leads).rsplit(" ", 1)
    unit = "minutes" if unit == "min" else "hour" if listed == "1" else "hours"
    return f"{joined(listed.split(', '))} {unit} of lead time{missing_hours(leads)}"


def missing_hours(leads: Sequence[int]) -> str:
    """A clause in brackets on the hours without a lead time."""
    reached = {min(HOURS, key=lambda hour: abs(hour - lead)) for lead in leads}
    missing = [hours(hour) for hour in HOURS if hour not in reached]
    return f" (the data have no lead time at {' and '.join(missing)})" if missing else ""


def too_few(events: int) -> str:
    """A warning if this number of events is too small for a verdict."""
    return "" if events >= MIN_EVENTS else f" {counted(events, 'event')}: too few for a verdict."


def single_seeds(models: Sequence[RainModel]) -> str:
    """A sentence if only the first of several seeds is drawn."""
    several = any(len(model.points) > 1 for model in models)
    return " Of several seeds the first is drawn." if several else ""


def first_models(drawn: int, found: int) -> str:
    """A sentence if only the first models of the study are drawn."""
    return f" The first {drawn} of {found} models are drawn." if found > drawn else ""
