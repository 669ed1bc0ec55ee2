"""Test-time transforms of molecules and of their forces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from saibench.datamodules.rotations import uniform_rotations
from saibench.options import Seed


class MoleculeTransform(Protocol):
    """A symmetry of the frame, which acts on positions, and on forces and other vectors.

    The vectors of a cell `(B, 3, 3)` are transformed as forces, as are both axes of a stress.
    """

    def hash(self) -> str: ...

    def describe(self) -> str: ...

    def positions(self, positions: Tensor, sample_id: Tensor) -> Tensor: ...

    def forces(self, forces: Tensor, sample_id: Tensor) -> Tensor: ...


def transformed_tensors(transform: MoleculeTransform, tensors: Tensor, sample_id: Tensor) -> Tensor:
    """Tensors such as stresses, `(B, 3, 3)`, both of whose axes are transformed as forces."""
    once = transform.forces(tensors, sample_id)
    return transform.forces(once.mT, sample_id).mT


@dataclass(frozen=True)
class RandomRotation:
    """A uniformly random rotation of each frame about its centre, a function of id and seed."""

    seed: Seed = 0

    def hash(self) -> str:
        return f"RandomRotation-{self.seed}"

    def describe(self) -> str:
        return f"each frame rotated by its own random 3-D rotation, seed {self.seed}"

    def positions(self, positions: Tensor, sample_id: Tensor) -> Tensor:
        """`(B, A, 3)` → `(B, A, 3)`, rotated frame by frame."""
        return self._rotate(positions, sample_id)

    def forces(self, forces: Tensor, sample_id: Tensor) -> Tensor:
        """Forces rotated with the molecule."""
        return self._rotate(forces, sample_id)

    def _rotate(self, vectors: Tensor, sample_id: Tensor) -> Tensor:
        matrices = torch.from_numpy(self.matrices(sample_id.cpu().numpy()))
        return torch.einsum("bij,baj->bai", matrices.to(vectors), vectors)

    def matrices(self, sample_id: np.ndarray) -> np.ndarray:
        """Rotation matrices `(B, 3, 3)`, float64."""
        return uniform_rotations(sample_id, self.seed)
