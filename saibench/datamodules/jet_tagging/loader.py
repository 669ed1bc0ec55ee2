"""Jets gathered a batch at a time from memory-mapped arrays.

The constituents of all jets are one array, so a batch is one indexing operation: nothing is done
a jet at a time in Python, and no worker process is needed. A thread gathers the batches to come
while the net works on the one before; NumPy lets go of the interpreter as it copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.jets import Jets
from saibench.datamodules.jet_tagging.transforms import JetTransform
from saibench.datamodules.stream import Ranks, rows_of_steps

BUCKET_STEPS = 16
"""Batches of a stream that share out their jets by length."""
AHEAD = 2
"""Batches gathered before they are asked for."""


@dataclass(frozen=True, eq=False)
class JetArrays:
    """Jets as they are on disk, cut to their hardest constituents.

    jets: all of them
    max_constituents: of a jet, by pT
    """

    jets: Jets
    max_constituents: int

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Constituents of these jets that a batch would hold, (n,)."""
        return np.minimum(self.jets.num_constituents[rows], self.max_constituents)

    def batch(self, rows: np.ndarray, jet_weight: float = 0.0) -> JetBatch:
        """These jets, padded to the longest of them."""
        counts = self.lengths(rows)
        start = self.jets.end[rows] - self.jets.num_constituents[rows]
        place = np.arange(counts.max(initial=0))
        mask = place < counts[:, None]
        momenta = np.zeros((*mask.shape, 4), dtype=np.float32)
        momenta[mask] = np.take(self.jets.momenta, (start[:, None] + place)[mask], axis=0)
        return JetBatch(
            sample_id=torch.from_numpy(rows.astype(np.int64)),
            momenta=torch.from_numpy(momenta),
            mask=torch.from_numpy(mask),
            label=torch.from_numpy(self.jets.label[rows].astype(np.int64)),
            jet_weight=jet_weight,
        )


class TrainingJets:
    """One round of the stream of `rows_of_steps`.

    Bucketed, every `BUCKET_STEPS` batches of the stream deal out their jets by length, and follow
    one another in random order: batches hold less padding, and a pass still sees every jet once.
    The batch of a step depends on the seed and its number alone in either case.

    Args:
        arrays: the jets.
        rows: those trained on.
        batch_size: jets a step over all ranks.
        steps: steps a round.
        seed: of the order.
        first_step: the global step at which the round begins.
        ranks: this process among its peers.
        bucketed: whether batches hold jets of like length.
    """

    def __init__(
        self,
        arrays: JetArrays,
        rows: np.ndarray,
        batch_size: int,
        steps: int,
        seed: int,
        first_step: Callable[[], int],
        ranks: Ranks,
        bucketed: bool = False,
    ) -> None:
        self.arrays = arrays
        self.rows = rows
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.first_step = first_step
        self.ranks = ranks
        self.bucketed = bucketed

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[JetBatch]:
        first = self.first_step()
        chosen = self._bucketed(first) if self.bucketed else self._rows(first, self.steps)
        weight = self.ranks.world_size / self.batch_size
        return _ahead(lambda rows: self.arrays.batch(rows, weight), self.ranks.share(chosen))

    def _rows(self, first: int, steps: int) -> np.ndarray:
        return self.rows[rows_of_steps(len(self.rows), self.batch_size, steps, first, self.seed)]

    def _bucketed(self, first: int) -> np.ndarray:
        first_group = first // BUCKET_STEPS
        groups = -(-(first + self.steps) // BUCKET_STEPS) - first_group
        chosen = self._rows(first_group * BUCKET_STEPS, groups * BUCKET_STEPS)
        chosen = chosen.reshape(groups, BUCKET_STEPS * self.batch_size)
        by_length = np.argsort(self.arrays.lengths(chosen), axis=1, kind="stable")
        batches = np.take_along_axis(chosen, by_length, axis=1)
        batches = batches.reshape(groups, BUCKET_STEPS, self.batch_size)
        for number, group in enumerate(batches, start=first_group):
            group[:] = group[np.random.default_rng([self.seed, number]).permutation(BUCKET_STEPS)]
        skipped = first - first_group * BUCKET_STEPS
        return batches.reshape(-1, self.batch_size)[skipped : skipped + self.steps]


class EvaluationJets:
    """Chosen jets, each once, by length, dealt over the ranks without padding.

    Args:
        arrays: the jets.
        rows: those to be evaluated.
        batch_size: jets a batch on each rank.
        ranks: this process among its peers; a rank without a jet yields no batch.
        transform: applied to each batch.
    """

    def __init__(
        self,
        arrays: JetArrays,
        rows: np.ndarray,
        batch_size: int,
        ranks: Ranks,
        transform: JetTransform | None = None,
    ) -> None:
        by_length = rows[np.argsort(arrays.lengths(rows), kind="stable")]
        self.arrays = arrays
        self.rows = ranks.share(by_length)
        self.batch_size = batch_size
        self.transform = transform

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[JetBatch]:
        starts = range(0, len(self.rows), self.batch_size)
        return _ahead(self._batch, (self.rows[i : i + self.batch_size] for i in starts))

    def _batch(self, rows: np.ndarray) -> JetBatch:
        batch = self.arrays.batch(rows)
        return batch if self.transform is None else self.transform.apply(batch)


def _ahead(
    gather: Callable[[np.ndarray], JetBatch], batches: Iterable[np.ndarray]
) -> Iterator[JetBatch]:
    """What `gather` makes of each, in their order, `AHEAD` of them before they are asked for."""
    pinned = torch.cuda.is_available()

    def gathered(rows: np.ndarray) -> JetBatch:
        return gather(rows).pin_memory() if pinned else gather(rows)

    with ThreadPoolExecutor(1, "jets") as pool:
        waiting = []
        for rows in batches:
            waiting.append(pool.submit(gathered, rows))
            if len(waiting) > AHEAD:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
