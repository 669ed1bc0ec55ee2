"""Batches of frames of molecules, gathered on the device of the net.

A trajectory is a few dense tensors, so that a batch is one indexing operation without worker
processes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.transforms import MoleculeTransform
from saibench.datamodules.loader import Loader
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches


@dataclass(frozen=True)
class FrameTensors:
    """A trajectory on a device: positions in Å, relative energies in eV, forces in eV/Å.

    `species` is `(A,)`, or `(T, A)` with -1 for padding, as in `MoleculeBatch`. `has_forces` is
    None if all frames have reference forces.
    """

    sample_id: Tensor
    positions: Tensor
    species: Tensor
    energy: Tensor
    forces: Tensor
    has_forces: Tensor | None = None

    def batch(self, rows: Tensor, sample_weight: float = 0.0) -> MoleculeBatch:
        return MoleculeBatch(
            sample_id=self.sample_id[rows],
            positions=self.positions[rows],
            species=self.species if self.species.ndim == 1 else self.species[rows],
            energy=self.energy[rows],
            forces=self.forces[rows],
            sample_weight=sample_weight,
            has_forces=None if self.has_forces is None else self.has_forces[rows],
        )


def frame_loader(
    frames: FrameTensors,
    batches: TrainingBatches | EvaluationBatches,
    transform: MoleculeTransform | None = None,
) -> Loader[MoleculeBatch]:
    """Batches of frames.

    Args:
        frames: the frames of `batches.rows`, in that order.
        batches: rows of each batch.
        transform: applied to each batch, which then also has the original frames.
    """

    def gather(places: np.ndarray) -> MoleculeBatch:
        rows = torch.from_numpy(places.copy()).to(frames.positions.device, non_blocking=True)
        batch = frames.batch(rows, batches.weight)
        return batch if transform is None else _transformed(batch, transform)

    return Loader(replace(batches, rows=np.arange(len(batches.rows))), gather)


def _transformed(batch: MoleculeBatch, transform: MoleculeTransform) -> MoleculeBatch:
    return replace(
        batch,
        positions=transform.positions(batch.positions, batch.sample_id),
        forces=transform.forces(batch.forces, batch.sample_id),
        transform=transform,
        original=batch,
    )
