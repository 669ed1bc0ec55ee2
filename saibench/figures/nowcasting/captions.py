"""Sentences that captions of nowcasting figures share."""

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
    """How intervals were found, and that they carry no claim where events are few.

    Args:
        errors: what is drawn.
        seeds: whether they cover other seeds, of which models `seeds_text` says.
    """
    alone = any(model.trains for model in errors.models) and not seeds
    nets = " They are of these trained nets, not of other seeds." if alone else ""
    blocks = _blocks(errors)
    if blocks.num_blocks < MIN_BLOCKS:
        return f"Too few independent events for intervals: {_resampled(errors, blocks)}."
    resampled = _resampled(errors, blocks)
    return f"Intervals: 95 %, from resampling {resampled}.{nets}{few_text(errors)}"


def _blocks(errors: RainErrors) -> Blocks:
    """What the first model's MAE is resampled by."""
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
    """A sentence if the events are too few to speak for others."""
    return too_few(len(errors.events))


def hours_text(shown: Sequence[int]) -> str:
    """`1, 2 and 3 hours of lead time`, or what stands for them, and which of them are missing.

    Args:
        shown: lead times in minutes, as `leads_at_hours` finds them.
    """
    names = hours_listed(shown).rsplit(" ", 1)[0].split(", ")
    unit = "minutes" if hours_listed(shown).endswith("min") else "hours"
    unit = unit.removesuffix("s") if names == ["1"] else unit
    listed = joined(names)
    return f"{listed} {unit} of lead time{missing_hours(shown)}"


def missing_hours(shown: Sequence[int]) -> str:
    """A clause in brackets if some hour has no lead time among these."""
    reached = {min(HOURS, key=lambda hour: abs(hour - lead)) for lead in shown}
    missing = [hours(hour) for hour in HOURS if hour not in reached]
    return f" (the data have no lead time at {' and '.join(missing)})" if missing else ""


def too_few(events: int) -> str:
    """As `few_text`, of a number of events."""
    return "" if events >= MIN_EVENTS else f" {counted(events, 'event')}: too few for a claim."


def single_seeds(models: Sequence[RainModel]) -> str:
    """A sentence if only the first of several seeds is drawn."""
    several = any(len(model.points) > 1 for model in models)
    return " Of several seeds the first is drawn." if several else ""


def first_models(shown: int, found: int) -> str:
    """A sentence if a figure shows only the first of the study's models."""
    return f" The first {shown} of {found} models are drawn." if found > shown else ""
