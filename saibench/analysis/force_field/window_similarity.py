"""How the similarity of training windows to the test orders their errors (§4.2, figure 4)."""

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

    The windows are held fixed and the test's blocks resampled, for similarity and error alike:
    windows overlap and are too few to be resampled themselves. What sets the windows apart decides
    how long blocks are, for it is that which orders them.

    Raises:
        UserError: the samples lack a statistic, or are not the same for all windows.
    """
    near, errors = (cell_errors(evidence, windows, name) for name in (similarity, "force_mae"))
    apart = [one.values - one.values.mean(axis=1, keepdims=True) for one in (near, errors)]
    found = near.beside(errors).interval(_spearman, smooth=False, series=np.hstack(apart))
    return found.within(-1, 1)


def _spearman(means: Floats) -> Floats:
    """Of the first half of the columns with the second half; NaN where a half is constant."""
    first, second = (rankdata(half, axis=1) for half in np.split(means, 2, axis=1))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    spread = (first**2).sum(axis=1) * (second**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (first * second).sum(axis=1) / np.sqrt(spread)
