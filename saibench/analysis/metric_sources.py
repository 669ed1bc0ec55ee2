"""Intervals of recorded metrics, computed from the columns that their definitions name.

A metric is recorded with its definition (`of` in `metrics.json`): its column and how it is
summarized. Older records have no definition; there the column follows from the metric's name, and
is used only if its mean equals the recorded value.
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
"""Relative tolerance within which a mean over samples equals the value of an older record."""
OLDER_MEANS = {
    "accuracy": ("correct", "mean"),
    "energy_mae": ("energy_error", "mean_abs"),
    "energy_bias": ("energy_error", "mean"),
    "energy_mae_per_atom": ("energy_error_per_atom", "mean_abs"),
}
"""Column and summary of metrics whose older records have no definition and another name."""
MEANS = ("mean", "mean_abs")
DEFAULT = ["saibench.analysis.classification.metric_intervals"]
"""Module of the intervals of other metrics if no record names one (records of version 0.1)."""

Found = tuple[Interval, BlockMeans | None]


@dataclass(frozen=True, eq=False)
class Statistics:
    """The statistics of N samples of one run and partition, in ascending `sample_id`.

    Args:
        samples: `sample_id`, `block_columns`, and `label` if samples have one.
        columns: `(N,)` each by (column, axis, label), the latter two empty without an axis; NaN
            where undefined.
        binary: names of the columns that are 0 or 1.
    """

    samples: polars.DataFrame
    columns: Mapping[tuple[str, str, str], Floats]
    binary: frozenset[str] = frozenset()

    def named(self, column: str, of: Mapping[str, Any]) -> Floats | None:
        """The column that a definition names, possibly with its axis: `angle/logit`."""
        axis, _, name = column.rpartition("/")
        axis = str(of.get("axis") or axis)
        label = of.get("label")
        return self.columns.get((name, axis, "" if label is None else str(label)))


class MetricInterval(Protocol):
    """The function that a module listed under `metric_intervals` of a card must define."""

    def __call__(self, name: str, entry: Mapping[str, Any], statistics: Statistics) -> Found | None:
        """The interval of the recorded metric `name`; None if the module does not know it."""


@dataclass(frozen=True, eq=False)
class MeanOf:
    """The values `(N,)` whose mean a metric is; a share if they are declared to be 0 or 1."""

    name: str
    values: Floats
    share: bool = False


def mean_of(name: str, entry: Mapping[str, Any], statistics: Statistics) -> MeanOf | None:
    """The values whose mean is a metric; None if it is no mean, or its column is unknown."""
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
    """The interval of a root mean square or quantile of a column; None for other metrics."""
    of = entry.get("of")
    if not isinstance(of, Mapping) or not is_summary(of.get("how")) or of["how"] in MEANS:
        return None
    values = statistics.named(str(of.get("column") or ""), of)
    if values is None:
        return None
    interval = summary_interval(values, statistics.samples, summary(of["how"]))
    return None if interval is None else (interval, None)


def agrees(value: float, entry: Mapping[str, Any]) -> bool:
    """Whether a number from the samples equals the recorded value."""
    recorded = entry.get("value")
    return recorded is not None and math.isclose(value, float(recorded), rel_tol=AGREEMENT)


class MetricIntervals:
    """Intervals of metrics that are no means, from the modules that a study's records name.

    A module that fails is skipped; `failed` holds its exception.

    Args:
        records: of the study's runs.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.modules = recorded_modules(records, "metric_intervals") or DEFAULT
        self.failed: dict[str, Exception] = {}

    def of(self, name: str, entry: Mapping[str, Any], statistics: Statistics) -> Found | None:
        """The interval of a metric, with its blocks if it is linear in means; None if unknown."""
        found = summary_of(entry, statistics)
        if found is not None:
            return found
        for module in self.modules:
            if module in self.failed:
                continue
            try:
                found = interval_function(module)(name, entry, statistics)
            except Exception as error:  # of a custom module
                self.failed[module] = error
                continue
            if found is not None:
                return found
        return None


def interval_function(name: str) -> MetricInterval:
    """`metric_interval` of a dotted module name.

    Raises:
        UserError: the module is missing or not allowed, or has no such function.
    """
    module = part_module("metric_intervals", name, ("metric_interval",))
    return cast(MetricInterval, module.metric_interval)
