"""Frames of one molecule, gathered a batch at a time on the device of the net.

A trajectory is a few dense tensors, so a batch is one indexing operation: nothing is done a
frame at a time in Python, and no worker process is needed.
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
    """A trajectory on a device: sample ids, positions Å, relative energies eV, forces eV/Å."""

    sample_id: Tensor
    positions: Tensor
    species: Tensor
    energy: Tensor
    forces: Tensor

    def batch(self, rows: Tensor, sample_weight: float = 0.0) -> MoleculeBatch:
        return MoleculeBatch(
            sample_id=self.sample_id[rows],
            positions=self.positions[rows],
            species=self.species,
            energy=self.energy[rows],
            forces=self.forces[rows],
            sample_weight=sample_weight,
        )


def frame_loader(
    frames: FrameTensors,
    batches: TrainingBatches | EvaluationBatches,
    transform: MoleculeTransform | None = None,
) -> Loader[MoleculeBatch]:
    """Batches of frames.

    Args:
        frames: those of `batches.rows`, and no others, in their order.
        batches: of which samples.
        transform: applied to each batch, which then also holds the original frames.
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
