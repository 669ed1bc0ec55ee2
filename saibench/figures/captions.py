"""Sentences that captions share."""

from __future__ import annotations

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested
from saibench.interpretation.bootstrap import Interval

FORCE_MAE = "mean absolute error of a force component, averaged over a frame's atoms"
INTERVALS = (
    "Error bars: 95 % intervals from resampling whole blocks of the test in time "
    "(20 contiguous ones), so they tell how another stretch of test could differ"
)
SEEDS = "open dots beside a point: its single seeds"


def partition_text(evidence: StudyEvidence, partition: str) -> str:
    """`964 samples of last_tenth (the last 10 % of the samples in order of time)`."""
    point = tested(evidence, partition)["point"][0]
    rows = evidence.samples.filter(
        (polars.col("point") == point) & (polars.col("partition") == partition)
    )
    recorded = (evidence.records[point].get("partitions") or {}).get(partition) or {}
    describe = f" ({recorded['describe']})" if recorded.get("describe") else ""
    return f"{rows.height:,} samples of {partition}{describe}"


def shared_text(variant: str) -> str:
    """A sentence that says what else the drawn models share, if the study varies it."""
    return f" All with {variant}." if variant else ""


def first_of(limit: int, found: int) -> str:
    """A sentence if a figure shows only the first variants of those that were found."""
    return f" The first {limit} of {found} variants are drawn." if found > limit else ""


def interval_text(interval: Interval) -> str:
    """`−0.75 [−0.91, −0.52]`."""
    text = f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
    return text.replace("-", "−")
