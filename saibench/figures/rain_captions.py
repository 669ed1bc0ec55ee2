"""Sentences that captions of nowcasting figures share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saibench.evidence.independence import GROUP, GROUP_COLUMN, TIME
from saibench.interpretation.blocks import MAX_BLOCKS, find_blocks
from saibench.interpretation.rain_errors import FEWEST_EVENTS, RainErrors, RainModel
from saibench.interpretation.rain_relations import mean_of_defined

MAE = "mean absolute error of the rain rate over a frame's valid pixels"
DISPLACEMENT = "distance of the predicted from the observed centre of mass"


def events_text(errors: RainErrors) -> str:
    """`26 events of held_out (the last 20 % of the samples in order of sample_id)`."""
    describe = f" ({errors.describe})" if errors.describe else ""
    return f"{counted(len(errors.events))} of {errors.partition}{describe}"


def counted(events: int) -> str:
    """`1 event`, `26 events`."""
    return f"{events:,} event" if events == 1 else f"{events:,} events"


def intervals_text(errors: RainErrors, seeds: bool = False) -> str:
    """How intervals were found, and that they carry no claim where events are few.

    Args:
        errors: what is drawn.
        seeds: whether they cover other seeds, of which models `seeds_text` says.
    """
    alone = any(model.trains for model in errors.models) and not seeds
    nets = " They are of these trained nets, not of other seeds." if alone else ""
    return f"Intervals: 95 %, from resampling {_resampled(errors)}.{nets}{few_text(errors)}"


def seeds_text(models: Sequence[RainModel]) -> str:
    """Of which models intervals that cover seeds do so, and which had a single one."""
    several = ", ".join(
        f"{model.label}, {model.trainings} seeds" for model in models if (model.trainings or 0) > 1
    )
    single = ", ".join(model.label for model in models if model.trainings == 1)
    covered = f" They cover other seeds too ({several})." if several else ""
    return f"{covered}{f' For these trained nets alone (one seed): {single}.' if single else ''}"


def _resampled(errors: RainErrors) -> str:
    """What the first model's MAE is resampled by."""
    model = errors.models[0]
    maes = errors.values(model, "mae") if errors.has(model, "mae") else np.zeros(0)
    of_events = mean_of_defined(maes) if maes.size else np.full(len(errors.events), np.nan)
    blocks = find_blocks(errors.samples, of_events)
    if blocks.kind == TIME:
        return "whole stretches of time"
    if blocks.contradiction is not None:
        return "whole stretches of neighbouring events, whose errors correlate"
    if blocks.kind == GROUP:
        groups = errors.samples[GROUP_COLUMN].n_unique()
        bundled = f", in {MAX_BLOCKS} bundles" if groups > MAX_BLOCKS else ""
        return f"whole groups of events, {groups:,} of them{bundled}"
    return f"whole events{f', in {MAX_BLOCKS} groups' if len(errors.events) > MAX_BLOCKS else ''}"


def few_text(errors: RainErrors) -> str:
    """A sentence if the events are too few to speak for others."""
    return too_few(len(errors.events))


def too_few(events: int) -> str:
    """As `few_text`, of a number of events."""
    return "" if events >= FEWEST_EVENTS else f" {counted(events)}: too few for a claim."


def single_seeds(models: Sequence[RainModel]) -> str:
    """A sentence if only the first of several seeds is drawn."""
    several = any(len(model.points) > 1 for model in models)
    return " Of several seeds the first is drawn." if several else ""


def first_models(shown: int, found: int) -> str:
    """A sentence if a figure shows only the first of the study's models."""
    return f" The first {shown} of {found} models are drawn." if found > shown else ""
