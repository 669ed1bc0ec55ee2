"""Where errors contradict that samples are independent, in a sentence for pages and consoles."""

from __future__ import annotations

from collections.abc import Sequence

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.interpretation.trusted_range.stretches import row_blocks

ERROR = "__error"


def contradictions(
    evidence: StudyEvidence,
    points: Sequence[str] | None = None,
    statistics: Sequence[str] = (),
    partitions: Sequence[str] | None = None,
) -> list[str]:
    """One sentence, of the point and statistic whose neighbours correlate most; none if none do.

    Args:
        evidence: the study.
        points: hashes; by default all that were tested.
        statistics: errors, as `force_mae` or `lead/mae`; by default of each point the first that
            is traced, or that there is.
        partitions: of these the first that a point was tested on; by default the held-out one.
    """
    asked: list[list[str] | None] = [[name] for name in statistics] or [None]
    found = [
        (told, point, name)
        for point in (evidence.metrics if points is None else points)
        if evidence.metrics.get(point)
        for names in asked
        for told, name in [_of_point(evidence, point, names, partitions)]
        if told is not None
    ]
    if not found:
        return []
    told, point, name = max(found)
    slug = evidence.records[point].get("slug") or point
    return [
        f"Errors of neighbouring samples correlate ({told:.2f}, {name} of {slug}): intervals by "
        "single samples are too narrow, so stretches of neighbours are resampled. Declare a time "
        "or group column (independence of the data's source)."
    ]


def _of_point(
    evidence: StudyEvidence,
    point: str,
    names: Sequence[str] | None,
    partitions: Sequence[str] | None,
) -> tuple[float | None, str]:
    """Lag-one autocorrelation of the first of these statistics that the point has, and its name."""
    for wanted in _statistics(evidence, point) if names is None else names:
        axis, _, name = str(wanted).rpartition("/")
        table = f"by_{axis}" if axis else "samples"
        if table not in evidence.sources:
            continue
        rows = evidence.table(table).filter(point=point)
        held = set(rows["partition"]) if rows.height else set()
        first = (name for name in partitions or [evidence.held_out] if name in held)
        rows = rows.filter(partition=next(first, rows["partition"][0])) if held else rows
        if name not in rows.columns or not rows.height or not rows[name].dtype.is_numeric():
            continue
        values = polars.col(name).cast(polars.Float64).fill_nan(None).abs().alias(ERROR)
        return row_blocks(rows.with_columns(values), ERROR)[1].contradiction, name
    return None, ""


def _statistics(evidence: StudyEvidence, point: str) -> list[str]:
    """What is traced, then whatever else there is."""
    traced = (evidence.records[point].get("trace") or {}).get("response") or []
    return [
        *([traced] if isinstance(traced, str) else traced),
        *(field.name for field in evidence.fields("samples") if field.role == "statistic"),
    ]
