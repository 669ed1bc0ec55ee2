"""Test-time transforms of molecules, with what they must do to a correct prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from saibench.datamodules.samplers import sample_keys

_ROTATION_STREAMS = (101, 102, 103)
"""Streams of the three uniform numbers of a rotation, apart from those that draw samples."""


class MoleculeTransform(Protocol):
    """A symmetry of the molecule: acts on positions and, the same way, on forces."""

    def hash(self) -> str: ...

    def describe(self) -> str: ...

    def positions(self, positions: Tensor, sample_id: Tensor) -> Tensor: ...

    def forces(self, forces: Tensor, sample_id: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class RandomRotation:
    """A uniformly random rotation of each frame about its centre, fixed by frame and seed.

    Rotations are drawn as unit quaternions (Shoemake 1992, "Uniform random rotations") from
    keys of (sample_id, seed), so that every rank and machine turns a frame the same way.
    """

    seed: int = 0

    def hash(self) -> str:
        """Digits that change whenever the rotations do."""
        return f"RandomRotation-{self.seed}"

    def describe(self) -> str:
        return f"each frame turned by its own random 3-D rotation, seed {self.seed}"

    def positions(self, positions: Tensor, sample_id: Tensor) -> Tensor:
        """`(B, A, 3)` → `(B, A, 3)`, rotated frame by frame."""
        return self._rotate(positions, sample_id)

    def forces(self, forces: Tensor, sample_id: Tensor) -> Tensor:
        """Forces turn with the molecule."""
        return self._rotate(forces, sample_id)

    def _rotate(self, vectors: Tensor, sample_id: Tensor) -> Tensor:
        matrices = torch.from_numpy(self.matrices(sample_id.cpu().numpy()))
        return torch.einsum("bij,baj->bai", matrices.to(vectors), vectors)

    def matrices(self, sample_id: np.ndarray) -> np.ndarray:
        """Rotation matrices `(B, 3, 3)`, float64."""
        first, second, third = (
            (sample_keys(sample_id, self.seed, stream) >> np.uint64(11)) * 2.0**-53
            for stream in _ROTATION_STREAMS
        )
        inner, outer = np.sqrt(1 - first), np.sqrt(first)
        x, y = inner * np.sin(2 * math.pi * second), inner * np.cos(2 * math.pi * second)
        z, w = outer * np.sin(2 * math.pi * third), outer * np.cos(2 * math.pi * third)
        rows = (
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        )
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
