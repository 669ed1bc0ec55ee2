"""Batches of jets, gathered from memory-mapped arrays.

The constituents of all jets are one array, so that a batch is one indexing operation. A thread
prefetches batches; no worker processes are needed.
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
"""Successive batches whose jets are sorted by length together."""
PREFETCH = 2
"""Batches gathered in advance."""


@dataclass(frozen=True, eq=False)
class JetArrays:
    """Jets on disk, truncated to their hardest constituents.

    jets: all jets
    max_constituents: maximum number of constituents per jet, by pT
    classes: names of the classes of a net with one output per class; empty for a net of two
    """

    jets: Jets
    max_constituents: int
    classes: tuple[str, ...] = ()

    def by_length(self, rows: np.ndarray) -> np.ndarray:
        """These rows by increasing number of constituents."""
        return rows[np.argsort(self.lengths(rows), kind="stable")]

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Number of constituents of these jets in a batch, (n,)."""
        return np.minimum(self.jets.num_constituents[rows], self.max_constituents)

    def batch(self, rows: np.ndarray, sample_weight: float = 0.0) -> JetBatch:
        """These jets, padded to the longest."""
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
            jet_class=self._class_of(rows),
        )

    def _class_of(self, rows: np.ndarray) -> torch.Tensor | None:
        """Position of the class of these jets in `classes`, (n,)."""
        if not self.classes or self.jets.jet_class is None:
            return None
        places = np.array(
            [
                self.classes.index(name) if name in self.classes else -1
                for name in self.jets.class_names
            ]
        )
        return torch.from_numpy(places[np.asarray(self.jets.jet_class[rows])])


@dataclass(frozen=True)
class BucketedBatches(TrainingBatches):
    """Batches of jets of similar length, with less padding; a net trained on them is less accurate.

    The jets of every `BUCKET_STEPS` successive batches are sorted by length, cut into batches and
    shuffled as batches, so that an epoch still has each jet once. The batch of a step depends on
    the seed and its number alone.

    lengths: rows → number of constituents of each jet
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
    """Prefetched batches of jets, each changed by `transform`."""

    def gather(rows: np.ndarray) -> JetBatch:
        batch = arrays.batch(rows, batches.weight)
        return batch if transform is None else transform.apply(batch)

    return Loader(batches, gather, PREFETCH)
