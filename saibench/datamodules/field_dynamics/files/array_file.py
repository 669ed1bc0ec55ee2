"""One array of a .npy, .npz or .mat file: its shape from the header, its values in parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.field_dynamics.files.hdf5 import dataset, opened
from saibench.errors import UserError, first_line
from saibench.files.hdf5 import SIGNATURE
from saibench.files.npz import DamagedArray, NpzArrays, map_npy, npy_shape

_HEADER = 512
"""Bytes before the HDF5 of a MATLAB 7.3 file."""
_KINDS = {"double": "f", "single": "f", "logical": "u"}
"""Class of MATLAB → kind of NumPy's type; those of integers begin with their kind."""


@dataclass(frozen=True)
class ArrayFile:
    """An array of a file.

    Args:
        path: .npy, .npz or .mat.
        key: name of the array; an .npy file has one without a name.
    """

    path: Path
    key: str | None

    def header(self) -> tuple[tuple[int, ...], str]:
        """Shape, and kind of the type as in `numpy.dtype.kind`, without reading values.

        Raises:
            UserError: the file is damaged or of another format, or lacks the array.
        """
        with self._readable():
            if self._suffix == ".npy":
                shape, dtype = npy_shape(self.path)
                return shape, dtype.kind
            if self._suffix == ".npz":
                with NpzArrays(self.path) as arrays:
                    shape, dtype = arrays.shape_of(self._name)
                return shape, dtype.kind
            if not _is_hdf5(self.path):
                return _matlab_header(self.path, self._name)
            with opened(self.path) as file:
                found = dataset(file, self.path, self._name)
                return found.shape[::-1], found.dtype.kind

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Any]:
        """What is read by slices: a memory map, a dataset, or a whole array of old MATLAB files.

        Args:
            folder: for a file with the array of an .npz file, removed at the end.

        Raises:
            UserError: as `header`.
        """
        with self._readable():
            if self._suffix == ".npy":
                yield map_npy(self.path)
            elif self._suffix == ".npz":
                unpacked = folder / ".unpacked.npy"
                try:
                    with NpzArrays(self.path) as arrays:
                        arrays.extract(self._name, unpacked)
                    yield map_npy(unpacked)
                finally:
                    unpacked.unlink(missing_ok=True)
            elif not _is_hdf5(self.path):
                yield _matlab(self.path, self._name)
            else:
                with opened(self.path) as file:
                    yield _Reversed(dataset(file, self.path, self._name))

    def numbers(self) -> np.ndarray:
        """All values `(n,)` of a short array, such as times; raises as `header`."""
        if self._suffix == ".npz":
            with self._readable(), NpzArrays(self.path) as arrays:
                return arrays[self._name].ravel()
        with self.opened(self.path.parent) as found:
            return np.array(found[...]).ravel()

    @property
    def _suffix(self) -> str:
        suffix = self.path.suffix
        if suffix not in (".npy", ".npz", ".mat"):
            raise UserError(f"{self.path} is no .npy, .npz or .mat file. Use one of these.")
        return suffix

    @property
    def _name(self) -> str:
        if self.key is None:
            raise UserError(f"data.key=null: use the name of an array in {self.path}.")
        return self.key

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (DamagedArray, OSError, LookupError) as error:
            where = f"{self.path}, array '{self.key}'" if self.key else str(self.path)
            raise UserError(f"{where}: {first_line(error)}.") from error


@dataclass(frozen=True)
class _Reversed:
    """A dataset of a MATLAB 7.3 file, whose axes are stored in reverse order."""

    dataset: Any

    def __getitem__(self, place: Any) -> np.ndarray:
        if place is Ellipsis:
            return np.asarray(self.dataset[...]).T
        return np.asarray(self.dataset[place[::-1]]).T


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(_HEADER)
        return file.read(len(SIGNATURE)) == SIGNATURE


def _matlab_header(path: Path, key: str) -> tuple[tuple[int, ...], str]:
    from scipy.io import whosmat

    try:
        found = {name: (shape, kind) for name, shape, kind in whosmat(path)}
    except Exception as error:  # a damaged file raises almost anything
        raise _unreadable(path, error) from error
    shape, kind = found.get(key) or _lacking(path, key)
    return tuple(shape), _KINDS.get(kind, kind[0] if kind.endswith(("8", "16", "32", "64")) else "")


def _matlab(path: Path, key: str) -> np.ndarray:
    """An array of a MATLAB file up to version 7."""
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=[key])
    except Exception as error:  # a damaged file raises almost anything
        raise _unreadable(path, error) from error
    return np.asarray(found[key] if key in found else _lacking(path, key))


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not a readable MATLAB file ({first_line(error)}).")


def _lacking(path: Path, key: str) -> Any:
    raise UserError(f"{path} has no array '{key}'. Set data.key and data.times.")
