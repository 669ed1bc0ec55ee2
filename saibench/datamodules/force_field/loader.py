"""Frames of one molecule, gathered a batch at a time on the device of the net.

A trajectory is a few dense tensors, so a batch is one indexing operation: nothing is done a
frame at a time in Python, and no worker process is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.transforms import MoleculeTransform
from saibench.datamodules.stream import Ranks, rows_of_steps


@dataclass(frozen=True)
class FrameTensors:
    """A trajectory on a device: sample ids, positions Å, relative energies eV, forces eV/Å."""

    sample_id: Tensor
    positions: Tensor
    species: Tensor
    energy: Tensor
    forces: Tensor

    def batch(self, rows: Tensor, frame_weight: float = 0.0) -> MoleculeBatch:
        return MoleculeBatch(
            sample_id=self.sample_id[rows],
            positions=self.positions[rows],
            species=self.species,
            energy=self.energy[rows],
            forces=self.forces[rows],
            frame_weight=frame_weight,
        )


class TrainingStream:
    """One round of the stream of `rows_of_steps`.

    Args:
        frames: the training frames alone.
        batch_size: frames a step over all ranks.
        steps: steps a round.
        seed: of the permutations.
        first_step: the global step at which the round begins.
        ranks: this process among its peers.
    """

    def __init__(
        self,
        frames: FrameTensors,
        batch_size: int,
        steps: int,
        seed: int,
        first_step: Callable[[], int],
        ranks: Ranks,
    ) -> None:
        self.frames = frames
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.first_step = first_step
        self.ranks = ranks

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[MoleculeBatch]:
        rows = rows_of_steps(
            len(self.frames.energy), self.batch_size, self.steps, self.first_step(), self.seed
        )
        local = torch.from_numpy(self.ranks.share(rows).copy()).to(self.frames.positions.device)
        weight = self.ranks.world_size / self.batch_size
        for step in range(self.steps):
            yield self.frames.batch(local[step], weight)


class EvaluationFrames:
    """Frames in order, each once, dealt over the ranks without padding.

    Args:
        frames: those to be evaluated, and no others.
        batch_size: frames a batch on each rank.
        ranks: this process among its peers; a rank without a frame yields no batch.
        transform: applied to each batch; the batch then also holds the original frames.
    """

    def __init__(
        self,
        frames: FrameTensors,
        batch_size: int,
        ranks: Ranks,
        transform: MoleculeTransform | None = None,
    ) -> None:
        self.frames = frames
        self.rows = torch.from_numpy(ranks.share(np.arange(len(frames.energy))).copy())
        self.batch_size = batch_size
        self.transform = transform

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[MoleculeBatch]:
        for rows in self.rows.to(self.frames.positions.device).split(self.batch_size):
            if len(rows):
                batch = self.frames.batch(rows)
                yield batch if self.transform is None else _transformed(batch, self.transform)


def _transformed(batch: MoleculeBatch, transform: MoleculeTransform) -> MoleculeBatch:
    return MoleculeBatch(
        sample_id=batch.sample_id,
        positions=transform.positions(batch.positions, batch.sample_id),
        species=batch.species,
        energy=batch.energy,
        forces=transform.forces(batch.forces, batch.sample_id),
        frame_weight=batch.frame_weight,
        transform=transform,
        original=batch,
    )
