"""Batches gathered from rows of an index, for Lightning to iterate over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from saibench.datamodules.stream import EvaluationBatches, TrainingBatches

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Loader(Generic[Batch]):
    """The batches that `gather` makes of rows, in their order.

    batches: the rows of each
    gather: rows `(n,)` → a batch of these samples
    ahead: batches that a thread gathers before they are asked for, in memory that an accelerator
        can copy from while it computes; NumPy lets go of the interpreter as it copies
    """

    batches: TrainingBatches | EvaluationBatches
    gather: Callable[[np.ndarray], Batch]
    ahead: int = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        if not self.ahead:
            yield from map(self.gather, self.batches)
            return
        with ThreadPoolExecutor(1, "batches") as pool:
            waiting = []
            for rows in self.batches:
                waiting.append(pool.submit(self._pinned, rows))
                if len(waiting) > self.ahead:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()

    def _pinned(self, rows: np.ndarray) -> Batch:
        batch: Any = self.gather(rows)
        return batch.pin_memory() if torch.cuda.is_available() else batch
