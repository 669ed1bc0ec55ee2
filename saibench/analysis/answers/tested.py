"""The partition that the answers are about, and the runs tested on it."""

from __future__ import annotations

import polars

from saibench.analysis.trusted_range.rows import default_partitions
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import compared_points


def tested_points(evidence: StudyEvidence) -> tuple[str, polars.DataFrame]:
    """The held-out partition, or the first tested one, and the table of the runs tested on it.

    Raises:
        UserError: no run was tested.
    """
    for partition in default_partitions(evidence):
        runs = [run for run, metrics in evidence.metrics.items() if partition in metrics]
        return partition, compared_points(evidence).filter(polars.col("point").is_in(runs))
    raise UserError("no run was tested.")
