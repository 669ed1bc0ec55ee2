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
"""Bin number of a sample that is in no bin, as is a sample whose feature is NaN."""

DRAW_STREAM = 1
"""Key stream of draws from bins, so that a following `Subset` draws independently of them."""


@dataclass(frozen=True)
class Bins(Sampler):
    """Samples in the bins `keep` of the feature `by`, ascending by bin number, then sample_id.

    Bin i, counted from 0, is half-open: e_i <= value < e_(i+1). The edges are `edges`; or
    `start + i*width` for `count` bins; or, with `count` alone, `count` equal parts of the range of
    the given rows, where the last bin is closed. `keep=None` keeps all bins. `equal_count` draws
    as many samples from each kept bin as the smallest one has. `size_of` draws as many samples as
    the bin of that number has, uniformly from all kept bins together: training sets on different
    ranges of bins then have equal sizes.
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
                self._refuse("keep", f"has a bin outside the valid range 0 to {self.number - 1}")
        if self.size_of is not None:
            if self.size_of not in self.kept:
                self._refuse("size_of", f"is not a kept bin. Valid values: {as_yaml(self.kept)}")
            if self.equal_count:
                self._refuse("size_of", "excludes bins.equal_count=true. Use size_of=null")

    def _check_grid(self) -> None:
        names = ("edges", "count", "width", "start")
        given = {name for name in names if getattr(self, name) is not None}
        if "edges" in given and len(given) > 1:
            spare = " ".join(f"training.{name}=null" for name in sorted(given - {"edges"}))
            values = " and ".join(
                f"{name}={as_yaml(getattr(self, name))}" for name in sorted(given)
            )
            raise UserError(
                f"bins of '{self.by}' are defined twice, by {values}. Use edges alone, for the "
                f"training with {spare}."
            )
        if given not in ({"edges"}, {"count", "width", "start"}, {"count"}):
            raise UserError(
                f"bins of '{self.by}' are defined by {' and '.join(sorted(given)) or 'nothing'}. "
                "Use edges alone, start with width and count, or count alone."
            )
        if self.edges is not None and (len(self.edges) < 2 or min(np.diff(self.edges)) <= 0):
            self._refuse("edges", "are not two or more increasing numbers. Use for example [0, 1]")

    @property
    def number(self) -> int:
        """Number of bins, kept or not."""
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
            self._refuse("by", "has fewer than two different values. Use explicit edges")
        edges = values.min() + steps * ((values.max() - values.min()) / self.number)
        edges[-1] = values.max()  # exact, so that rounding does not exclude the largest value
        return edges

    def assign(self, index: polars.DataFrame) -> np.ndarray:
        """The bin number of every row, int64 of shape (rows,); `OUTSIDE` where in none."""
        values = numeric_feature(index, self._field("by"), self.by).astype(np.float64)
        edges = self.edges_of(index)
        numbers = np.searchsorted(edges, values, side="right").astype(np.int64) - 1
        if self.edges is None and self.start is None:
            numbers[values == edges[-1]] = self.number - 1
        numbers[numbers == self.number] = OUTSIDE  # NaN too, which sorts past the last edge
        return numbers

    def counts(self, index: polars.DataFrame) -> dict[int, int]:
        """Bin number -> number of rows, for every bin and `OUTSIDE`."""
        numbers = self.assign(index)
        return {i: int((numbers == i).sum()) for i in (*range(self.number), OUTSIDE)}

    def select(self, index: polars.DataFrame) -> np.ndarray:
        """Raises InsufficientData: a kept bin is empty."""
        ids, numbers, counts = sample_ids(index), self.assign(index), self.counts(index)
        empty = [i for i in self.kept if not counts[i]]
        if empty:
            edges = self.edges_of(index).tolist()
            filled = [i for i in self.kept if counts[i]]
            raise InsufficientData(
                f"bin {empty[0]} of '{self.by}', from {as_yaml(edges[empty[0]])} to "
                f"{as_yaml(edges[empty[0] + 1])}, has none of {index.height} samples. Use "
                f"{f'keep={as_yaml(filled)}' if filled else 'bins within the range of the data'}."
            )
        by_key = rows_by_key(ids, self.seed, DRAW_STREAM)
        if self.size_of is not None:
            rows = by_key[np.isin(numbers[by_key], self.kept)][: counts[self.size_of]]
        else:
            drawn = min(counts[i] for i in self.kept) if self.equal_count else index.height
            rows = np.concatenate([by_key[numbers[by_key] == i][:drawn] for i in self.kept])
        return rows[np.lexsort((ids[rows], numbers[rows]))]

    def describe(self) -> str:
        if self.edges is not None:
            grid = f"with edges {', '.join(as_yaml(edge) for edge in self.edges)}"
        elif self.start is not None:
            grid = f"of width {as_yaml(self.width)} from {as_yaml(self.start)}"
        else:
            grid = "of equal width"
        which = "any" if self.keep is None else f"bins {', '.join(map(str, self.keep))}"
        clause = f"samples in {which} of the {self.number} bins of {self.by} {grid}"
        if self.size_of is not None:
            return f"{clause}, in total as many as in bin {self.size_of}, seed {self.seed}"
        return f"{clause}, equally many per bin, seed {self.seed}" if self.equal_count else clause
