"""Warnings about the independence of samples, for pages and commands."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.proportions import MIN_BLOCKS
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import short_names
from saibench.evidence.titles import titled
from saibench.formatting import counted


def dependence_warnings(
    evidence: StudyEvidence,
    points: Sequence[str] | None = None,
    partitions: Sequence[str] | None = None,
    few: bool = True,
) -> list[str]:
    """Warn of correlated samples that were declared independent, and of too few blocks.

    Args:
        evidence: the study.
        points: hashes; by default all tested runs.
        partitions: by default the held-out one, or all if no run was tested on it.
        few: whether to warn of too few blocks; a trusted range has blocks of its own.
    """
    chosen = set(evidence.metrics if points is None else points)
    of_points = [one for one in evidence.dependence if chosen & set(one.points)]
    names = partitions or [evidence.held_out]
    used = [one for one in of_points if one.partition in names] or of_points
    correlated = [one.dependence for one in used if one.dependence.contradiction is not None]
    warnings = []
    if correlated:
        most = max(correlated, key=lambda one: one.contradiction or 0.0)
        of = f"{titled(most.statistic, evidence)} of {short_names(evidence)[most.point]}"
        warnings.append(
            f"Errors of neighbouring samples correlate ({most.contradiction:.2f}, {of}). "
            "Intervals of single samples would be too narrow, so contiguous stretches are "
            "resampled. Declare a time or group column "
            "(independence of the data's source)."
        )
    few_blocks = {
        one.partition: one.dependence.num_blocks
        for one in used
        if few and one.dependence.num_blocks < MIN_BLOCKS
    }
    warnings += [
        f"Too few independent events: {partition} has {counted(number, 'independent block')}; "
        f"intervals need at least {MIN_BLOCKS}."
        for partition, number in few_blocks.items()
    ]
    return warnings
