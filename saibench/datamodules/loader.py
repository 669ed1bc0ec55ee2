"""Batches gathered from rows of an index, for Lightning to iterate over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from saibench.datamodules.stream import EvaluationBatches, TrainingBatches

Batch = TypeVar("Batch")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Loader(Generic[Batch]):
    """Iterates over the batches that `gather` makes of rows.

    batches: the rows of each batch
    gather: rows `(n,)` → a batch of these samples
    ahead: number of batches that a thread prefetches into pinned memory; NumPy releases the GIL
        while it copies
    """

    batches: TrainingBatches | EvaluationBatches
    gather: Callable[[np.ndarray], Batch]
    ahead: int = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        if self.ahead:
            return prefetched(self._pinned, self.batches, threads=1, ahead=self.ahead)
        return map(self.gather, self.batches)

    def _pinned(self, rows: np.ndarray) -> Batch:
        batch: Any = self.gather(rows)
        return batch.pin_memory() if torch.cuda.is_available() else batch


def prefetched(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int
) -> Iterator[Result]:
    """Results of `function` in the order of `items`, at most `ahead` computed in advance."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = []
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
