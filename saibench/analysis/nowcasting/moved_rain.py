"""Errors of rain fields that were shifted by known distances (fig. 13)."""

from __future__ import annotations

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.errors import event_rows
from saibench.evidence.reader import StudyEvidence

BY_SHIFT = "by_shift"
MIN_SHIFTS = 3


def why_no_shifts(evidence: StudyEvidence) -> str | None:
    """Why the evidence has too few shifted events for a curve; None if it has enough."""
    if BY_SHIFT not in evidence.sources:
        return "The evidence has no shifted events. Use model=displacement_demo."
    if evidence.table(BY_SHIFT)["shift"].n_unique() < MIN_SHIFTS:
        return f"The evidence has fewer than {MIN_SHIFTS} shifts, too few for a curve."
    return None


def shifts(evidence: StudyEvidence) -> NDArray[np.int64]:
    """`(S,)` in km, ascending."""
    return evidence.table(BY_SHIFT)["shift"].unique().sort().to_numpy()


def by_shift(evidence: StudyEvidence, statistic: str) -> Floats:
    """`(E, S)`: `mae` in mm/h or `displacement` in km of each event, from the first run."""
    values = _first_rows(evidence).sort("sample_id", "shift")[statistic]
    numbers = values.cast(polars.Float64).fill_null(np.nan).to_numpy()
    return numbers.reshape(-1, len(shifts(evidence)))


def shifted_events(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per event of `by_shift`, with its block columns."""
    return event_rows(_first_rows(evidence))


def _first_rows(evidence: StudyEvidence) -> polars.DataFrame:
    table = evidence.table(BY_SHIFT)
    return table.filter(*(polars.col(name) == table[name][0] for name in ("point", "partition")))
