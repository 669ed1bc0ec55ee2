"""A reproducible random draw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars

from saibench.datamodules.samplers.features import feature, row_bound, sample_ids
from saibench.datamodules.samplers.keys import rows_by_key
from saibench.datamodules.samplers.sampler import ADDED, Sampler, percent
from saibench.errors import InsufficientData, UserError
from saibench.options import Count, Fraction, Name, Seed, as_yaml


@dataclass(frozen=True)
class Subset(Sampler):
    """`count` samples, or a `fraction` of them, or all: those with the smallest keys.

    Rows are in ascending order of key (see `sample_keys`), so that a draw is the beginning of
    every larger draw with the same seed, on every machine and for any order of the index.

    With `stratify`, every draw has the class proportions of that feature, to within one sample.
    """

    count: Count | None = None
    fraction: Fraction | None = None
    seed: Seed = 0
    stratify: Name | None = field(default=None, metadata=ADDED)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count is not None and self.fraction is not None:
            raise UserError(
                f"subset.count={self.count} and subset.fraction={as_yaml(self.fraction)} exclude "
                f"each other. Use subset.count=null subset.fraction={as_yaml(self.fraction)}."
            )

    def select(self, index: polars.DataFrame) -> np.ndarray:
        return self.order(index)[: self.size_within(index.height)]

    def order(self, index: polars.DataFrame) -> np.ndarray:
        """All rows in the order of the draw, int64."""
        by_key = rows_by_key(sample_ids(index), self.seed)
        if self.stratify is None:
            return by_key
        column = feature(index, self._field("stratify"), self.stratify)
        stratum = column.rank("dense").fill_null(0).to_numpy()[by_key]
        place = np.empty(len(by_key))
        for one in np.unique(stratum):
            own = np.flatnonzero(stratum == one)
            place[own] = (np.arange(len(own)) + 0.5) / len(own)
        return by_key[np.argsort(place, kind="stable")]

    def features(self) -> set[str]:
        return set() if self.stratify is None else {self.stratify}

    def size_within(self, available: int) -> int:
        """Number of samples drawn from `available` ones."""
        if self.fraction is not None:
            size = row_bound(self.fraction, available)
            if not size:
                self._refuse("fraction", f"of {available} samples is none. Use a larger fraction")
            return size
        if self.count is None:
            return available
        if self.count > available:
            raise InsufficientData(
                f"subset.count={self.count} exceeds the {available} samples available. Use "
                f"subset.count <= {available}.",
                largest=available,
            )
        return self.count

    def describe(self) -> str:
        how = "" if self.stratify is None else f", stratified by {self.stratify}"
        if self.count is not None:
            return f"{self.count} samples drawn with seed {self.seed}{how}"
        if self.fraction is not None:
            return f"{percent(self.fraction)} of the samples drawn with seed {self.seed}{how}"
        return "all samples"
