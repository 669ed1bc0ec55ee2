"""Where errors contradict that samples are independent, in a sentence for pages and consoles."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.proportions import MIN_BLOCKS
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import short_names
from saibench.formatting import counted


def dependence_warnings(
    evidence: StudyEvidence,
    points: Sequence[str] | None = None,
    partitions: Sequence[str] | None = None,
) -> list[str]:
    """One sentence, of the samples whose neighbours correlate most; none if none do.

    Another where the samples make up too few independent blocks for an interval.

    Args:
        evidence: the study.
        points: hashes; by default all that were tested.
        partitions: by default the held-out one, or of points that were not tested on it all.
    """
    chosen = set(evidence.metrics if points is None else points)
    asked = [one for one in evidence.dependence if chosen & set(one.points)]
    wanted = [one for one in asked if one.partition in (partitions or [evidence.held_out])] or asked
    told = [one.dependence for one in wanted if one.dependence.contradiction is not None]
    found = []
    if told:
        most = max(told, key=lambda one: one.contradiction or 0.0)
        found.append(
            f"Errors of neighbouring samples correlate ({most.contradiction:.2f}, {most.statistic} "
            f"of {short_names(evidence)[most.point]}): intervals by single samples are too narrow, "
            "so stretches of neighbours are resampled. Declare a time or group column (independence"
            " of the data's source)."
        )
    few = {
        one.partition: one.dependence.num_blocks
        for one in wanted
        if one.dependence.num_blocks < MIN_BLOCKS
    }
    found += [
        f"Too few independent events: the samples of {partition} fall into "
        f"{counted(number, 'independent block')}, and intervals take at least {MIN_BLOCKS}."
        for partition, number in few.items()
    ]
    return found
