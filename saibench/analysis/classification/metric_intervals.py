"""Intervals of metrics of scores and labels: areas under ROC curves, accuracies, rejections.

What a metric is stands in its definition under `how`, as in `ESTIMATORS`; of saibench 0.1, whose
records have no definitions, it is known by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars

from saibench.analysis.block_means import BlockMeans, samples_digest
from saibench.analysis.blocks import Blocks, find_blocks
from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.classification.roc_bands import background_efficiency
from saibench.analysis.classification.scores import (
    ClassScore,
    auc_components,
    auc_score,
    class_mean_score,
    interval,
    mean_score,
)
from saibench.analysis.metric_sources import Found, Statistics, agrees
from saibench.evidence.independence import STRATUM_COLUMN

OLDER_SCORES: dict[str, dict[str, Any]] = {
    "auc": {"how": "auc"},
    "signal_accuracy": {"how": "class_accuracy", "class": 1},
    "background_accuracy": {"how": "class_accuracy", "class": 0},
    "rejection_30": {"how": "rejection", "signal_efficiency": 0.3},
    "rejection_50": {"how": "rejection", "signal_efficiency": 0.5},
}


def metric_interval(name: str, entry: Mapping[str, Any], statistics: Statistics) -> Found | None:
    """None where the metric is no score of a classifier of two classes, or has no samples."""
    of = entry.get("of")
    is_older = not isinstance(of, Mapping)
    of = _older_score(name) if is_older else of
    estimate = ESTIMATORS.get(str((of or {}).get("how")))
    if of is None or estimate is None or "label" not in statistics.samples.columns:
        return None
    logit = statistics.named(str((of.get("columns") or ["logit"])[0]), {**of, "axis": None})
    if logit is None and is_older:  # or kept probabilities alone
        score = statistics.named("score", {**of, "axis": "angle" if "label" in of else ""})
        logit = None if score is None else score - 0.5
    if logit is None or np.isnan(logit).any():
        return None
    found = estimate(logit, _Labelled.of(statistics.samples, logit), of)
    return None if is_older and not agrees(found[0].estimate, entry) else found


@dataclass(frozen=True, eq=False)
class _Labelled:
    """Classes of the samples, and blocks that keep their shares."""

    samples: polars.DataFrame
    label: np.ndarray
    correct: Floats
    blocks: Blocks

    @classmethod
    def of(cls, samples: polars.DataFrame, logit: Floats) -> _Labelled:
        label = samples["label"].to_numpy()
        correct = ((logit > 0) == (label == 1)).astype(np.float64)
        strata = samples.with_columns(samples["label"].cast(polars.String).alias(STRATUM_COLUMN))
        return cls(samples, label, correct, find_blocks(strata, correct))

    def found(self, score: ClassScore) -> Found:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(score.counts > 0, score.sums / score.counts, 0.0)
        ids = self.samples["sample_id"].to_numpy()
        blocks = BlockMeans(
            means,
            score.counts,
            tuple(float(factor) for factor in score.factors),
            score.offset,
            samples_digest(ids, self.blocks.labels),
            len(means),
            score.share,
        )
        return interval([replace(score, bundled=not self.blocks.correlated)]), blocks


def _auc(logit: Floats, samples: _Labelled, of: Mapping[str, Any]) -> Found:
    label, labels = samples.label, samples.blocks.labels
    return samples.found(auc_score(auc_components(logit, label), label, labels))


def _accuracy(logit: Floats, samples: _Labelled, of: Mapping[str, Any]) -> Found:
    return samples.found(
        mean_score(samples.correct, samples.label, samples.blocks.labels, share=True)
    )


def _class_accuracy(logit: Floats, samples: _Labelled, of: Mapping[str, Any]) -> Found:
    factors = (1.0, 0.0) if of.get("class") == 1 else (0.0, 1.0)
    labels = samples.blocks.labels
    return samples.found(
        class_mean_score(samples.correct, samples.label, labels, factors=factors, share=True)
    )


def _rejection(logit: Floats, samples: _Labelled, of: Mapping[str, Any]) -> Found:
    """1 / the background efficiency; without a bound above where resamplings pass nothing."""
    share = background_efficiency(
        [logit], samples.label, samples.blocks.labels, float(of["signal_efficiency"])
    )
    with np.errstate(divide="ignore"):
        low, value, high = 1 / np.array([share.high, share.estimate, share.low])
    return Interval(float(low), float(value), float(high), share.num_blocks, share.count), None


ESTIMATORS: dict[str, Callable[[Floats, _Labelled, Mapping[str, Any]], Found]] = {
    "auc": _auc,
    "accuracy": _accuracy,
    "class_accuracy": _class_accuracy,
    "rejection": _rejection,
}
"""By `how` of a definition: what resamples a metric of scores and labels."""


def _older_score(name: str) -> dict[str, Any] | None:
    if name in OLDER_SCORES:
        return OLDER_SCORES[name]
    how, _, label = name.partition("_")
    if how in ("auc", "accuracy") and label:
        return {"how": how, "label": label, "columns": ["angle/logit", "label"]}
    return None
