"""The mean of a statistic over test samples and the seeds of one cell of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars

from saibench.analysis.blocks import block_columns, find_blocks
from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.seeds import with_seeds


@dataclass(frozen=True)
class Estimate:
    """The mean of a statistic over samples and seeds.

    Args:
        interval: of the mean over seeds, from resampling blocks of the test samples and, with
            several seeds, from their variance.
        seeds: mean of each run, by point.
    """

    interval: Interval
    seeds: dict[str, float]

    def rows(self) -> list[dict[str, Any]]:
        """Rows of a table: the mean with its interval, then single seeds if there are several."""
        interval = self.interval
        mean: dict[str, Any] = {
            "estimate": interval.estimate,
            "low": interval.low,
            "high": interval.high,
            "blocks": interval.num_blocks,
            "samples": interval.count,
            "point": None,
        }
        if len(self.seeds) < 2:
            return [mean]
        empty = dict.fromkeys(mean)
        seeds = self.seeds.items()
        return [mean, *({**empty, "estimate": value, "point": point} for point, value in seeds)]


def estimate_mean(
    rows: polars.DataFrame,
    value: str | polars.Expr,
    weight: str | polars.Expr | None = None,
    *,
    share: bool = False,
) -> Estimate:
    """Mean of `value` over `rows`: point, sample_id, `block_columns` and the value.

    The runs must differ in their seed only: a sample's value is averaged over them before its
    block is resampled. Nulls and NaN are undefined and have no weight. A value that is declared to
    be 0 or 1 is a `share`.
    """
    value = polars.col(value) if isinstance(value, str) else value
    weight = polars.col(weight) if isinstance(weight, str) else weight
    even = weight is None
    weight = polars.lit(1.0) if weight is None else weight
    independent = block_columns(rows)
    weighed = (
        rows.select(
            "point", "sample_id", *independent, value=value.cast(polars.Float64), weight=weight
        )
        .with_columns(polars.col("value").fill_nan(None))
        .drop_nulls("value")
    )
    product = polars.col("value") * polars.col("weight")
    mean = (product.sum() / polars.col("weight").sum()).alias("value")
    weights = polars.col("weight").sum()
    by_sample = weighed.group_by("sample_id", *independent).agg(mean, weights).sort("sample_id")
    by_point = weighed.group_by("point", maintain_order=True).agg(mean)
    values = by_sample["value"].to_numpy()
    blocks = find_blocks(by_sample, values)
    interval = block_bootstrap(
        values,
        blocks.labels,
        weights=None if even else by_sample["weight"],
        share=share,
        independent=not blocks.correlated,
    )
    seeds = dict(by_point.iter_rows())
    whole = with_seeds(interval, [list(seeds.values())])
    if share:
        whole = whole.within(0.0, 1.0)
    elif values.min(initial=0.0) >= 0:
        whole = whole.within(0.0)
    return Estimate(whole, seeds)
