"""Jets on disk, and the interface of their sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from saibench.datamodules.cache import Arrays, cached_arrays
from saibench.datamodules.growing import GrowingArray
from saibench.datamodules.jet_tagging.checks import check_constituents
from saibench.datamodules.jet_tagging.momenta import ENERGY, JET_FEATURES, PX, PY, kinematics
from saibench.datamodules.source import DataSource
from saibench.evidence.known import TITLES
from saibench.evidence.schema import AFTER, BEFORE, Field

SPLITS = ("train", "val", "test")
"""The files of TopLandscape; `split` is a position in this tuple."""

QCD, TOP = 0, 1
"""Labels."""

COLUMNS: dict[str, tuple[tuple[int, ...], type, str]] = {
    "momenta": ((4,), np.float32, "GeV"),
    "end": ((), np.int64, ""),
    "label": ((), np.int8, ""),
    "split": ((), np.int8, ""),
    "jet_energy": ((), np.float64, "GeV"),
    "jet_pt": ((), np.float64, "GeV"),
    "jet_eta": ((), np.float64, ""),
    "jet_mass": ((), np.float64, "GeV"),
    "num_constituents": ((), np.int64, ""),
}
"""Array → shape of a row, type, unit. Row i of all but `momenta` is jet i."""
CLASS = "jet_class"
CLASS_COLUMN: dict[str, tuple[tuple[int, ...], type, str]] = {CLASS: ((), np.int16, "")}
"""A further array of data with more classes than the two labels."""

FEATURE_FIELDS = [
    Field(
        name,
        dtype,
        unit,
        "jet",
        "feature",
        describe,
        AFTER if name == "label" else BEFORE,
        title=TITLES.get(name, ""),
    )
    for name, dtype, unit, describe in (
        ("label", "int64", "", "1 for a top jet, 0 for a QCD jet"),
        ("split", "string", "", "part of the data set (train, val, test)"),
        ("jet_energy", "float64", "GeV", "energy of the jet"),
        ("jet_pt", "float64", "GeV", "transverse momentum of the jet"),
        ("jet_eta", "float64", "", "pseudorapidity of the jet"),
        ("jet_mass", "float64", "GeV", "mass of the jet"),
        ("num_constituents", "int64", "", "number of constituents of the jet"),
    )
]


@dataclass(frozen=True, eq=False)
class Jets:
    """N jets in read-only memory maps, with their constituents in one array.

    momenta: (C, 4) float32 E, px, py, pz in GeV of all constituents, in each jet by decreasing pT
    end: (N,) int64, the row of `momenta` after the last constituent of the jet
    label: (N,) int8, 1 for a top jet, 0 for a QCD jet
    split: (N,) int8, position in `SPLITS`
    jet_energy, jet_pt, jet_eta, jet_mass: (N,) float64 in GeV, of the sum of the constituents
    num_constituents: (N,) int64
    data_hash: hash of all arrays above, and of `jet_class`
    jet_class: (N,) int16, position in `class_names`, or None for data with the two labels alone
    class_names: names of the classes

    The row of a jet is its `sample_id`.
    """

    momenta: np.ndarray
    end: np.ndarray
    label: np.ndarray
    split: np.ndarray
    jet_energy: np.ndarray
    jet_pt: np.ndarray
    jet_eta: np.ndarray
    jet_mass: np.ndarray
    num_constituents: np.ndarray
    data_hash: str
    jet_class: np.ndarray | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.end)

    def index(self) -> pl.DataFrame:
        """One row per jet: `sample_id`, `label`, `split`, features, and `jet_class` if known."""
        labels = {"label": self.label.astype(np.int64)}
        features = {name: np.asarray(getattr(self, name)) for name in JET_FEATURES}
        index = jet_index(self.split).with_columns(
            pl.Series(name, values) for name, values in (labels | features).items()
        )
        if self.jet_class is None:
            return index
        names = pl.Series(CLASS, list(self.class_names))[np.asarray(self.jet_class, dtype=np.int64)]
        return index.with_columns(names)


class JetSource(DataSource, Protocol):
    """A reader or a simulation of jets; `cached_jets` and `JetWriter` do most of `load`."""

    def load(self, cache: Path) -> Jets:
        """The jets, prepared on the first call and read from the cache afterwards."""


def cached_jets(
    source: JetSource,
    cache: Path,
    build: Callable[[Path], Arrays],
    class_names: tuple[str, ...] = (),
) -> Jets:
    """The jets that `build` makes (the arrays of `COLUMNS`), through the cache.

    With `class_names`, it also makes `jet_class`.
    """
    units = {name: unit for name, (_, _, unit) in COLUMNS.items()}
    kept = cached_arrays(cache, source.name, source.recipe(), build, units)
    return Jets(data_hash=kept.data_hash, class_names=class_names, **kept.arrays)


def jet_index(split: np.ndarray) -> pl.DataFrame:
    """`sample_id` and the name of the split of each row."""
    rows = np.arange(len(split), dtype=np.int64)
    names = pl.Series("split", list(SPLITS))[np.asarray(split, dtype=np.int64)]
    return pl.DataFrame({"sample_id": rows, "split": names})


class JetWriter:
    """Appends jets to the arrays of `COLUMNS`, with one chunk in memory at a time.

    Args:
        folder: the folder passed to `build` of `cached_jets`.
        has_class: whether jets have a class besides the label.
    """

    def __init__(self, folder: Path, has_class: bool = False) -> None:
        columns = COLUMNS | (CLASS_COLUMN if has_class else {})
        self._arrays = {
            name: GrowingArray(folder, name, shape, dtype)
            for name, (shape, dtype, _) in columns.items()
        }

    def append(
        self, momenta: np.ndarray, label: np.ndarray, split: int, kind: str = "", first: int = 0
    ) -> None:
        """Add padded jets of one split.

        Args:
            momenta: (n, P, 4) E, px, py, pz in GeV; a slot with energy 0 is padding.
            label: (n,).
            split: position in `SPLITS`.
            kind: prefix of a jet's number in messages; by default its `sample_id` is named.
            first: number of the first jet.

        Raises:
            UserError: a jet without constituents, an unphysical momentum, or a label other than 0
                or 1.
        """
        real = momenta[..., ENERGY] != 0
        counts = real.sum(axis=1, dtype=np.int64)
        if not kind:
            kind, first = f"{SPLITS[split]}, jet of sample_id", self._arrays["end"].rows
        check_constituents(momenta[real], counts, label, kind, first)
        self.add(momenta[real], counts, label, np.full(len(label), split))

    def add(
        self,
        momenta: np.ndarray,
        counts: np.ndarray,
        label: np.ndarray,
        split: np.ndarray,
        jet_class: np.ndarray | None = None,
    ) -> None:
        """Add jets that `check_constituents` has checked.

        Args:
            momenta: (C, 4) E, px, py, pz in GeV, jet by jet.
            counts: (n,) int64 constituents of each jet, at least 1.
            label: (n,) 0 or 1.
            split: (n,) positions in `SPLITS`.
            jet_class: (n,), if jets have one.
        """
        starts = np.cumsum(counts) - counts
        constituents = sorted_by_pt(momenta.astype(np.float32, copy=False), counts)
        total = np.add.reduceat(constituents, starts, axis=0, dtype=np.float64)
        rows = {
            "momenta": constituents,
            "end": self._arrays["momenta"].rows + starts + counts,
            "label": label.astype(np.int8),
            "split": split.astype(np.int8),
            "num_constituents": counts,
            **kinematics(total),
        }
        if jet_class is not None:
            rows[CLASS] = jet_class.astype(np.int16)
        for name, values in rows.items():
            self._arrays[name].append(values)

    def closed(self) -> Arrays:
        return {name: array.closed() for name, array in self._arrays.items()}


def sorted_by_pt(constituents: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Constituents (C, 4) of successive jets, sorted in each jet by decreasing pT (stable)."""
    pt_squared = np.square(constituents[:, PX], dtype=np.float64)
    pt_squared += np.square(constituents[:, PY], dtype=np.float64)
    jet = np.repeat(np.arange(len(counts)), counts)
    rises = (pt_squared[1:] > pt_squared[:-1]) & (jet[1:] == jet[:-1])
    if not rises.any():  # already sorted, as in the published files
        return constituents
    return constituents[np.lexsort((-pt_squared, jet))]
