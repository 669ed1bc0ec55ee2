"""Sentences that captions share."""

from __future__ import annotations

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of, tested

INTERVALS = (
    "Error bars: 95 % intervals from resampling independent blocks of the test (stretches of five "
    "correlation times), and seeds where there are several; with one they are of this net alone"
)
SEEDS = "open dots beside a point: its single seeds"


def partition_text(evidence: StudyEvidence) -> str:
    """`964 samples of last_tenth (the last 10 % of the samples in order of time)`.

    Points of other data may have other counts: `100 or 964 samples`.
    """
    points, name = tested(evidence)["point"].to_list(), evidence.held_out
    rows = rows_of(evidence.samples, points, name)
    counts = sorted(set(rows.group_by("point").len()["len"]))
    recorded = (evidence.records[points[0]].get("partitions") or {}).get(name) or {}
    describe = f" ({recorded['describe']})" if recorded.get("describe") else ""
    return f"{' or '.join(f'{count:,}' for count in counts)} samples of {name}{describe}"


def shared_text(variant: str) -> str:
    """A sentence that says what else the drawn models share, if the study varies it."""
    return f" All with {variant}." if variant else ""


def first_of(limit: int, found: int) -> str:
    """A sentence if a figure shows only the first variants of those that were found."""
    return f" The first {limit} of {found} variants are drawn." if found > limit else ""
