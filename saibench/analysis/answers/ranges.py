"""The trusted ranges of a study, in the order in which they answer for it."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.answers.best_run import best_runs
from saibench.analysis.trusted_range.study_ranges import Found, fit_all, fitted_points
from saibench.evidence.reader import StudyEvidence


def ordered_ranges(evidence: StudyEvidence, runs: Sequence[str] | None = None) -> list[Found]:
    """The ranges of these runs, by default those of the best model, then of others.

    Of a study of many runs, they are those of `fitted_points`.
    """
    first = best_runs(evidence) if runs is None else runs
    found = fit_all(evidence, fitted_points(evidence, first))
    return sorted(found, key=lambda one: _rank(one, first))


def _rank(found: Found, runs: Sequence[str]) -> int:
    if len(found.points) == 1:
        return 0 if found.points[0] in runs else 1
    return 2
