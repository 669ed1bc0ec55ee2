"""Where errors contradict that samples are independent, in a sentence for pages and consoles."""

from __future__ import annotations

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.interpretation.trusted_range.stretches import row_blocks

ERROR = "__error"


def contradictions(evidence: StudyEvidence) -> list[str]:
    """One sentence, of the tested point whose neighbours correlate most; none if no one's do."""
    found = [
        (told, point, name)
        for point, metrics in evidence.metrics.items()
        if metrics
        for told, name in [_of_point(evidence, point)]
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


def _of_point(evidence: StudyEvidence, point: str) -> tuple[float | None, str]:
    """Lag-one autocorrelation of the first statistic that is traced, or that there is."""
    traced = (evidence.records[point].get("trace") or {}).get("response") or []
    statistics = [field.name for field in evidence.fields("samples") if field.role == "statistic"]
    for wanted in [*traced, *statistics]:
        axis, _, name = str(wanted).rpartition("/")
        table = f"by_{axis}" if axis else "samples"
        if table not in evidence.sources:
            continue
        rows = evidence.table(table).filter(point=point)
        partition = evidence.held_out if evidence.held_out in evidence.metrics[point] else None
        rows = rows.filter(partition=partition or rows["partition"][0]) if rows.height else rows
        if name not in rows.columns or not rows.height or not rows[name].dtype.is_numeric():
            continue
        values = polars.col(name).cast(polars.Float64).fill_nan(None).abs().alias(ERROR)
        return row_blocks(rows.with_columns(values), ERROR)[1].contradiction, name
    return None, ""
