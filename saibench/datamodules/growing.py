"""An array on disk whose length is known only when the last row has come."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from saibench.datamodules.downloads.disk import writable

HEADER_BYTES = 128
"""Of a .npy file whose shape has at most 21 digits on its first axis (NEP 1, version 1.0)."""


class GrowingArray:
    """Rows appended to `<folder>/<name>.npy`, which `closed` makes an array to be mapped.

    It stands beside `cache.new_array`, for a `build` that learns the number of rows as it reads.

    Args:
        folder: what `build` was given.
        name: of the array in the cache.
        row_shape: shape of a row.
        dtype: of its values.
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
        """Write `rows`, of shape (n, *row_shape), behind what is there.

        Raises UserError: the disk is full.
        """
        if rows.shape[1:] != self.row_shape or rows.dtype != self.dtype:
            raise ValueError(f"rows {rows.dtype}{rows.shape} do not fit {self.path.name}")
        with writable(self._root, rows.nbytes):
            self._file.write(np.ascontiguousarray(rows).data)
        self.rows += len(rows)

    def closed(self) -> np.memmap:
        """All rows, mapped; nothing can be appended any more."""
        with writable(self._root):
            self._file.seek(0)
            self._file.write(self._header())
            self._file.close()
        return np.lib.format.open_memmap(self.path, mode="r+")

    def _header(self) -> bytes:
        """As numpy writes it, with room for the largest number of rows."""
        described = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.row_shape),
        }
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, described)
        if header.tell() != HEADER_BYTES:
            raise ValueError(f"a row of shape {self.row_shape} needs a longer header")
        return header.getvalue()
