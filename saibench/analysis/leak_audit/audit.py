"""What training has seen of a test: the same samples, their neighbours in time, near-duplicates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import blocks_of
from saibench.analysis.bootstrap import Floats, block_bootstrap
from saibench.analysis.leak_audit.memory import CorrelationTime, correlation_time
from saibench.analysis.leak_audit.neighbours import (
    Nearest,
    Projection,
    Rows,
    Vectors,
    chunks,
    distances,
    nearest,
    spread,
)
from saibench.analysis.leak_audit.records import share_of
from saibench.evidence.audit_record import Pair, Share

NEAR = 0.01
"""Share of the training samples whose nearest independent one is called near: of a test that is as
far from training, so many are near by chance."""
COMPARED = 5000
"""Training samples whose distances to independent ones set the scale."""
MIN_INDEPENDENT = 100
"""Fewer training samples with an independent neighbour set no scale: 1 % of them is none."""
WORST = 20
"""Pairs that are kept."""

Flags = NDArray[np.bool_]
Digests = Callable[[Rows], NDArray[np.uint64]]


@dataclass(frozen=True, eq=False)
class Split:
    """A test and what training saw, as rows of one index.

    Args:
        test, training: rows `(n,)`, `(m,)`.
        ids: of all rows of the index.
        times: of all rows, where neighbours along it are alike.
        vectors: descriptors by row.
        contents: digests of a sample's parts by row; 0 is nothing.
        samples: `(n,)` test samples with their `block_columns`.
    """

    test: Rows
    training: Rows
    ids: NDArray[np.int64]
    times: Floats | None = None
    vectors: Vectors | None = None
    contents: Digests | None = None
    samples: polars.DataFrame | None = None

    def blocks(self, values: Floats) -> NDArray[np.int64]:
        """`(n,)` blocks of the test samples for an interval of what `(n,)` values say."""
        samples = self.samples
        if samples is None:
            samples = polars.DataFrame({"sample_id": self.ids[self.test]})
            if self.times is not None:
                samples = samples.with_columns(time=self.times[self.test])
        return blocks_of(samples, values)


@dataclass(frozen=True, eq=False)
class SameParts:
    """Parts of each test sample that training holds too, arrays `(n,)`.

    count: of such parts; one of a sample that is itself in training
    row: of a training sample that holds one, -1 where there is none
    """

    count: NDArray[np.int64]
    row: Rows


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of each test sample, arrays `(n,)`.

    same: by id and by content
    interleaved, near: None where that cannot be asked
    """

    same: SameParts
    interleaved: Flags | None = None
    near: Flags | None = None
    memory: CorrelationTime | None = None
    to_training: Nearest | None = None
    among_training: Floats = field(default_factory=lambda: np.array([]))
    threshold: float = math.nan

    @property
    def any(self) -> Flags:
        """Samples that training has seen the like of."""
        found = self.same.count > 0
        for flags in (self.interleaved, self.near):
            if flags is not None:
                found = found | flags
        return found


def look(split: Split) -> Seen:
    """Compare every test sample with what training saw.

    Memory holds reduced descriptors of training (64 numbers each) and a chunk of everything else,
    so that 100,000 samples on either side need some hundred megabytes.
    """
    same = _same_parts(split)
    memory = interleaved = None
    if split.times is not None and split.vectors is not None:
        memory = correlation_time(split.vectors, split.times)
        interleaved = gaps_to_training(split) <= memory.value
    if split.vectors is None:
        return Seen(same, interleaved, memory=memory)
    projection = Projection.of(split.vectors, split.training)
    found = nearest(split.vectors, split.test, split.training, projection)
    among = nearest(
        split.vectors,
        spread(split.training, COMPARED),
        split.training,
        projection,
        split.times,
        -math.inf if memory is None else memory.value,
    ).distance
    independent = among[np.isfinite(among)]
    if len(independent) < MIN_INDEPENDENT:
        return Seen(same, interleaved, None, memory, found, independent)
    threshold = float(np.quantile(independent, NEAR))
    near = found.distance < threshold
    return Seen(same, interleaved, near, memory, found, independent, threshold)


def gaps_to_training(split: Split) -> Floats:
    """`(n,)` time from each test sample to the nearest training sample."""
    assert split.times is not None
    trained = np.sort(split.times[split.training])
    tested = split.times[split.test]
    after = np.searchsorted(trained, tested)
    later = np.append(trained, np.inf)[after] - tested
    earlier = tested - np.append(-np.inf, trained)[after]
    return np.minimum(later, earlier)


def share(flags: Flags | Floats, split: Split) -> Share:
    """Of the test samples, with the interval of other stretches or groups of them."""
    values = flags.astype(np.float64)
    is_share = flags.dtype == np.bool_
    return share_of(block_bootstrap(values, split.blocks(values), share=is_share))


def distance_ratio(seen: Seen, split: Split) -> Share | None:
    """Mean distance of test samples to training over that among independent training samples."""
    if seen.to_training is None or not np.isfinite(seen.threshold):
        return None
    scale = float(seen.among_training.mean())
    if scale == 0:
        return None
    relative = seen.to_training.distance / scale
    return share_of(block_bootstrap(relative, split.blocks(relative)))


def worst_pairs(seen: Seen, split: Split) -> list[Pair]:
    """The test samples that are nearest to a training sample, equal parts first."""
    found = seen.to_training
    if found is None:
        return []
    row = np.where(seen.same.count > 0, seen.same.row, found.row)
    order = np.lexsort((found.distance, -seen.same.count))[:WORST]
    assert split.vectors is not None
    distance = distances(split.vectors, split.test[order], row[order])
    scale = float(seen.among_training.mean()) if seen.among_training.size else 0.0
    pairs = []
    for number, apart in zip(order, distance, strict=True):
        test, training = split.test[number], row[number]
        gap = None
        if split.times is not None:
            gap = float(abs(split.times[test] - split.times[training]))
        relative = float(apart) / scale if scale else None
        ids = int(split.ids[test]), int(split.ids[training])
        pairs.append(Pair(*ids, float(apart), relative, gap, int(seen.same.count[number])))
    return pairs


def _same_parts(split: Split) -> SameParts:
    order = np.argsort(split.ids[split.training], kind="stable")
    trained = split.ids[split.training][order]
    tested = split.ids[split.test]
    place = np.minimum(np.searchsorted(trained, tested), len(trained) - 1)
    equal = trained[place] == tested
    row = np.where(equal, split.training[order][place], -1)
    count = equal.astype(np.int64)
    if split.contents is None:
        return SameParts(count, row)
    known, holder = _known(split)
    if not len(known):  # all parts of training are dry: nothing can be met again
        return SameParts(count, row)
    for chunk in chunks(len(split.test)):
        digests = split.contents(split.test[chunk])
        place = np.minimum(np.searchsorted(known, digests), len(known) - 1)
        shared = known[place] == digests
        count[chunk] = np.maximum(count[chunk], shared.sum(axis=1))
        first = holder[place[np.arange(len(place)), shared.argmax(axis=1)]]
        row[chunk] = np.where((row[chunk] < 0) & shared.any(axis=1), first, row[chunk])
    return SameParts(count, row)


def _known(split: Split) -> tuple[NDArray[np.uint64], Rows]:
    """Digests of all parts of training, ascending, and for each a row that holds it."""
    assert split.contents is not None
    parts = [split.contents(split.training[chunk]) for chunk in chunks(len(split.training))]
    digests = np.concatenate(parts)
    holders = np.repeat(split.training, digests.shape[1])
    known, first = np.unique(digests.ravel(), return_index=True)
    return known[known != 0], holders[first][known != 0]
