"""What a model's test step may report: one value a sample, or a sample × one or two named axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saibench.evidence.schema import AFTER
from saibench.evidence.summary import summary


@dataclass(frozen=True)
class Axis:
    """A named axis of a statistic: its table is `by_<name>.parquet`.

    Args:
        name: `species`, `atom`, `lead`, …
        labels: one label a position on the axis.
        columns: further columns that depend on the axis alone, such as an atom's species.
        weight: the column that weighs labels when they are averaged (atoms of a species). A label
            of weight 0 (a species that the molecule lacks) has no value for any sample.
        sizes: of the two axes that it is `crossed` of.
    """

    name: str
    labels: tuple[str | int, ...]
    columns: dict[str, tuple[str | int, ...]] = field(default_factory=dict)
    weight: str | None = None
    sizes: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample's values: `(labels,)`, or `(first, second)` of crossed axes."""
        return self.sizes or (len(self.labels),)

    @property
    def defined(self) -> np.ndarray:
        """(labels,) whether there can be a value at all."""
        if self.weight is None:
            return np.ones(len(self.labels), dtype=bool)
        return np.asarray(self.columns[self.weight]) != 0


def crossed(first: Axis, second: Axis) -> Axis:
    """Two axes as one: a statistic along it has a value for each pair of their labels.

    A test step returns `(B, first, second)`. The table has a row a sample and pair, the second
    axis fastest, with the columns of both axes beside the pair's own label.

    >>> both = crossed(Axis("lead", (6, 12)), Axis("variable", ("t2m", "u10")))
    >>> both.name, both.labels
    ('lead_variable', ('6_t2m', '6_u10', '12_t2m', '12_u10'))
    >>> both.columns["lead"], both.shape
    ((6, 6, 12, 12), (2, 2))

    Raises:
        ValueError: both axes have a column of one name, or both have weights.
    """
    own, other = ({one.name: one.labels, **one.columns} for one in (first, second))
    if own.keys() & other.keys():
        raise ValueError(f"crossed axes both have columns {sorted(own.keys() & other.keys())}.")
    if first.weight and second.weight:
        raise ValueError(f"one of the crossed axes {first.name}, {second.name} may have a weight.")
    pairs = [(i, j) for i in range(len(first.labels)) for j in range(len(second.labels))]
    return Axis(
        f"{first.name}_{second.name}",
        tuple(f"{first.labels[i]}_{second.labels[j]}" for i, j in pairs),
        {name: tuple(column[i] for i, _ in pairs) for name, column in own.items()}
        | {name: tuple(column[j] for _, j in pairs) for name, column in other.items()},
        first.weight or second.weight,
        (*first.shape, *second.shape),
    )


@dataclass(frozen=True)
class Statistic:
    """A pure function (prediction, target) → one value a sample, or a sample × axis.

    Args:
        name: the column in the evidence.
        unit: unit of the value.
        per: what one value is the mean over: `component`, `atom`, `frame`, …
        describe: one clause for figures and tables.
        axis: None for one value a sample; `crossed(lead, variable)` for one a pair of labels.
        summaries: metric name → how samples are reduced to it: `mean`, `mean_abs`,
            `root_mean_square`, `quantile_0.9`, `quantile_abs_0.9` or another share (see
            `saibench.evidence.summary`). Names of statistics with an axis are completed by the
            label (`force_mae` → `force_mae_H`).
        partial: whether samples, or positions of some, may leave it undefined (the centre of mass
            of a dry frame). `test_step` then says where it is defined: bools of the same shape
            under `defined_key`. They follow from the truth, never from whether the prediction is a
            number: NaN where the value is defined is a prediction that is none, and is refused.
        failures: whether samples, or positions of some, may fail (a simulation that breaks down).
            What is NaN or infinite where it is defined is then a failure: an infinite error in the
            evidence, which no mean drops.
        known: `before` the truth is where it is of the prediction alone, else `after`.
        binary: whether each value is 0 or 1, so that the mean is a share with its exact interval.
    """

    name: str
    unit: str
    per: str
    describe: str
    axis: Axis | None = None
    summaries: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    failures: bool = False
    known: str = AFTER
    binary: bool = False

    def __post_init__(self) -> None:
        for name, how in self.summaries.items():
            try:
                summary(how)
            except ValueError as error:
                raise ValueError(f"{self.name}, summaries.{name}: {error}") from error

    @property
    def metrics(self) -> dict[str, tuple[str, int | None]]:
        """By the name of a metric: how samples are reduced, and at which position of the axis."""
        if self.axis is None:
            return {name: (how, None) for name, how in self.summaries.items()}
        return {
            f"{name}_{label}": (how, position)
            for name, how in self.summaries.items()
            for position, label in enumerate(self.axis.labels)
        }

    @property
    def axis_labels(self) -> tuple[str | int, ...]:
        """Labels of its axis, none without one."""
        return () if self.axis is None else self.axis.labels

    @property
    def key(self) -> str:
        """Key of the values in what a test step returns: `force_mae`, `species/force_mae`."""
        return self.name if self.axis is None else f"{self.axis.name}/{self.name}"

    @property
    def defined_key(self) -> str:
        """Key of where a `partial` one is defined: `lead/mae.defined`."""
        return f"{self.key}.defined"


@dataclass(frozen=True)
class PartitionMetric:
    """A metric that is no mean over samples: it is taken of columns of a whole partition at once.

    Args:
        name: the metric.
        unit: unit of the value.
        per: what it is normalised by.
        columns: what it is taken of: keys of statistics, and names of data features.
        compute: function of these columns, `(B,)` or `(B, labels)`, B samples in one order. A
            value that is not finite is undefined.
        of: what resamples it, kept with its value: `how`, one of the estimators of
            `saibench.report.metric_sources`, and what that needs. Without one it has no interval.
        above: function of the columns where the value is infinite: what it exceeds at 95 %.
    """

    name: str
    unit: str
    per: str
    columns: tuple[str, ...]
    compute: Callable[..., float]
    of: Mapping[str, str | float] = field(default_factory=dict)
    above: Callable[..., float] | None = None

    def entry(self, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """What `metrics.json` holds of it."""
        given = [columns[name] for name in self.columns]
        value = float(self.compute(*given))
        found: dict[str, Any] = {"value": value if np.isfinite(value) else None}
        if np.isposinf(value) and self.above is not None:
            found["above"] = float(self.above(*given))
        found |= {"unit": self.unit, "per": self.per, "count": len(given[0])}
        if self.of:
            found["of"] = {"columns": list(self.columns), **self.of}
        return found
