"""Sentences shared by captions and readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars

from saibench.analysis.bootstrap import Interval
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of, tested
from saibench.formatting import by_width, joined

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


def ends(rows: polars.DataFrame, by: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of a figure's table with the smallest and the largest value of a column."""
    ordered = rows.sort(by)
    return ordered.row(0, named=True), ordered.row(-1, named=True)


def first_and_last(parts: Sequence[str]) -> str:
    """The first and the last of several texts; a single one alone.

    >>> first_and_last(["1 h", "2 h", "3 h"]), first_and_last(["1 h"])
    ('1 h and 3 h', '1 h')
    """
    return joined([*parts[:1], *parts[1:][-1:]])


def row_interval(row: Mapping[str, Any], scale: float = 1.0) -> Interval:
    """The interval of a row of a figure's table; NaN for a missing number."""
    low, estimate, high = (
        float("nan") if row[name] is None else scale * float(row[name])
        for name in ("low", "estimate", "high")
    )
    return Interval(low, estimate, high, 0, 0)


def row_text(row: Mapping[str, Any], unit: str = "", scale: float = 1.0) -> str:
    """`35.1 [33.9, 36.2] meV/Å` from a row of a figure's table."""
    return by_width(row_interval(row, scale), unit)


def change_text(
    first: Mapping[str, Any], last: Mapping[str, Any], unit: str = "", scale: float = 1.0
) -> str:
    """`falls from 60.5 [58.1, 62.0] to 35.1 [33.9, 36.2] meV/Å`; `goes` if the intervals meet."""
    before, after = (row_interval(row, scale) for row in (first, last))
    verb = "goes"
    if after.high < before.low:
        verb = "falls"
    elif after.low > before.high:
        verb = "rises"
    return f"{verb} from {by_width(before)} to {by_width(after, unit)}"
