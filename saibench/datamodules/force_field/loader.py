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


@dataclass(frozen=True)
class Ranks:
    """How many processes share the work, and which of them this is."""

    rank: int = 0
    world_size: int = 1


class TrainingStream:
    """One round of an endless, seeded stream of shuffled batches.

    The batch of step k depends on (seed, k) alone: the stream is the training rows permuted
    anew for each pass over them, cut into full batches. A run that stops and resumes at any
    round therefore sees the batches of one that never stopped, and any number of ranks sees the
    same global batch.

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
        rows = self._rows(self.first_step()).to(self.frames.positions.device)
        local = rows[:, self.ranks.rank :: self.ranks.world_size]
        weight = self.ranks.world_size / self.batch_size
        for step in range(self.steps):
            yield self.frames.batch(local[step], weight)

    def _rows(self, first_step: int) -> Tensor:
        """Rows `(steps, batch_size)` of the round that begins at `first_step`."""
        num_frames = len(self.frames.energy)
        start, stop = first_step * self.batch_size, (first_step + self.steps) * self.batch_size
        first_pass, last_pass = start // num_frames, (stop - 1) // num_frames
        permutations = [
            np.random.Generator(np.random.PCG64([self.seed, number])).permutation(num_frames)
            for number in range(first_pass, last_pass + 1)
        ]
        offset = first_pass * num_frames
        rows = np.concatenate(permutations)[start - offset : stop - offset]
        return torch.from_numpy(rows.reshape(self.steps, self.batch_size))


class EvaluationFrames:
    """Chosen frames in order, each once, dealt over the ranks without padding.

    Args:
        frames: the whole trajectory.
        rows: rows of it to be evaluated.
        batch_size: frames a batch on each rank.
        ranks: this process among its peers; a rank without a frame yields no batch.
        transform: applied to each batch; the batch then also holds the original frames.
    """

    def __init__(
        self,
        frames: FrameTensors,
        rows: np.ndarray,
        batch_size: int,
        ranks: Ranks,
        transform: MoleculeTransform | None = None,
    ) -> None:
        self.frames = frames
        self.rows = torch.from_numpy(np.asarray(rows)[ranks.rank :: ranks.world_size].copy())
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
