"""The coverage of a bound on runs, partitions and blocks that were held out of the fit."""

from __future__ import annotations

import math
from collections.abc import Iterable
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
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.splits import bounds as bounds_of
from saibench.analysis.trusted_range.splits import fit_splits, inside

NUM_SPLITS = 5
"""Splits of each of the many fits; more hardly change the median."""
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Coverages that are validated if the blocks allow them."""


@dataclass(frozen=True)
class Validation:
    """Bounds of samples whose block and group were held out of the fit.

    Args:
        coverage: of the bounds.
        levels: all validated coverages.
        observed: share of samples inside the fitted range that are below their bound, at each
            level, with its block-bootstrap interval.
        what: what was held out, for a sentence.
        mean_bound: mean of the bounds, inside the fitted range.
        unconditional: mean of the bounds without a feature, of the same splits and samples.
        gain: relative difference of the two means, with its interval.
        calibration_blocks: smallest number of blocks that a bound is calibrated on.
    """

    coverage: float
    levels: tuple[float, ...]
    observed: tuple[Interval, ...]
    what: str
    mean_bound: float
    unconditional: float
    gain: Interval
    calibration_blocks: int

    @property
    def max_coverage(self) -> float:
        """Upper limit of the mean coverage with this many calibration blocks, see `conformal`."""
        return min(1.0, self.coverage + 2 / (self.calibration_blocks + 1))

    @property
    def at_coverage(self) -> Interval:
        """The observed share at `coverage`."""
        return self.observed[self.levels.index(self.coverage)]

    @property
    def is_informative(self) -> bool:
        """Whether the bounds are significantly (95 %) narrower than without the feature."""
        return self.gain.low > 0

    @property
    def contains_nominal(self) -> bool:
        """Whether the interval of the observed coverage contains the nominal one."""
        return self.at_coverage.low <= self.coverage <= self.at_coverage.high


def validate(
    samples: ErrorSamples, coverage: float, *, seed: int = 0, splits: int = NUM_SPLITS
) -> Validation:
    """Cross-validate the bound: each fit holds out a group and a share of the blocks.

    A group is a run on a partition; if there is only one, only its blocks are held out. Several
    runs are tested on the same samples, so a fit without one run would still know from the others
    how hard each sample is.

    Args:
        samples: all samples.
        coverage: of the bounds.
        seed: of the random splits.
        splits: of the blocks in each fit; the bound is their median.

    Raises:
        TooFewBlocks: the remaining blocks do not allow this coverage.
    """
    folds = block_folds(samples.blocks, _folds(samples.blocks, coverage), seed)
    count = len(samples.errors)
    parts = list(_parts(samples, folds))
    fewest = min(_num_calibrating(samples, kept, coverage, seed) for _, kept in parts)
    levels = tuple(sorted({coverage, *(one for one in LEVELS if needed_blocks(one) <= fewest)}))
    bounds = {level: np.full(count, np.nan) for level in levels}
    plain, within = np.full(count, np.nan), np.zeros(count, dtype=bool)
    for held_out, kept in parts:
        found = fit_splits(
            samples.features[kept],
            samples.errors[kept],
            samples.blocks[kept],
            coverage,
            levels=[level for level in levels if level != coverage],
            num=splits,
            seed=seed,
        )
        features = samples.features[held_out]
        within[held_out] = inside(found[coverage], features)
        plain[held_out] = np.median([split.unconditional for split in found[coverage]])
        for level, of_level in found.items():
            bounds[level][held_out] = np.median(bounds_of(of_level, features), axis=0)
    weights = np.where(within, block_weights(samples.blocks), 0.0)
    observed = [
        block_bootstrap(
            (samples.errors <= bounds[level]).astype(float),
            samples.blocks,
            weights=weights,
            share=True,
        )
        for level in levels
    ]
    return Validation(
        coverage=coverage,
        levels=levels,
        observed=tuple(observed),
        what=_what(samples),
        mean_bound=_mean(bounds[coverage], weights),
        unconditional=_mean(plain, weights),
        gain=block_bootstrap(
            np.stack([bounds[coverage], plain], axis=1),
            samples.blocks,
            _relative_gain,
            weights=weights,
            of_means=True,
        ),
        calibration_blocks=fewest,
    )


def _folds(blocks: NDArray, coverage: float) -> int:
    """The smallest number of folds that leaves enough blocks to fit."""
    count = len(np.unique(blocks))
    enough = needed_blocks(coverage) + MIN_FITTED_BLOCKS
    for folds in range(min(FOLDS, count), count + 1):
        if count - math.ceil(count / folds) >= enough:
            return folds
    raise TooFewBlocks(
        f"validating coverage {coverage:g} needs {enough + 1} independent blocks, and the data "
        f"have {count}. Use a lower coverage or more data."
    )


def _parts(samples: ErrorSamples, folds: NDArray) -> Iterable[tuple[NDArray, NDArray]]:
    """Masks of held-out and of fitted samples; each sample is held out once.

    Groups are held out in fifths, like blocks, or one by one if there are fewer than five.
    """
    groups = samples.groups % FOLDS
    alone = _num_groups(samples) == 1
    for fold in np.unique(folds):
        for group in np.unique(groups):
            held_out = (folds == fold) & (groups == group)
            others = np.ones_like(held_out) if alone else groups != group
            if held_out.any():
                yield held_out, others & (folds != fold)


def _num_groups(samples: ErrorSamples) -> int:
    return int(samples.groups.max()) + 1


def _num_calibrating(samples: ErrorSamples, kept: NDArray, coverage: float, seed: int) -> int:
    """Number of blocks that calibrate a fit to these samples."""
    blocks = samples.blocks[kept]
    return len(np.unique(blocks[calibration_blocks(blocks, coverage, seed)]))


def _relative_gain(values: Floats, weights: Floats) -> Floats:
    conditional, plain = (weighted_mean(values[:, column], weights) for column in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - conditional / plain


def _mean(values: Floats, weights: Floats) -> float:
    return float(weights @ values / weights.sum()) if weights.sum() else math.nan


def _what(samples: ErrorSamples) -> str:
    if _num_groups(samples) == 1:
        return "held-out blocks"
    if len(samples.source.points) == 1:
        return "held-out partitions and their blocks"
    if len(samples.source.partitions) == 1:
        return "held-out runs and the blocks that they were tested on"
    return "held-out runs and partitions and their blocks"
