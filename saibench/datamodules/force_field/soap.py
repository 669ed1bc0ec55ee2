"""Similarity of frames: cosines and distances of averaged SOAP descriptors (dscribe)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.force_field.trajectory import Trajectory

CHUNK = 500
"""Frames processed at once."""

NEAREST = 5
"""Nearest frames over which a distance to a set is averaged, to reduce noise."""


@dataclass(frozen=True)
class SoapSettings:
    """r_cut: Å; n_max, l_max: radial and angular functions; sigma: width of an atom, Å;
    average: over atoms, before (`inner`) or after (`outer`) the power spectrum, or `off`."""

    r_cut: float = 5.0
    n_max: int = 8
    l_max: int = 6
    sigma: float = 0.5
    average: str = "inner"


def soap_unit_vectors(
    trajectory: Trajectory,
    cache: Path,
    settings: SoapSettings | None = None,
    elements: Sequence[str] | None = None,
) -> np.ndarray:
    """(T, D) float32, one descriptor of Euclidean norm 1 per frame, mapped from the cache.

    Args:
        trajectory: the frames.
        cache: its folder.
        settings: of the descriptor.
        elements: chemical symbols that the components of a descriptor stand for, at least those of
            the frames; by default these.

    Raises:
        UserError: the disk is full.
    """
    settings = settings or SoapSettings()
    elements = trajectory.elements if elements is None else tuple(elements)
    recipe = {
        "trajectory": trajectory.data_hash,
        "soap": asdict(settings),
        "dscribe": version("dscribe"),
    }
    if elements != trajectory.elements:
        recipe["elements"] = list(elements)
    return cached_arrays(
        cache,
        f"soap-{trajectory.name}",
        recipe,
        lambda folder: {"soap": _compute(trajectory, settings, elements, folder)},
    )["soap"]


def mean_unit_vector(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(D,) float64, mean of the unit vectors in these rows; NaN without rows."""
    if not len(rows):
        return np.full(vectors.shape[1], np.nan)
    total = np.zeros(vectors.shape[1])
    for chunk in chunks(rows):
        total += vectors[chunk].sum(axis=0, dtype=np.float64)
    return total / len(rows)


def similarity_to(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(N,) float64, mean cosine of each vector with a set of M unit vectors of this mean.

    The mean of u·v over all v equals u·(mean of v), so that the cost is O(N + M), not O(N·M).
    """
    similarity = np.empty(len(vectors))
    for chunk in chunks(np.arange(len(vectors))):
        similarity[chunk] = vectors[chunk].astype(np.float64) @ mean
    return similarity


def centred_on(centre: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(N, D) float64, unit vectors from the centre to each vector; NaN for the centre itself.

    All frames of one molecule have nearly the same descriptor, so that plain cosines differ in the
    fourth decimal; centred cosines spread over -1 … 1.
    """
    difference = vectors - centre
    with np.errstate(invalid="ignore"):
        return difference / np.linalg.norm(difference, axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class NearestFrames:
    """Distance of descriptors to the nearest of a set of frames.

    Args:
        origin: `(D,)`, close to all descriptors, since the rounding error of distances increases
            with the lengths of the vectors.
        vectors: `(M, D)` descriptors of the set relative to the origin, in float64: in float32 the
            distance of a frame to itself would be a thousandth of a typical one.
    """

    origin: np.ndarray
    vectors: np.ndarray

    @cached_property
    def squares(self) -> np.ndarray:
        """`(M,)`, squared lengths of the vectors."""
        return np.einsum("md,md->m", self.vectors, self.vectors)

    def distance(self, vectors: np.ndarray, count: int = NEAREST) -> np.ndarray:
        """(N,) float64, mean Euclidean distance of (N, D) to the `count` nearest frames.

        It is NaN for an empty set, and costs O(N·M·D).
        """
        if not len(self.vectors):
            return np.full(len(vectors), np.nan)
        count = min(count, len(self.vectors))
        distance = np.empty(len(vectors))
        for chunk in chunks(np.arange(len(vectors))):
            near = vectors[chunk] - self.origin
            own = np.einsum("nd,nd->n", near, near)[:, None]
            squared = self._products(near)  # changed in place: new memory takes longer than sums
            squared *= -2
            squared += self.squares
            squared += own
            squared.partition(count - 1, axis=1)
            distance[chunk] = np.sqrt(squared[:, :count].clip(min=0)).mean(axis=1)
        return distance

    def _products(self, near: np.ndarray) -> np.ndarray:
        if len(near) > 1:
            return near @ self.vectors.T
        # in a step of dynamics the threads of BLAS would compete with those of the net
        return np.einsum("md,nd->nm", self.vectors, near)


class SoapDescriptor:
    """SOAP descriptors of frames, averaged over the atoms by default.

    Args:
        symbols: chemical symbols of a molecule's atoms, or all elements of several molecules.
        periodic: whether frames have cells, whose images count as neighbours.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        settings: SoapSettings | None = None,
        periodic: bool = False,
    ) -> None:
        # imported here, since dscribe takes seconds and an existing cache needs none of it
        from dscribe.descriptors import SOAP

        self.symbols = list(symbols)
        self._soap = SOAP(
            species=sorted(set(symbols)), periodic=periodic, **asdict(settings or SoapSettings())
        )

    @property
    def size(self) -> int:
        """D, the length of a descriptor."""
        return self._soap.get_number_of_features()

    def unit_vectors(
        self,
        positions: np.ndarray,
        numbers: np.ndarray | None = None,
        cells: np.ndarray | None = None,
    ) -> np.ndarray:
        """(N, D) float64 of Euclidean norm 1.

        Args:
            positions: (N, A, 3) in Å.
            numbers: (N, A) atomic numbers, 0 for padding; by default those of `symbols`.
            cells: (N, 3, 3) in Å, as in `force_field.cells`; by default no frame is periodic.
        """
        found = self._soap.create(self._frames(positions, numbers, cells))
        return _of_length_1(found.reshape(len(positions), -1))

    def atom_vectors(
        self,
        positions: np.ndarray,
        numbers: np.ndarray | None = None,
        cells: np.ndarray | None = None,
    ) -> np.ndarray:
        """(N, A, D) float64 of Euclidean norm 1, 0 for padding.

        With settings that do not average over atoms; arguments as in `unit_vectors`.
        """
        found = self._soap.create(self._frames(positions, numbers, cells))
        if isinstance(found, np.ndarray) and numbers is None:
            return _of_length_1(found.reshape(*positions.shape[:2], -1))
        vectors = np.zeros((*positions.shape[:2], self.size))
        for frame, own in zip(vectors, found if len(positions) > 1 else [found], strict=True):
            frame[: len(own)] = _of_length_1(own)
        return vectors

    def _frames(
        self, positions: np.ndarray, numbers: np.ndarray | None, cells: np.ndarray | None
    ) -> list[Any]:
        from ase import Atoms
        from ase.geometry import complete_cell

        if numbers is None:
            frames = [Atoms(self.symbols, at) for at in positions]
        else:
            frames = [
                Atoms(own[own > 0], at[own > 0]) for own, at in zip(numbers, positions, strict=True)
            ]
        for atoms, cell in zip(frames, () if cells is None else cells, strict=False):
            if cell.any():
                atoms.set_cell(complete_cell(cell))
                atoms.set_pbc(cell.any(axis=1))
                atoms.wrap()  # dscribe takes the images of atoms in the cell
        return frames


def _of_length_1(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _compute(
    trajectory: Trajectory, settings: SoapSettings, elements: Sequence[str], folder: Path
) -> np.ndarray:
    from tqdm import tqdm

    frames = len(trajectory.positions)
    descriptor = SoapDescriptor(elements, settings, trajectory.cells is not None)
    vectors = new_array(folder, "soap", (frames, descriptor.size), np.float32)
    with tqdm(total=frames, desc=f"SOAP of {trajectory.name}", unit="frame") as progress:
        for chunk in chunks(np.arange(frames)):
            vectors[chunk] = descriptor.unit_vectors(
                trajectory.positions[chunk],
                trajectory.numbers_of(chunk),
                trajectory.cells_of(chunk),
            )
            progress.update(len(chunk))
    return vectors


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
