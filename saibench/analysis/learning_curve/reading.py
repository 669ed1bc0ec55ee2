"""The learning curves of a study: what it trained on more and more of, and the errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import Floats
from saibench.analysis.checks import refuse_failed
from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, rows_of, same_data, tested, variants
from saibench.evidence.statistic_rows import statistic_rows

COUNT = "train_count"


@dataclass(frozen=True)
class CurveConfig:
    """What the curves are of.

    Args:
        statistic: `force_mae`; along an axis the mean of its positions, `species/force_mae`, or
            one of them, `species=O/force_mae`.
        ideal: the statistic's value where there is no error; the error is the distance from it.
        target: the value of the statistic that is to be reached.
    """

    statistic: str
    ideal: float = 0.0
    target: float | None = None

    @property
    def target_error(self) -> float | None:
        return None if self.target is None else abs(self.target - self.ideal)


def curve_config(evidence: StudyEvidence, **given: Any) -> CurveConfig:
    """What the points' records name under `learning_curve`, with what is given instead.

    Records of points that were made without it name the statistic of their trusted range, or have
    one in the headline.

    Raises:
        UserError: no statistic is named.
    """
    recorded = _recorded(evidence, "learning_curve") or _of_report(evidence)
    given = {name: value for name, value in given.items() if value is not None}
    if given.get("statistic", recorded.get("statistic")) != recorded.get("statistic"):
        recorded = {}  # target and ideal are of one statistic
    named = {name: value for name, value in {**recorded, **given}.items() if value is not None}
    if "statistic" not in named:
        raise UserError(
            f"{evidence.study} names no statistic under workload.learning_curve; "
            "--statistic would give one."
        )
    return CurveConfig(**named)


def learning_curves(evidence: StudyEvidence, config: CurveConfig) -> list[LearningCurve]:
    """A curve for each group of points that differ in how many samples they were trained on.

    Those of one size alone are none. Test samples whose statistic is undefined after one of the
    trainings are left out.

    Raises:
        UserError: the statistic is unknown, the target is beyond what has no error, or the points
            of a curve were tested on different samples.
    """
    points = tested(evidence)
    if not points.height:
        raise UserError(f"{evidence.study} has no point that was tested on {evidence.held_out}.")
    found = [
        one for one in variants(points, evidence.training.sizes, by=[COUNT]) if len(one.cells) > 1
    ]
    return [_curve(evidence, variant, config) for variant in found]


def _recorded(evidence: StudyEvidence, part: str) -> Any:
    records = evidence.records.values()
    return next((record[part] for record in records if record.get(part)), {})


def _of_report(evidence: StudyEvidence) -> Mapping[str, Any]:
    """The statistic that the rest of the report is about."""
    trust = _recorded(evidence, "trust")
    if trust:
        return {name: trust[name] for name in ("statistic", "ideal") if name in trust}
    known = {field.name for field in evidence.fields("samples") if field.role == "statistic"}
    headline = [name for name in _recorded(evidence, "headline") or () if name in known]
    return {"statistic": headline[0]} if headline else {}


def _curve(evidence: StudyEvidence, variant: Variant, config: CurveConfig) -> LearningCurve:
    rows, quantity = _rows(evidence, config)
    tables = [_by_sample(rows, cell, evidence.held_out) for cell in variant.cells]
    keys = ["sample_id", *block_columns(tables[0])]
    if not same_data(evidence, [point for cell in variant.cells for point in cell.points]):
        raise UserError(f"the points were tested on different data sets ({evidence.held_out}).")
    if any(not table.select(keys).equals(tables[0].select(keys)) for table in tables):
        raise UserError(f"the points were tested on different samples of {evidence.held_out}.")
    values = [_values(table, cell) for table, cell in zip(tables, variant.cells, strict=True)]
    defined = ~np.isnan(np.hstack(values)).any(axis=1)
    if not defined.any():
        raise UserError(f"no sample of {evidence.held_out} has {config.statistic} in all points.")
    values = [value[defined] for value in values]
    refuse_failed(
        np.hstack(values), config.statistic, evidence.held_out, "no curve goes through its mean"
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
    """The rows of the statistic's table with `_ERROR`, and what it is."""
    _, field, rows = statistic_rows(evidence, config.statistic)
    value = polars.col(field.name).cast(polars.Float64).fill_nan(None)
    quantity = Quantity(config.statistic, field.unit, field.per, field.describe)
    _refuse_beyond_ideal(rows.select(value).to_series(), config)
    return rows.with_columns((value - config.ideal).abs().alias(_ERROR)), quantity


def _refuse_beyond_ideal(values: polars.Series, config: CurveConfig) -> None:
    """A target on the other side of the ideal value than all samples is no error to be reached."""
    if config.target is None or config.target == config.ideal or values.null_count() == len(values):
        return
    above = config.target > config.ideal
    nearer = values > config.ideal if above else values < config.ideal
    if not nearer.any():
        side = "above" if above else "below"
        raise UserError(
            f"a {config.statistic} of {config.target:g} is no target: no sample lies {side} "
            f"{config.ideal:g}, which is no error at all; one on the other side would work."
        )


def _by_sample(rows: polars.DataFrame, cell: Cell, partition: str) -> polars.DataFrame:
    """One row a sample and one column a point: the error, its mean along an axis."""
    keys = ["sample_id", *block_columns(rows)]
    return (
        rows_of(rows, cell.points, partition)
        .group_by("point", *keys)
        .agg(polars.col(_ERROR).mean())
        .pivot(on="point", index=keys, values=_ERROR)
        .sort("sample_id")
    )


def _values(table: polars.DataFrame, cell: Cell) -> Floats:
    columns: Sequence[str] = [point for point in cell.points if point in table.columns]
    return table.select(columns).to_numpy().astype(np.float64)
