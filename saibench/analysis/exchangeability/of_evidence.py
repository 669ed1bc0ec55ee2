"""The calibration samples of a monitor, from a study's evidence."""

from __future__ import annotations

from collections.abc import Sequence

import polars

from saibench.analysis.exchangeability.reference import Reference, reference_of
from saibench.evidence.independence import independence_of
from saibench.evidence.reader import StudyEvidence


def reference_of_runs(
    evidence: StudyEvidence,
    points: Sequence[str],
    rows: polars.DataFrame,
    features: Sequence[str],
    error: str,
) -> Reference | None:
    """The reference of a run.

    Args:
        evidence: of the study.
        points: hashes of the runs.
        rows, features, error: as in `reference_of`.

    Returns:
        None for several runs, since the same samples have other features in each.
    """
    if len(points) > 1:
        return None
    record = evidence.records[points[0]]
    order = independence_of(record, evidence.samples.columns).order_column
    units = {field.name: field.unit for field in evidence.fields("samples")}
    data = str((record.get("data") or {}).get("hash") or "")
    return reference_of(rows, features, error, data=data, unit=units.get(order or "", ""))
