"""What of a point's evidence goes to a logger: numbers by partition, and a sample of its rows."""

from __future__ import annotations

from collections.abc import Sequence

import polars

from saibench.evidence.independence import MARKS
from saibench.evidence.reader import StudyEvidence

STEP = "trainer/global_step"
"""What Lightning's loggers call the optimizer's step; the x-axis of every curve."""


def scalars(evidence: StudyEvidence, partitions: Sequence[str]) -> dict[str, float]:
    """`partition/name` → value, for one point.

    Args:
        evidence: of one point.
        partitions: those to report.

    Returns:
        the metrics that are defined, and the mean of each numeric data feature over the
        partition's samples, so that runs can be compared by what they were tested on (similarity
        to the training data).
    """
    found: dict[str, float] = {}
    for partition in partitions:
        found |= {
            f"{partition}/{name}": mean for name, mean in feature_means(evidence, partition).items()
        }
        for metrics in evidence.metrics.values():
            entries = metrics.get(partition, {}).items()
            values = {f"{partition}/{name}": entry["value"] for name, entry in entries}
            found |= {name: value for name, value in values.items() if value is not None}
    return found


def feature_means(evidence: StudyEvidence, partition: str) -> dict[str, float]:
    """Mean of each numeric data feature over a partition; features without a value are left out."""
    samples = evidence.samples.filter(polars.col("partition") == partition)
    names = numeric_features(evidence)
    means = samples.select(polars.col(names).cast(polars.Float64).fill_nan(None).mean())
    return {name: means[name][0] for name in names if means[name][0] is not None}


def numeric_features(evidence: StudyEvidence) -> list[str]:
    """Columns of the samples that are data features and numbers, or true and false."""
    return [
        field.name
        for field in evidence.fields("samples")
        if field.role == "feature" and _is_number(evidence.samples[field.name].dtype)
    ]


def sample_rows(evidence: StudyEvidence, partitions: Sequence[str], limit: int) -> polars.DataFrame:
    """At most `limit` evenly spaced rows of the evidence of these partitions, as it is saved."""
    rows = evidence.samples.filter(polars.col("partition").is_in(list(partitions)))
    rows = rows.drop(MARKS, strict=False)
    return rows.gather_every(max(1, -(-rows.height // limit)))


def _is_number(dtype: polars.DataType) -> bool:
    return dtype.is_numeric() or dtype == polars.Boolean
