"""What a leak does to the errors of one test: of samples that training has seen, and of others."""

from __future__ import annotations

import numpy as np
import polars

from saibench.interpretation.blocks import block_columns, blocks_of
from saibench.interpretation.bootstrap import Floats, block_bootstraps
from saibench.interpretation.leak_audit.audit import Flags
from saibench.interpretation.leak_audit.records import Effect, Share

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
    columns = np.stack([errors * is_seen, is_seen, errors * ~is_seen, ~is_seen], axis=1)

    def means(values: Floats, weights: Floats) -> Floats:
        of_seen, seen, of_others, others = (weights @ values).T
        with np.errstate(invalid="ignore", divide="ignore"):
            first, second = of_seen / seen, of_others / others
        return np.stack([first, second, second - first], axis=1)

    found = block_bootstraps(columns, blocks_of(rows, errors), means, of_means=True)
    shares = [Share.of(interval) for interval in found]
    return Effect(
        statistic,
        unit,
        Share(shares[0].estimate, shares[0].low, shares[0].high, counts[0]),
        Share(shares[1].estimate, shares[1].low, shares[1].high, counts[1]),
        shares[2],
    )
