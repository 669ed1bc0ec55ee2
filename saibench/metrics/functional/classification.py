"""How well scores tell signal from background: exact values from the scores of single samples.

Working points are those of a threshold: a sample is taken for signal if its score lies above it.
Samples of equal score are on the same side of every threshold, as in scikit-learn. Whatever orders
the samples as the score does (a logit) gives the same curve, area and rejection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class ROC(NamedTuple):
    """The curve of all working points, from the strictest to one that takes everything.

    Args:
        thresholds: (T,) scores, falling; a sample whose score is this or more counts as signal.
            The first is infinite.
        signal_efficiency: (T,) share of the signal taken for signal (true positive rate).
        background_efficiency: (T,) share of the background taken for it (false positive rate).
    """

    thresholds: np.ndarray
    signal_efficiency: np.ndarray
    background_efficiency: np.ndarray


def roc_curve(score: ArrayLike, label: ArrayLike) -> ROC:
    """The curve at each score that is there, NaN for a class that is absent.

    Args:
        score: (B,) higher is more like signal; a NumPy array or a tensor.
        label: (B,) 1 for signal, 0 for background.

    Raises:
        ValueError: scores that are NaN, labels other than 0 and 1, or shapes that differ.

    >>> curve = roc_curve([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
    >>> curve.thresholds.tolist(), curve.signal_efficiency.tolist()
    ([inf, 0.9, 0.8, 0.1], [0.0, 0.5, 1.0, 1.0])
    """
    scores, is_signal = _checked(score, label)
    order = np.argsort(-scores, kind="stable")
    scores, is_signal = scores[order], is_signal[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)[: len(scores)]
    signal = np.cumsum(is_signal)[last_of_ties]
    background = 1 + last_of_ties - signal
    return ROC(
        np.concatenate([[np.inf], scores[last_of_ties]]),
        _shares(signal, int(is_signal.sum())),
        _shares(background, int((~is_signal).sum())),
    )


def area_under_roc(score: ArrayLike, label: ArrayLike) -> float:
    """The chance that a signal scores higher than a background, ties counted half (AUC).

    NaN where a class is absent. Arguments and errors as in `roc_curve`.

    >>> area_under_roc([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
    0.875
    """
    scores, is_signal = _checked(score, label)
    ordered = np.sort(scores[~is_signal])
    signal = scores[is_signal]
    if not len(ordered) or not len(signal):
        return float("nan")
    below = np.searchsorted(ordered, signal, side="left").sum()
    not_above = np.searchsorted(ordered, signal, side="right").sum()
    return float((int(below) + int(not_above)) / (2 * len(ordered) * len(signal)))


def background_rejection(score: ArrayLike, label: ArrayLike, signal_efficiency: float) -> float:
    """1 / background efficiency at the strictest threshold with this signal efficiency or more.

    Infinite where no background is left there, NaN where a class is absent. Arguments and errors
    as in `roc_curve`.

    >>> background_rejection([0.9, 0.7, 0.8, 0.6, 0.2, 0.1], [1, 1, 0, 0, 0, 0], 0.6)
    4.0
    """
    _, signal, background = roc_curve(score, label)
    return rejection_at(signal, background, signal_efficiency)


def least_rejection(score: ArrayLike, label: ArrayLike, level: float = 0.95) -> float:
    """What the rejection exceeds with this confidence where none of the background is left.

    1 / (1 − (1 − level)^(1/n)) of n background samples, about n / 3 at 95 %: the share of which
    none of n is seen (Clopper and Pearson, one-sided). Arguments and errors as in `roc_curve`.

    >>> round(least_rejection([0.9] + [0.1] * 300, [1] + [0] * 300))
    101
    """
    background = int((~_checked(score, label)[1]).sum())
    return float(-1 / np.expm1(np.log1p(-level) / background)) if background else float("nan")


def rejection_at(
    signal_efficiency: np.ndarray, background_efficiency: np.ndarray, wanted: float
) -> float:
    """The background rejection of a curve whose efficiencies rise; see `background_rejection`.

    Raises:
        ValueError: `wanted` is not within (0, 1].
    """
    if not 0 < wanted <= 1:
        raise ValueError(f"A signal efficiency lies within (0, 1], and {wanted} does not.")
    if np.isnan(signal_efficiency).any() or np.isnan(background_efficiency).any():
        return float("nan")
    first = int(np.argmax(signal_efficiency >= wanted))
    passed = float(background_efficiency[first])
    return 1 / passed if passed else float("inf")


def class_accuracies(
    score: ArrayLike, label: ArrayLike, threshold: float = 0.5
) -> tuple[float, float, float]:
    """Shares that are taken for what they are: of all, of the signal, of the background.

    A sample is taken for signal if its score is greater than the threshold. NaN where there is no
    such sample. Arguments and errors as in `roc_curve`.

    >>> class_accuracies([0.9, 0.2, 0.3, 0.1], [1, 1, 0, 0])
    (0.75, 0.5, 1.0)
    """
    scores, is_signal = _checked(score, label)
    right = (scores > threshold) == is_signal
    return _mean(right), _mean(right[is_signal]), _mean(right[~is_signal])


def _mean(right: np.ndarray) -> float:
    return float(right.mean()) if len(right) else float("nan")


def _shares(counts: np.ndarray, total: int) -> np.ndarray:
    whole = np.concatenate([[0], counts]).astype(np.float64)
    return whole / total if total else np.full_like(whole, np.nan)


def _checked(score: ArrayLike, label: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(score, dtype=np.float64), np.asarray(label)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(f"Scores {scores.shape} and labels {labels.shape} must both be (B,).")
    if np.isnan(scores).any():
        raise ValueError(f"{np.isnan(scores).sum()} of {len(scores)} scores are NaN.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("Labels must be 1 for signal and 0 for background.")
    return scores, labels == 1
