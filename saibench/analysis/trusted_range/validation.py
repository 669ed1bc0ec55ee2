"""How often a bound held where it had seen nothing: on points, partitions and blocks left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap, weighted_mean
from saibench.analysis.trusted_range.conformal import (
    MIN_FITTED_BLOCKS,
    TooFewBlocks,
    block_weights,
    calibration_blocks,
    needed_blocks,
)
from saibench.analysis.trusted_range.error_model import FOLDS, block_folds
from saibench.analysis.trusted_range.reading import Measured
from saibench.analysis.trusted_range.splits import bounds as bounds_of
from saibench.analysis.trusted_range.splits import fit_splits, inside

NUM_SPLITS = 5
"""Splits in each of the fits, of which there are many; a median of more hardly moves."""
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Coverages that are compared with what was observed, those that the blocks suffice for."""


@dataclass(frozen=True)
class LeftOut:
    """What was observed of one point or partition that was left out.

    Args:
        name: of the point, and of the partition where there are several.
        samples: how many it has.
        inside: how many of them lie in the range that the others fitted.
        coverage: share of these that lie below their bound, by blocks.
        outside: share of the others that do, NaN if there are none.
    """

    name: str
    samples: int
    inside: int
    coverage: Interval
    outside: float


@dataclass(frozen=True)
class Validation:
    """Bounds of samples that had no part in them, neither by their block nor by their group.

    Args:
        coverage: that the bounds were made for.
        levels: further coverages.
        observed: share of samples inside the fitted range that lie below their bound, at each
            level, with its block-bootstrap interval.
        left_out: the same at `coverage`, by point and partition.
        what: what was left out, for a sentence.
        mean_bound: mean of the bounds, inside the fitted range.
        unconditional: mean of the bounds that the same splits give without a feature, of the
            same samples.
        gain: unconditional less conditional bound, a share of the former, with its interval.
        calibration_blocks: that each of the bounds rests on, at least.
    """

    coverage: float
    levels: tuple[float, ...]
    observed: tuple[Interval, ...]
    left_out: tuple[LeftOut, ...]
    what: str
    mean_bound: float
    unconditional: float
    gain: Interval
    calibration_blocks: int

    @property
    def at_most(self) -> float:
        """Coverage that so many calibration blocks do not exceed on average, see `conformal`."""
        return min(1.0, self.coverage + 2 / (self.calibration_blocks + 1))

    @property
    def at_coverage(self) -> Interval:
        """What was observed at `coverage`."""
        return self.observed[self.levels.index(self.coverage)]

    @property
    def is_informative(self) -> bool:
        """Whether the bounds are narrower than without the feature, beyond doubt."""
        return self.gain.low > 0

    @property
    def contains_nominal(self) -> bool:
        """Whether the observed coverage's interval holds the nominal one."""
        return self.at_coverage.low <= self.coverage <= self.at_coverage.high


def validate(
    measured: Measured, coverage: float, *, seed: int = 0, splits: int = NUM_SPLITS
) -> Validation:
    """Fit again and again without a group and a share of the blocks, and look at both together.

    A group is a point on a partition. Where there is one only, its blocks alone are left out.
    The same test frames are tested by several points, so leaving out a point without its blocks
    would still show the fit how hard each frame is.

    Args:
        measured: all samples.
        coverage: of the bounds.
        seed: of the draws.
        splits: of the blocks in each fit; the bound is their median.

    Raises:
        TooFewBlocks: what is left of the blocks holds no such coverage.
    """
    folds = block_folds(measured.blocks, _folds(measured.blocks, coverage), seed)
    count = len(measured.errors)
    parts = list(_parts(measured, folds))
    fewest = min(_num_calibrating(measured, kept, coverage, seed) for _, kept in parts)
    levels = tuple(sorted({coverage, *(one for one in LEVELS if needed_blocks(one) <= fewest)}))
    bounds = {level: np.full(count, np.nan) for level in levels}
    plain, within = np.full(count, np.nan), np.zeros(count, dtype=bool)
    for held, kept in parts:
        found = fit_splits(
            measured.features[kept],
            measured.errors[kept],
            measured.blocks[kept],
            coverage,
            levels=[level for level in levels if level != coverage],
            num=splits,
            seed=seed,
        )
        features = measured.features[held]
        within[held] = inside(found[coverage], features)
        plain[held] = np.median([split.unconditional for split in found[coverage]])
        for level, of_level in found.items():
            bounds[level][held] = np.median(bounds_of(of_level, features), axis=0)
    covered = {level: (measured.errors <= bounds[level]).astype(float) for level in levels}
    weights = np.where(within, block_weights(measured.blocks), 0.0)
    observed = tuple(
        block_bootstrap(covered[level], measured.blocks, weights=weights, share=True)
        for level in levels
    )
    return Validation(
        coverage=coverage,
        levels=levels,
        observed=observed,
        left_out=tuple(
            _left_out(name, measured.groups == number, within, covered[coverage], measured.blocks)
            for number, name in enumerate(measured.group_names)
        ),
        what=_what(measured),
        mean_bound=_mean(bounds[coverage], weights),
        unconditional=_mean(plain, weights),
        gain=block_bootstrap(
            np.stack([bounds[coverage], plain], axis=1),
            measured.blocks,
            _relative_gain,
            weights=weights,
            of_means=True,
        ),
        calibration_blocks=fewest,
    )


def _folds(blocks: NDArray, coverage: float) -> int:
    """As few folds as leave enough blocks; at most one block each."""
    count = len(np.unique(blocks))
    enough = needed_blocks(coverage) + MIN_FITTED_BLOCKS
    for folds in range(min(FOLDS, count), count + 1):
        if count - math.ceil(count / folds) >= enough:
            return folds
    raise TooFewBlocks(
        f"coverage {coverage:g} takes {enough + 1} blocks to be validated on one of them after a "
        f"fit to the others, and the data have {count}."
    )


def _parts(measured: Measured, folds: NDArray) -> Iterable[tuple[NDArray, NDArray]]:
    """Masks of what is left out and of what is fitted; together each sample is left out once.

    Groups are left out by fifths, as blocks are, or each alone where there are fewer.
    """
    alone = len(measured.group_names) == 1
    of_group = measured.groups % FOLDS
    for fold in np.unique(folds):
        for group in np.unique(of_group):
            held = (folds == fold) & (of_group == group)
            others = np.ones_like(held) if alone else of_group != group
            if held.any():
                yield held, others & (folds != fold)


def _num_calibrating(measured: Measured, kept: NDArray, coverage: float, seed: int) -> int:
    """Blocks that calibrate a range of what is kept."""
    blocks = measured.blocks[kept]
    return len(np.unique(blocks[calibration_blocks(blocks, coverage, seed)]))


def _left_out(
    name: str, mine: NDArray, inside: NDArray, covered: Floats, blocks: NDArray
) -> LeftOut:
    within, beyond = mine & inside, mine & ~inside
    weights = np.where(within[mine], block_weights(blocks[mine]), 0.0)
    return LeftOut(
        name=name,
        samples=int(mine.sum()),
        inside=int(within.sum()),
        coverage=block_bootstrap(covered[mine], blocks[mine], weights=weights, share=True),
        outside=float(covered[beyond].mean()) if beyond.any() else math.nan,
    )


def _relative_gain(values: Floats, weights: Floats) -> Floats:
    conditional, plain = (weighted_mean(values[:, column], weights) for column in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - conditional / plain


def _mean(values: Floats, weights: Floats) -> float:
    return float(weights @ values / weights.sum()) if weights.sum() else math.nan


def _what(measured: Measured) -> str:
    points: Sequence[str] = measured.source.points
    if len(measured.group_names) == 1:
        return "blocks that were left out"
    if len(points) == 1:
        return "partitions that were left out, with their blocks"
    if len(measured.source.partitions) == 1:
        return "points that were left out, with the blocks that they were tested on"
    return "points and partitions that were left out, with their blocks"
