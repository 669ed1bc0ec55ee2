"""Reads the learning curves of a study from its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.checks import refuse_different_samples, refuse_failed
from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, tested, variants
from saibench.evidence.statistic_rows import statistic_rows

COUNT = "train_count"


@dataclass(frozen=True)
class CurveConfig:
    """Statistic and target of learning curves.

    Args:
        statistic: `force_mae`; the mean over an axis, `species/force_mae`; or one of its labels,
            `species=O/force_mae`.
        ideal: error-free value of the statistic; the error is the distance from it.
        target: value of the statistic to be reached.
    """

    statistic: str
    ideal: float = 0.0
    target: float | None = None

    @property
    def target_error(self) -> float | None:
        return None if self.target is None else abs(self.target - self.ideal)


def curve_config(evidence: StudyEvidence, **given: Any) -> CurveConfig:
    """The `learning_curve` entry of the records, overridden by `given`.

    Older records without the entry use the statistic of the trusted range, or of the headline.

    Raises:
        UserError: no statistic is named.
    """
    recorded = _recorded(evidence, "learning_curve") or _of_report(evidence)
    given = {name: value for name, value in given.items() if value is not None}
    if given.get("statistic", recorded.get("statistic")) != recorded.get("statistic"):
        recorded = {}  # target and ideal belong to one statistic
    named = {name: value for name, value in {**recorded, **given}.items() if value is not None}
    if "statistic" not in named:
        raise UserError(
            f"{evidence.study} names no statistic under workload.learning_curve. Use --statistic "
            "NAME."
        )
    return CurveConfig(**named)


def learning_curves(evidence: StudyEvidence, config: CurveConfig) -> list[LearningCurve]:
    """One curve per group of runs that differ in their number of training samples.

    Test samples whose statistic is undefined for one of the runs are excluded.

    Raises:
        UserError: the statistic is unknown, the target is beyond the error-free value, or the runs
            of a curve were tested on different samples.
    """
    points = tested(evidence)
    if not points.height:
        raise UserError(f"No run of {evidence.study} was tested on {evidence.held_out}.")
    found = [
        one for one in variants(points, evidence.training.sizes, by=[COUNT]) if len(one.cells) > 1
    ]
    if not found:
        return []
    rows, quantity = _rows(evidence, config)
    tested_rows = rows.filter(polars.col("partition") == evidence.held_out)
    by_point = tested_rows.partition_by("point", as_dict=True)
    runs = {point: by_point.get((point,), rows.clear()) for point in points["point"]}
    return [_curve(evidence, variant, config, runs, quantity) for variant in found]


def _recorded(evidence: StudyEvidence, part: str) -> Any:
    records = evidence.records.values()
    return next((record[part] for record in records if record.get(part)), {})


def _of_report(evidence: StudyEvidence) -> Mapping[str, Any]:
    """The statistic of the trusted range, else of the headline."""
    trust = _recorded(evidence, "trust")
    if trust:
        return {name: trust[name] for name in ("statistic", "ideal") if name in trust}
    known = {field.name for field in evidence.fields("samples") if field.role == "statistic"}
    headline = [name for name in _recorded(evidence, "headline") or () if name in known]
    return {"statistic": headline[0]} if headline else {}


def _curve(
    evidence: StudyEvidence,
    variant: Variant,
    config: CurveConfig,
    runs: Mapping[str, polars.DataFrame],
    quantity: Quantity,
) -> LearningCurve:
    tables = [
        _by_sample(polars.concat([runs[point] for point in cell.points]), cell)
        for cell in variant.cells
    ]
    keys = ["sample_id", *block_columns(tables[0])]
    points = [point for cell in variant.cells for point in cell.points]
    refuse_different_samples(evidence, points, [table.select(keys) for table in tables])
    values = [table.select(polars.exclude(keys)).to_numpy() for table in tables]
    defined = ~np.isnan(np.hstack(values)).any(axis=1)
    if not defined.any():
        raise UserError(f"No sample of {evidence.held_out} has {config.statistic} in all runs.")
    values = [value[defined] for value in values]
    refuse_failed(
        np.hstack(values), config.statistic, evidence.held_out, "the mean of a curve is undefined"
    )
    means = np.stack([value.mean(axis=1) for value in values], axis=1)
    return LearningCurve(
        sizes=np.array([cell.shared[COUNT] for cell in variant.cells], dtype=np.float64),
        values=means,
        blocks=blocks_of(tables[0].filter(polars.Series(defined)), means),
        trainings=tuple(tuple(value.mean(axis=0).tolist()) for value in values),
        points=tuple(cell.points for cell in variant.cells),
        statistic=quantity,
        ideal=config.ideal,
        partition=evidence.held_out,
        label=variant.label,
    )


_ERROR = "__error"


def _rows(evidence: StudyEvidence, config: CurveConfig) -> tuple[polars.DataFrame, Quantity]:
    """The rows of the statistic's table with `_ERROR`, and its quantity."""
    _, field, rows = statistic_rows(evidence, config.statistic)
    value = polars.col(field.name).cast(polars.Float64).fill_nan(None)
    quantity = Quantity(config.statistic, field.unit, field.per, field.describe)
    _refuse_beyond_ideal(rows.select(value).to_series(), config)
    return rows.with_columns((value - config.ideal).abs().alias(_ERROR)), quantity


def _refuse_beyond_ideal(values: polars.Series, config: CurveConfig) -> None:
    """Refuse a target on the other side of the error-free value than all samples."""
    if config.target is None or config.target == config.ideal or values.null_count() == len(values):
        return
    above = config.target > config.ideal
    nearer = values > config.ideal if above else values < config.ideal
    if not nearer.any():
        side = "above" if above else "below"
        raise UserError(
            f"The target {config.target:g} of {config.statistic} cannot be reached: no sample is "
            f"{side} {config.ideal:g}, the value without error. Use a target on the other side."
        )


def _by_sample(rows: polars.DataFrame, cell: Cell) -> polars.DataFrame:
    """The error, or its mean along an axis: one row per sample and one column per run."""
    keys = ["sample_id", *block_columns(rows)]
    table = (
        rows.group_by("point", *keys)
        .agg(polars.col(_ERROR).mean())
        .pivot(on="point", index=keys, values=_ERROR)
        .sort("sample_id")
    )
    return table.select(*keys, *(point for point in cell.points if point in table.columns))
