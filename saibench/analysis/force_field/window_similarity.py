"""Rank correlation of training windows' similarity to the test with their errors (figure 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.cell_errors import cell_errors
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell

PLAIN = "soap_similarity_window"
CENTRED = "soap_similarity_window_centred"


def similarity_correlation(
    evidence: StudyEvidence, windows: Sequence[Cell], similarity: str = CENTRED
) -> Interval:
    """Spearman's ρ over windows between similarity to the test and force MAE on it.

    The windows are fixed, since they overlap and are few; the blocks of the test are resampled,
    for similarity and error together. The differences between windows, which order them, decide
    how long the blocks are.

    Raises:
        UserError: the samples lack a statistic, or differ between windows.
    """
    near, errors = (cell_errors(evidence, windows, name) for name in (similarity, "force_mae"))
    series = [one.values - one.values.mean(axis=1, keepdims=True) for one in (near, errors)]
    found = near.join(errors).interval(_spearman, smooth=False, series=np.hstack(series))
    return found.within(-1, 1)


def _spearman(means: Floats) -> Floats:
    """Correlation of the first half of the columns with the second; NaN if one is constant."""
    first, second = (rankdata(half, axis=1) for half in np.split(means, 2, axis=1))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    spread = (first**2).sum(axis=1) * (second**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (first * second).sum(axis=1) / np.sqrt(spread)
