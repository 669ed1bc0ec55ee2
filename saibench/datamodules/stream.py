"""The samples of each batch, for each training step and each rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lightning import Trainer


@dataclass(frozen=True)
class Ranks:
    """The rank of this process and the number of ranks."""

    rank: int = 0
    world_size: int = 1

    def share(self, rows: np.ndarray) -> np.ndarray:
        """This rank's rows, along the last axis; every row belongs to exactly one rank."""
        return rows[..., self.rank :: self.world_size]


def steps_begun(trainer: Trainer) -> int:
    """Training steps done so far, including those before a resume in the middle of a round."""
    return trainer.fit_loop.epoch_loop.batch_progress.total.ready


def rows_of_steps(
    num_samples: int, batch_size: int, steps: int, first_step: int, seed: int
) -> np.ndarray:
    """Rows `(steps, batch_size)` of an endless, seeded stream of shuffled batches.

    The stream concatenates one permutation of the samples per epoch and is cut into full batches,
    so that the batch of step k depends on (seed, k) alone: a resumed run sees the batches of an
    uninterrupted one, and any number of ranks sees the same global batch.

    Args:
        num_samples: samples of the training partition.
        batch_size: samples per step over all ranks.
        steps: number of steps.
        first_step: number of the first step.
        seed: of the permutations.
    """
    start, stop = first_step * batch_size, (first_step + steps) * batch_size
    first_pass, last_pass = start // num_samples, (stop - 1) // num_samples
    permutations = [
        np.random.Generator(np.random.PCG64([seed, number])).permutation(num_samples)
        for number in range(first_pass, last_pass + 1)
    ]
    offset = first_pass * num_samples
    rows = np.concatenate(permutations)[start - offset : stop - offset]
    return rows.reshape(steps, batch_size)


@dataclass(frozen=True)
class TrainingBatches:
    """This rank's rows for each step of one round of the stream of `rows_of_steps`.

    rows: rows of the training partition
    batch_size: samples per step over all ranks
    steps: steps per round
    seed: of the permutations
    first_step: returns the global step at which the round begins
    ranks: rank of this process
    """

    rows: np.ndarray
    batch_size: int
    steps: int
    seed: int
    first_step: Callable[[], int]
    ranks: Ranks

    @property
    def weight(self) -> float:
        """Weight of a sample in the loss: its mean over ranks is then the mean over samples."""
        return self.ranks.world_size / self.batch_size

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Any]:
        return iter(self.ranks.share(self.chosen(self.first_step(), self.steps)))

    def chosen(self, first: int, steps: int) -> np.ndarray:
        """Rows `(steps, batch_size)` of all ranks from the step `first` on."""
        return self.rows[rows_of_steps(len(self.rows), self.batch_size, steps, first, self.seed)]


@dataclass(frozen=True)
class EvaluationBatches:
    """Rows in order, each once, distributed over the ranks without padding.

    rows: rows to evaluate
    batch_size: samples per batch on each rank
    ranks: rank of this process; a rank without rows yields no batch
    """

    rows: np.ndarray
    batch_size: int
    ranks: Ranks
    weight = 0.0

    def __len__(self) -> int:
        return -(-len(self.ranks.share(self.rows)) // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        own = self.ranks.share(self.rows)
        return (own[i : i + self.batch_size] for i in range(0, len(own), self.batch_size))
