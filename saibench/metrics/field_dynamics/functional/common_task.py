"""Errors of the Common Task Framework for science (Wyder et al. 2025, ctf4science `eval_module`).

Its score is 100 minus the error in percent: 100 for a perfect forecast, and 0 for zeros except by
histograms. The scores E1 to E12 are of these errors on nine pairs of training and test data: pair 1
has the short-time (E1) and the long-time error (E2), pairs 2 and 4 the reconstruction of noisy data
(E3, E5), 3 and 5 the long-time error after noisy training (E4, E6), 6 and 7 both after little
training (E7 to E10), 8 and 9 the short-time error at other parameters (E11, E12).

Two of its definitions are unusual, and the corrected ones stand beside them: its norm of a matrix
is the largest singular value, where its text has the relative L2 error; and its histograms have
bins between the extremes of truth and prediction together, so that a bad prediction widens them.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHORT_FRAMES, LONG_FRAMES, MODES = 20, 20, 100
"""First frames of the short-time error; last frames and wavenumbers of the spectral one."""
LONG_ROWS, BINS = 500, 41
"""Last frames and bins of the histograms, for systems without a grid."""


def short_time_error(preds: Tensor, target: Tensor, frobenius: bool = False) -> Tensor:
    """Error in percent `(B,)` of the first frames, as matrices of (time, values).

    Args:
        preds: `(B, L, C, *grid)`.
        target: of the same shape.
        frobenius: the relative L2 error; else the ratio of the largest singular values, which is
            the official one.
    """
    own, true = (fields[:, :SHORT_FRAMES].double().flatten(2) for fields in (preds, target))
    order = "fro" if frobenius else 2
    difference = own - true
    whole = difference.isfinite().all(dim=2).all(dim=1)
    difference = torch.where(whole[:, None, None], difference, 0.0)
    error = torch.linalg.matrix_norm(difference, ord=order)
    found = 100 * error / torch.linalg.matrix_norm(true, ord=order)
    return torch.where(whole, found, torch.inf)


def spectral_error(preds: Tensor, target: Tensor) -> Tensor:
    """Error in percent `(B,)` of the mean power of the first wavenumbers over the last frames.

    Args:
        preds: `(B, L, 1, points)`; a finite or an infinite value.
        target: of the same shape.
    """
    own, true = (_power(fields) for fields in (preds, target))
    error = torch.linalg.vector_norm(own - true, dim=1) / torch.linalg.vector_norm(true, dim=1)
    return torch.nan_to_num(100 * error, nan=torch.inf, posinf=torch.inf)


def histogram_error(preds: Tensor, target: Tensor, corrected: bool = False) -> Tensor:
    """Error in percent `(B,)` of the histograms of the last frames, mean over channels.

    Args:
        preds: `(B, L, C)`.
        target: of the same shape.
        corrected: bins between the extremes of the truth, the outermost open; else between those
            of both.
    """
    own, true = (fields[:, -LONG_ROWS:].double().transpose(1, 2) for fields in (preds, target))
    whole = own.isfinite().all(dim=2).all(dim=1)
    own = torch.where(whole[:, None, None], own, 0.0)
    low, high = true.amin(dim=2, keepdim=True), true.amax(dim=2, keepdim=True)
    if not corrected:
        low = torch.minimum(low, own.amin(dim=2, keepdim=True))
        high = torch.maximum(high, own.amax(dim=2, keepdim=True))
    counts = [_histogram(values, low, high) for values in (own, true)]
    error = (counts[0] - counts[1]).abs().sum(dim=2) / counts[1].sum(dim=2)
    return torch.where(whole, 100 * error.mean(dim=1), torch.inf)


def _power(fields: Tensor) -> Tensor:
    spectrum = torch.fft.fft(fields[:, -LONG_FRAMES:].double().flatten(2), dim=2)
    points = spectrum.shape[2]
    modes = min(MODES, points - points // 2)  # as many as follow 0 in numpy's shifted spectrum
    return spectrum[..., :modes].abs().square().mean(dim=1)


def _histogram(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Counts `(B, C, BINS)`."""
    width = (high - low).clamp(min=torch.finfo(torch.float64).tiny)
    place = ((values - low) / width * BINS).floor().clamp(0, BINS - 1).long()
    found = values.new_zeros((*values.shape[:2], BINS))
    return found.scatter_add(2, place, torch.ones_like(values))
