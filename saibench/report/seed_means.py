"""Means and standard deviations over the seeds of a setting, for the tables of runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars

from saibench.analysis.tested_models import tested_models
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import compared_points
from saibench.formatting import number, plus_minus
from saibench.report.headline import Metric, headline_values
from saibench.report.measured import MeasuredMetrics


@dataclass(frozen=True)
class SeedMean:
    """A metric over the seeds of one setting.

    Args:
        mean: of the runs.
        std: sample standard deviation (n − 1) of the runs; NaN for one seed.
        seeds: number of runs with a finite value of the metric.
        runs: number of runs of the setting.
    """

    mean: float
    std: float
    seeds: int
    runs: int

    @classmethod
    def of(cls, values: Sequence[float], runs: int) -> SeedMean:
        """Mean and standard deviation of at least one value, of so many runs."""
        std = statistics.stdev(values) if len(values) > 1 else math.nan
        return cls(statistics.fmean(values), std, len(values), runs)

    def __str__(self) -> str:
        """`29.82 ± 0.26`; `30.1` for one seed; with `(2 of 3 seeds)` if one has no value."""
        text = number(self.mean) if self.seeds == 1 else plus_minus(self.mean, self.std)
        return text if self.seeds == self.runs else f"{text} ({self.seeds} of {self.runs} seeds)"


@dataclass(frozen=True)
class SettingRow:
    """A setting that was run with one or several seeds.

    Args:
        study: that it belongs to.
        label: the settings that distinguish it from the study's others.
        seeds: number of its tested runs.
        means: by the key of the metric.
    """

    study: str
    label: str
    seeds: int
    means: Mapping[str, SeedMean]


def setting_rows(
    evidence: StudyEvidence, metrics: Sequence[Metric], measured: MeasuredMetrics, study: str = ""
) -> list[SettingRow]:
    """A row per setting of a study; none if no setting was run with several seeds.

    Args:
        study: name of the study, on a page of several.
    """
    points = compared_points(evidence).filter(polars.col("point").is_in(list(evidence.metrics)))
    models = tested_models(points) if points.height else []
    if all(len(model.points) < 2 for model in models):
        return []
    values = headline_values(evidence, metrics, measured)
    rows = []
    for model in models:
        known = {
            metric.key: [
                values[point][metric.key].value
                for point in model.points
                if metric.key in values[point] and math.isfinite(values[point][metric.key].value)
            ]
            for metric in metrics
        }
        runs = len(model.points)
        means = {key: SeedMean.of(of_runs, runs) for key, of_runs in known.items() if of_runs}
        label = model.label if len(models) > 1 else "all runs"
        rows.append(SettingRow(study, label, runs, means))
    return rows
