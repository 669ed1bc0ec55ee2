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


def cell_errors(
    evidence: StudyEvidence, cells: Sequence[Cell], statistic: str, axis: str = ""
) -> CellErrors:
    """Errors of the held-out samples: one column per cell, or per label of an axis within cells.

    Raises:
        UserError: the samples lack the statistic, or labels or samples differ between cells.
    """
    untested = why_untested(evidence, [statistic])
    if untested:
        raise UserError(untested)
    table = evidence.table(f"by_{axis}") if axis else evidence.samples
    keys = ["sample_id", *block_columns(table)]
    tables = []
    for cell in cells:
        own = rows_of(table, cell.points, evidence.held_out)
        own = own.group_by(*keys, *([axis] if axis else [])).agg(
            polars.col(statistic).cast(polars.Float64).mean()
        )
        own = own.pivot(on=axis, index=keys, values=statistic) if axis else own
        tables.append(own.sort("sample_id"))
    points = [point for cell in cells for point in cell.points]
    samples = [own.select(keys) for own in tables]
    refuse_different_samples(evidence, points, samples)
    names = sorted(set(tables[0].columns) - {*keys})
    if any(set(own.columns) != set(tables[0].columns) for own in tables):
        raise UserError(f"The runs were tested on different labels of {axis}.")
    rows = rows_of(table, points, evidence.held_out)
    if axis:
        rows = rows.pivot(on=axis, index=["point", "sample_id"], values=statistic)
    means = rows.group_by("point").agg(polars.col(names).cast(polars.Float64).mean())
    by_point = {point: list(of_point) for point, *of_point in means.iter_rows()}
    return CellErrors(
        [{**cell.shared, **({axis: name} if axis else {})} for cell in cells for name in names],
        np.hstack([own.select(names).to_numpy() for own in tables]),
        samples[0],
        [
            (
                list(range(number * len(names), (number + 1) * len(names))),
                np.array([by_point[point] for point in cell.points]),
            )
            for number, cell in enumerate(cells)
        ],
    )
