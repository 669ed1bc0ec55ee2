"""Distance of each atom's surroundings to those of the training frames, by SOAP descriptors.

A descriptor that is averaged over the atoms changes little if a single atom moves; here the atoms
of one species are compared one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.force_field.soap import (
    NearestFrames,
    SoapDescriptor,
    SoapSettings,
    chunks,
)
from saibench.datamodules.force_field.trajectory import Trajectory

SETTINGS = SoapSettings(r_cut=4.0, n_max=4, l_max=3, sigma=0.4, average="off")
"""A small basis: 312 numbers an atom for three species."""
COMPONENTS = 32
"""Principal components that are kept of a descriptor, so that a trajectory fits in memory."""
FITTED_FRAMES = 200
"""Frames, evenly spaced, from which the principal components are computed."""
DISTANCE = "soap_distance_atom"
NAMES = (DISTANCE, f"{DISTANCE}_max")
SYMBOLS = np.array(["", *chemical_symbols[1:]])
"""Chemical symbol by atomic number; empty for padding."""


@dataclass(frozen=True, eq=False)
class AtomSoap:
    """Principal components of the atoms' SOAP descriptors.

    Args:
        symbols: `(A,)` of the atoms, or `(T, A)` of several molecules, empty for padding.
        centre: `(D,)`, mean descriptor of the fitted frames.
        basis: `(D, K)`, orthonormal.
        vectors: `(T, A, K)` float32, all frames of the trajectory; of no meaning for padding.
    """

    symbols: np.ndarray
    centre: np.ndarray
    basis: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, trajectory: Trajectory, cache: Path) -> AtomSoap:
        """Computed once, and mapped from the cache.

        Raises:
            UserError: the disk is full.
        """
        recipe = {
            "trajectory": trajectory.data_hash,
            "soap": asdict(SETTINGS),
            "components": COMPONENTS,
            "fitted": FITTED_FRAMES,
            "dscribe": version("dscribe"),
        }
        found = cached_arrays(
            cache,
            f"soap-atoms-{trajectory.name}",
            recipe,
            lambda folder: _compute(trajectory, folder),
        )
        symbols = SYMBOLS[trajectory.atomic_numbers]
        return cls(symbols, found["centre"], found["basis"], found["vectors"])

    def symbols_of(self, rows: np.ndarray) -> np.ndarray:
        """`(A,)`, or `(N, A)` of several molecules."""
        return self.symbols if self.symbols.ndim == 1 else self.symbols[rows]

    def project(
        self,
        descriptor: SoapDescriptor,
        positions: np.ndarray,
        numbers: np.ndarray | None = None,
        cells: np.ndarray | None = None,
    ) -> np.ndarray:
        """`(N, A, K)` float64 of any frames `(N, A, 3)` in Å; of no meaning for padding.

        Args:
            descriptor: of the elements of the fitted frames, with `SETTINGS`.
            positions: of the frames.
            numbers, cells: as in `SoapDescriptor.atom_vectors`.
        """
        return (descriptor.atom_vectors(positions, numbers, cells) - self.centre) @ self.basis


def _compute(trajectory: Trajectory, folder: Path) -> dict[str, np.ndarray]:
    from tqdm import tqdm

    positions = trajectory.positions
    descriptor = SoapDescriptor(trajectory.elements, SETTINGS, trajectory.cells is not None)
    fitted = np.unique(np.linspace(0, len(positions) - 1, FITTED_FRAMES).round().astype(int))
    numbers = trajectory.numbers_of(fitted)
    of_fitted = descriptor.atom_vectors(positions[fitted], numbers, trajectory.cells_of(fitted))
    sample = of_fitted[numbers > 0]
    centre = sample.mean(axis=0)
    _, axes = np.linalg.eigh((sample - centre).T @ (sample - centre))
    basis = axes[:, ::-1][:, :COMPONENTS]  # eigenvalues ascend
    shape = (*positions.shape[:2], basis.shape[1])
    vectors = new_array(folder, "vectors", shape, np.float32)
    name = f"SOAP of the atoms of {trajectory.name}"
    with tqdm(total=len(positions), desc=name, unit="frame") as progress:
        for chunk in chunks(np.arange(len(positions))):
            of_atoms = descriptor.atom_vectors(
                positions[chunk], trajectory.numbers_of(chunk), trajectory.cells_of(chunk)
            )
            vectors[chunk] = (of_atoms - centre) @ basis
            progress.update(len(chunk))
    return {"vectors": vectors, "centre": centre, "basis": np.ascontiguousarray(basis)}


@dataclass(frozen=True, eq=False)
class AtomDistances:
    """Distances of atoms to the nearest training atoms of their species.

    Args:
        nearest: species → its training atoms.
    """

    nearest: dict[str, NearestFrames]

    @classmethod
    def to(cls, soap: AtomSoap, rows: np.ndarray) -> AtomDistances:
        """Distances to the atoms of these rows of the trajectory."""
        size = soap.vectors.shape[2]
        training = np.asarray(soap.vectors[rows], dtype=np.float64)
        symbols = np.broadcast_to(soap.symbols_of(rows), training.shape[:2])
        return cls(
            {
                str(species): NearestFrames(np.zeros(size), training[symbols == species])
                for species in np.unique(soap.symbols)
                if species
            }
        )

    def of(self, symbols: Sequence[str] | np.ndarray, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """The mean and the largest distance `(N,)` over the atoms of frames `(N, A, K)`.

        An atom's distance is the mean over the five nearest training atoms; NaN without any.

        Args:
            symbols: `(A,)` or `(N, A)`, empty for padding.
            vectors: of the frames.
        """
        of_atom = np.full(vectors.shape[:2], np.nan)
        symbols = np.broadcast_to(np.array(symbols), of_atom.shape)
        for species, nearest in self.nearest.items():
            own = symbols == species
            of_atom[own] = nearest.distance(np.asarray(vectors[own], dtype=np.float64))
        is_atom = symbols != ""
        if is_atom.all():
            return {DISTANCE: of_atom.mean(axis=1), f"{DISTANCE}_max": of_atom.max(axis=1)}
        sums = np.where(is_atom, of_atom, 0).sum(axis=1)
        largest = np.where(is_atom, of_atom, -np.inf).max(axis=1)
        return {DISTANCE: sums / is_atom.sum(axis=1), f"{DISTANCE}_max": largest}
