"""Bins of a data feature."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import polars
from pydantic import Field

from saibench.datamodules.samplers.features import numeric_feature, sample_ids
from saibench.datamodules.samplers.keys import rows_by_key
from saibench.datamodules.samplers.sampler import ADDED, Sampler
from saibench.errors import InsufficientData, UserError
from saibench.options import Count, Name, Number, Positive, Seed, as_yaml

OUTSIDE = -1
"""The bin number of a sample that is in no bin; one whose feature is NaN is in none."""

DRAW_STREAM = 1
"""Keys of their own, so that a `Subset` that follows draws evenly from the bins."""


@dataclass(frozen=True)
class Bins(Sampler):
    """Samples in the bins `keep` of the feature `by`, ascending by bin number, then sample_id.

    Bin i, counted from 0, is half-open: e_i <= value < e_(i+1). Its edges are `edges`; or
    `start + i*width` for `count` bins; or, from `count` alone, equal parts of the range from the
    smallest to the largest value of the rows seen, where the last bin is closed. `keep=None`
    keeps all bins. `equal_count` draws from every kept bin as many as the smallest of them holds.
    `size_of` draws from all kept bins together, each sample with the same probability, as many as
    that one of them holds: ranges of bins then differ in what they cover, not in their size.
    """

    by: Name
    edges: tuple[Number, ...] | None = None
    count: Count | None = None
    width: Positive | None = None
    start: Number | None = None
    keep: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
    equal_count: bool = False
    size_of: int | None = field(default=None, metadata=ADDED)
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_grid()
        if self.keep is not None:
            object.__setattr__(self, "keep", tuple(sorted(set(self.keep))))
            if not set(self.keep) <= set(range(self.number)):
                self._refuse("keep", f"names a bin outside 0 to {self.number - 1}; [0] would work")
        if self.size_of is not None:
            if self.size_of not in self.kept:
                self._refuse("size_of", f"is no bin that is kept; {self.kept[0]} would work")
            if self.equal_count:
                self._refuse("size_of", "excludes bins.equal_count=true; null would work")

    def _check_grid(self) -> None:
        given = {name for name in ("edges", "count", "width", "start") if self._is_given(name)}
        if "edges" in given and len(given) > 1:
            spare = " ".join(f"training.{name}=null" for name in sorted(given - {"edges"}))
            values = " and ".join(
                f"{name}={as_yaml(getattr(self, name))}" for name in sorted(given)
            )
            raise UserError(
                f"bins of '{self.by}' are given by {values}, and edges say all; {spare} would "
                "work, where they are those of the training."
            )
        if given not in ({"edges"}, {"count", "width", "start"}, {"count"}):
            raise UserError(
                f"bins of '{self.by}' are given by {' and '.join(sorted(given)) or 'nothing'}; "
                "edges alone, or start, width and count, or count alone would work."
            )
        if self.edges is not None and (len(self.edges) < 2 or min(np.diff(self.edges)) <= 0):
            self._refuse("edges", "are not two or more increasing numbers; [0, 1] would work")

    def _is_given(self, name: str) -> bool:
        return getattr(self, name) is not None

    @property
    def number(self) -> int:
        """How many bins there are, kept or not."""
        return len(self.edges or ()) - 1 if self.count is None else self.count

    @property
    def kept(self) -> tuple[int, ...]:
        return tuple(range(self.number)) if self.keep is None else self.keep

    def edges_of(self, index: polars.DataFrame) -> np.ndarray:
        """The edges, float64 of shape (number + 1,), in the unit of the feature."""
        if self.edges is not None:
            return np.array(self.edges)
        steps = np.arange(self.number + 1)
        if self.start is not None and self.width is not None:
            # 15 digits, since 3 * 0.1 is 0.30000000000000004 and 0.3 belongs to the bin above it
            return np.array([float(f"{edge:.15g}") for edge in self.start + steps * self.width])
        values = numeric_feature(index, self._field("by"), self.by)
        values = values[np.isfinite(values)].astype(np.float64)
        if not values.size or values.min() == values.max():
            self._refuse("by", "has no two different values to part; explicit edges would work")
        edges = values.min() + steps * ((values.max() - values.min()) / self.number)
        edges[-1] = values.max()  # rounding must not put the largest value outside
        return edges

    def assign(self, index: polars.DataFrame) -> np.ndarray:
        """The bin number of every row, int64 of shape (rows,); `OUTSIDE` where in none."""
        values = numeric_feature(index, self._field("by"), self.by).astype(np.float64)
        edges = self.edges_of(index)
        numbers = np.searchsorted(edges, values, side="right").astype(np.int64) - 1
        if self.edges is None and self.start is None:
            numbers[values == edges[-1]] = self.number - 1
        numbers[numbers == self.number] = OUTSIDE  # NaN among them: it sorts past the last edge
        return numbers

    def counts(self, index: polars.DataFrame) -> dict[int, int]:
        """Bin number -> how many rows it holds, for every bin and `OUTSIDE`."""
        numbers = self.assign(index)
        return {i: int((numbers == i).sum()) for i in (*range(self.number), OUTSIDE)}

    def select(self, index: polars.DataFrame) -> np.ndarray:
        """Raises InsufficientData: a bin that is to be kept is empty."""
        ids, numbers, counts = sample_ids(index), self.assign(index), self.counts(index)
        self._check_none_empty(index, counts)
        by_key = rows_by_key(ids, self.seed, DRAW_STREAM)
        if self.size_of is not None:
            rows = by_key[np.isin(numbers[by_key], self.kept)][: counts[self.size_of]]
            return rows[np.lexsort((ids[rows], numbers[rows]))]
        drawn = min(counts[i] for i in self.kept) if self.equal_count else index.height
        rows = np.concatenate([by_key[numbers[by_key] == i][:drawn] for i in self.kept])
        return rows[np.lexsort((ids[rows], numbers[rows]))]

    def _check_none_empty(self, index: polars.DataFrame, counts: dict[int, int]) -> None:
        empty = [i for i in self.kept if not counts[i]]
        if not empty:
            return
        edges = self.edges_of(index).tolist()
        filled = [i for i in self.kept if counts[i]]
        advice = f"keep={as_yaml(filled)}" if filled else "bins where the data lie"
        raise InsufficientData(
            f"bin {empty[0]} of '{self.by}', from {as_yaml(edges[empty[0]])} to "
            f"{as_yaml(edges[empty[0] + 1])}, holds none of {index.height} samples; "
            f"{advice} would work."
        )

    def describe(self) -> str:
        if self.edges is not None:
            grid = f"with edges {', '.join(as_yaml(edge) for edge in self.edges)}"
        elif self.start is not None:
            grid = f"that start at {as_yaml(self.start)} and are {as_yaml(self.width)} wide"
        else:
            grid = "that part its range equally"
        which = "any" if self.keep is None else f"bins {', '.join(map(str, self.keep))}"
        clause = f"samples in {which} of the {self.number} bins of {self.by} {grid}"
        if self.size_of is not None:
            return clause + f", together as many as bin {self.size_of} holds, seed {self.seed}"
        return clause + (f", as many from each, seed {self.seed}" if self.equal_count else "")
