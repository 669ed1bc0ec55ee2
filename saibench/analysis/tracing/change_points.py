"""Change points of the mean of a series, by circular binary segmentation.

The stretch whose mean differs most from the rest is searched among all stretches of the series. It
is significant if its contrast exceeds that of the best stretches of permuted series; permuting
blocks of neighbours keeps the autocorrelation. Then each of the three parts is searched in turn.
Each search is in units of the local spread, since errors may grow along the order, as with a
sample's size.

Source: Olshen, Venkatraman, Lucito, Wigler, Biostatistics 5, 557 (2004); circular blocks of
Politis and Romano in place of single samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.tracing.permutations import block_permutations, p_value
from saibench.evidence.autocorrelation import correlation_time

NUM_PERMUTATIONS = 999
LEVEL = 0.05
MAX_CELLS = 240
"""Longer series are averaged over cells of neighbours, which bound the change points."""
TIMES_IN_BLOCK = 6
"""Correlation times permuted together. More leave fewer blocks and less power: of 400 samples at a
correlation time of 4.5, a stretch of 80 that is biased by 3 standard deviations is found in 66 % of
series; with 8 correlation times in 49 %."""
LOST = 1 / 8
"""Share of the variance of a mean that permuted blocks lose with the correlations across their
bounds; contrasts of permuted series are enlarged by 1/√(1 − 1/8). The bounds alone would cost one
part in `TIMES_IN_BLOCK`; units of the local spread compensate for the rest."""
NEIGHBOURHOOD = 0.1
"""Share of the series on either side that gives its local spread. Series without a change whose
spread is log-normal (σ = 1) along the order are cut at a level of 5 % in 4.5 % (250 samples) and
5.3 % (1,000 samples) of cases; with a share of 1/8 in 7.1 and 6.6 %."""
SHORTEST = 5
"""Samples, or cells, in a stretch, so that a single outlier neither is a stretch nor hides one."""
MIN_BLOCKS = 6
"""A series of fewer blocks has too few permutations."""


@dataclass(frozen=True)
class Candidate:
    """The stretch `[start, stop)` whose mean differs most from the rest; its p-value."""

    start: int
    stop: int
    p: float


@dataclass(frozen=True)
class Segments:
    """A series cut at its change points.

    Args:
        bounds: ascending, from 0 to the length.
        p: of the change at each inner bound, at least that of the stretch it was found in.
        first: stretch of the largest contrast in the whole series, significant or not.
        block: length in samples of the permuted blocks.
    """

    bounds: tuple[int, ...]
    p: tuple[float, ...]
    first: Candidate
    block: int

    def pruned(self) -> Iterator[Segments]:
        """Yield these segments, then those without the least significant changes, and so on."""
        for least in sorted({*self.p, 0.0}, reverse=True):
            kept = [number for number, p in enumerate(self.p) if p <= least]
            inner = (self.bounds[number + 1] for number in kept)
            yield replace(
                self,
                bounds=(0, *inner, self.bounds[-1]),
                p=tuple(self.p[number] for number in kept),
            )


def segments(
    series: Floats,
    *,
    correlated: bool = True,
    level: float = LEVEL,
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = 0,
) -> Segments:
    """Cut a series where its mean changes significantly.

    A series without any change is cut with probability `level`.

    Args:
        series: `(samples,)` in order.
        correlated: whether neighbours are correlated; blocks are then six correlation times of
            the residuals of the best stretch long, else one sample.
        level: of each search.
    """
    count = len(series)
    width = -(-count // MAX_CELLS)
    starts = np.arange(0, count, width)
    cells = np.add.reduceat(series, starts) / np.diff(starts, append=count)
    block = _block_length(in_local_spreads(cells)) if correlated else 1
    found: dict[int, float] = {}
    first = _search(cells, block, num_permutations, seed)
    if first.p <= level:
        parts = _cut(0, len(cells), first, found)
        while parts:
            begin, end, of_whole = parts.pop()
            if end - begin < max(MIN_BLOCKS * block, 2 * SHORTEST):
                continue
            best = _search(cells[begin:end], block, num_permutations, seed)
            if best.p <= level:
                best = replace(best, p=max(best.p, of_whole))
                parts += _cut(begin, end, best, found)
    inner = sorted(found)
    return Segments(
        bounds=(0, *(int(starts[at]) for at in inner), count),
        p=tuple(found[at] for at in inner),
        first=Candidate(int(starts[first.start]), min(count, first.stop * width), first.p),
        block=block * width,
    )


def in_local_spreads(series: Floats) -> Floats:
    """The series less its mean, over the mean absolute deviation of its neighbourhood.

    The mean is weighted by the spreads' inverse squares.
    """
    count = len(series)
    deviation = np.abs(series - series.mean())
    if not deviation.any():
        return np.zeros(count)
    half = max(SHORTEST, int(NEIGHBOURHOOD * count))
    sums = np.concatenate([[0.0], np.cumsum(deviation)])
    low, high = (np.clip(np.arange(count) + step, 0, count) for step in (-half, half + 1))
    spread = (sums[high] - sums[low]) / (high - low)
    spread = np.maximum(spread, 1e-3 * deviation.mean())
    return (series - np.average(series, weights=spread**-2)) / spread


def best_stretch(series: Floats, shortest: int = SHORTEST) -> tuple[int, int, float]:
    """Start, stop and contrast of the stretch whose mean differs most from the rest.

    The stretch and the parts before and after it are each empty or at least `shortest` long.

    The contrast is |mean inside − mean outside| √(n (N − n) / N) for n of N samples inside; for
    white noise of unit variance it is the absolute value of a standard normal variable.
    """
    sums = np.concatenate([[0.0], np.cumsum(series - series.mean())])
    contrast, start, stop = 0.0, 0, len(series)
    for length, starts in _lengths(len(series), shortest):
        differences = np.abs(sums[starts + length] - sums[starts])
        at = int(np.argmax(differences))
        own = float(differences[at]) / _scale(length, len(series))
        if own > contrast:
            contrast, start, stop = own, int(starts[at]), int(starts[at]) + length
    return start, stop, contrast


def largest_contrasts(series: Floats, shortest: int = SHORTEST) -> Floats:
    """The contrast of the best stretch of each row, `(rows,)`."""
    count = series.shape[1]
    sums = np.zeros((len(series), count + 1))
    np.cumsum(series - series.mean(axis=1, keepdims=True), axis=1, out=sums[:, 1:])
    found = np.zeros(len(series))
    for length, starts in _lengths(count, shortest):
        differences = np.abs(sums[:, starts + length] - sums[:, starts]).max(axis=1)
        np.maximum(found, differences / _scale(length, count), out=found)
    return found


def _lengths(count: int, shortest: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield lengths of stretches, and the starts that each may have."""
    for length in range(shortest, count - shortest + 1):
        starts = np.arange(count - length + 1)
        before, after = starts, count - starts - length
        enough = ((before == 0) | (before >= shortest)) & ((after == 0) | (after >= shortest))
        if enough.any():
            yield length, starts[enough]


def _search(series: Floats, block: int, num_permutations: int, seed: int) -> Candidate:
    series = in_local_spreads(series)
    start, stop, contrast = best_stretch(series)
    if len(series) < MIN_BLOCKS * block or contrast == 0:
        return Candidate(start, stop, 1.0)
    larger = 0
    lost = math.sqrt(1 - LOST) if block > 1 else 1.0
    for index in block_permutations(len(series), block, num_permutations, seed):
        larger += int((largest_contrasts(series[index]) >= lost * contrast - 1e-12).sum())
    return Candidate(start, stop, p_value(larger, num_permutations))


def _cut(
    begin: int, end: int, best: Candidate, found: dict[int, float]
) -> list[tuple[int, int, float]]:
    """Record the bounds of the stretch; return the parts still to be searched, with its p-value."""
    start, stop = begin + best.start, begin + best.stop
    for bound in (start, stop):
        if begin < bound < end:
            found[bound] = best.p
    parts = ((begin, start), (start, stop), (stop, end))
    return [(low, high, best.p) for low, high in parts if high > low]


def _block_length(series: Floats) -> int:
    """Block length from the correlation time of the residuals of the best stretch and the rest."""
    start, stop, contrast = best_stretch(series)
    if contrast == 0:
        return 1
    inside = (np.arange(len(series)) >= start) & (np.arange(len(series)) < stop)
    left = series - np.where(inside, series[inside].mean(), series[~inside].mean())
    length = min(TIMES_IN_BLOCK * correlation_time([left]), len(series))
    return max(1, round(length))


def _scale(length: int, count: int) -> float:
    return float(np.sqrt(length * (count - length) / count))
