"""How alike frames are: cosines of averaged SOAP descriptors (dscribe)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.force_field.trajectory import Trajectory

CHUNK = 500
"""Frames handled at once."""

NEAREST = 5
"""Frames that a distance to a set is averaged over: one alone would be a matter of chance."""


@dataclass(frozen=True)
class SoapSettings:
    """r_cut: Å; n_max, l_max: radial and angular functions; sigma: width of an atom, Å;
    average: `inner` averages over the atoms before the power spectrum is taken, `outer` after."""

    r_cut: float = 5.0
    n_max: int = 8
    l_max: int = 6
    sigma: float = 0.5
    average: str = "inner"


def soap_unit_vectors(
    trajectory: Trajectory, cache: Path, settings: SoapSettings | None = None
) -> np.ndarray:
    """(T, D) float32, one descriptor a frame, of Euclidean norm 1, mapped from the cache.

    Raises UserError: the disk has no room for it.
    """
    settings = settings or SoapSettings()
    recipe = {
        "trajectory": trajectory.data_hash,
        "soap": asdict(settings),
        "dscribe": version("dscribe"),
    }
    return cached_arrays(
        cache,
        f"soap-{trajectory.name}",
        recipe,
        lambda folder: {"soap": _compute(trajectory, settings, folder)},
    )["soap"]


def mean_unit_vector(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(D,) float64, mean of the unit vectors in these rows; NaN of none."""
    if not len(rows):
        return np.full(vectors.shape[1], np.nan)
    total = np.zeros(vectors.shape[1])
    for chunk in _chunks(rows):
        total += vectors[chunk].sum(axis=0, dtype=np.float64)
    return total / len(rows)


def similarity_to(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(N,) float64, each vector's mean cosine with the vectors whose mean is given.

    The mean of u·v over all v is u·(mean of v): N + M vectors are touched, not N·M pairs.
    """
    similarity = np.empty(len(vectors))
    for chunk in _chunks(np.arange(len(vectors))):
        similarity[chunk] = vectors[chunk].astype(np.float64) @ mean
    return similarity


def centred_on(centre: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(N, D) float64, unit vectors from the centre to each of these vectors.

    All frames of one molecule have nearly the same descriptor, so that plain cosines differ in
    the fourth decimal; without their common part the cosines spread over -1 … 1. A vector that
    equals the centre has no direction and becomes NaN.
    """
    difference = vectors - centre
    with np.errstate(invalid="ignore"):
        return difference / np.linalg.norm(difference, axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class NearestFrames:
    """How far descriptors lie from the nearest of some frames' descriptors.

    Args:
        origin: `(D,)`, close to all of them, as distances come from products whose rounding grows
            with the vectors' lengths.
        vectors: `(M, D)` float64, the frames' descriptors less the origin: in single precision a
            frame would lie a thousandth of the usual distance from itself.
    """

    origin: np.ndarray
    vectors: np.ndarray

    @cached_property
    def squares(self) -> np.ndarray:
        """`(M,)`, squared lengths of the vectors."""
        return np.einsum("md,md->m", self.vectors, self.vectors)

    def distance(self, vectors: np.ndarray, count: int = NEAREST) -> np.ndarray:
        """(N,) float64, mean Euclidean distance of (N, D) to the `count` nearest, all if fewer.

        NaN if there are none. It takes N · M · D multiplications.
        """
        if not len(self.vectors):
            return np.full(len(vectors), np.nan)
        count = min(count, len(self.vectors))
        distance = np.empty(len(vectors))
        for chunk in _chunks(np.arange(len(vectors))):
            near = vectors[chunk] - self.origin
            own = np.einsum("nd,nd->n", near, near)[:, None]
            squared = self.squares - 2 * self._products(near) + own
            nearest = np.partition(squared, count - 1, axis=1)[:, :count]
            distance[chunk] = np.sqrt(nearest.clip(min=0)).mean(axis=1)
        return distance

    def _products(self, near: np.ndarray) -> np.ndarray:
        if len(near) > 1:
            return near @ self.vectors.T
        # a step of dynamics: BLAS would wake its threads, which then wait for the net's
        return np.einsum("md,nd->nm", self.vectors, near)


class SoapDescriptor:
    """Averaged SOAP descriptors of one molecule's frames.

    Args:
        symbols: of its A atoms.
    """

    def __init__(self, symbols: Sequence[str], settings: SoapSettings | None = None) -> None:
        # dscribe takes seconds to import, which a cache that is there should not cost
        from dscribe.descriptors import SOAP

        self.symbols = list(symbols)
        self._soap = SOAP(
            species=sorted(set(symbols)), periodic=False, **asdict(settings or SoapSettings())
        )

    @property
    def size(self) -> int:
        """D, the length of a descriptor."""
        return self._soap.get_number_of_features()

    def unit_vectors(self, positions: np.ndarray) -> np.ndarray:
        """(N, D) float64 of Euclidean norm 1 for positions (N, A, 3) in Å."""
        from ase import Atoms

        atoms = [Atoms(self.symbols, at) for at in positions]
        descriptors = self._soap.create(atoms).reshape(len(atoms), -1)
        return descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)


def _compute(trajectory: Trajectory, settings: SoapSettings, folder: Path) -> np.ndarray:
    from tqdm import tqdm

    frames = len(trajectory.positions)
    descriptor = SoapDescriptor(trajectory.symbols, settings)
    vectors = new_array(folder, "soap", (frames, descriptor.size), np.float32)
    with tqdm(total=frames, desc=f"SOAP of {trajectory.name}", unit="frame") as progress:
        for chunk in _chunks(np.arange(frames)):
            vectors[chunk] = descriptor.unit_vectors(trajectory.positions[chunk])
            progress.update(len(chunk))
    return vectors


def _chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
