"""Sentences shared by captions."""

from __future__ import annotations

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of, tested

INTERVALS = (
    "Error bars: 95 % intervals from resampling independent blocks of the test (stretches of five "
    "correlation times), including the variance between seeds if there are several"
)
SEEDS = "open dots: single seeds"


def partition_text(evidence: StudyEvidence) -> str:
    """`964 samples of last_tenth (the last 10 % of the samples in order of time)`.

    Runs on different data can have different counts: `100 or 964 samples`.
    """
    points, name = tested(evidence)["point"].to_list(), evidence.held_out
    rows = rows_of(evidence.samples, points, name)
    counts = sorted(set(rows.group_by("point").len()["len"]))
    recorded = (evidence.records[points[0]].get("partitions") or {}).get(name) or {}
    describe = f" ({recorded['describe']})" if recorded.get("describe") else ""
    return f"{' or '.join(f'{count:,}' for count in counts)} samples of {name}{describe}"


def shared_text(variant: str) -> str:
    """A sentence on the settings that all drawn models share, if the study varies them."""
    return f" All with {variant}." if variant else ""


def first_of(limit: int, found: int) -> str:
    """A sentence if only the first variants of the study are drawn."""
    return f" The first {limit} of {found} variants are drawn." if found > limit else ""
