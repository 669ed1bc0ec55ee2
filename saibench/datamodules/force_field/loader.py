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
from saibench.datamodules.force_field.transforms import MoleculeTransform, transformed_tensors
from saibench.datamodules.loader import Loader
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches


@dataclass(frozen=True)
class FrameTensors:
    """A trajectory on a device: positions in Å, relative energies in eV, forces in eV/Å.

    All are as in `MoleculeBatch`, with T frames.
    """

    sample_id: Tensor
    positions: Tensor
    species: Tensor
    energy: Tensor
    forces: Tensor
    has_forces: Tensor | None = None
    cells: Tensor | None = None
    stress: Tensor | None = None
    has_stress: Tensor | None = None

    def batch(self, rows: Tensor, sample_weight: float = 0.0) -> MoleculeBatch:
        def optional(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[rows]

        return MoleculeBatch(
            sample_id=self.sample_id[rows],
            positions=self.positions[rows],
            species=self.species if self.species.ndim == 1 else self.species[rows],
            energy=self.energy[rows],
            forces=self.forces[rows],
            sample_weight=sample_weight,
            has_forces=optional(self.has_forces),
            cells=optional(self.cells),
            stress=optional(self.stress),
            has_stress=optional(self.has_stress),
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
    ids, cells, stress = batch.sample_id, batch.cells, batch.stress
    return replace(
        batch,
        positions=transform.positions(batch.positions, ids),
        forces=transform.forces(batch.forces, ids),
        cells=None if cells is None else transform.forces(cells, ids),
        stress=None if stress is None else transformed_tensors(transform, stress, ids),
        transform=transform,
        original=batch,
    )
