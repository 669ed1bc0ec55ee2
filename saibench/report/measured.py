"""Every recorded metric of a study with its interval: points × partitions × metrics.

`metrics.json` holds numbers without intervals; the samples behind them give those. Which statistic
a metric is the mean of is found by its unit and its number: the one that reproduces it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars

from saibench.evidence.reader import StudyEvidence
from saibench.interpretation.block_means import BlockMeans, block_means, samples_digest
from saibench.interpretation.blocks import block_columns
from saibench.interpretation.bootstrap import Floats, Interval
from saibench.interpretation.jet_scores import (
    JetScore,
    auc_components,
    auc_score,
    class_mean_score,
    dealt_blocks,
    interval,
)

AGREEMENT = 1e-4
"""Relative distance up to which a mean over samples is the recorded metric."""
KEYS = ["point", "partition"]


@dataclass(frozen=True, eq=False)
class Number:
    """A recorded metric; `interval` and `blocks` are None if the samples do not reproduce it."""

    value: float
    unit: str
    per: str
    count: int
    interval: Interval | None = None
    blocks: BlockMeans | None = None


@dataclass(frozen=True, eq=False)
class Statistics:
    """The statistics of N samples of one point and partition, in ascending `sample_id`.

    Args:
        samples: `sample_id`, `block_columns`, and `label` and `logit` where samples have them.
        names: of C columns; `force_mae`, or `force_mae_H` of a statistic with an axis.
        units: of these.
        values: `(N, C)`, NaN where undefined.
    """

    samples: polars.DataFrame
    names: list[str]
    units: list[str]
    values: Floats

    @cached_property
    def means(self) -> Floats:
        """`(C, 2)`: of the values, and of their absolute values."""
        both = [_means(self.values), _means(np.abs(self.values))]
        return np.stack(both, axis=1)

    def column_of(self, name: str, unit: str, value: float) -> tuple[int, bool] | None:
        """Of which column a metric is the mean, and whether of absolute values."""
        alike = [n for n, of in enumerate(self.units) if of == unit]
        for n in sorted(alike, key=lambda n: self.names[n] != name):
            for absolute in (False, True):
                if math.isclose(self.means[n, int(absolute)], value, rel_tol=AGREEMENT):
                    return n, absolute
        return None


class Measured:
    """The numbers of a study, found once each."""

    def __init__(self, evidence: StudyEvidence) -> None:
        self.evidence = evidence
        self._found: dict[tuple[str, str], dict[str, Number]] = {}

    def cells(self) -> Iterator[tuple[str, str]]:
        """Points and the partitions that they were tested on, in the study's order."""
        for point in self.evidence.points["point"]:
            for partition in self.evidence.metrics.get(point, {}):
                yield point, partition

    def numbers(self, point: str, partition: str) -> dict[str, Number]:
        """By metric; those that have a value."""
        cell = point, partition
        if cell not in self._found:
            recorded = (self.evidence.metrics.get(point) or {}).get(partition) or {}
            self._found[cell] = _numbers(recorded, self.statistics(point, partition))
        return self._found[cell]

    def statistics(self, point: str, partition: str) -> Statistics | None:
        """None where the evidence has no sample of the cell."""
        samples = self.rows("samples", point, partition)
        if samples is None or "sample_id" not in samples.columns:
            return None
        samples = samples.sort("sample_id")
        plain = self.statistics_of("samples", samples)
        names, columns = list(plain), [_doubles(samples[name]) for name in plain]
        units = [self.evidence.units[name]["unit"] for name in plain]
        for axis in self.evidence.axes:
            rows = self.rows(f"by_{axis}", point, partition)
            if rows is None or not samples.height or rows.height % samples.height:
                continue
            labels = rows[axis].unique(maintain_order=True).to_list()
            rows = rows.sort("sample_id", maintain_order=True)
            if rows.height != samples.height * len(labels):
                continue
            for name in self.statistics_of(f"by_{axis}", rows):
                names += [f"{name}_{label}" for label in labels]
                units += [self.evidence.units[name]["unit"]] * len(labels)
                columns += list(_doubles(rows[name]).reshape(samples.height, -1).T)
        kept = ("sample_id", *block_columns(samples), "label", "logit")
        features = [name for name in kept if name in samples]
        values = np.stack(columns, axis=1) if columns else np.empty((samples.height, 0))
        return Statistics(samples.select(features), names, units, values)

    def rows(self, table: str, point: str, partition: str) -> polars.DataFrame | None:
        """The rows of one cell in the order of the file."""
        return self._tables.get(table, {}).get((point, partition))

    def statistics_of(self, table: str, rows: polars.DataFrame) -> list[str]:
        """The columns of these rows that are statistics and have values."""
        return [
            name
            for name in self._named_statistics[table]
            if name in rows.columns
            and rows[name].dtype.is_numeric()
            and rows[name].null_count() < rows.height
        ]

    @cached_property
    def _named_statistics(self) -> Mapping[str, list[str]]:
        return {
            table: [f.name for f in self.evidence.fields(table) if f.role == "statistic"]
            for table in self.evidence.sources
        }

    @cached_property
    def _tables(self) -> Mapping[str, Mapping[Any, polars.DataFrame]]:
        tables = {name: self.evidence.table(name) for name in self.evidence.sources}
        return {
            name: table.partition_by(KEYS, as_dict=True, maintain_order=True)
            for name, table in tables.items()
            if {*KEYS} <= set(table.columns)
        }


def _numbers(
    entries: Mapping[str, Mapping[str, Any]], statistics: Statistics | None
) -> dict[str, Number]:
    found = {
        name: Number(
            value,
            entry.get("unit") or "",
            entry.get("per") or "",
            entry.get("count", 0 if statistics is None else statistics.samples.height),
        )
        for name, entry in entries.items()
        if (value := _value(entry)) is not None
    }
    if statistics is None or not statistics.samples.height:
        return found
    places = {
        name: statistics.column_of(name, number.unit, number.value)
        for name, number in found.items()
        if math.isfinite(number.value)
    }
    means = {name: place for name, place in places.items() if place is not None}
    if means:
        columns = [
            np.abs(statistics.values[:, n]) if absolute else statistics.values[:, n]
            for n, absolute in means.values()
        ]
        resampled = block_means(np.stack(columns, axis=1), statistics.samples)
        for name, one in zip(means, resampled, strict=True):
            if one is not None:
                found[name] = _completed(found[name], *one)
    for name in places.keys() - means.keys():
        score = _jet_score(name, statistics)
        if score is not None and math.isclose(score.estimate, found[name].value, rel_tol=AGREEMENT):
            means = _blocks_of_score(score, statistics.samples)
            found[name] = _completed(found[name], interval([score]), means)
    return found


def _value(entry: Mapping[str, Any]) -> float | None:
    """Infinite where samples failed: their error has no bound."""
    if entry.get("failures"):
        return math.inf
    return None if entry.get("value") is None else float(entry["value"])


def _completed(number: Number, interval: Interval, blocks: BlockMeans) -> Number:
    shown = None if math.isnan(interval.low) else interval
    return Number(number.value, number.unit, number.per, number.count, shown, blocks)


def _jet_score(name: str, statistics: Statistics) -> JetScore | None:
    """Scores of taggers that are sums of means over the jets of either class."""
    samples = statistics.samples
    if not {"label", "logit"} <= set(samples.columns):
        return None
    label, logit = samples["label"].to_numpy(), samples["logit"].to_numpy()
    blocks = dealt_blocks(label)
    if name == "auc":
        return auc_score(auc_components(logit, label), label, blocks)
    factors = {"signal_accuracy": (1.0, 0.0), "background_accuracy": (0.0, 1.0)}.get(name)
    if factors is None:
        return None
    correct = ((logit > 0) == (label == 1)).astype(np.float64)
    return class_mean_score(correct, label, blocks, factors=factors)


def _blocks_of_score(score: JetScore, samples: polars.DataFrame) -> BlockMeans:
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(score.jets > 0, score.sums / score.jets, 0.0)
    factors = tuple(float(factor) for factor in score.factors)
    cells = dealt_blocks(samples["label"].to_numpy())
    digest = samples_digest(samples["sample_id"].to_numpy(), cells)
    return BlockMeans(means, score.jets, factors, score.offset, digest, len(means))


def _doubles(column: polars.Series) -> Floats:
    """Missing values are undefined."""
    return column.cast(polars.Float64).fill_null(float("nan")).to_numpy()


def _means(values: Floats) -> Floats:
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0)
