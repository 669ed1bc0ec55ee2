"""An array on disk that grows row by row."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from saibench.datamodules.downloads.disk import writable

HEADER_BYTES = 128
"""Size of the .npy header for a first axis of at most 21 digits (NEP 1, version 1.0)."""


class GrowingArray:
    """Rows appended to `<folder>/<name>.npy`, for a cached array of unknown length.

    Args:
        folder: the folder passed to `build` of `cached_arrays`.
        name: name of the array in the cache.
        row_shape: shape of a row.
        dtype: data type of the values.
    """

    def __init__(
        self, folder: Path, name: str, row_shape: tuple[int, ...], dtype: DTypeLike
    ) -> None:
        self.path = folder / f"{name}.npy"
        self.row_shape = row_shape
        self.dtype = np.dtype(dtype)
        self.rows = 0
        self._root = folder.parent
        with writable(self._root):
            self._file = self.path.open("wb")
            self._file.write(self._header())

    def append(self, rows: np.ndarray) -> None:
        """Append `rows` of shape (n, *row_shape).

        Raises UserError: the disk is full.
        """
        if rows.shape[1:] != self.row_shape or rows.dtype != self.dtype:
            raise ValueError(f"rows {rows.dtype}{rows.shape} do not fit {self.path.name}")
        with writable(self._root, rows.nbytes):
            self._file.write(np.ascontiguousarray(rows).data)
        self.rows += len(rows)

    def closed(self) -> np.memmap:
        """Close the file and return all rows as a memory map."""
        with writable(self._root):
            self._file.seek(0)
            self._file.write(self._header())
            self._file.close()
        return np.lib.format.open_memmap(self.path, mode="r+")

    def _header(self) -> bytes:
        """The .npy header, which numpy pads for the largest number of rows."""
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (self.rows, *self.row_shape),
            },
        )
        if header.tell() != HEADER_BYTES:
            raise ValueError(f"a row of shape {self.row_shape} needs a longer header")
        return header.getvalue()
