"""A batch of frames of one molecule."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saibench.datamodules.force_field.transforms import MoleculeTransform


@dataclass(frozen=True)
class MoleculeBatch:
    """B frames of one molecule of A atoms, dense, on the device of the net.

    Args:
        sample_id: `(B,)`.
        positions: `(B, A, 3)` in Å.
        species: `(A,)` atom types, shared by all frames.
        energy: `(B,)` in eV, float64, less the training partition's mean.
        forces: `(B, A, 3)` in eV/Å.
        frame_weight: weight of a frame in the loss: 1 / B on one rank; on more, ranks / global
            batch, so that the mean over ranks is the mean over frames, however they are dealt.
        transform: what was done to the frames at test time, or None.
        original: the frames before the transform, or None.
    """

    sample_id: Tensor
    positions: Tensor
    species: Tensor
    energy: Tensor
    forces: Tensor
    frame_weight: float
    transform: MoleculeTransform | None = None
    original: MoleculeBatch | None = None
