"""Finds test samples with a copy, a neighbour in time or a near-duplicate in training."""

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

NEAR_QUANTILE = 0.01
"""A test sample is a near-duplicate below this quantile of the distances of training samples to
independent ones, so 1 % of an independent test are near-duplicates by chance."""
MAX_COMPARED = 5000
"""Training samples whose distances to independent ones are computed."""
MIN_INDEPENDENT = 100
"""Training samples with an independent neighbour that the quantile needs."""
MAX_PAIRS = 20
"""Pairs that are kept."""

Flags = NDArray[np.bool_]
Digests = Callable[[Rows], NDArray[np.uint64]]


@dataclass(frozen=True, eq=False)
class Split:
    """Test and training samples, as rows of one index.

    Args:
        test, training: rows `(n,)`, `(m,)`.
        ids: of all rows of the index.
        times: of all rows, if neighbours in time are similar.
        vectors: descriptors by row.
        contents: digests of a sample's parts by row; 0 is an empty part.
        samples: `(n,)` test samples with their `block_columns`.
        apart: whether they are of other data than those of the training: their ids and times say
            nothing of the training samples.
    """

    test: Rows
    training: Rows
    ids: NDArray[np.int64]
    times: Floats | None = None
    vectors: Vectors | None = None
    contents: Digests | None = None
    samples: polars.DataFrame | None = None
    apart: bool = False

    def blocks(self, values: Floats) -> NDArray[np.int64]:
        """`(n,)` blocks of the test samples for an interval of the mean of `(n,)` values."""
        samples = self.samples
        if samples is None:
            samples = polars.DataFrame({"sample_id": self.ids[self.test]})
            if self.times is not None:
                samples = samples.with_columns(time=self.times[self.test])
        return blocks_of(samples, values)


@dataclass(frozen=True, eq=False)
class SameParts:
    """Parts of each test sample that are also in training, arrays `(n,)`.

    count: of such parts; at least 1 for a sample that is itself in training
    row: of a training sample with such a part, -1 without one
    """

    count: NDArray[np.int64]
    row: Rows


@dataclass(frozen=True, eq=False)
class Leaks:
    """The leaks of each test sample, arrays `(n,)`.

    same: by id and by content
    interleaved, near: None if the data do not allow the comparison
    """

    same: SameParts
    interleaved: Flags | None = None
    near: Flags | None = None
    correlation_time: CorrelationTime | None = None
    to_training: Nearest | None = None
    among_training: Floats = field(default_factory=lambda: np.array([]))
    threshold: float = math.nan

    @property
    def any(self) -> Flags:
        """Samples with a leak of any kind."""
        found = self.same.count > 0
        for flags in (self.interleaved, self.near):
            if flags is not None:
                found = found | flags
        return found


def find_leaks(split: Split) -> Leaks:
    """Compare every test sample with the training samples.

    Memory holds reduced descriptors of training (64 numbers each) and a chunk of everything else,
    some hundred megabytes for 100,000 samples on either side.
    """
    same = _same_parts(split)
    if split.vectors is None:
        return Leaks(same)
    memory = interleaved = None
    if split.times is not None:
        memory = _correlation_time(split.vectors, split.times)
        if not split.apart:
            interleaved = gaps_to_training(split) <= memory.value
    projection = Projection.of(split.vectors, split.training)
    found = nearest(split.vectors, split.test, split.training, projection)
    among = nearest(
        split.vectors,
        spread(split.training, MAX_COMPARED),
        split.training,
        projection,
        split.times,
        -math.inf if memory is None else memory.value,
    ).distance
    independent = among[np.isfinite(among)]
    if len(independent) < MIN_INDEPENDENT:
        return Leaks(same, interleaved, None, memory, found, independent)
    threshold = float(np.quantile(independent, NEAR_QUANTILE))
    near = found.distance < threshold
    return Leaks(same, interleaved, near, memory, found, independent, threshold)


def _correlation_time(vectors: Vectors, times: Floats) -> CorrelationTime:
    """Of the rows with a time."""
    timed = np.flatnonzero(~np.isnan(times))
    return correlation_time(lambda rows: vectors(timed[rows]), times[timed])


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
    """Mean over the test samples, with its interval from resampling their blocks."""
    values = flags.astype(np.float64)
    is_share = flags.dtype == np.bool_
    return share_of(block_bootstrap(values, split.blocks(values), share=is_share))


def distance_ratio(leaks: Leaks, split: Split) -> Share | None:
    """Mean distance of test samples to training over that among independent training samples."""
    if leaks.to_training is None or not np.isfinite(leaks.threshold):
        return None
    scale = float(leaks.among_training.mean())
    return share(leaks.to_training.distance / scale, split) if scale else None


def worst_pairs(leaks: Leaks, split: Split) -> list[Pair]:
    """The test samples that are nearest to a training sample, those with equal parts first."""
    found = leaks.to_training
    if found is None:
        return []
    row = np.where(leaks.same.count > 0, leaks.same.row, found.row)
    order = np.lexsort((found.distance, -leaks.same.count))[:MAX_PAIRS]
    assert split.vectors is not None
    scale = float(leaks.among_training.mean()) if leaks.among_training.size else 0.0
    pairs = []
    for number, distance in zip(
        order, distances(split.vectors, split.test[order], row[order]).tolist(), strict=True
    ):
        test, training = split.test[number], row[number]
        times = None if split.apart else split.times
        pairs.append(
            Pair(
                test=int(split.ids[test]),
                training=int(split.ids[training]),
                distance=distance,
                relative=distance / scale if scale else None,
                gap=None if times is None else float(abs(times[test] - times[training])),
                same=int(leaks.same.count[number]),
            )
        )
    return pairs


def _same_parts(split: Split) -> SameParts:
    row, count = _same_ids(split)
    if split.contents is None:
        return SameParts(count, row)
    known, holder = _known(split)
    if not len(known):  # all parts of training are empty
        return SameParts(count, row)
    for chunk in chunks(len(split.test)):
        digests = split.contents(split.test[chunk])
        place = np.minimum(np.searchsorted(known, digests), len(known) - 1)
        shared = known[place] == digests
        count[chunk] = np.maximum(count[chunk], shared.sum(axis=1))
        first = holder[place[np.arange(len(place)), shared.argmax(axis=1)]]
        row[chunk] = np.where((row[chunk] < 0) & shared.any(axis=1), first, row[chunk])
    return SameParts(count, row)


def _same_ids(split: Split) -> tuple[Rows, NDArray[np.int64]]:
    """`(n,)` row of the training sample that is the test sample, else -1; and 1, else 0."""
    if split.apart:
        return np.full(len(split.test), -1, dtype=np.int64), np.zeros(len(split.test), np.int64)
    order = np.argsort(split.ids[split.training], kind="stable")
    trained = split.ids[split.training][order]
    tested = split.ids[split.test]
    place = np.minimum(np.searchsorted(trained, tested), len(trained) - 1)
    equal = trained[place] == tested
    return np.where(equal, split.training[order][place], -1), equal.astype(np.int64)


def _known(split: Split) -> tuple[NDArray[np.uint64], Rows]:
    """Digests of all parts of training, ascending, and for each a row with this part."""
    assert split.contents is not None
    parts = [split.contents(split.training[chunk]) for chunk in chunks(len(split.training))]
    digests = np.concatenate(parts)
    holders = np.repeat(split.training, digests.shape[1])
    known, first = np.unique(digests.ravel(), return_index=True)
    return known[known != 0], holders[first][known != 0]
