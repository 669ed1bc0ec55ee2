"""The errors of test samples with and without a leak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import group_means
from saibench.analysis.leak_audit.audit import Flags
from saibench.analysis.leak_audit.records import share_of
from saibench.evidence.audit_record import Effect

MIN_SAMPLES = 20
"""Samples with a leak, and without, that a comparison needs."""


def effect_of(
    samples: polars.DataFrame,
    statistic: str,
    unit: str,
    ids: np.ndarray,
    leaked: Flags,
    ideal: float = 0.0,
) -> Effect | None:
    """Errors of the test samples with a leak and of the others.

    Args:
        samples: rows of one run and partition: `sample_id`, `block_columns` and the statistic.
        statistic: a column; the error is its distance from `ideal`.
        unit: of the statistic.
        ids, leaked: `(n,)` of the test samples.

    Returns:
        None if there are fewer than 20 samples with a leak, or without.
    """
    flags = polars.DataFrame({"sample_id": ids, "leaked": leaked})
    error = (polars.col(statistic).cast(polars.Float64) - ideal).abs().fill_nan(None)
    independent = samples.select("sample_id", *block_columns(samples), error=error)
    rows = independent.drop_nulls("error").join(flags, on="sample_id").sort("sample_id")
    errors, is_leaked = rows["error"].to_numpy(), rows["leaked"].to_numpy()
    counts = int(is_leaked.sum()), int((~is_leaked).sum())
    if min(counts) < MIN_SAMPLES:
        return None
    found = group_means(errors, ~is_leaked, blocks_of(rows, errors))
    others, seen, difference = (share_of(interval) for interval in found)
    return Effect(
        statistic,
        unit,
        replace(seen, count=counts[0]),
        replace(others, count=counts[1]),
        difference,
    )
