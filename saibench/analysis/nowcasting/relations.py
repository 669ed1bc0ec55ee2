"""How an event's error, displacement and intensity go together (paper §6.6, fig. 21)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.correlation import spearman
from saibench.analysis.nowcasting.errors import RainErrors, RainModel
from saibench.analysis.nowcasting.event_means import event_blocks
from saibench.analysis.partial_correlation import partial_spearman

NUM_RESAMPLES = 1000
MIN_BLOCKS = 10
"""Of fewer, rank correlations of three numbers have no interval that holds what it promises."""
MAE, DISPLACEMENT, INTENSITY = "mae", "displacement", "observed_rate"
PAIRS = ((INTENSITY, MAE), (DISPLACEMENT, MAE), (INTENSITY, DISPLACEMENT))
"""What goes across, what up."""


@dataclass(frozen=True)
class Relation:
    """Rank correlations of two numbers of the events.

    Args:
        rho: Spearman's ρ.
        partial: the same where the third number is held still.
    """

    rho: Interval
    partial: Interval


def event_numbers(errors: RainErrors, model: RainModel) -> dict[str, Floats]:
    """MAE, δr and observed rate of each event `(E,)`, means over its lead times.

    A lead time at which one is undefined (δr of a dry frame) counts in none of that event's means.
    """
    values = {name: errors.values(model, name) for name in (MAE, DISPLACEMENT, INTENSITY)}
    defined = ~np.isnan(np.sum(list(values.values()), axis=0))
    with np.errstate(invalid="ignore"):
        return {
            name: np.where(defined, value, 0.0).sum(axis=1) / defined.sum(axis=1)
            for name, value in values.items()
        }


def mean_of_defined(values: Floats) -> Floats:
    """`(E,)` means of the events' lead times `(E, L)`; NaN where an event has no value at any."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0.0).sum(axis=1) / defined.sum(axis=1)


def relation(
    numbers: dict[str, Floats], across: str, up: str, events: polars.DataFrame
) -> Relation:
    """Of two of MAE, δr and observed rate, the third held still in the partial correlation.

    Args:
        numbers: of `event_numbers`, `(E,)`.
        events: a row an event, as `RainErrors.samples` has them.
    """
    third = next(name for name in numbers if name not in (across, up))
    columns = np.stack([numbers[across], numbers[up], numbers[third]], axis=1)
    blocks = event_blocks(columns, events)
    found = [
        block_bootstrap(values, blocks, statistic, num_resamples=NUM_RESAMPLES).within(-1, 1)
        for values, statistic in ((columns[:, :2], spearman), (columns, partial_spearman))
    ]
    return Relation(*(_of_enough(one) for one in found))


def _of_enough(interval: Interval) -> Interval:
    if interval.num_blocks >= MIN_BLOCKS:
        return interval
    return replace(interval, low=math.nan, high=math.nan)
