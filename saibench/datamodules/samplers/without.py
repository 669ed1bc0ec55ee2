"""The complement of other samplers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars

from saibench.datamodules.samplers.features import by_sample_id
from saibench.datamodules.samplers.sampler import Chain, Sampler


@dataclass(frozen=True)
class Without(Sampler):
    """The samples that `samplers`, applied in sequence, do not select, ascending by sample_id.

    `Without((Subset(fraction=0.9, seed=1),))` selects the tenth that the draw leaves for a test.
    """

    samplers: tuple[Sampler, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "samplers", Chain(self.samplers).samplers)

    def select(self, index: polars.DataFrame) -> np.ndarray:
        left = np.ones(index.height, dtype=bool)
        left[Chain(self.samplers).select(index)] = False
        return by_sample_id(index, np.flatnonzero(left).astype(np.int64))

    def features(self) -> set[str]:
        return Chain(self.samplers).features()

    def describe(self) -> str:
        return f"all samples except: {Chain(self.samplers).describe()}"
