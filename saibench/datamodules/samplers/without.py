"""What other samplers leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars

from saibench.datamodules.samplers.features import sample_ids
from saibench.datamodules.samplers.sampler import Chain, Sampler


@dataclass(frozen=True)
class Without(Sampler):
    """The samples that `samplers`, one after another, do not select, ascending by sample_id.

    With `Subset(fraction=0.9, seed=1)` it is the tenth that this draw leaves for a test.
    """

    samplers: tuple[Sampler, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "samplers", Chain(self.samplers).samplers)

    def select(self, index: polars.DataFrame) -> np.ndarray:
        left = np.ones(index.height, dtype=bool)
        left[Chain(self.samplers).select(index)] = False
        rows = np.flatnonzero(left).astype(np.int64)
        return rows[np.argsort(sample_ids(index)[rows], kind="stable")]

    def features(self) -> set[str]:
        return Chain(self.samplers).features()

    def describe(self) -> str:
        return f"all but these: {Chain(self.samplers).describe()}"
