"""The independent blocks of the samples of a study.

A bound that knows the features errs by what they do not explain, so its blocks are those of the
residuals: an error that drifts because a feature drifts is not correlated for that reason.

The residuals are those of `saibench.analysis.trusted_range.residuals`. Simulation:
`docs/results/statistics/trusted_range.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import Blocks, block_columns, find_blocks
from saibench.analysis.bootstrap import contiguous_blocks
from saibench.analysis.trusted_range.residuals import PARTS, residuals
from saibench.errors import UserError
from saibench.evidence.independence import STRETCH_COLUMN

RESIDUAL = "__residual"


@dataclass(frozen=True, eq=False)
class SampleBlocks:
    """Blocks of rows, the same for all rows of a sample (runs, positions on an axis).

    Args:
        labels: `(rows,)`.
        independent: whether the rows of a block are independent of each other.
        raw: number of blocks of the errors themselves, without regard to features.
        estimated: number of independent blocks; that of `labels`, unless another one is requested.
    """

    labels: NDArray[np.int64]
    independent: bool
    raw: int
    estimated: int


def sample_blocks(
    rows: polars.DataFrame,
    error: str,
    features: Sequence[str] = (),
    *,
    num_blocks: int | None = None,
    similar: str | None = None,
    mean_of: int = 1,
) -> SampleBlocks:
    """A block for each row.

    The blocks are those of `saibench.analysis.blocks` for the errors of all runs and partitions,
    or with features for their residuals. If errors of independent samples are to be averaged,
    samples of similar feature form a block.

    Args:
        rows: `point`, `partition`, `sample_id`, the error, the features, and what there is of
            `block_columns`.
        error: its column.
        features: columns that explain the error.
        num_blocks: instead of the estimated number.
        similar: a column, of which the mean over a sample's rows is used.
        mean_of: number of samples whose errors are averaged.
    """
    samples, found = _blocks_of(rows, error)
    of_row = np.searchsorted(samples["sample_id"].to_numpy(), rows["sample_id"].to_numpy())
    raw, order = found.num_blocks, np.empty(samples.height, dtype=np.int64)
    order[found.order] = np.arange(samples.height)
    if features:
        left = residuals(
            rows.select(features).to_numpy().astype(np.float64),
            rows[error].cast(polars.Float64).to_numpy(),
            (order * PARTS // samples.height)[of_row],
        )
        with_residuals = rows.drop(STRETCH_COLUMN, strict=False).with_columns(
            polars.Series(RESIDUAL, left)
        )
        found = _blocks_of(with_residuals, RESIDUAL)[1]
    blocks = found.labels
    if similar is not None and mean_of > 1 and not found.correlated:
        means = rows.group_by("sample_id").agg(polars.col(similar).mean()).sort("sample_id")
        blocks = contiguous_blocks(means[similar].to_numpy(), max(1, samples.height // mean_of))
    estimated = int(blocks.max()) + 1
    if num_blocks is not None:
        blocks = contiguous_blocks(order, num_blocks)
    independent = num_blocks is None and not found.correlated and samples.height == rows.height
    return SampleBlocks(blocks.astype(np.int64)[of_row], independent, raw, estimated)


def _blocks_of(rows: polars.DataFrame, error: str) -> tuple[polars.DataFrame, Blocks]:
    """The samples of the rows in ascending id, and their blocks.

    Errors of several runs and partitions are replicates; along an axis their mean is used.
    """
    samples = rows.select("sample_id", *block_columns(rows)).sort("sample_id")
    if (samples["sample_id"].diff() == 0).any():
        samples = samples.unique("sample_id").sort("sample_id")
    keys = [name for name in ("point", "partition") if name in rows.columns]
    if samples.height == rows.height and all(rows[name].n_unique() == 1 for name in keys):
        single = rows.select("sample_id", polars.col(error).cast(polars.Float64).fill_null(np.nan))
        errors = single.sort("sample_id")[error].to_numpy()
        return samples, find_blocks(samples, errors, replicates=True)
    by_sample = rows.group_by(*keys, "sample_id").agg(polars.col(error).mean())
    series = []
    for own in by_sample.partition_by(keys, include_key=False) if keys else [by_sample]:
        joined = samples.select("sample_id").join(own, on="sample_id", how="left")
        series.append(joined.sort("sample_id")[error].cast(polars.Float64).fill_null(np.nan))
    if not series:
        raise UserError(f"None of the samples has a value of {error}.")
    errors = np.stack([one.to_numpy() for one in series], axis=1)
    return samples, find_blocks(samples, errors, replicates=True)
