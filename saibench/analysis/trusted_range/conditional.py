"""The coverage of a bound within bins of a feature, within runs and partitions, and the worst slab.

A conformal bound holds on average, so it may fail in a part of the range and be too wide in
another. All parts of a validation are one family of tests: a part fails if the one-sided test
rejects the nominal coverage at 2.5 % after Holm's correction (Scand. J. Stat. 6, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import (
    LEVEL,
    Floats,
    Interval,
    ShareByBlock,
    share_by_block,
)
from saibench.analysis.trusted_range.held_out import HeldOut, num_groups
from saibench.analysis.trusted_range.model_curves import block_folds, thinned

BINS = 10
MIN_SAMPLES = 20
"""Of a bin on average; fewer samples have fewer bins."""
SLAB_SHARE = 0.2
"""Smallest share of the samples in a slab."""
DIRECTIONS = 100
"""Random directions of slabs in two features, in addition to the features' own."""
MAX_SEARCHED = 50_000
"""Samples that the worst slab is searched on; it is measured on all others."""
CUTS = 20
"""Quantiles along a direction at which a slab can start and end."""


@dataclass(frozen=True, eq=False)
class CoverageIn:
    """The coverage in a part of the fitted range.

    Args:
        name: of the feature; empty for a run or partition and for a slab of two features.
        label: of the run or partition, or the direction of a slab of two features.
        low, high: smallest and largest value of the feature, or of the direction.
        share: of the samples inside the fitted range.
        coverage: share of these samples below their bound; its 95 % interval is uncorrected.
        fails: whether it is significantly below nominal, corrected for all parts.
    """

    name: str
    label: str
    low: float
    high: float
    share: float
    coverage: Interval
    fails: bool = False


@dataclass(frozen=True, eq=False)
class ConditionalCoverage:
    """The coverage of held-out samples in parts of the fitted range.

    Args:
        nominal: coverage of the bound.
        bins: tenths of the samples by each feature, in the order of the features.
        groups: each run and partition, if there are several.
        worst_slab: found on half of the blocks, and measured on the other half; None if either
            has no sample there.
    """

    nominal: float
    bins: tuple[CoverageIn, ...]
    groups: tuple[CoverageIn, ...]
    worst_slab: CoverageIn | None

    @property
    def failing(self) -> tuple[CoverageIn, ...]:
        """The parts in which the bound is significantly too low."""
        slab = () if self.worst_slab is None else (self.worst_slab,)
        return tuple(part for part in (*self.bins, *self.groups, *slab) if part.fails)


def conditional_coverage(held: HeldOut, *, seed: int = 0) -> ConditionalCoverage:
    """Coverage by feature bin, by run and partition, and in the worst slab."""
    bins = [part for column in range(len(held.samples.quantities)) for part in _bins(held, column)]
    groups, slab = _groups(held), _worst_slab(held, seed)
    parts = [*bins, *groups, *([] if slab is None else [slab])]
    fails = _holm(held, [by_block for _, by_block in parts])
    tested = [replace(part, fails=bool(one)) for (part, _), one in zip(parts, fails, strict=True)]
    of_slab = None if slab is None else tested.pop()
    return ConditionalCoverage(
        held.coverage, tuple(tested[: len(bins)]), tuple(tested[len(bins) :]), of_slab
    )


Part = tuple[CoverageIn, ShareByBlock]
"""A part and the shares of its covered samples."""


def _part(held: HeldOut, rows: NDArray[np.intp], values: Floats, name: str, label: str) -> Part:
    """The part of these rows, with their values of a feature."""
    by_block = share_by_block(held.covered()[rows], held.samples.blocks[rows], held.weights[rows])
    coverage = by_block.interval(independent=held.samples.independent)
    share = len(rows) / int(held.inside.sum())
    low, high = float(values.min()), float(values.max())
    return CoverageIn(name, label, low, high, share, coverage), by_block


def _bins(held: HeldOut, column: int) -> list[Part]:
    """Bins of equal counts along one feature; equal values are in one bin."""
    rows = np.flatnonzero(held.inside)
    if not len(rows):
        return []
    rows = rows[np.argsort(held.samples.features[rows, column])]
    values = held.samples.features[rows, column]
    number = min(BINS, max(1, len(rows) // MIN_SAMPLES))
    edges = np.unique(np.quantile(values, np.arange(1, number) / number, method="higher"))
    bounds = [0, *np.searchsorted(values, edges), len(rows)]
    name = held.samples.quantities[column].name
    return [
        _part(held, rows[start:stop], values[start:stop], name, "")
        for start, stop in pairwise(bounds)
        if start < stop
    ]


def _groups(held: HeldOut) -> list[Part]:
    samples = held.samples
    if num_groups(samples) == 1:
        return []
    names = samples.group_names or [str(number) for number in range(num_groups(samples))]
    values = samples.features[:, 0]
    found = []
    for number, label in enumerate(names):
        rows = np.flatnonzero(held.inside & (samples.groups == number))
        if len(rows):
            found.append(_part(held, rows, values[rows], "", label))
    return found


def _worst_slab(held: HeldOut, seed: int) -> Part | None:
    """The slab {low ≤ direction · features ≤ high} of lowest coverage.

    It is chosen on half of the blocks and measured on the other, so the number is not biased by
    the choice. Features are in units of their standard deviation.

    Source: Cauchois, Gupta, Duchi, "Knowing what you know: valid and validated confidence sets in
    multiclass and multilabel prediction", J. Mach. Learn. Res. 22 (2021), §4.
    """
    samples = held.samples
    half = block_folds(samples.blocks, 2, seed) == 0
    chosen_on, measured_on = (np.flatnonzero(held.inside & one) for one in (half, ~half))
    if len(chosen_on) < CUTS or not len(measured_on):
        return None
    chosen_on = chosen_on[thinned(samples.blocks[chosen_on], MAX_SEARCHED)]
    scale = np.std(samples.features[held.inside], axis=0)
    directions = _directions(len(scale), seed) / np.where(scale > 0, scale, 1.0)
    features, covered = samples.features[chosen_on], held.covered()[chosen_on]
    weights = held.weights[chosen_on]
    best: tuple[float, Floats, float, float] | None = None
    for direction in directions:
        lowest, low, high = _lowest(features @ direction, covered, weights)
        if best is None or lowest < best[0]:
            best = lowest, direction, low, high
    assert best is not None
    _, direction, low, high = best
    along = samples.features[measured_on] @ direction
    rows = measured_on[(along >= low) & (along <= high)]
    if not len(rows):
        return None
    used = np.flatnonzero(direction)
    names = [quantity.name for quantity in samples.quantities]
    if len(used) == 1:
        column = int(used[0])
        return _part(held, rows, samples.features[rows, column], names[column], "")
    label = " + ".join(f"{direction[one]:.3g}·{names[one]}" for one in used).replace("+ -", "− ")
    return _part(held, rows, samples.features[rows] @ direction, "", label)


def _directions(count: int, seed: int) -> Floats:
    """`(directions, features)`: each feature's own, and random ones of two features each.

    A slab of more features could not be read.
    """
    own = np.eye(count)
    if count == 1:
        return own
    rng, mixed = np.random.default_rng(seed), np.zeros((DIRECTIONS, count))
    for direction in mixed:
        direction[rng.choice(count, 2, replace=False)] = rng.normal(size=2)
    return np.concatenate([own, mixed])


def _lowest(along: Floats, covered: Floats, weights: Floats) -> tuple[float, float, float]:
    """The lowest coverage of a slab of at least `SLAB_SHARE`, and its bounds."""
    edges = np.quantile(along, np.arange(CUTS + 1) / CUTS)
    cell = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, CUTS - 1)
    sums = np.stack([np.bincount(cell, one, CUTS) for one in (weights, weights * covered)])
    total, hit = np.concatenate([np.zeros((2, 1)), np.cumsum(sums, axis=1)], axis=1)
    mass = total[None, :] - total[:, None]  # from the row's cut to the column's
    allowed = mass >= SLAB_SHARE * total[-1] - 1e-12
    with np.errstate(invalid="ignore", divide="ignore"):
        coverage = np.where(allowed, (hit[None, :] - hit[:, None]) / mass, np.inf)
    start, stop = np.unravel_index(np.argmin(coverage), coverage.shape)
    last = stop == CUTS
    high = edges[stop] if last else np.nextafter(edges[stop], -np.inf)
    return float(coverage[start, stop]), float(edges[start]), float(high)


def _holm(held: HeldOut, parts: Sequence[ShareByBlock]) -> NDArray[np.bool_]:
    """Whether each coverage is below nominal; the level follows the number of untested parts."""
    fails = np.zeros(len(parts), dtype=bool)
    while True:
        level = 1 - (1 - LEVEL) / max(1, len(parts) - int(fails.sum()))
        found = fails.copy()
        for number in np.flatnonzero(~fails):
            interval = parts[int(number)].interval(
                independent=held.samples.independent, level=level
            )
            found[number] = interval.high < held.coverage
        if (found == fails).all():
            return fails
        fails = found
