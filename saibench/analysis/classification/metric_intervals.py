"""Intervals of classification metrics: areas under ROC curves, accuracies, rejections.

A metric's definition (`of` in `metrics.json`) says under `how` what it is, one of `HOW`, and under
`threshold` above which score a sample is classified as signal (default: 0, of a logit). Records of
saibench 0.1 have no definitions; their metrics are recognized by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars

from saibench.analysis.block_means import BlockMeans, samples_digest
from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.classification.roc_bands import background_efficiency
from saibench.analysis.classification.scores import (
    auc_components,
    auc_score,
    class_mean_score,
    interval,
    mean_score,
)
from saibench.analysis.metric_sources import Found, Statistics, agrees
from saibench.evidence.independence import STRATUM_COLUMN

HOW = ("auc", "accuracy", "class_accuracy", "rejection")
OLDER_SCORES: dict[str, dict[str, Any]] = {
    "auc": {"how": "auc"},
    "signal_accuracy": {"how": "class_accuracy", "class": 1},
    "background_accuracy": {"how": "class_accuracy", "class": 0},
    "rejection_30": {"how": "rejection", "signal_efficiency": 0.3},
    "rejection_50": {"how": "rejection", "signal_efficiency": 0.5},
}


def metric_interval(name: str, entry: Mapping[str, Any], statistics: Statistics) -> Found | None:
    """None if the metric is not one of a two-class classifier, or has no samples."""
    of = entry.get("of")
    is_older = not isinstance(of, Mapping)
    of = _older_score(name) if is_older else of
    if not of or of.get("how") not in HOW or "label" not in statistics.samples.columns:
        return None
    logit = statistics.named(str((of.get("columns") or ["logit"])[0]), {**of, "axis": None})
    if logit is None and is_older:  # some records hold probabilities alone
        score = statistics.named("score", {**of, "axis": "angle" if "label" in of else ""})
        logit = None if score is None else score - 0.5
    if logit is None or np.isnan(logit).any():
        return None
    samples = statistics.samples
    label = statistics.named(str([*(of.get("columns") or []), "", ""][1]), {**of, "axis": None})
    if label is not None:  # of one class of several
        samples = samples.with_columns(polars.Series("label", label.astype(np.int64)))
    if "of_class" in of:
        samples = samples.with_columns((polars.col("label") == of["of_class"]).cast(polars.Int64))
    found = _found(logit - float(of.get("threshold") or 0), samples, of)
    return None if is_older and not agrees(found[0].estimate, entry) else found


def _found(logit: Floats, samples: polars.DataFrame, of: Mapping[str, Any]) -> Found:
    """The metric's interval from blocks that keep the shares of the classes."""
    label = samples["label"].to_numpy()
    correct = ((logit > 0) == (label == 1)).astype(np.float64)
    strata = samples.with_columns(samples["label"].cast(polars.String).alias(STRATUM_COLUMN))
    blocks = find_blocks(strata, correct)
    labels = blocks.labels
    if of["how"] == "rejection":
        share = background_efficiency([logit], label, labels, float(of["signal_efficiency"]))
        return _rejection(share), None
    if of["how"] == "auc":
        score = auc_score(auc_components(logit, label), label, labels)
    elif of["how"] == "accuracy":
        score = mean_score(correct, label, labels, share=True)
    else:
        factors = (1.0, 0.0) if of.get("class") == 1 else (0.0, 1.0)
        score = class_mean_score(correct, label, labels, factors=factors, share=True)
    score = replace(score, independent=not blocks.correlated)
    means = np.zeros_like(score.sums)
    np.divide(score.sums, score.counts, out=means, where=score.counts > 0)
    return interval([score]), BlockMeans(
        means,
        score.counts,
        tuple(score.factors.tolist()),
        score.offset,
        samples_digest(samples["sample_id"].to_numpy(), labels),
        len(means),
        score.share,
    )


def _rejection(share: Interval) -> Interval:
    """1 / the background efficiency; its upper bound is infinite if some resamplings pass none."""
    with np.errstate(divide="ignore"):
        low, value, high = 1 / np.array([share.high, share.estimate, share.low])
    return Interval(float(low), float(value), float(high), share.num_blocks, share.count)


def _older_score(name: str) -> dict[str, Any] | None:
    if name in OLDER_SCORES:
        return OLDER_SCORES[name]
    how, _, label = name.partition("_")
    if how in ("auc", "accuracy") and label:
        return {"how": how, "label": label, "columns": ["angle/logit", "label"]}
    return None
