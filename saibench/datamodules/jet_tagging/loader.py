"""Jets gathered a batch at a time from memory-mapped arrays.

The constituents of all jets are one array, so a batch is one indexing operation: nothing is done
a jet at a time in Python, and no worker process is needed. A thread gathers the batches to come
while the net works on the one before; NumPy lets go of the interpreter as it copies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.jets import Jets
from saibench.datamodules.jet_tagging.transforms import JetTransform
from saibench.datamodules.loader import Loader
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches

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

    def by_length(self, rows: np.ndarray) -> np.ndarray:
        """These rows, the jets of fewest constituents first."""
        return rows[np.argsort(self.lengths(rows), kind="stable")]

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Constituents of these jets that a batch would hold, (n,)."""
        return np.minimum(self.jets.num_constituents[rows], self.max_constituents)

    def batch(self, rows: np.ndarray, sample_weight: float = 0.0) -> JetBatch:
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
            sample_weight=sample_weight,
        )


@dataclass(frozen=True)
class BucketedBatches(TrainingBatches):
    """Every `BUCKET_STEPS` batches of the stream deal out their jets by length.

    They follow one another in random order: batches hold less padding, and a pass still sees every
    jet once. The batch of a step depends on the seed and its number alone, as without buckets.

    lengths: rows → constituents of each jet
    """

    lengths: Callable[[np.ndarray], np.ndarray]

    def chosen(self, first: int, steps: int) -> np.ndarray:
        first_group = first // BUCKET_STEPS
        groups = -(-(first + steps) // BUCKET_STEPS) - first_group
        chosen = super().chosen(first_group * BUCKET_STEPS, groups * BUCKET_STEPS)
        chosen = chosen.reshape(groups, BUCKET_STEPS * self.batch_size)
        by_length = np.argsort(self.lengths(chosen), axis=1, kind="stable")
        batches = np.take_along_axis(chosen, by_length, axis=1)
        batches = batches.reshape(groups, BUCKET_STEPS, self.batch_size)
        for number, group in enumerate(batches, start=first_group):
            group[:] = group[np.random.default_rng([self.seed, number]).permutation(BUCKET_STEPS)]
        skipped = first - first_group * BUCKET_STEPS
        return batches.reshape(-1, self.batch_size)[skipped : skipped + steps]


def jet_loader(
    arrays: JetArrays,
    batches: TrainingBatches | EvaluationBatches,
    transform: JetTransform | None = None,
) -> Loader[JetBatch]:
    """Batches of jets, gathered while the net works on the one before.

    Args:
        arrays: the jets.
        batches: of which samples.
        transform: applied to each batch.
    """

    def gather(rows: np.ndarray) -> JetBatch:
        batch = arrays.batch(rows, batches.weight)
        return batch if transform is None else transform.apply(batch)

    return Loader(batches, gather, AHEAD)
