"""What a recorded metric was taken of, and the interval that its definition asks for.

A metric is recorded with its definition (`of` in `metrics.json`): the column that it is the mean
of, or how it is taken of whole columns. Records that are older say nothing; there a fixed rule by
name tells the column, which counts only if it gives the recorded value again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import polars

from saibench.analysis.block_means import BlockMeans
from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.summaries import summary_interval
from saibench.evidence.summary import is_summary, summary
from saibench.imports.modules import part_module, recorded_modules

AGREEMENT = 1e-4
"""Relative distance up to which a number of an older record is that of the samples."""
OLDER_MEANS = {
    "accuracy": ("correct", "mean"),
    "energy_mae": ("energy_error", "mean_abs"),
    "energy_bias": ("energy_error", "mean"),
    "energy_mae_per_atom": ("energy_error_per_atom", "mean_abs"),
}
"""Names by which records without definitions call means of columns of other names."""
MEANS = ("mean", "mean_abs")
DEFAULT = ["saibench.analysis.classification.metric_intervals"]
"""Where the intervals of other metrics come from if no record says it, as none of 0.1 does."""

Found = tuple[Interval, BlockMeans | None]


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


class MetricInterval(Protocol):
    """What a module that a card lists under `metric_intervals` must offer."""

    def __call__(self, name: str, entry: Mapping[str, Any], statistics: Statistics) -> Found | None:
        """The interval of the recorded metric `name`, None if it is not this module's."""


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
            if np.isfinite(values).any() and agrees(float(np.nanmean(values)), entry):
                return MeanOf(column, values, own in statistics.binary)
    return None


def summary_of(entry: Mapping[str, Any], statistics: Statistics) -> Found | None:
    """The interval of a root mean square or a quantile of a column; None for other metrics."""
    of = entry.get("of")
    if not isinstance(of, Mapping) or not is_summary(of.get("how")) or of["how"] in MEANS:
        return None
    values = statistics.named(str(of.get("column") or ""), of)
    if values is None:
        return None
    interval = summary_interval(values, statistics.samples, summary(of["how"]))
    return None if interval is None else (interval, None)


def agrees(value: float, entry: Mapping[str, Any]) -> bool:
    """Whether a number from the samples is the recorded one."""
    recorded = entry.get("value")
    return recorded is not None and math.isclose(value, float(recorded), rel_tol=AGREEMENT)


class MetricIntervals:
    """Intervals of metrics that are no means, by the modules that a study's records name.

    A module that cannot be used costs its intervals alone; `failed` says why.

    Args:
        records: of the study's points.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.modules = recorded_modules(records, "metric_intervals") or DEFAULT
        self.failed: dict[str, Exception] = {}

    def of(self, name: str, entry: Mapping[str, Any], statistics: Statistics) -> Found | None:
        """The interval of a metric, and what resamples it where that is linear; None if unknown."""
        found = summary_of(entry, statistics)
        if found is not None:
            return found
        for module in self.modules:
            if module in self.failed:
                continue
            try:
                found = interval_function(module)(name, entry, statistics)
            except Exception as error:  # of a module of the user's own
                self.failed[module] = error
                continue
            if found is not None:
                return found
        return None


def interval_function(name: str) -> MetricInterval:
    """`metric_interval` of a dotted module name.

    Raises:
        UserError: there is no such module, it is not to be imported, or it has no such function.
    """
    module = part_module("metric_intervals", name, ("metric_interval",))
    return cast(MetricInterval, module.metric_interval)
