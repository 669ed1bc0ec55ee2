"""Reader of jets in Parquet, with a list per jet in each column of the constituents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saibench.datamodules.jet_tagging.files.jet_file import (
    CHUNK,
    ONE_HOT,
    Chunk,
    JetFile,
    Names,
    classes_of_numbers,
    classes_of_one_hot,
    positions,
    refuse_no_integer,
    stacked,
    without_padding,
)
from saibench.errors import UserError, first_line
from saibench.files.plain import refuse_irregular


@dataclass(frozen=True)
class ParquetJets(JetFile):
    """One file. A label may be a column of numbers, one column per class, or a list per jet."""

    def _header(self) -> tuple[Names, int]:
        with self._opened() as file:
            found = file.schema_arrow.names
            momenta, coordinates = self.wanted.momenta(self.path, found)
            label = self.wanted.labels(self.path, found)
            names = Names(momenta, coordinates, label, self._classes(file, label))
            return names, file.metadata.num_rows

    def chunks(self) -> Iterator[Chunk]:
        names, first = self.names(), 0
        with self._opened() as file:
            columns = [*names.momenta, *names.label]
            for batch in file.iter_batches(batch_size=CHUNK, columns=columns):
                values, counts = self._constituents(batch, names.momenta, first)
                values, counts = without_padding(values, counts)
                yield Chunk(values, counts, self._class_of(batch, names, first))
                first += batch.num_rows

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        try:
            refuse_irregular(self.path)
            with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
                yield file
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UserError(
                f"{self.path} is not a valid Parquet file ({first_line(error)})."
            ) from error

    def _classes(self, file: pq.ParquetFile, label: tuple[str, ...]) -> tuple[str, ...]:
        if len(label) > 1:
            return tuple(name.removeprefix(ONE_HOT) for name in label)
        kind = file.schema_arrow.field(label[0]).type
        if _is_list(kind):
            return positions(self._length(file, label[0]))
        found: set[int] = set()
        first = 0
        for batch in file.iter_batches(batch_size=64 * CHUNK, columns=list(label)):
            values = self._numbers(batch.column(0), label[0], first)
            refuse_no_integer(values, self.path, first)
            found |= set(np.unique(values.astype(np.int64)).tolist())
            first += batch.num_rows
        return tuple(map(str, sorted(found)))

    def _length(self, file: pq.ParquetFile, label: str) -> int:
        """Length of the first list of a label."""
        for batch in file.iter_batches(batch_size=1, columns=[label]):
            return int(pc.list_value_length(batch.column(0))[0].as_py() or 0)
        return 0

    def _constituents(
        self, batch: pa.RecordBatch, names: tuple[str, ...], first: int
    ) -> tuple[np.ndarray, np.ndarray]:
        columns = []
        for name in names:
            column = batch.column(name)
            if not _is_list(column.type):
                raise UserError(
                    f"{self.path}: '{name}' has type {column.type}. Use a list per jet."
                )
            lengths = self._numbers(pc.list_value_length(column), name, first).astype(np.int64)
            columns.append((name, self._numbers(column.flatten(), name, first), lengths))
        return stacked(columns, self.path, first)

    def _class_of(self, batch: pa.RecordBatch, names: Names, first: int) -> np.ndarray:
        columns = [batch.column(name) for name in names.label]
        if len(columns) > 1:
            parts = [
                self._numbers(column, name, first)
                for column, name in zip(columns, names.label, strict=True)
            ]
            return classes_of_one_hot(np.stack(parts, axis=1), self.path, first)
        if _is_list(columns[0].type):
            flat = self._numbers(columns[0].flatten(), names.label[0], first)
            if len(flat) != batch.num_rows * len(names.classes):
                raise UserError(
                    f"{self.path}: '{names.label[0]}' has lists of several lengths. Use one number "
                    "per class."
                )
            table = flat.reshape(batch.num_rows, len(names.classes))
            return classes_of_one_hot(table, self.path, first)
        values = self._numbers(columns[0], names.label[0], first)
        return classes_of_numbers(values, names.classes, self.path, first)

    def _numbers(self, column: Any, name: str, first: int) -> np.ndarray:
        """The values of a column. Raises UserError: no numbers, or a missing one."""
        if column.null_count:
            row = first + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise UserError(f"{self.path}: '{name}' has no value near row {row}. Remove it.")
        values = column.to_numpy(zero_copy_only=False)
        if values.dtype.kind not in "fiub":
            raise UserError(f"{self.path}: '{name}' has type {column.type}. Use numbers.")
        return values


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
