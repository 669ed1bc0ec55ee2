"""Exact metrics of binary classification, from the scores of single samples.

A sample is classified as signal if its score is above a threshold. Samples of equal score are on
the same side of every threshold, as in scikit-learn. Curve, area and rejection depend on the order
of the scores only, so logits give the same values as probabilities.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from saibench.evidence.roc import area_under_roc, checked_scores

__all__ = [
    "ROC",
    "area_under_roc",
    "background_rejection",
    "class_accuracies",
    "rejection_at",
    "rejection_lower_limit",
    "roc_curve",
]


class ROC(NamedTuple):
    """A ROC curve, from the strictest threshold to the loosest.

    Args:
        thresholds: (T,) decreasing scores, the first infinite; a sample is classified as signal
            if its score is at least the threshold.
        signal_efficiency: (T,) true positive rate.
        background_efficiency: (T,) false positive rate.
    """

    thresholds: np.ndarray
    signal_efficiency: np.ndarray
    background_efficiency: np.ndarray


def roc_curve(score: ArrayLike, label: ArrayLike) -> ROC:
    """ROC curve with a threshold at each distinct score; NaN for an absent class.

    Args:
        score: (B,) array or tensor, higher for signal.
        label: (B,) 1 for signal, 0 for background.

    Raises:
        ValueError: a score is NaN, a label is not 0 or 1, or the shapes differ.

    >>> curve = roc_curve([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
    >>> curve.thresholds.tolist(), curve.signal_efficiency.tolist()
    ([inf, 0.9, 0.8, 0.1], [0.0, 0.5, 1.0, 1.0])
    """
    scores, is_signal = checked_scores(score, label)
    order = np.argsort(-scores, kind="stable")
    scores, is_signal = scores[order], is_signal[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)[: len(scores)]
    signal = np.cumsum(is_signal)[last_of_ties]
    background = 1 + last_of_ties - signal
    return ROC(
        np.concatenate([[np.inf], scores[last_of_ties]]),
        _fractions(signal, int(is_signal.sum())),
        _fractions(background, int((~is_signal).sum())),
    )


def background_rejection(score: ArrayLike, label: ArrayLike, signal_efficiency: float) -> float:
    """1 / background efficiency at the strictest threshold of at least this signal efficiency.

    Infinite if no background passes, NaN if a class is absent. Arguments and errors as in
    `roc_curve`.

    >>> background_rejection([0.9, 0.7, 0.8, 0.6, 0.2, 0.1], [1, 1, 0, 0, 0, 0], 0.6)
    4.0
    """
    _, signal, background = roc_curve(score, label)
    return rejection_at(signal, background, signal_efficiency)


def rejection_lower_limit(score: ArrayLike, label: ArrayLike, level: float = 0.95) -> float:
    """Lower confidence limit of the background rejection if no background passes.

    1 / (1 − (1 − level)^(1/n)) of n background samples, about n / 3 at 95 %, from the one-sided
    Clopper-Pearson interval of 0 of n. Arguments and errors as in `roc_curve`.

    >>> round(rejection_lower_limit([0.9] + [0.1] * 300, [1] + [0] * 300))
    101
    """
    background = int((~checked_scores(score, label)[1]).sum())
    return float(-1 / np.expm1(np.log1p(-level) / background)) if background else float("nan")


def rejection_at(
    signal_efficiency: np.ndarray, background_efficiency: np.ndarray, at: float
) -> float:
    """Background rejection of a ROC curve at a signal efficiency; see `background_rejection`.

    Raises:
        ValueError: `at` is not within (0, 1].
    """
    if not 0 < at <= 1:
        raise ValueError(f"signal_efficiency={at} must be within (0, 1].")
    if np.isnan(signal_efficiency).any() or np.isnan(background_efficiency).any():
        return float("nan")
    first = int(np.argmax(signal_efficiency >= at))
    passed = float(background_efficiency[first])
    return 1 / passed if passed else float("inf")


def class_accuracies(
    score: ArrayLike, label: ArrayLike, threshold: float = 0.5
) -> tuple[float, float, float]:
    """Accuracy of all samples, of the signal and of the background; NaN without such samples.

    A sample is classified as signal if its score is greater than the threshold. Arguments and
    errors as in `roc_curve`.

    >>> class_accuracies([0.9, 0.2, 0.3, 0.1], [1, 1, 0, 0])
    (0.75, 0.5, 1.0)
    """
    scores, is_signal = checked_scores(score, label)
    correct = (scores > threshold) == is_signal
    return _mean(correct), _mean(correct[is_signal]), _mean(correct[~is_signal])


def _mean(correct: np.ndarray) -> float:
    return float(correct.mean()) if len(correct) else float("nan")


def _fractions(counts: np.ndarray, total: int) -> np.ndarray:
    whole = np.concatenate([[0], counts]).astype(np.float64)
    return whole / total if total else np.full_like(whole, np.nan)
