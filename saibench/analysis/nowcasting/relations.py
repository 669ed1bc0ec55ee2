"""Rank correlations of events' error, displacement and intensity (paper §6.6, fig. 21)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars

from saibench.analysis.blocks import blocks_of
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.nowcasting.errors import RainErrors, RainModel, mean_of_defined
from saibench.analysis.rank_correlation import partial_spearman, spearman

NUM_RESAMPLES = 1000
MIN_BLOCKS = 10
"""Fewer blocks give no interval of a rank correlation with its nominal coverage."""
MAE, DISPLACEMENT, INTENSITY = "mae", "displacement", "observed_rate"
PAIRS = ((INTENSITY, MAE), (DISPLACEMENT, MAE), (INTENSITY, DISPLACEMENT))
"""(x, y) of each panel."""


@dataclass(frozen=True)
class Relation:
    """Spearman's ρ of two values of the events, and ρ controlling for the third value."""

    rho: Interval
    partial: Interval


def event_numbers(errors: RainErrors, model: RainModel) -> dict[str, Floats]:
    """MAE, δr and observed rate of each event `(E,)`, means over its lead times.

    A lead time at which one of them is undefined (δr of a dry frame) is excluded from all three.
    """
    values = {name: errors.values(model, name) for name in (MAE, DISPLACEMENT, INTENSITY)}
    defined = ~np.isnan(np.sum(list(values.values()), axis=0))
    return {
        name: mean_of_defined(np.where(defined, value, np.nan)) for name, value in values.items()
    }


def relation(
    numbers: dict[str, Floats], across: str, up: str, events: polars.DataFrame
) -> Relation:
    """Correlations of two of MAE, δr and observed rate, one of them controlling for the third.

    Args:
        numbers: of `event_numbers`, `(E,)`.
        events: one row per event, as in `RainErrors.samples`.
    """
    third = next(name for name in numbers if name not in (across, up))
    columns = np.stack([numbers[across], numbers[up], numbers[third]], axis=1)
    blocks = blocks_of(events, columns)
    found = [
        block_bootstrap(values, blocks, statistic, num_resamples=NUM_RESAMPLES).within(-1, 1)
        for values, statistic in ((columns[:, :2], spearman), (columns, partial_spearman))
    ]
    if found[0].num_blocks < MIN_BLOCKS:
        found = [replace(one, low=math.nan, high=math.nan) for one in found]
    return Relation(*found)
