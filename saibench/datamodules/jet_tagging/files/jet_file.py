"""The interface of a file of jets, of any format, and the usual names in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from saibench.datamodules.jet_tagging.files.coordinates import Coordinates
from saibench.errors import UserError, closest

CHUNK = 2048
"""Jets in memory at once."""
COLUMNS: dict[Coordinates, tuple[tuple[str, str, str, str], ...]] = {
    "E_px_py_pz": (
        ("part_energy", "part_px", "part_py", "part_pz"),
        ("part_e", "part_px", "part_py", "part_pz"),
        ("E", "px", "py", "pz"),
    ),
    "pt_eta_phi_E": (
        ("part_pt", "part_eta", "part_phi", "part_energy"),
        ("fjet_clus_pt", "fjet_clus_eta", "fjet_clus_phi", "fjet_clus_E"),
    ),
    "pt_eta_phi_mass": (("part_pt", "part_eta", "part_phi", "part_mass"),),
}
"""Usual names: of weaver and JetClass, and of ATLAS' top tagging data."""
LABELS = ("label", "y", "labels", "is_signal_new", "is_signal", "jet_label", "truth_label")
ONE_HOT = "label_"
"""Prefix of the columns of JetClass, one per class."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Successive jets of a file.

    values: (C, 4) constituents in the coordinates of the file, jet by jet
    counts: (n,) int64 constituents of each jet
    classes: (n,) int64, position in `Names.classes`
    """

    values: np.ndarray
    counts: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Names:
    """What a file has, in its own names.

    momenta: of the four coordinates, or of one array of them
    coordinates: of the momenta
    label: the columns of the label: one of numbers, or one per class
    classes: names of the classes: of the columns, numbers of a single column as text, or positions
        in a list per jet as `class_0`, …
    """

    momenta: tuple[str, ...]
    coordinates: Coordinates
    label: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """Options of a reader; None for what is usual.

    columns: names of the coordinates, or of one array
    coordinates: of the columns
    label: the column of the label
    tree: of a ROOT file
    """

    columns: tuple[str, ...] | None = None
    coordinates: Coordinates | None = None
    label: str | None = None
    tree: str | None = None

    def momenta(self, path: Path, found: Sequence[str]) -> tuple[tuple[str, ...], Coordinates]:
        """Names of the four coordinates among the columns of a file.

        Raises:
            UserError: a given one is missing, or none of the usual ones is there.
        """
        if self.columns is not None:
            for name in self.columns:
                if name not in found:
                    raise UserError(
                        f"{path} has no column '{name}' (data.columns): {closest(name, found)}"
                    )
            return self.columns, self.coordinates or "E_px_py_pz"
        for coordinates, usual in COLUMNS.items():
            if self.coordinates in (None, coordinates):
                for names in usual:
                    if set(names) <= set(found):
                        return names, coordinates
        raise UserError(
            f"{path} has no constituents under usual names, such as "
            f"{', '.join(COLUMNS['E_px_py_pz'][0])}. Set data.columns and data.coordinates; it has "
            f"{_listed(found)}."
        )

    def labels(self, path: Path, found: Sequence[str]) -> tuple[str, ...]:
        """The columns of the label: one, or one per class.

        Raises:
            UserError: the given one is missing, or there is none or several of the usual ones.
        """
        if self.label is not None:
            if self.label not in found:
                raise UserError(
                    f"{path} has no column '{self.label}' (data.label): "
                    f"{closest(self.label, found)}"
                )
            return (self.label,)
        one_hot = tuple(name for name in found if name.startswith(ONE_HOT))
        if len(one_hot) > 1:
            return one_hot
        usual = [name for name in LABELS if name in found]
        if len(usual) != 1:
            listed = " and ".join(usual) or "none of the usual labels"
            raise UserError(f"{path} has {listed}. Set data.label; it has {_listed(found)}.")
        return (usual[0],)


@dataclass(frozen=True)
class JetFile(ABC):
    """A file of jets. All methods raise UserError for a damaged file, or one without jets."""

    path: Path
    wanted: Wanted

    def names(self) -> Names:
        """What the file has."""
        return self._found[0]

    def num_jets(self) -> int:
        return self._found[1]

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """All jets, in the order of the file."""

    @abstractmethod
    def _header(self) -> tuple[Names, int]:
        """Names and number of jets, in one reading of the file."""

    @cached_property
    def _found(self) -> tuple[Names, int]:
        return self._header()


def positions(count: int) -> tuple[str, ...]:
    """Names of the classes of a list per jet, in which frameworks differ: weaver's converters put
    the signal first."""
    return tuple(f"class_{position}" for position in range(count))


def classes_of_one_hot(values: np.ndarray, path: Path, first: int) -> np.ndarray:
    """Position of the only true value of each row, (n,).

    Args:
        values: (n, K) booleans or 0 and 1.
        path, first: the file and the number of the first row, for messages.

    Raises:
        UserError: a row with none or several.
    """
    values = np.asarray(values)
    faulty = np.flatnonzero(~np.isin(values, (0, 1)).all(axis=1) | (values.sum(axis=1) != 1))
    if faulty.size:
        row = int(faulty[0])
        raise UserError(
            f"{path}, row {first + row}: the labels of the classes are "
            f"{values[row].astype(float).tolist()}. Use 1 for one class and 0 for the others."
        )
    return values.argmax(axis=1).astype(np.int64)


def classes_of_numbers(
    values: np.ndarray, known: Sequence[str], path: Path, first: int
) -> np.ndarray:
    """Position of each label in the names of the classes, (n,).

    Raises:
        UserError: a label that is not an integer.
    """
    refuse_no_integer(values, path, first)
    numbers = np.array([int(name) for name in known])
    return np.searchsorted(numbers, values.astype(np.int64)).astype(np.int64)


def refuse_no_integer(values: np.ndarray, path: Path, first: int) -> None:
    """Refuse labels that are no integers, such as NaN. Raises UserError: with the row."""
    if values.dtype.kind not in "fiub":
        raise UserError(f"{path}: the label has type {values.dtype}. Use numbers.")
    faulty = np.flatnonzero(~np.isfinite(values) | (values != np.round(values)))
    if faulty.size:
        raise UserError(
            f"{path}, row {first + int(faulty[0])}: the label is {values[faulty[0]]}. Use an "
            "integer."
        )


def stacked(
    columns: Sequence[tuple[str, np.ndarray, np.ndarray]], path: Path, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Constituents (C, number of columns), and their number in each jet (n,).

    Args:
        columns: of each coordinate its name, values (C,) and numbers of values in each jet (n,).
        path, first: the file and the number of the first row, for messages.

    Raises:
        UserError: a row in which columns have different numbers of values.
    """
    of_first, _, counts = columns[0]
    for name, _, lengths in columns[1:]:
        other = np.flatnonzero(lengths != counts)
        if other.size:
            row = int(other[0])
            raise UserError(
                f"{path}, row {first + row}: '{of_first}' has {counts[row]} constituents, "
                f"'{name}' {lengths[row]}."
            )
    return np.stack([values for _, values, _ in columns], axis=1), counts


def without_padding(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Constituents with any coordinate other than 0, and their number in each jet."""
    real = (values != 0).any(axis=1)
    if real.all():
        return values, counts
    jet = np.repeat(np.arange(len(counts)), counts)
    return values[real], np.bincount(jet[real], minlength=len(counts)).astype(np.int64)


def _listed(names: Collection[str], most: int = 12) -> str:
    shown = ", ".join(list(names)[:most])
    return f"{shown}, … ({len(names)} columns)" if len(names) > most else shown or "no column"
