"""The part of a run's evidence that is logged: values per partition, and some sample rows."""

from __future__ import annotations

from collections.abc import Sequence

import polars

from saibench.evidence.independence import MARKS
from saibench.evidence.reader import StudyEvidence

STEP = "trainer/global_step"
"""Lightning's name for the optimizer step; the x-axis of every curve."""


def scalars(evidence: StudyEvidence, partitions: Sequence[str]) -> dict[str, float]:
    """Return `partition/name` → value for one run.

    Args:
        evidence: of one run.
        partitions: names to include.

    Returns:
        the metrics that are defined, and the mean of each numeric data feature over the
        partition's samples, to compare runs by their test data (similarity to the training data).
    """
    found: dict[str, float | None] = {}
    features = polars.col(numeric_features(evidence)).cast(polars.Float64).fill_nan(None)
    for partition in partitions:
        samples = evidence.samples.filter(polars.col("partition") == partition)
        means = samples.select(features.mean())
        found |= {f"{partition}/{column.name}": column[0] for column in means}
        for metrics in evidence.metrics.values():
            entries = metrics.get(partition, {}).items()
            found |= {f"{partition}/{name}": entry["value"] for name, entry in entries}
    return {name: value for name, value in found.items() if value is not None}


def numeric_features(evidence: StudyEvidence) -> list[str]:
    """Names of the data features that are numbers or booleans."""
    types = evidence.samples.schema
    return [
        field.name
        for field in evidence.fields("samples")
        if field.role == "feature"
        and (types[field.name].is_numeric() or types[field.name] == polars.Boolean)
    ]


def sample_rows(evidence: StudyEvidence, partitions: Sequence[str], limit: int) -> polars.DataFrame:
    """Return at most `limit` evenly spaced rows of the samples of these partitions."""
    rows = evidence.samples.filter(polars.col("partition").is_in(list(partitions)))
    rows = rows.drop(MARKS, strict=False)
    return rows.gather_every(max(1, -(-rows.height // limit)))
