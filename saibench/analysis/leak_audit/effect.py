"""What a leak does to the errors of one test: of samples that training has seen, and of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import group_means
from saibench.analysis.leak_audit.audit import Flags
from saibench.analysis.leak_audit.records import share_of
from saibench.evidence.audit_record import Effect

FEWEST = 20
"""Fewer samples of a kind say nothing of others."""


def effect_of(
    samples: polars.DataFrame,
    statistic: str,
    unit: str,
    ids: np.ndarray,
    seen: Flags,
    ideal: float = 0.0,
) -> Effect | None:
    """Errors of the test samples by whether training has seen the like of them.

    Args:
        samples: rows of one point and partition: `sample_id`, `block_columns` and the statistic.
        statistic: a column; the error is its distance from `ideal`.
        unit: of the statistic.
        ids, seen: `(n,)` of the test samples.

    Returns:
        None where the evidence lacks the samples, or either kind has fewer than 20.
    """
    flags = polars.DataFrame({"sample_id": ids, "seen": seen})
    error = (polars.col(statistic).cast(polars.Float64) - ideal).abs().fill_nan(None)
    independent = samples.select("sample_id", *block_columns(samples), error=error)
    rows = independent.drop_nulls("error").join(flags, on="sample_id").sort("sample_id")
    counts = int(rows["seen"].sum()), int((~rows["seen"]).sum())
    if min(counts) < FEWEST:
        return None
    errors, is_seen = rows["error"].to_numpy(), rows["seen"].to_numpy()
    found = group_means(errors, ~is_seen, blocks_of(rows, errors))
    of_others, of_seen, difference = (share_of(interval) for interval in found)
    return Effect(
        statistic,
        unit,
        replace(of_seen, count=counts[0]),
        replace(of_others, count=counts[1]),
        difference,
    )
