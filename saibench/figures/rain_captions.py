"""Sentences that captions of nowcasting figures share."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.interpretation.blocks import MAX_BLOCKS
from saibench.interpretation.rain_errors import FEWEST_EVENTS, RainErrors, RainModel

MAE = "mean absolute error of the rain rate over a frame's valid pixels"
DISPLACEMENT = "distance of the predicted from the observed centre of mass"


def events_text(errors: RainErrors) -> str:
    """`26 events of held_out (the last 20 % of the samples in order of sample_id)`."""
    describe = f" ({errors.describe})" if errors.describe else ""
    return f"{counted(len(errors.events))} of {errors.partition}{describe}"


def counted(events: int) -> str:
    """`1 event`, `26 events`."""
    return f"{events:,} event" if events == 1 else f"{events:,} events"


def intervals_text(errors: RainErrors) -> str:
    """How intervals were found, and that they carry no claim where events are few."""
    grouped = len(errors.events) > MAX_BLOCKS
    groups = f", in {MAX_BLOCKS} groups" if grouped else ""
    return f"Intervals: 95 %, from resampling whole events{groups}.{few_text(errors)}"


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
