"""Checks of the evidence that an analysis compares: the same samples, and no failed ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars
from numpy.typing import ArrayLike

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import same_data


def refuse_different_samples(
    evidence: StudyEvidence, points: Iterable[str], tables: Sequence[polars.DataFrame]
) -> None:
    """Refuse runs whose held-out samples differ: blocks are resampled for all runs together.

    Args:
        points: hashes of the runs.
        tables: ids and block columns of the samples, one table per run or group of runs.

    Raises:
        UserError: data sets or samples differ.
    """
    if not same_data(evidence, points):
        raise UserError(f"The runs were tested on different data sets ({evidence.held_out}).")
    if any(not table.equals(tables[0]) for table in tables):
        raise UserError(f"The runs were tested on different samples of {evidence.held_out}.")


def refuse_failed(
    errors: ArrayLike,
    statistic: str,
    partition: str,
    consequence: str,
    error: type[UserError] = UserError,
) -> None:
    """Refuse infinite errors, which mean that the model failed, rather than exclude them.

    Args:
        errors: `(N,)` or `(N, K)`, of N samples.
        statistic: their name.
        partition: what was tested on.
        consequence: what is undefined, such as "no bound holds".
        error: the class of the exception.

    Raises:
        UserError: an error is infinite (see `saibench.evidence.Statistic`).
    """
    values = np.asarray(errors, dtype=np.float64)
    infinite = np.isinf(values)
    failed = int((infinite if values.ndim == 1 else infinite.any(axis=1)).sum())
    if failed:
        whose = "its" if failed == 1 else "their"
        raise error(
            f"{failed:,} of {len(values):,} samples of {partition} failed: {whose} {statistic} is "
            f"infinite, so {consequence}. Use a statistic that is finite for all samples."
        )
