"""Jets in the layout in which pandas appends a table to an HDF5 file (PyTables).

The dataset `/table/table` is an array of records whose fields `values_block_0`, … each hold the
columns of one type; their names are in the attributes `values_block_0_kind`, ….
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.errors import UserError, first_line

SLOTS = 200
"""Constituents that a row has room for."""
MOMENTA = [f"{component}_{slot}" for slot in range(SLOTS) for component in ("E", "PX", "PY", "PZ")]
LABEL = "is_signal_new"
CHUNK = 2048
"""Rows in memory at once: 6.6 MB."""

AS_PUBLISHED = "python -m saibench data download top_landscape brings the published file"


@dataclass(frozen=True)
class PyTablesFile:
    """One of TopLandscape's files.

    Raises UserError, whatever is asked: it is no whole HDF5 file, has another layout, or lacks
    columns.
    """

    path: Path

    def num_jets(self) -> int:
        """Rows of the table, once its columns are seen to be there."""
        with self._opened() as table:
            self._columns(table)
            return int(table.nrows)

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Momenta (n, 200, 4) float32 E, px, py, pz in GeV and labels (n,), until no row is left.

        Raises UserError: a value that is not finite, a negative energy, a momentum without
        energy, a jet without a constituent, a label other than 0 and 1, named by their row.
        """
        with self._opened() as table:
            columns = self._columns(table)
            for first in range(0, int(table.nrows), CHUNK):
                rows = table.read(first, min(first + CHUNK, int(table.nrows)))
                momenta = columns.momenta(rows)
                label = columns.label(rows)
                self._check(momenta, label, first)
                yield momenta, label

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The node `/table/table`."""
        tables = _pytables()
        try:
            with tables.open_file(str(self.path)) as file:
                if "/table/table" not in file:
                    raise self._of_another_layout("has no dataset /table/table")
                yield file.get_node("/table/table")
        except tables.HDF5ExtError as error:
            raise UserError(
                f"{self.path} is damaged or no HDF5 file ({_cause(error)}): {AS_PUBLISHED}."
            ) from error

    def _columns(self, table: Any) -> _Columns:
        places = {}
        for field in getattr(table, "colnames", ()):
            for place, column in enumerate(getattr(table.attrs, f"{field}_kind", None) or ()):
                places[column] = (field, place)
        if not places:
            raise self._of_another_layout("does not name the columns of its table")
        lacking = [column for column in (*MOMENTA, LABEL) if column not in places]
        if lacking:
            others = f" and {len(lacking) - 1} others" if len(lacking) > 1 else ""
            raise UserError(f"{self.path} lacks column {lacking[0]}{others}: {AS_PUBLISHED}.")
        fields = {places[column][0] for column in MOMENTA}
        if len(fields) > 1:
            raise self._of_another_layout("holds its momenta in columns of several types")
        return _Columns(fields.pop(), np.array([places[c][1] for c in MOMENTA]), *places[LABEL])

    def _of_another_layout(self, how: str) -> UserError:
        return UserError(
            f"{self.path} is not as pandas writes a table under the key 'table': it {how}; "
            f"{AS_PUBLISHED}."
        )

    def _check(self, momenta: np.ndarray, label: np.ndarray, first: int) -> None:
        energy = momenta[..., 0]
        moves = (momenta[..., 1:] != 0).any(axis=2)
        faults = (
            (~np.isfinite(momenta.sum(axis=(1, 2), dtype=np.float64)), "holds a value not finite"),
            ((energy < 0).any(axis=1), "has a constituent of negative energy"),
            ((moves & (energy == 0)).any(axis=1), "has a constituent with momentum but no energy"),
            ((energy == 0).all(axis=1), "is a jet without constituents"),
            (~np.isin(label, (0, 1)), f"has an {LABEL} other than 0 and 1"),
        )
        for faulty, fault in faults:
            if faulty.any():
                row = first + int(np.flatnonzero(faulty)[0])
                raise UserError(f"row {row} of {self.path} {fault}: {AS_PUBLISHED}.")


@dataclass(frozen=True, eq=False)
class _Columns:
    """Where momenta and label stand in a record."""

    momenta_field: str
    momenta_places: np.ndarray
    label_field: str
    label_place: int

    def momenta(self, rows: np.ndarray) -> np.ndarray:
        block = rows[self.momenta_field]
        in_order = np.array_equal(self.momenta_places, np.arange(4 * SLOTS))
        values = block[:, : 4 * SLOTS] if in_order else block[:, self.momenta_places]
        return np.ascontiguousarray(values, dtype=np.float32).reshape(len(rows), SLOTS, 4)

    def label(self, rows: np.ndarray) -> np.ndarray:
        return rows[self.label_field][:, self.label_place]


def _pytables() -> Any:
    """The module `tables`; its import takes half a second, which only reading should cost.

    Raises UserError: it is not installed.
    """
    try:
        import tables
    except ModuleNotFoundError as error:
        raise UserError(
            "TopLandscape's files are read with PyTables, which is not installed: "
            "pip install saibench[jets] would work."
        ) from error
    return tables


def _cause(error: Exception) -> str:
    """The last line of HDF5's own traceback, which says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else first_line(error)
