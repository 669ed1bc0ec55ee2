"""Detects a classifier that predicts one class for every sample."""

from __future__ import annotations

import polars

from saibench.evidence.reader import StudyEvidence

LABEL, CORRECT = "label", "correct"


def single_class(evidence: StudyEvidence, point: str, partition: str) -> str | None:
    """Report a run that predicts one class for all samples of a partition with two.

    Returns:
        A sentence; None if it predicts both, or the evidence has no labels.
    """
    rows = evidence.rows("samples", point, partition)
    if rows is None or not {LABEL, CORRECT} <= set(rows.columns):
        return None
    rows = rows.drop_nulls([LABEL, CORRECT])
    labels = rows[LABEL].unique().sort().to_list()
    if len(labels) != 2:
        return None
    right = polars.col(CORRECT) >= 0.5
    other = polars.when(polars.col(LABEL) == labels[0]).then(labels[1]).otherwise(labels[0])
    predicted = rows.select(polars.when(right).then(LABEL).otherwise(other))
    if predicted.to_series().n_unique() > 1:
        return None
    field = next(field for field in evidence.fields("samples") if field.name == LABEL)
    meaning = f" ({field.describe})" if field.describe else ""
    return (
        f"The model predicts {LABEL} {predicted.item(0, 0)}{meaning} for all {rows.height:,} "
        f"samples of {partition}."
    )
