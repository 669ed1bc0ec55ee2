"""What a leak does to the errors of one test: of samples that training has seen, and of others."""

from __future__ import annotations

import numpy as np
import polars

from saibench.interpretation.blocks import block_columns, blocks_of
from saibench.interpretation.bootstrap import Floats, block_bootstrap
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
    values = np.stack([rows["error"].to_numpy(), rows["seen"].to_numpy().astype(float)], axis=1)

    blocks = blocks_of(rows, values[:, 0])

    def means(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
        of_seen = weights * values[:, 1]
        others = weights - of_seen
        with np.errstate(invalid="ignore", divide="ignore"):
            return (
                of_seen @ values[:, 0] / of_seen.sum(axis=1),
                others @ values[:, 0] / others.sum(axis=1),
            )

    def interval(pick: int) -> Share:
        def statistic_of(values: Floats, weights: Floats) -> Floats:
            seen_mean, other_mean = means(values, weights)
            return (seen_mean, other_mean, other_mean - seen_mean)[pick]

        return Share.of(block_bootstrap(values, blocks, statistic_of))

    shares = [interval(pick) for pick in range(3)]
    return Effect(
        statistic,
        unit,
        Share(shares[0].estimate, shares[0].low, shares[0].high, counts[0]),
        Share(shares[1].estimate, shares[1].low, shares[1].high, counts[1]),
        shares[2],
    )
