"""What features do not explain of an error that is correlated in time.

The errors' ranks are regressed on the features' ranks and their squares. Residuals of that fit look
more independent than the errors given the features are, since features that drift explain a drift
of the errors by chance too. Residuals of a fit to other times look less independent, by about as
much, since the fit's own error drifts with the features. So a contiguous twentieth of the samples
is predicted by the mean of two fits: to all samples, and to those without this part and its
correlated neighbours.

Sources: Granger and Newbold, "Spurious regressions in econometrics", J. Econom. 2 (1974); Burman,
Chow and Nolan, "A cross-validatory method for dependent data", Biometrika 81 (1994), for the
neighbours. Of independent errors, with the leverage h of a sample, the variances of the two
residuals are 1 − h and 1 / (1 − h), and that of their mean is 1 to first order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.mean_ranks import mean_ranks

PARTS = 20
"""Contiguous parts of the samples in time."""
RANK = 1e-10
"""Relative size below which a direction of the terms' products is that of collinear features."""


def residuals(features: Floats, errors: Floats, part: NDArray[np.int64]) -> Floats:
    """Ranks of the errors, from −½ to ½, minus those that the features predict.

    Args:
        features: `(samples, features)`.
        errors: `(samples,)`.
        part: `(samples,)`, of each sample, from 0 to `PARTS` − 1 in the order of time.
    """
    count = len(errors)
    centred = mean_ranks(features) / count - 0.5
    terms = np.column_stack([np.ones(count), centred, centred**2])
    ranks = mean_ranks(errors) / count - 0.5
    rows = [np.flatnonzero(part == number) for number in range(PARTS)]
    products = np.stack([terms[own].T @ terms[own] for own in rows])
    moments = np.stack([terms[own].T @ ranks[own] for own in rows])
    of_all = _slopes(products.sum(axis=0), moments.sum(axis=0))
    left = np.empty(count)
    for number, own in enumerate(rows):
        others = np.abs(np.arange(PARTS) - number) > 1
        of_others = _slopes(products[others].sum(axis=0), moments[others].sum(axis=0))
        left[own] = ranks[own] - terms[own] @ (of_all + of_others) / 2
    return left


def _slopes(products: Floats, moments: Floats) -> Floats:
    """Least squares from the products of the terms, and of the terms with the ranks."""
    return np.linalg.lstsq(products, moments, rcond=RANK)[0].astype(np.float64)
