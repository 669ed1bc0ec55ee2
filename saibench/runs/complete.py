"""Complete runs of a sweep, which need no job of a launcher."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.errors import UserError
from saibench.evidence.run_record import COMPLETE, read_record
from saibench.runs.execute import execute_here, settings_to_be, test_settings
from saibench.runs.outcome import Outcome
from saibench.runs.point import Point
from saibench.runs.retest import lacks


def complete_runs(points: Sequence[Point]) -> dict[int, Outcome]:
    """How those points ended that are complete and tested, by position."""
    return {
        place: execute_here(point, is_tested=True)
        for place, point in enumerate(points)
        if _is_complete(point)
    }


def _is_complete(point: Point) -> bool:
    """Whether nothing is left to train or test; a damaged run is for its job to report."""
    try:
        return read_record(point.folder).get("state") == COMPLETE and not lacks(
            point.folder, test_settings(point), settings_to_be(point)
        )
    except UserError:
        return False
