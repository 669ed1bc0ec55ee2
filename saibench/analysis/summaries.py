"""Intervals of the root mean squares and quantiles of `saibench.evidence.summary`."""

from __future__ import annotations

import numpy as np
import polars

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.evidence.summary import Summary


def summary_interval(values: Floats, samples: polars.DataFrame, summed: Summary) -> Interval | None:
    """A summary of one column with its interval from resampling blocks.

    The bounds of a root mean square are the square roots of those of the mean square.

    Args:
        values: `(N,)`; NaN where undefined, infinite where the model failed.
        samples: `sample_id` and `block_columns`.

    Returns:
        None if no sample is defined, or a mean is infinite.
    """
    defined = ~np.isnan(values)
    transformed = np.asarray(summed.transform(values[defined]), dtype=np.float64)
    if not defined.any() or (summed.share is None and not np.isfinite(transformed).all()):
        return None
    blocks = find_blocks(samples.filter(polars.Series(defined)), transformed)
    if summed.share is None:
        found = blocks.mean(transformed)
        low, estimate, high = map(summed.back, (found.low, found.estimate, found.high))
        return Interval(low, estimate, high, found.num_blocks, found.count)
    share = summed.share
    return block_bootstrap(
        transformed, blocks.labels, lambda values, weights: quantiles(values, weights, share)
    )


def quantiles(values: Floats, weights: Floats, share: float) -> Floats:
    """A quantile of resampled values, `(resamplings,)`, interpolated as by `numpy.quantile`.

    Args:
        values: `(N,)`.
        weights: `(resamplings, N)`, how often each is drawn.
    """
    order = np.argsort(values, kind="stable")
    ordered, drawn = values[order], np.cumsum(weights[:, order], axis=1)
    place = share * (drawn[:, -1] - 1)
    low, high = (
        ordered[(drawn <= rank[:, None]).sum(axis=1)] for rank in (np.floor(place), np.ceil(place))
    )
    with np.errstate(invalid="ignore"):
        return np.where(low == high, low, low + (place - np.floor(place)) * (high - low))
