"""Into how many independent blocks the samples of a study fall."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.interpretation.bootstrap import Floats, contiguous_blocks
from saibench.interpretation.estimates import INDEPENDENT_BLOCKS, blocks_of

TIMES_IN_BLOCK = 5
"""Correlation times that a stretch of time lasts."""
WINDOW = 5
"""Correlation times over which the autocorrelation is summed (Sokal's automatic window)."""
SHORTEST = 10
"""Samples of a series below which it says nothing of its memory."""


def block_labels(
    rows: polars.DataFrame,
    error: str,
    num_blocks: int | None,
    feature: str | None = None,
    mean_of: int = 1,
) -> NDArray[np.int64]:
    """A block for each row: the same for all rows of a sample, whatever they differ in else.

    Samples with a time are parted into unbroken stretches of it, each of 5 correlation times of
    the error, 200 at most. Others are independent; there are up to 200 groups of them. Where their
    errors are to be averaged, those whose feature is alike make up a group.

    Args:
        rows: `point`, `partition`, `sample_id`, the error, and `time` where there is one.
        error: its column.
        num_blocks: instead of what is found.
        feature: a column, its mean over a sample's rows counts.
        mean_of: samples whose errors are averaged.
    """
    timed = "time" in rows.columns and rows["time"].null_count() == 0
    samples = rows.unique("sample_id").sort("sample_id")
    if num_blocks is not None:
        order = samples["time" if timed else "sample_id"].to_numpy()
        blocks = contiguous_blocks(order, num_blocks)
    elif timed:
        length = TIMES_IN_BLOCK * correlation_time(_series(rows, error))
        found = max(1, min(INDEPENDENT_BLOCKS, int(samples.height / length)))
        blocks = contiguous_blocks(samples["time"].to_numpy(), found)
    elif feature is not None and mean_of > 1:
        like = rows.group_by("sample_id").agg(polars.col(feature).mean()).sort("sample_id")
        blocks = contiguous_blocks(like[feature].to_numpy(), max(1, samples.height // mean_of))
    else:
        blocks = blocks_of(samples)
    labels = samples.select("sample_id").with_columns(label=polars.Series(blocks))
    joined = rows.select("sample_id").join(labels, on="sample_id", maintain_order="left")
    return joined["label"].to_numpy().astype(np.int64)


def correlation_time(series: Iterable[Floats]) -> float:
    """Integrated autocorrelation time in samples, at least 1, of series of one kind.

    ½ + Σ_k ρ(k), with ρ the mean autocorrelation of the series, summed up to the first lag of
    five times the sum so far. White noise has ½, and an AR(1) series with memory a has
    (1 + a) / (2 (1 − a)).

    Source: Sokal, "Monte Carlo methods in statistical mechanics", in Functional Integration,
    Plenum (1997), §3.
    """
    correlations = [_autocorrelation(values) for values in series if len(values) >= SHORTEST]
    correlations = [rho for rho in correlations if not np.isnan(rho).any()]
    if not correlations:
        return 1.0
    shortest = min(map(len, correlations))
    rho = np.mean([values[:shortest] for values in correlations], axis=0)
    time = 0.5 + np.cumsum(rho[1:])
    enough = np.arange(1, shortest) >= WINDOW * time
    return max(1.0, float(time[np.argmax(enough)] if enough.any() else math.inf))


def _series(rows: polars.DataFrame, error: str) -> Sequence[Floats]:
    """The error of each point and partition over time, mean over an axis if there is one."""
    by_sample = rows.group_by("point", "partition", "sample_id", "time").agg(
        polars.col(error).mean()
    )
    groups = by_sample.sort("time").partition_by("point", "partition")
    return [group[error].to_numpy() for group in groups]


def _autocorrelation(values: Floats) -> Floats:
    deviation = values - values.mean()
    spectrum = np.abs(np.fft.rfft(deviation, 2 * len(values))) ** 2
    covariance = np.fft.irfft(spectrum)[: len(values)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance / covariance[0]
