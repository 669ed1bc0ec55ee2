"""Errors of all models of a study on the same samples, for figures that compare models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars

from saibench.analysis.blocks import block_columns
from saibench.analysis.bootstrap import Floats
from saibench.analysis.tested_models import TestedModel, tested_models
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.dependence import Named, named_errors
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import compared_points, same_data

SEEN = "seen_in_training"


@dataclass(frozen=True, eq=False)
class ModelErrors:
    """One error of N samples, by model and by L labels of its axis.

    Args:
        partition: the test partition.
        statistic: the error; named `lead/mae` along an axis, `|bias|` if the statistic is signed.
        axis: its name, or an empty string.
        labels: of the axis; a single empty one without an axis.
        samples: ids, ascending, and their block columns.
        by_point: `(N, L)` each, not negative; NaN where undefined.
    """

    partition: str
    statistic: Quantity
    axis: str
    labels: tuple[str, ...]
    samples: polars.DataFrame
    by_point: Mapping[str, Floats]

    def at(self, model: TestedModel, label: str) -> Floats:
        """Mean over the model's seeds, `(N,)`; NaN if undefined for all seeds."""
        position = self.labels.index(label)
        return _mean_of_defined([self.by_point[point][:, position] for point in model.points])

    def over_axis(self, model: TestedModel) -> Floats:
        """Mean over the defined labels and the model's seeds, `(N,)`."""
        return _mean_of_defined([self.at(model, label) for label in self.labels])


def compared_models(
    evidence: StudyEvidence, partitions: Sequence[str]
) -> tuple[list[TestedModel], TestedModel]:
    """The models that were tested on all these partitions, and the reference model.

    The reference is the model that the records name under `reference`, else the last untrained
    one, else the last; it comes last in the list.

    Raises:
        UserError: there are fewer than two models, or none has the name.
    """
    points = compared_points(evidence)
    everywhere = [
        point
        for point, metrics in evidence.metrics.items()
        if all(partition in metrics for partition in partitions)
    ]
    tested = points.filter(polars.col("point").is_in(everywhere))
    models = [] if tested.is_empty() else tested_models(tested)
    if len(models) < 2:
        raise UserError(
            f"A comparison needs two models that were tested on {', '.join(partitions)}."
        )
    named = next((r["reference"] for r in evidence.records.values() if r.get("reference")), None)
    if named is not None:
        candidates = [model for model in models if named in (model.name, model.label)]
        if not candidates:
            raise UserError(
                f"A comparison needs a run of {named}, the reference that the workload names."
            )
    else:
        candidates = [model for model in models if not model.trains] or models
    reference = candidates[-1]
    return [*(model for model in models if model is not reference), reference], reference


def model_errors(
    evidence: StudyEvidence, models: Sequence[TestedModel], partition: str
) -> list[ModelErrors]:
    """The errors that the records name in `headline`, `trust` and `trace`, or the first statistic.

    Errors that a model lacks, or that are infinite for a sample, are excluded, as is a statistic
    whose ideal is infinite, which is no error; so are samples that a model was trained on.

    Raises:
        UserError: the models were tested on different samples.
    """
    points = [point for model in models for point in model.points]
    if not same_data(evidence, points):
        raise UserError(f"The models were tested on different data sets ({partition}).")
    statistics = {
        name: [f.name for f in evidence.fields(name) if f.role == "statistic"]
        for name in evidence.sources
    }
    own = evidence.samples.filter(
        polars.col("point").is_in(points) & (polars.col("partition") == partition)
    )
    seen = own.filter(polars.col(SEEN).fill_null(False))["sample_id"] if SEEN in own.columns else ()
    record = evidence.records[points[0]]
    errors = named_errors(record, evidence.metrics[points[0]][partition], statistics)
    unique = dict.fromkeys(Named(one.axis, one.column) for one in errors)
    found = []
    for named in unique:
        rows = evidence.table(named.table).filter(
            polars.col("point").is_in(points)
            & (polars.col("partition") == partition)
            & ~polars.col("sample_id").is_in(list(seen))
        )
        found.append(_errors(evidence, points, partition, named, rows, _ideal(record, named)))
    return [one for one in found if one is not None]


def _errors(
    evidence: StudyEvidence,
    points: Sequence[str],
    partition: str,
    named: Named,
    rows: polars.DataFrame,
    ideal: float,
) -> ModelErrors | None:
    if rows.is_empty() or not rows[named.column].dtype.is_numeric():
        return None
    labels = rows[named.axis].unique(maintain_order=True).to_list() if named.axis else [""]
    by_point, samples = {}, None
    of_points = rows.partition_by("point", as_dict=True)
    for point in points:
        own = of_points.get((point,), rows.clear()).sort("sample_id", maintain_order=True)
        keys = own.select("sample_id", *block_columns(own))
        single = keys.unique("sample_id", keep="first", maintain_order=True)
        if samples is not None and not single.equals(samples):
            raise UserError(f"The models were tested on different samples of {partition}.")
        samples = single
        if own[named.column].is_null().all() or own.height != samples.height * len(labels):
            return None
        column = own[named.column].cast(polars.Float64).fill_null(np.nan).to_numpy()
        by_point[point] = np.abs(column - ideal).reshape(samples.height, len(labels))
    if samples is None or any(np.isinf(values).any() for values in by_point.values()):
        return None
    field = next(f for f in evidence.fields(named.table) if f.name == named.column)
    name = f"{named.axis}/{named.column}" if named.axis else named.column
    quantity = Quantity(name, field.unit, field.per, field.describe)
    if ideal:
        quantity = quantity.distance_from(ideal)
    elif (evidence.table(named.table)[named.column] < 0).any():
        quantity = replace(quantity, name=f"|{name}|")
    return ModelErrors(partition, quantity, named.axis, tuple(map(str, labels)), samples, by_point)


def _ideal(record: Mapping[str, Any], named: Named) -> float:
    """The statistic's error-free value, from the record's `trust` or `trace`."""
    name = f"{named.axis}/{named.column}" if named.axis else named.column
    trust = record.get("trust") or {}
    if trust.get("statistic") == name:
        return float(trust.get("ideal") or 0.0)
    ideals = (record.get("trace") or {}).get("ideal") or {}
    return float(ideals.get(name, 0.0))


def _mean_of_defined(columns: Sequence[Floats]) -> Floats:
    stacked = np.stack(columns)
    defined = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(defined, stacked, 0.0).sum(axis=0) / defined.sum(axis=0)
