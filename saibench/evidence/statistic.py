"""Statistics of a model's test step: one value per sample, or per sample and named axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saibench.evidence.schema import AFTER
from saibench.evidence.summary import summary

MANY_NUMBERS = 50
"""An axis of more numbers, as 1,000 leads, has metrics at about so many of them."""


@dataclass(frozen=True)
class Axis:
    """A named axis of a statistic: its table is `by_<name>.parquet`.

    Args:
        name: `species`, `atom`, `lead`, …
        labels: of the positions on the axis.
        columns: further columns that depend on the position only, such as an atom's species.
        weight: the column of weights for averages over labels (atoms of a species), or a statistic
            of the axis with this name, if weights differ between samples. A label of weight 0 (an
            absent species) has no value.
        sizes: of the two `crossed` axes.
    """

    name: str
    labels: tuple[str | int, ...]
    columns: dict[str, tuple[str | int, ...]] = field(default_factory=dict)
    weight: str | None = None
    sizes: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample's values: `(labels,)`, or `(first, second)` for crossed axes."""
        return self.sizes or (len(self.labels),)

    @property
    def measured(self) -> list[tuple[int, str | int]]:
        """Positions and labels that have metrics: of many numbers the first and evenly spaced ones.

        The evidence has the values of all labels.

        >>> [label for _, label in Axis("lead", tuple(range(1, 201))).measured][:5]
        [1, 4, 8, 12, 16]
        """
        count, are_numbers = len(self.labels), all(isinstance(one, int) for one in self.labels)
        step = -(-count // MANY_NUMBERS) if are_numbers else 1
        positions = sorted({0, *range(step - 1, count, step)}) if step > 1 else range(count)
        return [(position, self.labels[position]) for position in positions]

    @property
    def defined(self) -> np.ndarray:
        """`(labels,)` bools: whether samples can have a value."""
        if self.weight is None or self.weight not in self.columns:
            return np.ones(len(self.labels), dtype=bool)
        return np.asarray(self.columns[self.weight]) != 0


def crossed(first: Axis, second: Axis) -> Axis:
    """Combine two axes into one whose positions are the pairs of their labels.

    A test step returns `(B, first, second)`. The table has a row per sample and pair, the second
    axis fastest, with the pair's label and the columns of both axes.

    >>> both = crossed(Axis("lead", (6, 12)), Axis("variable", ("t2m", "u10")))
    >>> both.name, both.labels
    ('lead_variable', ('6_t2m', '6_u10', '12_t2m', '12_u10'))
    >>> both.columns["lead"], both.shape
    ((6, 6, 12, 12), (2, 2))

    Raises:
        ValueError: both axes have a column of the same name, or both have weights.
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
    """A pure function (prediction, target) → one value per sample, or per sample and position.

    Args:
        name: the column in the evidence.
        unit: of the value.
        per: what one value is the mean over: `component`, `atom`, `frame`, …
        describe: one clause for figures and tables.
        axis: None for one value per sample; `crossed(lead, variable)` for one per pair of labels.
        summaries: metric name → reduction over samples: `mean`, `mean_abs`, `root_mean_square`,
            `quantile_0.9`, `quantile_abs_0.9` or another quantile (see
            `saibench.evidence.summary`). With an axis, the label is appended to the name
            (`force_mae` → `force_mae_H`), for the labels of `Axis.measured`.
        partial: whether it may be undefined for a sample or position (the centre of mass of a dry
            frame). `test_step` then returns bools of the same shape under `defined_key`. They must
            follow from the truth, not from the prediction: NaN in a defined position is an error.
        failures: whether a sample or position may fail (a simulation that breaks down). NaN or
            infinity in a defined position is then a failure: an infinite error in the evidence,
            which means include.
        known: `before` the truth for a statistic of the prediction alone, else `after`.
        binary: whether each value is 0 or 1, so that the mean is a proportion with an exact
            interval.
        title: name in words, for axes; empty if the words of `name` suffice.
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
    title: str = ""

    def __post_init__(self) -> None:
        for name, how in self.summaries.items():
            try:
                summary(how)
            except ValueError as error:
                raise ValueError(f"{self.name}, summaries.{name}: {error}") from error

    @property
    def metrics(self) -> dict[str, tuple[str, int | None]]:
        """By the name of a metric: the reduction over samples, and the position on the axis."""
        if self.axis is None:
            return {name: (how, None) for name, how in self.summaries.items()}
        return {
            f"{name}_{label}": (how, position)
            for name, how in self.summaries.items()
            for position, label in self.axis.measured
        }

    @property
    def key(self) -> str:
        """Key of the values in what a test step returns: `force_mae`, `species/force_mae`."""
        return self.name if self.axis is None else f"{self.axis.name}/{self.name}"

    @property
    def defined_key(self) -> str:
        """Key of the bools of a `partial` statistic: `lead/mae.defined`."""
        return f"{self.key}.defined"


@dataclass(frozen=True)
class PartitionMetric:
    """A metric of all samples of a partition at once, which is not a mean over samples.

    Args:
        name: of the metric.
        unit: of the value.
        per: its normalisation.
        columns: its arguments: keys of statistics, and names of data features.
        compute: function of these columns, `(B,)` or `(B, labels)`, with B samples in one order. A
            value that is not finite is undefined.
        of: the estimator that resamples it, recorded with the value: `how`, an estimator of
            `saibench.analysis.metric_sources`, and its arguments. Without it there is no interval.
        above: function of the columns that bounds an infinite value from below at 95 %.
    """

    name: str
    unit: str
    per: str
    columns: tuple[str, ...]
    compute: Callable[..., float]
    of: Mapping[str, str | float] = field(default_factory=dict)
    above: Callable[..., float] | None = None

    def entry(self, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The entry in `metrics.json`."""
        given = [columns[name] for name in self.columns]
        value = float(self.compute(*given))
        found: dict[str, Any] = {"value": value if np.isfinite(value) else None}
        if np.isposinf(value) and self.above is not None:
            found["above"] = float(self.above(*given))
        found |= {"unit": self.unit, "per": self.per, "count": len(given[0])}
        if self.of:
            found["of"] = {"columns": list(self.columns), **self.of}
        return found
