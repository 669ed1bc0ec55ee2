"""Similarity of frames to sets of frames, by SOAP descriptors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saibench.datamodules.force_field.soap import (
    NearestFrames,
    centred_on,
    chunks,
    mean_unit_vector,
    similarity_to,
)
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.datamodules.near_duplicates import SampleSimilarity, digest

PRECISION = 1e-6
"""Å, to which positions are rounded for the digest of a geometry."""


@dataclass(frozen=True, eq=False)
class TrainingSimilarity:
    """Mean cosines of SOAP descriptors to sets of frames, and distances to the nearest frames.

    Args:
        means: name of a set → `(D,)`, mean of its unit vectors.
        centre: `(D,)`, the mean descriptor on which `centred_means` are centred.
        centred_means: name of a set → `(D,)`, mean of its centred unit vectors.
        nearest: name of a distance → its set of frames.
    """

    means: Mapping[str, np.ndarray]
    centre: np.ndarray
    centred_means: Mapping[str, np.ndarray]
    nearest: Mapping[str, NearestFrames]

    @classmethod
    def to(
        cls,
        vectors: np.ndarray,
        sets: Mapping[str, np.ndarray],
        reference: np.ndarray,
        nearest: Mapping[str, np.ndarray],
    ) -> TrainingSimilarity:
        """Similarity to some rows of a trajectory.

        Args:
            vectors: `(T, D)` unit vectors of all frames.
            sets: name of a similarity → rows.
            reference: rows whose mean is the centre, the same for all compared sets.
            nearest: name of a distance → rows.
        """
        centre = mean_unit_vector(vectors, reference)
        return cls(
            means={name: mean_unit_vector(vectors, rows) for name, rows in sets.items()},
            centre=centre,
            centred_means={
                name: _centred_mean(vectors, rows, centre) for name, rows in sets.items()
            },
            nearest={
                name: NearestFrames(centre, vectors[rows] - centre)
                for name, rows in nearest.items()
            },
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the values that `of` returns, in order."""
        centred = (f"{name}_centred" for name in self.centred_means)
        return (*self.means, *centred, *self.nearest)

    def of(self, vectors: np.ndarray, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Name → `(N,)` float64 for unit vectors `(N, D)`; centred cosines as `<name>_centred`.

        A distance is the mean Euclidean distance to the `NEAREST` frames of the set. The centred
        similarity of a descriptor that equals the centre is NaN.

        Args:
            names: requested values; by default all.
        """
        return {name: self._one(name, vectors) for name in names or self.names}

    def _one(self, name: str, vectors: np.ndarray) -> np.ndarray:
        if name in self.means:
            return similarity_to(vectors, self.means[name])
        if name in self.nearest:
            return self.nearest[name].distance(vectors)
        mean = self.centred_means[name.removesuffix("_centred")]
        similarity = np.empty(len(vectors))
        for chunk in chunks(np.arange(len(vectors))):
            similarity[chunk] = similarity_to(centred_on(self.centre, vectors[chunk]), mean)
        return similarity


def _centred_mean(vectors: np.ndarray, rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    if not len(rows):
        return np.full(vectors.shape[1], np.nan)
    total = np.zeros(vectors.shape[1])
    for chunk in chunks(rows):
        total += centred_on(centre, vectors[chunk]).sum(axis=0)
    return total / len(rows)


def frame_similarity(trajectory: Trajectory, soap: np.ndarray) -> SampleSimilarity:
    """Near-duplicate criterion of frames: SOAP unit vectors `(T, D)` and equal geometries."""

    def contents(rows: np.ndarray) -> np.ndarray:
        rounded = np.round(trajectory.positions[rows] / PRECISION).astype(np.int64)
        numbers = trajectory.numbers_of(rows)
        cells = trajectory.cells_of(rows)
        if cells is None:
            cells = np.zeros((len(rows), 3, 3))
        sides = np.round(cells / PRECISION).astype(np.int64)
        return digest(
            [
                # without padding, which differs between files of several molecules
                np.concatenate([own[own > 0], frame[own > 0].ravel(), side.ravel()])
                for own, frame, side in zip(numbers, rounded, sides, strict=True)
            ]
        )[:, None]

    return SampleSimilarity(
        name="SOAP descriptor",
        describe="unit SOAP vectors, averaged over the atoms",
        vectors=lambda rows: soap[rows],
        contents=contents,
        part="geometry",
        along="time",
    )
