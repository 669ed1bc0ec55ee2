"""Reader of jets in the HDF5 layout of pandas tables (PyTables), with h5py.

The dataset `/table/table` is an array of records whose fields `values_block_0`, … each contain the
columns of one type; their names are in the attributes `values_block_0_kind`, …. PyTables unpickles
attributes when a file is opened, which can execute code; here only the strings of a pickled list
are read, and nothing is unpickled.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.errors import UserError, first_line
from saibench.files.plain import refuse_irregular

SLOTS = 200
"""Maximum number of constituents per row."""
MOMENTA = [f"{component}_{slot}" for slot in range(SLOTS) for component in ("E", "PX", "PY", "PZ")]
LABEL = "is_signal_new"
CHUNK = 2048
"""Rows in memory at once: 6.6 MB."""

LARGEST_ATTRIBUTE = 64 * 1024
"""Bytes of an attribute with column names, the limit of HDF5 for compact attributes."""
LARGEST_RECORD = 64 * 1024
"""Bytes of a row; a published one has 3,240."""

FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32001: "blosc"}
"""HDF5's filter number → name, for the compressions of PyTables."""
_STRINGS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_LIST = {"PROTO", "FRAME", "MARK", "LIST", "EMPTY_LIST", "APPEND", "APPENDS", "STOP"}
_KEPT = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
"""Opcodes of a pickled list of strings: strings, lists, and the memo."""

TO_DOWNLOAD = "download it with `python -m saibench data download top_landscape`"

_DAMAGE = (OSError, RuntimeError, ValueError, TypeError, LookupError, MemoryError, OverflowError)
"""Exceptions of h5py for a damaged file."""


@dataclass(frozen=True)
class PyTablesFile:
    """One of TopLandscape's files.

    All methods raise UserError: a damaged HDF5 file, another layout, or missing columns.
    """

    path: Path

    def num_jets(self) -> int:
        """Number of rows of the table, whose columns are checked."""
        with self._opened() as table:
            self._columns(table)
            return len(table)

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Chunks of momenta (n, 200, 4) float32 E, px, py, pz in GeV, and labels (n,).

        Raises UserError: a momentum without energy, which would be mistaken for padding.
        """
        with self._opened() as table:
            columns = self._columns(table)
            for first in range(0, len(table), CHUNK):
                rows = table[first : first + CHUNK]
                momenta = columns.momenta(rows)
                self._check_padding(momenta, first)
                yield momenta, columns.label(rows)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The dataset `/table/table`, stored in this file alone."""
        h5py = _h5py()
        try:
            refuse_irregular(self.path)
            with h5py.File(self.path, "r") as file:
                node = file
                for name in ("table", "table"):
                    link = node.get(name, getlink=True) if isinstance(node, h5py.Group) else None
                    if link is None:
                        raise self._of_another_layout("has no dataset /table/table")
                    if not isinstance(link, h5py.HardLink):
                        raise self._refused("contains a link, which may lead to another file")
                    node = node[name]
                if not isinstance(node, h5py.Dataset):
                    raise self._of_another_layout("has no dataset /table/table")
                self._check_storage(node)
                yield node
        except _DAMAGE as error:
            raise UserError(
                f"{self.path} is not a valid HDF5 file ({first_line(error)}): {TO_DOWNLOAD}."
            ) from error

    def _check_storage(self, table: Any) -> None:
        """Require plain numbers in chunks of this file, compressed as by PyTables.

        HDF5 can map bytes of any other file into a dataset, load filters from libraries, and
        contain objects.
        """
        if table.external or table.is_virtual:
            raise self._refused("has rows in other files")
        if table.ndim != 1 or table.dtype.names is None or table.dtype.hasobject:
            raise self._of_another_layout("does not name the columns of its table")
        if table.chunks is None or table.dtype.itemsize > LARGEST_RECORD:
            raise self._of_another_layout(f"is not in chunks of records of {LARGEST_RECORD} bytes")
        self._check_chunks(table)
        settings = table.id.get_create_plist()
        for number in (settings.get_filter(i)[0] for i in range(settings.get_nfilters())):
            if number not in FILTERS:
                known = ", ".join(FILTERS.values())
                raise self._refused(f"has the compression filter {number}, not one of {known}")

    def _check_chunks(self, table: Any) -> None:
        """Require chunks of all rows, within the file and passed through every filter.

        A damaged index of chunks can crash HDF5.
        """
        size, length, rows = self.path.stat().st_size, table.chunks[0], len(table)
        found: set[int] = set()

        def check(chunk: Any) -> bool | None:
            (first,) = chunk.chunk_offset
            is_inside = 0 < chunk.byte_offset <= size - chunk.size and chunk.size > 0
            if first % length or chunk.filter_mask or not is_inside:
                return True  # ends the iteration
            if first < rows:
                found.add(first)
            return None

        table.id.chunk_iter(check)
        if len(found) < -(-rows // length):
            raise self._refused(f"states {rows:,} rows, but some are missing")

    def _columns(self, table: Any) -> _Columns:
        places = {}
        for field in table.dtype.names:
            if (kind := f"{field}_kind") in table.attrs and field.startswith("values_block_"):
                for place, column in enumerate(self._names(table, kind)):
                    places[column] = (field, place)
        if not places:
            raise self._of_another_layout("does not name the columns of its table")
        lacking = [column for column in (*MOMENTA, LABEL) if column not in places]
        if lacking:
            others = f" and {len(lacking) - 1} others" if len(lacking) > 1 else ""
            raise UserError(f"{self.path} lacks column {lacking[0]}{others}: {TO_DOWNLOAD}.")
        for field, place in places.values():
            base, shape = table.dtype[field].base, table.dtype[field].shape
            if base.kind not in "fiu" or len(shape) != 1 or place >= shape[0]:
                raise self._of_another_layout(f"has {table.dtype[field]} under {field}")
        fields = {places[column][0] for column in MOMENTA}
        if len(fields) > 1:
            raise self._of_another_layout("has momenta in columns of several types")
        return _Columns(fields.pop(), np.array([places[c][1] for c in MOMENTA]), *places[LABEL])

    def _names(self, table: Any, attribute: str) -> list[str]:
        found = table.attrs.get_id(attribute)
        if found.dtype.kind != "S" or found.shape != () or found.dtype.itemsize > LARGEST_ATTRIBUTE:
            raise self._refused(f"has no plain text in the attribute {attribute}")
        names = pickled_strings(bytes(table.attrs[attribute]))
        if names is None:
            raise self._refused(f"has no list of names in the attribute {attribute}")
        return names

    def _refused(self, how: str) -> UserError:
        return UserError(f"{self.path} {how}: {TO_DOWNLOAD}.")

    def _of_another_layout(self, how: str) -> UserError:
        return UserError(
            f"{self.path} is not a pandas table under the key 'table': it {how}; {TO_DOWNLOAD}."
        )

    def _check_padding(self, momenta: np.ndarray, first: int) -> None:
        faulty = ((momenta[..., 1:] != 0).any(axis=2) & (momenta[..., 0] == 0)).any(axis=1)
        if faulty.any():
            row = first + int(np.flatnonzero(faulty)[0])
            raise UserError(
                f"{self.path}, row {row} has a constituent with momentum but no energy: "
                f"{TO_DOWNLOAD}."
            )


@dataclass(frozen=True, eq=False)
class _Columns:
    """Positions of momenta and label in a record."""

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


def pickled_strings(content: bytes) -> list[str] | None:
    """The strings of a pickled flat list, in order; None for a pickle of anything else.

    The opcodes are inspected one by one, and none is executed.
    """
    strings, lists = [], 0
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in _STRINGS:
                strings.append(str(argument))
            elif opcode.name not in _LIST | _KEPT:
                return None
            lists += opcode.name in ("LIST", "EMPTY_LIST")
    except (ValueError, LookupError, TypeError):
        return None
    return strings if lists == 1 else None


def _h5py() -> Any:
    """The module `h5py`, with the blosc filters of `hdf5plugin` registered.

    Raises UserError: either is not installed.
    """
    try:
        import h5py
        import hdf5plugin  # noqa: F401  # its import registers the filters
    except ModuleNotFoundError as error:
        raise UserError(
            f"TopLandscape's files need {error.name}, which is not installed. Run "
            "`pip install saibench[jets]`."
        ) from error
    return h5py
