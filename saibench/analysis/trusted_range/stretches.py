"""The independent blocks of the samples of a study."""

from __future__ import annotations

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import Blocks, block_columns, find_blocks
from saibench.analysis.bootstrap import contiguous_blocks
from saibench.errors import UserError


def block_labels(
    rows: polars.DataFrame,
    error: str,
    num_blocks: int | None = None,
    feature: str | None = None,
    mean_of: int = 1,
) -> tuple[NDArray[np.int64], bool]:
    """A block for each row, the same for all rows of a sample (runs, positions on an axis).

    The blocks are those of `saibench.analysis.blocks` for the errors of all runs and partitions.
    If errors of independent samples are to be averaged, samples of similar feature form a block.

    Args:
        rows: `point`, `partition`, `sample_id`, the error, and what there is of `block_columns`.
        error: its column.
        num_blocks: instead of the number that is found.
        feature: a column, of which the mean over a sample's rows is used.
        mean_of: number of samples whose errors are averaged.

    Returns:
        the labels, and whether the rows of a block are independent of each other.
    """
    samples, found = _sample_blocks(rows, error)
    blocks = found.labels
    if num_blocks is not None:
        place = np.empty(samples.height, dtype=np.int64)
        place[found.order] = np.arange(samples.height)
        blocks = contiguous_blocks(place, num_blocks)
    elif feature is not None and mean_of > 1 and not found.correlated:
        means = rows.group_by("sample_id").agg(polars.col(feature).mean()).sort("sample_id")
        blocks = contiguous_blocks(means[feature].to_numpy(), max(1, samples.height // mean_of))
    labels = samples.select("sample_id").with_columns(label=polars.Series(blocks))
    joined = rows.select("sample_id").join(labels, on="sample_id", maintain_order="left")
    independent = num_blocks is None and not found.correlated and samples.height == rows.height
    return joined["label"].to_numpy().astype(np.int64), independent


def _sample_blocks(rows: polars.DataFrame, error: str) -> tuple[polars.DataFrame, Blocks]:
    """The samples of the rows in ascending id, and their blocks.

    Errors of several runs and partitions are replicates; along an axis their mean is used.
    """
    samples = rows.select("sample_id", *block_columns(rows)).unique("sample_id").sort("sample_id")
    keys = [name for name in ("point", "partition") if name in rows.columns]
    by_sample = rows.group_by(*keys, "sample_id").agg(polars.col(error).mean())
    series = []
    for own in by_sample.partition_by(keys, include_key=False) if keys else [by_sample]:
        joined = samples.select("sample_id").join(own, on="sample_id", how="left")
        series.append(joined.sort("sample_id")[error].cast(polars.Float64).fill_null(np.nan))
    if not series:
        raise UserError(f"None of the samples has a value of {error}.")
    errors = np.stack([one.to_numpy() for one in series], axis=1)
    return samples, find_blocks(samples, errors, replicates=True)
