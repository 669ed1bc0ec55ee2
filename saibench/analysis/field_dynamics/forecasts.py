"""The forecasts of all models of a study, on the same samples of the held-out partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import Floats, Interval, share_by_block
from saibench.analysis.sample_means import interval_of_means
from saibench.analysis.tested_models import TestedModel, over_trained_seeds, tested_models
from saibench.errors import UserError
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested

PERSISTENCE, ZEROS = "persistence", "zeros"
"""`model.name` of the baselines that claims compare with."""


@dataclass(frozen=True, eq=False)
class Forecasts:
    """N forecasts of each model; the values of a failed one are infinite.

    Args:
        models: the models with these forecasts.
        samples: ids, ascending, and their block columns.
        tables: rows of the held-out partition, of `samples` and `by_<axis>`.
        units: of the columns of `samples`.
    """

    models: tuple[TestedModel, ...]
    samples: polars.DataFrame
    tables: Mapping[str, polars.DataFrame]
    units: Mapping[str, str]

    def named(self, name: str) -> TestedModel | None:
        """The model of this name, if it was tested."""
        return next((model for model in self.models if model.name == name), None)

    @property
    def trained(self) -> list[TestedModel]:
        """Models that were trained."""
        return [model for model in self.models if model.trains]

    def of_sample(self, model: TestedModel, column: str) -> Floats:
        """`(N,)` values, means over the model's seeds."""
        return np.mean([self._rows("samples", one)[column].to_numpy() for one in model.points], 0)

    def along(self, model: TestedModel, axis: str, column: str) -> Floats:
        """`(N, labels)` values along an axis, means over the model's seeds."""
        found = [
            self._rows(f"by_{axis}", point)[column].to_numpy().reshape(self.samples.height, -1)
            for point in model.points
        ]
        return np.mean(found, axis=0, dtype=np.float64)

    def labels(self, axis: str) -> list[int]:
        """Labels of an axis."""
        return self.tables[f"by_{axis}"][axis].unique(maintain_order=True).to_list()

    def mean(self, values: Floats) -> Interval:
        """Mean over the forecasts `(N,)`, with its interval."""
        return interval_of_means(lambda mean: mean, self.samples, values)

    def share_better(self, model: TestedModel, other: TestedModel, column: str) -> Interval:
        """Share of the forecasts whose error is smaller than that of the other model."""

        def share(own: TestedModel) -> Interval:
            smaller = self.of_sample(own, column) < self.of_sample(other, column)
            values = smaller.astype(np.float64)
            blocks = blocks_of(self.samples, values)
            return share_by_block(values, blocks, np.ones(len(values))).interval()

        return over_trained_seeds(share, model).within(0.0, 1.0)

    def gain(self, model: TestedModel, other: TestedModel, column: str) -> Interval:
        """Mean difference from the other model."""
        return over_trained_seeds(
            lambda own: self.mean(self.of_sample(own, column) - self.of_sample(other, column)),
            model,
        )

    def _rows(self, table: str, point: str) -> polars.DataFrame:
        """The rows of a point, by ascending sample."""
        if (table, point) not in self._sorted:
            own = self.tables[table].filter(polars.col("point") == point)
            self._sorted[table, point] = own.sort("sample_id", maintain_order=True)
        return self._sorted[table, point]

    @cached_property
    def _sorted(self) -> dict[tuple[str, str], polars.DataFrame]:
        return {}


@once
def forecasts(evidence: StudyEvidence) -> Forecasts:
    """The forecasts of the models of a study.

    Raises:
        UserError: no run was tested, or runs were tested on different samples.
    """
    models = tested_models(tested(evidence)) if evidence.held_out else []
    rows = evidence.samples.filter(polars.col("partition") == evidence.held_out) if models else None
    if rows is None or "relative_l2" not in rows.columns:
        raise UserError("No run of field dynamics was tested on the held-out partition.")
    keys = None
    for model in models:
        for point in model.points:
            own = rows.filter(polars.col("point") == point).sort("sample_id")
            found = own.select("sample_id", *block_columns(own))
            if keys is not None and not found.equals(keys):
                raise UserError(
                    f"The models were tested on different samples of {evidence.held_out}."
                )
            keys = found
    assert keys is not None
    on = polars.col("partition") == evidence.held_out
    tables = {
        name: evidence.table(name).filter(on) for name in evidence.sources if name != "samples"
    }
    units = {field.name: field.unit for field in evidence.fields("samples")}
    return Forecasts(tuple(models), keys, {"samples": rows, **tables}, units)


def why_no_forecasts(evidence: StudyEvidence, table: str = "samples") -> str | None:
    """Why there are no comparable forecasts with this table, else None."""
    try:
        forecasts(evidence)
    except UserError as error:
        return str(error)
    return None if table in evidence.sources else f"The evidence has no table {table}."
