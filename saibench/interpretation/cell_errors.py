"""Errors of the same test samples after training in several ways, and intervals across them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, rows_of, why_untested
from saibench.interpretation.blocks import block_columns, blocks_of, influence
from saibench.interpretation.bootstrap import Floats, Interval, block_bootstrap


@dataclass(frozen=True)
class CellErrors:
    """A statistic of the test samples by training cell, averaged over seeds alone.

    cells: what tells the columns apart
    values: (samples, cells)
    samples: their ids and block columns
    """

    cells: list[dict[str, Any]]
    values: Floats
    samples: polars.DataFrame

    def interval(self, reduce: Callable[[Floats], Floats]) -> Interval:
        """Interval of a function of the cells' means: `(resamplings, cells)` → one each."""

        def statistic(values: Floats, weights: Floats) -> Floats:
            return reduce(weights @ values / weights.sum(axis=1, keepdims=True))

        blocks = blocks_of(self.samples, influence(reduce, self.values))
        return block_bootstrap(self.values, blocks, statistic, of_means=True)


def cell_errors(evidence: StudyEvidence, cells: Sequence[Cell], statistic: str) -> CellErrors:
    """A column a cell, of a statistic of the held-out samples.

    Raises:
        UserError: the samples lack the statistic, or are not the same for all cells.
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
    _refuse_other_samples(evidence, tables, keys)
    values = np.stack([table[statistic].to_numpy() for table in tables], axis=1)
    return CellErrors([cell.shared for cell in cells], values, tables[0].select(keys))


def species_errors(evidence: StudyEvidence, cells: Sequence[Cell]) -> CellErrors:
    """A column a cell and species, species within cells, of the force MAE of held-out samples.

    Raises:
        UserError: species or samples are not the same for all cells.
    """
    _refuse_untested(evidence, ["force_mae"])
    keys = ["sample_id", *block_columns(evidence.by_species)]
    tables = [
        rows_of(evidence.by_species, cell.points, evidence.held_out)
        .group_by(*keys, "species")
        .agg(polars.col("force_mae").cast(polars.Float64).mean())
        .pivot(on="species", index=keys, values="force_mae")
        .sort("sample_id")
        for cell in cells
    ]
    _refuse_other_samples(evidence, tables, keys)
    names = sorted(set(tables[0].columns) - {*keys})
    if any(set(table.columns) != set(tables[0].columns) for table in tables):
        raise UserError("the points were tested on different species.")
    columns = [{**cell.shared, "species": name} for cell in cells for name in names]
    values = np.hstack([table.select(names).to_numpy() for table in tables])
    return CellErrors(columns, values, tables[0].select(keys))


def _refuse_untested(evidence: StudyEvidence, columns: Sequence[str]) -> None:
    untested = why_untested(evidence, columns)
    if untested:
        raise UserError(untested)


def _refuse_other_samples(
    evidence: StudyEvidence, tables: Sequence[polars.DataFrame], keys: Sequence[str]
) -> None:
    """Blocks are resampled for all cells alike, so their samples must be the same."""
    first = tables[0].select(keys)
    if any(not table.select(keys).equals(first) for table in tables):
        raise UserError(f"the points were tested on different samples of {evidence.held_out}.")
