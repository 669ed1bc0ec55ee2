"""Which samples each step of training, and each rank, is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lightning import Trainer


@dataclass(frozen=True)
class Ranks:
    """How many processes share the work, and which of them this is."""

    rank: int = 0
    world_size: int = 1

    def share(self, rows: np.ndarray) -> np.ndarray:
        """This rank's rows, along the last axis: all rows are dealt out once, none is repeated."""
        return rows[..., self.rank :: self.world_size]


def steps_begun(trainer: Trainer) -> int:
    """Steps that training has done in all its sessions: the number of the next one.

    Within a round, too: a training that was stopped between two validations resumes there.
    """
    return trainer.fit_loop.epoch_loop.batch_progress.total.ready


def rows_of_steps(
    num_samples: int, batch_size: int, steps: int, first_step: int, seed: int
) -> np.ndarray:
    """Rows `(steps, batch_size)` of an endless, seeded stream of shuffled batches.

    The batch of step k depends on (seed, k) alone: the stream is the samples permuted anew for
    each pass over them, cut into full batches. A run that stops and resumes at any step
    therefore sees the batches of one that never stopped, and any number of ranks sees the same
    global batch.

    Args:
        num_samples: of the training partition.
        batch_size: samples a step over all ranks.
        steps: how many.
        first_step: number of the first of them.
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
    """Rows of this rank for each step of a round of the stream of `rows_of_steps`.

    rows: those trained on
    batch_size: samples a step over all ranks
    steps: steps a round
    seed: of the permutations
    first_step: the global step at which the round begins
    ranks: this process among its peers
    """

    rows: np.ndarray
    batch_size: int
    steps: int
    seed: int
    first_step: Callable[[], int]
    ranks: Ranks

    @property
    def weight(self) -> float:
        """Of a sample in the loss, whose mean over ranks is then the mean over samples."""
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
    """Rows in order, each once, dealt over the ranks without padding.

    rows: those to be evaluated
    batch_size: samples a batch on each rank
    ranks: this process among its peers; a rank without a row yields no batch
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
