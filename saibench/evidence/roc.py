"""Area under the ROC curve of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def area_under_roc(score: ArrayLike, label: ArrayLike) -> float:
    """AUC: probability that a signal scores higher than a background, ties counted half.

    NaN if a class is absent.

    Args:
        score: (B,) array or tensor, higher for signal.
        label: (B,) 1 for signal, 0 for background.

    Raises:
        ValueError: a score is NaN, a label is not 0 or 1, or the shapes differ.

    >>> area_under_roc([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
    0.875
    """
    scores, is_signal = checked_scores(score, label)
    ordered = np.sort(scores[~is_signal])
    signal = scores[is_signal]
    if not len(ordered) or not len(signal):
        return float("nan")
    below = np.searchsorted(ordered, signal, side="left").sum()
    not_above = np.searchsorted(ordered, signal, side="right").sum()
    return float((int(below) + int(not_above)) / (2 * len(ordered) * len(signal)))


def checked_scores(score: ArrayLike, label: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Scores (B,) float64, and whether each sample is signal.

    Raises:
        ValueError: as in `area_under_roc`.
    """
    scores, labels = np.asarray(score, dtype=np.float64), np.asarray(label)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(f"Scores {scores.shape} and labels {labels.shape} must have shape (B,).")
    if np.isnan(scores).any():
        raise ValueError(f"{np.isnan(scores).sum()} of {len(scores)} scores are NaN.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("Labels must be 1 for signal and 0 for background.")
    return scores, labels == 1
