"""Accuracies, ROC, AUC and background rejection against scikit-learn and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score
from sklearn.metrics import roc_curve as roc_curve_of_sklearn
from torch import Tensor

from saibench.metrics.conformance import assert_metric_conforms
from saibench.metrics.functional import (
    area_under_roc,
    background_rejection,
    class_accuracies,
    roc_curve,
)
from saibench.metrics.functional.classification import rejection_lower_limit
from saibench.metrics.jet_tagging import BinnedROC, TaggingAccuracy


def scored(samples: int, seed: int = 0, decimals: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Scores in (0, 1) and labels; few decimals make ties."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 2, samples)
    label[:2] = 0, 1
    logit = generator.normal(2.0 * label - 1, 1.5)
    return np.round(1 / (1 + np.exp(-logit)), decimals), label


CASES = pytest.mark.parametrize(
    ("samples", "decimals"), [(2, 6), (50, 6), (5000, 6), (5000, 2), (5000, 0)]
)


@CASES
def test_curve_is_that_of_scikit_learn(samples: int, decimals: int) -> None:
    score, label = scored(samples, decimals=decimals)
    false_positive, true_positive, thresholds = roc_curve_of_sklearn(
        label, score, drop_intermediate=False
    )
    found = roc_curve(score, label)
    np.testing.assert_array_equal(found.thresholds, thresholds)
    np.testing.assert_allclose(found.signal_efficiency, true_positive, rtol=1e-14)
    np.testing.assert_allclose(found.background_efficiency, false_positive, rtol=1e-14)


@CASES
def test_area_is_that_of_scikit_learn(samples: int, decimals: int) -> None:
    score, label = scored(samples, decimals=decimals)
    assert area_under_roc(score, label) == pytest.approx(roc_auc_score(label, score), rel=1e-12)


@pytest.mark.parametrize("efficiency", [0.3, 0.5, 0.77, 1.0])
@CASES
def test_rejection_is_that_of_the_curve_of_scikit_learn(samples, decimals, efficiency) -> None:
    score, label = scored(samples, decimals=decimals)
    false_positive, true_positive, _ = roc_curve_of_sklearn(label, score, drop_intermediate=False)
    passed = min(f for f, t in zip(false_positive, true_positive, strict=True) if t >= efficiency)
    expected = 1 / passed if passed else math.inf
    assert background_rejection(score, label, efficiency) == pytest.approx(expected, rel=1e-12)


def test_accuracies_are_those_of_scikit_learn() -> None:
    score, label = scored(5000)
    predicted = score > 0.5
    expected = (
        accuracy_score(label, predicted),
        recall_score(label, predicted, pos_label=1),
        recall_score(label, predicted, pos_label=0),
    )
    assert class_accuracies(score, label) == pytest.approx(expected, rel=1e-14)


def test_tensors_give_the_value_of_arrays() -> None:
    score, label = scored(100)
    assert area_under_roc(torch.tensor(score), torch.tensor(label)) == area_under_roc(score, label)


@pytest.mark.parametrize("only", [0, 1])
def test_an_absent_class_gives_nan(only: int) -> None:
    score, label = [0.2, 0.7, 0.9], [only] * 3
    assert math.isnan(area_under_roc(score, label))
    assert math.isnan(background_rejection(score, label, 0.5))
    curve = roc_curve(score, label)
    absent = curve.background_efficiency if only else curve.signal_efficiency
    assert np.isnan(absent).all()
    whole, signal, background = class_accuracies(score, label)
    assert whole == pytest.approx(2 / 3 if only else 1 / 3)
    assert math.isnan(background if only else signal)


def test_no_samples_give_nan() -> None:
    assert math.isnan(area_under_roc([], []))
    assert math.isnan(background_rejection([], [], 0.5))
    assert all(math.isnan(value) for value in class_accuracies([], []))


@pytest.mark.parametrize("function", [area_under_roc, roc_curve, class_accuracies])
def test_scores_that_are_nan_are_refused(function) -> None:
    with pytest.raises(ValueError, match=r"1 of 2 .*NaN"):
        function([0.5, math.nan], [0, 1])


def test_other_labels_and_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Labels .*1 .*0"):
        area_under_roc([0.5, 0.6], [0, 2])
    with pytest.raises(ValueError, match=r"\(2,\) .*\(3,\)"):
        area_under_roc([0.5, 0.6], [0, 1, 1])
    with pytest.raises(ValueError, match=r"signal_efficiency=0\.0"):
        background_rejection([0.5, 0.6], [0, 1], 0.0)


def batch(samples: int, seed: int) -> tuple[Tensor, Tensor]:
    score, label = scored(samples, seed)
    return torch.tensor(np.log(score / (1 - score))), torch.tensor(label)


BATCHES = [batch(40, 0), batch(7, 1), batch(90, 2)]


def accuracy_by_loop(preds: Tensor, target: Tensor) -> dict:
    right: dict[int, list[bool]] = {0: [], 1: []}
    for logit, label in zip(preds.tolist(), target.tolist(), strict=True):
        right[label].append((logit > 0) == (label == 1))
    return {
        "all": mean(right[0] + right[1]),
        "signal": mean(right[1]),
        "background": mean(right[0]),
        "count": len(target),
        "counts": [len(right[0]), len(right[1])],
    }


def mean(values: list[bool]) -> float:
    return sum(values) / len(values) if values else math.nan


def test_tagging_accuracy_conforms() -> None:
    assert_metric_conforms(TaggingAccuracy, BATCHES, accuracy_by_loop)


BITS = 3


def cut(logit: float, bits: int = BITS) -> float:
    """A float32 with the bits of the mantissa that its bin has."""
    magnitude, exponent = math.frexp(float(np.float32(logit)))
    return math.ldexp(math.trunc(magnitude * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent)


def smallest(logit: float) -> float:
    """The smallest float32 of the bin of a logit."""
    if logit > 0:
        return cut(logit)
    first = np.float32(abs(cut(logit)))
    _, exponent = math.frexp(first)
    return -float(np.nextafter(first + np.float32(2.0 ** (exponent - 1 - BITS)), np.float32(0)))


def roc_by_loop(preds: Tensor, target: Tensor) -> dict:
    """Exact values of scikit-learn, of logits rounded as by their bins."""
    logits, labels = [cut(logit) for logit in preds.tolist()], target.tolist()
    thresholds = sorted(set(logits), reverse=True)
    curve = {
        name: [
            mean(
                [logit >= threshold for logit, of in zip(logits, labels, strict=True) if of == one]
            )
            for threshold in (math.inf, *thresholds)
        ]
        for name, one in (("signal_efficiency", 1), ("background_efficiency", 0))
    }
    pairs = [
        (signal == background)
        for signal, of in zip(logits, labels, strict=True)
        for background, other in zip(logits, labels, strict=True)
        if of == 1 and other == 0
    ]

    def rejection(efficiency: float) -> float:
        points = zip(*curve.values(), strict=True)
        passed = next(background for signal, background in points if signal >= efficiency)
        return 1 / passed if passed else math.inf

    return {
        "auc": roc_auc_score(labels, logits) if pairs else math.nan,
        "auc_error": mean(pairs) / 2,
        "rejection_30": rejection(0.3) if pairs else math.nan,
        "rejection_50": rejection(0.5) if pairs else math.nan,
        "thresholds": [math.inf, *(smallest(threshold) for threshold in thresholds)],
        **curve,
        "counts": [labels.count(0), labels.count(1)],
    }


def test_binned_roc_conforms() -> None:
    assert_metric_conforms(lambda: BinnedROC(BITS), BATCHES, roc_by_loop)


def test_bins_are_fine_enough_for_the_exact_values() -> None:
    preds, target = batch(20_000, seed=7)
    roc = BinnedROC()
    roc.update(preds, target)
    found = roc.compute()
    assert found["auc"].item() == pytest.approx(roc_auc_score(target, preds), abs=2e-5)
    for percent in (30, 50):
        exact = background_rejection(preds, target, percent / 100)
        assert found[f"rejection_{percent}"].item() == pytest.approx(exact, rel=0.02)


HOSTILE = {
    "tiny": lambda logit: 1e-8 * logit,
    "large": lambda logit: 1e4 * logit,
    "far from zero": lambda logit: 98.8 + 1.2 * np.tanh(logit),
    "far below zero": lambda logit: -98.8 + 1.2 * np.tanh(logit),
    "a thousand": lambda logit: 1000 + 2 / (1 + np.exp(-logit)),
    "minus ten thousand": lambda logit: -1e4 + 2 / (1 + np.exp(-logit)),
    "below the smallest": lambda logit: 1e-40 * (2 + np.tanh(logit)),
    "of many scales": lambda logit: np.sign(logit) * 10 ** (4 * np.abs(logit) - 8),
    "constant": lambda logit: np.full_like(logit, 3.0),
    "two values": lambda logit: np.where(logit > 0, 1e-30, -1e30),
    "beyond float32": lambda logit: 1e200 * np.sign(logit),
}

COARSE = {
    *("constant", "two values", "beyond float32"),
    *("a thousand", "minus ten thousand", "below the smallest"),
}
"""Logits of which many share a bin, so that the reported error is large."""


@pytest.mark.parametrize("scale", HOSTILE)
def test_area_of_logits_of_any_scale_is_that_of_scikit_learn(scale: str) -> None:
    preds, target = batch(2000, seed=3)
    logits = HOSTILE[scale](preds.numpy())
    roc = BinnedROC()
    roc.update(torch.tensor(logits), target)
    found, exact = roc.compute(), roc_auc_score(target, logits)
    error = found["auc_error"].item()
    assert abs(found["auc"].item() - exact) <= error + 1e-12
    assert error < 5e-3 or scale in COARSE


def test_area_where_every_logit_is_near_a_hundred() -> None:
    """26 of 28 pairs are in order. Bins of equal width up to a logit of 20 would give 0.5."""
    logits = torch.tensor([97.6, 98.1, 98.2, 98.9, 98.0, 98.15, 98.3, 99.1, 99.4, 99.7, 99.96])
    target = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    roc = BinnedROC()
    roc.update(logits, target)
    exact = roc_auc_score(target, logits)
    assert roc.compute()["auc"].item() == pytest.approx(exact, abs=1e-12)
    assert area_under_roc(logits, target) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("metric", [TaggingAccuracy, BinnedROC])
def test_metrics_refuse_other_labels_and_shapes(metric) -> None:
    logits = torch.zeros(3)
    with pytest.raises(ValueError, match=r"labels .* \(1 found\)"):
        metric().update(logits, torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"labels .*torch\.float32"):
        metric().update(logits, torch.zeros(3))
    with pytest.raises(ValueError, match=r"logits .*\(3, 2\)"):
        metric().update(torch.zeros(3, 2), torch.tensor([0, 1, 1]))


def test_more_bits_than_those_of_a_mantissa_are_refused() -> None:
    with pytest.raises(ValueError, match="bits=24"):
        BinnedROC(bits=24)


def test_lower_limit_of_the_rejection_is_that_of_clopper_and_pearson() -> None:
    bound = stats.binomtest(0, 3177, alternative="less").proportion_ci(0.95).high
    score, label = np.zeros(3178), np.zeros(3178, dtype=int)
    score[0], label[0] = 1.0, 1
    rejection = rejection_lower_limit(score, label)
    assert 1 / rejection == pytest.approx(bound)
    assert rejection == pytest.approx(1060, rel=0.001)
