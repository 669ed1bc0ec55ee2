"""The samples of a study as packed columns of the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.evidence.independence import MARKS
from saibench.report.measured import MeasuredMetrics
from saibench.report.packed import Packer
from saibench.report.sample_errors import SampleErrors

BUDGET = 6_000_000
"""Characters for the samples of a page; beyond it only every k-th sample is on the page."""
AXIS_BUDGET = 2_500_000
"""Characters for statistics with an axis (lead time, species, …)."""
CHARACTERS = 3.3
"""Approximate characters of one packed value."""
NUM_WORST = 100
"""Samples with the largest errors per cell, which are always on the page."""
ALL_WORST = 20_000
"""Those of all cells; each cell has at least ten."""


@dataclass(frozen=True)
class Thinning:
    """Selection of samples for the page: every `stride`-th by id, and those in `always`."""

    stride: int
    always: Mapping[str, Collection[int]]
    """By point."""
    num_worst: int = NUM_WORST

    def rows(
        self, point: str, ids: NDArray[np.int64], errors: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Mask `(N,)` of samples in ascending `ids`; includes those with the largest `errors`."""
        if self.stride == 1:
            return np.ones(len(ids), dtype=bool)
        chosen = np.arange(len(ids)) % self.stride == 0
        chosen |= np.isin(ids, list(self.always.get(point, ())))
        worst = np.argsort(-np.nan_to_num(errors, nan=-1.0), kind="stable")[: self.num_worst]
        chosen[worst] = True
        return chosen


class SampleColumns:
    """Packs the samples of a study, cell by cell.

    Args:
        measured: the metrics of the study.
        always: the saved samples by point, which are always on the page.
        errors: of which the samples with the largest are always on the page.
        share: of the page's budget.
    """

    def __init__(
        self,
        measured: MeasuredMetrics,
        always: Mapping[str, Collection[int]],
        errors: SampleErrors,
        share: float = 1.0,
    ) -> None:
        self.measured = measured
        self.errors = errors
        num_cells = len([*measured.cells()])
        num_worst = min(NUM_WORST, max(10, ALL_WORST // max(1, num_cells)))
        plain, along = _expected(measured, of_features=0.3)
        if num_cells > 1 and plain > share * BUDGET:  # cells have different samples
            plain, along = _expected(measured, of_features=1.0)
        self.plain = Thinning(max(1, int(np.ceil(plain / (share * BUDGET)))), always, num_worst)
        stride = max(self.plain.stride, int(np.ceil(along / (share * AXIS_BUDGET))))
        self.along = Thinning(stride, always, num_worst)

    def of(self, point: str, partition: str, packer: Packer) -> dict[str, Any] | None:
        """A cell's samples for the page's script; None without samples."""
        samples = self.measured.evidence.rows("samples", point, partition)
        if samples is None or "sample_id" not in samples.columns:
            return None
        samples = samples.sort("sample_id")
        ids = samples["sample_id"].to_numpy()
        errors = self.errors.sizes(samples)
        statistics = self.measured.statistics_of("samples", samples)
        kept = samples.filter(polars.Series(self.plain.rows(point, ids, errors)))
        names = [n for n in samples.columns if n not in ("point", "partition", *MARKS)]
        return {
            "total": samples.height,
            "kept": kept.height,
            "stride": self.plain.stride,
            "columns": {
                name: packer.column(kept[name], statistic=name in statistics)
                for name in names
                if kept[name].null_count() < kept.height
            },
            "axes": self._axes(point, partition, ids, errors, packer),
        }

    def _axes(
        self,
        point: str,
        partition: str,
        ids: NDArray[np.int64],
        errors: NDArray[np.float64],
        packer: Packer,
    ) -> dict[str, Any]:
        found = {}
        chosen = ids[self.along.rows(point, ids, errors)]
        for axis in self.measured.evidence.axes:
            rows = self.measured.evidence.rows(f"by_{axis}", point, partition)
            if rows is None:
                continue
            labels = rows[axis].unique(maintain_order=True).to_list()
            rows = rows.filter(polars.col("sample_id").is_in(chosen.tolist()))
            rows = rows.sort("sample_id", maintain_order=True)
            if rows.height != len(chosen) * len(labels):
                continue
            found[axis] = {
                "ids": packer.column(polars.Series("sample_id", chosen)),
                "labels": [str(label) for label in labels],
                "columns": {
                    name: packer.column(rows[name].cast(polars.Float64), statistic=True)
                    for name in self.measured.statistics_of(f"by_{axis}", rows)
                },
            }
        return found


def _expected(measured: MeasuredMetrics, of_features: float) -> tuple[float, float]:
    """Expected characters of all samples, and of their statistics with an axis.

    Args:
        of_features: share of the features that are not those of another cell too.
    """
    plain = along = 0.0
    for point, partition in measured.cells():
        for table in measured.evidence.sources:
            rows = measured.evidence.rows(table, point, partition)
            if rows is None:
                continue
            names = measured.statistics_of(table, rows)
            size = CHARACTERS * rows.height
            if table == "samples":
                features = len(rows.columns) - len(names)
                plain += size * (len(names) + of_features * features)
            else:
                along += size * len(names)
    return plain, along
