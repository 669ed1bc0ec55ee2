"""Errors of the same test samples for several training settings, and intervals across them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of, influence
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap, weighted_means
from saibench.analysis.checks import refuse_different_samples
from saibench.analysis.seeds import with_seeds
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, rows_of, why_untested


@dataclass(frozen=True)
class CellErrors:
    """A statistic of the test samples by training cell, averaged over seeds.

    Args:
        cells: the settings of each column.
        values: `(samples, cells)`.
        samples: their ids and block columns.
        of_seeds: of each training cell its columns, and their means by seed `(seeds, columns)`.
    """

    cells: list[dict[str, Any]]
    values: Floats
    samples: polars.DataFrame
    of_seeds: Sequence[tuple[list[int], Floats]] = ()

    def join(self, other: CellErrors) -> CellErrors:
        """The columns of both, which have the same training cells and samples."""
        shift = self.values.shape[1]
        of_seeds = [
            ([*own, *(shift + column for column in others)], np.hstack([means, more]))
            for (own, means), (others, more) in zip(self.of_seeds, other.of_seeds, strict=True)
        ]
        values = np.hstack([self.values, other.values])
        return CellErrors(self.cells, values, self.samples, of_seeds)

    def interval(
        self,
        reduce: Callable[[Floats], Floats],
        *,
        smooth: bool = True,
        series: Floats | None = None,
    ) -> Interval:
        """Interval of a function of the cells' means: `(resamplings, cells)` → `(resamplings,)`.

        Args:
            smooth: whether the function is differentiable (ranks are not).
            series: `(samples,)` or `(samples, columns)`, whose autocorrelation sets the blocks; by
                default the influence of each sample on the function.
        """

        def statistic(values: Floats, weights: Floats) -> Floats:
            return reduce(weighted_means(values, weights))

        own = influence(reduce, self.values) if series is None else series
        blocks = blocks_of(self.samples, own)
        found = block_bootstrap(self.values, blocks, statistic, of_means=smooth)
        mean = self.values.mean(axis=0)
        settings = []
        for columns, means in self.of_seeds:
            replaced = np.tile(mean, (len(means), 1))
            replaced[:, columns] = means
            settings.append(reduce(replaced).tolist())
        return with_seeds(found, settings)


def cell_errors(evidence: StudyEvidence, cells: Sequence[Cell], statistic: str) -> CellErrors:
    """One column per cell: a statistic of the held-out samples.

    Raises:
        UserError: the samples lack the statistic, or differ between cells.
    """
    _refuse_untested(evidence, [statistic])
    keys = ["sample_id", *block_columns(evidence.samples)]
    tables = [
        rows_of(evidence.samples, cell.points, evidence.held_out)
        .group_by(keys)
        .agg(polars.col(statistic).cast(polars.Float64).mean())
        .sort("sample_id")
        for cell in cells
    ]
    samples = _same_samples(evidence, cells, tables, keys)
    values = np.stack([table[statistic].to_numpy() for table in tables], axis=1)
    by_point = _means_by_point(rows_of_all(evidence.samples, evidence, cells), [statistic])
    of_seeds = [
        ([number], np.array([by_point[point] for point in cell.points]))
        for number, cell in enumerate(cells)
    ]
    return CellErrors([cell.shared for cell in cells], values, samples, of_seeds)


def axis_errors(
    evidence: StudyEvidence, cells: Sequence[Cell], axis: str, statistic: str
) -> CellErrors:
    """One column per cell and label of an axis, labels within cells: errors of held-out samples.

    Raises:
        UserError: labels or samples differ between cells.
    """
    _refuse_untested(evidence, [statistic])
    along = evidence.table(f"by_{axis}")
    keys = ["sample_id", *block_columns(along)]
    tables = [
        rows_of(along, cell.points, evidence.held_out)
        .group_by(*keys, axis)
        .agg(polars.col(statistic).cast(polars.Float64).mean())
        .pivot(on=axis, index=keys, values=statistic)
        .sort("sample_id")
        for cell in cells
    ]
    samples = _same_samples(evidence, cells, tables, keys)
    names = sorted(set(tables[0].columns) - {*keys})
    if any(set(table.columns) != set(tables[0].columns) for table in tables):
        raise UserError(f"The runs were tested on different labels of {axis}.")
    columns = [{**cell.shared, axis: name} for cell in cells for name in names]
    values = np.hstack([table.select(names).to_numpy() for table in tables])
    rows = rows_of_all(along, evidence, cells).pivot(
        on=axis, index=["point", "sample_id"], values=statistic
    )
    by_point = _means_by_point(rows, names)
    of_seeds = [
        (
            list(range(number * len(names), (number + 1) * len(names))),
            np.array([by_point[point] for point in cell.points]),
        )
        for number, cell in enumerate(cells)
    ]
    return CellErrors(columns, values, samples, of_seeds)


def rows_of_all(
    table: polars.DataFrame, evidence: StudyEvidence, cells: Sequence[Cell]
) -> polars.DataFrame:
    """The held-out rows of all points of the cells."""
    return rows_of(table, _points(cells), evidence.held_out)


def _points(cells: Sequence[Cell]) -> list[str]:
    return [point for cell in cells for point in cell.points]


def _means_by_point(rows: polars.DataFrame, names: Sequence[str]) -> dict[str, list[float]]:
    means = rows.group_by("point").agg(polars.col(names).cast(polars.Float64).mean())
    return {str(row[0]): list(row[1:]) for row in means.iter_rows()}


def _refuse_untested(evidence: StudyEvidence, columns: Sequence[str]) -> None:
    untested = why_untested(evidence, columns)
    if untested:
        raise UserError(untested)


def _same_samples(
    evidence: StudyEvidence,
    cells: Sequence[Cell],
    tables: Sequence[polars.DataFrame],
    keys: Sequence[str],
) -> polars.DataFrame:
    samples = [table.select(keys) for table in tables]
    refuse_different_samples(evidence, _points(cells), samples)
    return samples[0]
