"""Reader of padded jets in arrays: npz as of EnergyFlow, or HDF5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from saibench.datamodules.jet_tagging.files.coordinates import GUESSED, guessed_coordinates
from saibench.datamodules.jet_tagging.files.jet_file import (
    CHUNK,
    Chunk,
    JetFile,
    Names,
    classes_of_numbers,
    classes_of_one_hot,
    positions,
    refuse_no_integer,
    without_padding,
)
from saibench.errors import UserError
from saibench.files.hdf5 import is_hdf5, node, opened_hdf5
from saibench.files.npz import DamagedArray, NpzArrays

EXTRA = "jets"


@dataclass(frozen=True)
class ArrayJets(JetFile):
    """One file with an array (jets, constituents, 4), or four arrays (jets, constituents).

    A slot whose coordinates are all 0 is padding. The label is an array (jets,), or (jets, classes)
    of 0 and 1.
    """

    def _header(self) -> tuple[Names, int]:
        with self._opened() as arrays:
            momenta = self._momenta(arrays)
            labels = self.wanted.labels(self.path, list(arrays))
            if len(labels) > 1:
                raise UserError(
                    f"{self.path} has the labels {' and '.join(labels)}. Set data.label."
                )
            for name in (*momenta, *labels):
                if len(arrays[name]) != len(arrays[momenta[0]]):
                    raise UserError(
                        f"{self.path}: '{name}' has {len(arrays[name])} rows, '{momenta[0]}' "
                        f"{len(arrays[momenta[0]])}."
                    )
            if len(momenta) == 4:
                _, coordinates = self.wanted.momenta(self.path, list(arrays))
            else:
                coordinates = self.wanted.coordinates or self._guessed(arrays[momenta[0]])
            names = Names(momenta, coordinates, labels, self._classes(arrays[labels[0]]))
            return names, len(arrays[momenta[0]])

    def chunks(self) -> Iterator[Chunk]:
        names = self.names()
        with self._opened() as arrays:
            for first in range(0, len(arrays[names.momenta[0]]), CHUNK):
                rows = slice(first, first + CHUNK)
                parts = [arrays[name][rows] for name in names.momenta]
                padded = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
                label = arrays[names.label[0]][rows]
                if label.ndim == 2:
                    classes = classes_of_one_hot(label, self.path, first)
                else:
                    classes = classes_of_numbers(label, names.classes, self.path, first)
                slots = np.full(len(padded), padded.shape[1], dtype=np.int64)
                values, counts = without_padding(padded.reshape(-1, 4), slots)
                yield Chunk(values, counts, classes)

    @contextmanager
    def _opened(self) -> Iterator[Mapping[str, Any]]:
        """The arrays of numbers in the file, by name."""
        if is_hdf5(self.path):
            with opened_hdf5(self.path, EXTRA) as file:
                found = {name: node(file, name) for name in file}
                yield {name: array for name, array in found.items() if hasattr(array, "shape")}
            return
        try:
            with NpzArrays(self.path) as archive:
                yield _Kept(archive)
        except (DamagedArray, OSError) as error:
            raise UserError(f"{self.path} is not a valid npz or HDF5 file ({error}).") from error

    def _momenta(self, arrays: Mapping[str, Any]) -> tuple[str, ...]:
        """The name of the array of momenta, or of the four."""
        given = self.wanted.columns
        if given is not None and len(given) == 1:
            if given[0] not in arrays:
                raise UserError(
                    f"{self.path} has no array '{given[0]}' (data.columns). Valid values: "
                    f"{', '.join(arrays)}."
                )
            found = list(given)
        elif given is None:
            found = [
                name for name in arrays if arrays[name].ndim == 3 and arrays[name].shape[2] == 4
            ]
        else:
            found = []
        if len(found) > 1:
            raise UserError(
                f"{self.path} has {len(found)} arrays of momenta. Set data.columns to one of "
                f"{', '.join(found)}."
            )
        if found:
            if arrays[found[0]].ndim != 3 or arrays[found[0]].shape[2] != 4:
                raise UserError(
                    f"{self.path}: '{found[0]}' has shape {arrays[found[0]].shape}. Use (jets, "
                    "constituents, 4)."
                )
            return tuple(found)
        names, _ = self.wanted.momenta(self.path, list(arrays))
        shapes = {arrays[name].shape for name in names}
        if len(shapes) > 1 or len(arrays[names[0]].shape) != 2:
            raise UserError(
                f"{self.path}: {', '.join(names)} have the shapes {sorted(shapes)}. Use (jets, "
                "constituents)."
            )
        return names

    def _guessed(self, array: Any) -> Any:
        chunk = array[:CHUNK]
        faulty = np.flatnonzero(~np.isfinite(chunk).all(axis=(1, 2)))
        if faulty.size:
            raise UserError(
                f"{self.path}: jet {faulty[0]} has a momentum with NaN or Inf. Remove it; a slot "
                "without a constituent is 0."
            )
        values = chunk.reshape(-1, 4)
        found = guessed_coordinates(values[(values != 0).any(axis=1)])
        if found is None:
            raise UserError(
                f"{self.path}: its momenta fit none, or several, of {'; '.join(GUESSED)}. Set "
                "data.coordinates."
            )
        return found

    def _classes(self, label: Any) -> tuple[str, ...]:
        if label.ndim == 2:
            return positions(label.shape[1])
        values = np.asarray(label[...])
        if values.ndim != 1:
            raise UserError(
                f"{self.path}: the label has shape {values.shape}. Use (jets,) or (jets, classes)."
            )
        refuse_no_integer(values, self.path, 0)
        return tuple(map(str, np.unique(values.astype(np.int64)).tolist()))


class _Kept(Mapping[str, Any]):
    """Arrays of an archive, each read once."""

    def __init__(self, archive: NpzArrays) -> None:
        self._archive = archive
        self._read: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._read:
            self._read[name] = self._archive[name]
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive.names)

    def __len__(self) -> int:
        return len(self._archive.names)
