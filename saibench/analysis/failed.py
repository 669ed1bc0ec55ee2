"""Samples that a model failed at: their error is infinite (`saibench.evidence.Statistic`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from saibench.errors import UserError


def refuse_failed(
    errors: ArrayLike, statistic: str, partition: str, lost: str, error: type[UserError] = UserError
) -> None:
    """Refuse errors of which some are infinite, rather than speak of the survivors.

    Args:
        errors: `(N,)` or `(N, K)`, of N samples.
        statistic: what they are of.
        partition: what was tested on.
        lost: what there is none of, such as "no bound holds".
        error: what is raised.

    Raises:
        UserError: a sample failed.
    """
    values = np.asarray(errors, dtype=np.float64)
    failed = int(np.isinf(values.reshape(len(values), -1)).any(axis=1).sum())
    if failed:
        whose = "its" if failed == 1 else "their"
        raise error(
            f"{failed:,} of {len(values):,} samples of {partition} failed: {whose} {statistic} is "
            f"infinite, and {lost}; a statistic that is finite for all would work."
        )
