"""What a recorded metric was taken of, and the interval that its definition asks for.

A metric is recorded with its definition (`of` in `metrics.json`): the column that it is the mean
of, or how it is taken of whole columns. Records that are older say nothing; there a fixed rule by
name tells the column, which counts only if it gives the recorded value again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars

from saibench.analysis.block_means import BlockMeans, samples_digest
from saibench.analysis.blocks import Blocks, find_blocks
from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.jet_tagging.roc_bands import background_efficiency
from saibench.analysis.jet_tagging.scores import (
    JetScore,
    auc_components,
    auc_score,
    class_mean_score,
    interval,
    mean_score,
)
from saibench.analysis.summaries import summary_interval
from saibench.evidence.independence import STRATUM_COLUMN
from saibench.evidence.summary import is_summary, summary

AGREEMENT = 1e-4
"""Relative distance up to which a number of an older record is that of the samples."""
OLDER_MEANS = {
    "accuracy": ("correct", "mean"),
    "energy_mae": ("energy_error", "mean_abs"),
    "energy_bias": ("energy_error", "mean"),
    "energy_mae_per_atom": ("energy_error_per_atom", "mean_abs"),
}
"""Names by which records without definitions call means of columns of other names."""
OLDER_SCORES: dict[str, dict[str, Any]] = {
    "auc": {"how": "auc"},
    "signal_accuracy": {"how": "class_accuracy", "class": 1},
    "background_accuracy": {"how": "class_accuracy", "class": 0},
    "rejection_30": {"how": "rejection", "signal_efficiency": 0.3},
    "rejection_50": {"how": "rejection", "signal_efficiency": 0.5},
}
MEANS = ("mean", "mean_abs")


@dataclass(frozen=True, eq=False)
class Statistics:
    """The statistics of N samples of one point and partition, in ascending `sample_id`.

    Args:
        samples: `sample_id`, `block_columns`, and `label` where samples have one.
        columns: `(N,)` each by (column, axis, label), the latter two empty without an axis; NaN
            where undefined.
        binary: names of the columns that are 0 or 1.
    """

    samples: polars.DataFrame
    columns: Mapping[tuple[str, str, str], Floats]
    binary: frozenset[str] = frozenset()

    def named(self, column: str, of: Mapping[str, Any]) -> Floats | None:
        """A column at the place of a definition; `angle/logit` names an axis too."""
        axis, _, name = column.rpartition("/")
        axis = str(of.get("axis") or axis)
        label = of.get("label")
        return self.columns.get((name, axis, "" if label is None else str(label)))


@dataclass(frozen=True, eq=False)
class MeanOf:
    """What a metric is the mean of: a column `(N,)` at its place, or its absolute values.

    It is a share where the column is declared to be 0 or 1.
    """

    name: str
    values: Floats
    share: bool = False


def mean_of(name: str, entry: Mapping[str, Any], statistics: Statistics) -> MeanOf | None:
    """None where the metric is no mean of a column, or which is unknown."""
    of = entry.get("of")
    if isinstance(of, Mapping):
        column = str(of.get("column") or "")
        found = statistics.named(column, of)
        if found is None or of.get("how") not in MEANS:
            return None
        label = of.get("label")
        values = np.abs(found) if of["how"] == "mean_abs" else found
        share = column.rpartition("/")[2] in statistics.binary
        return MeanOf(column if label is None else f"{column}_{label}", values, share)
    column, how = OLDER_MEANS.get(name, (name, "mean"))
    for (own, _, label), values in statistics.columns.items():
        if (f"{own}_{label}" if label else own) == column:
            values = np.abs(values) if how == "mean_abs" else values
            if np.isfinite(values).any() and _agrees(float(np.nanmean(values)), entry):
                return MeanOf(column, values, own in statistics.binary)
    return None


def summary_of(
    entry: Mapping[str, Any], statistics: Statistics
) -> tuple[Interval, BlockMeans | None] | None:
    """The interval of a root mean square or a quantile of a column."""
    of = entry.get("of")
    if not isinstance(of, Mapping) or not is_summary(of.get("how")) or of["how"] in MEANS:
        return None
    values = statistics.named(str(of.get("column") or ""), of)
    if values is None:
        return None
    interval = summary_interval(values, statistics.samples, summary(of["how"]))
    return None if interval is None else (interval, None)


def score_of(
    name: str, entry: Mapping[str, Any], statistics: Statistics
) -> tuple[Interval, BlockMeans | None] | None:
    """The interval of a metric that is no mean, and what resamples it where that is linear."""
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
    return None if is_older and not _agrees(found[0].estimate, entry) else found


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

    def found(self, score: JetScore) -> tuple[Interval, BlockMeans | None]:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(score.jets > 0, score.sums / score.jets, 0.0)
        ids = self.samples["sample_id"].to_numpy()
        blocks = BlockMeans(
            means,
            score.jets,
            tuple(float(factor) for factor in score.factors),
            score.offset,
            samples_digest(ids, self.blocks.labels),
            len(means),
            score.share,
        )
        return interval([replace(score, bundled=not self.blocks.correlated)]), blocks


Found = tuple[Interval, BlockMeans | None]


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


def _agrees(value: float, entry: Mapping[str, Any]) -> bool:
    recorded = entry.get("value")
    return recorded is not None and math.isclose(value, float(recorded), rel_tol=AGREEMENT)
