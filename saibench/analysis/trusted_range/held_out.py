"""Bounds of samples whose block and run were held out of the fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.conformal import (
    MIN_FITTED_BLOCKS,
    TooFewBlocks,
    block_weights,
    calibration_blocks,
    needed_blocks,
)
from saibench.analysis.trusted_range.model_curves import FOLDS, block_folds
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.splits import Choice, fit_splits, inside, median_bounds

NUM_SPLITS = 5
"""Splits of each of the many fits; more hardly change the median."""
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Coverages that are validated if the blocks allow them."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Bounds of fits that did not use the sample; arrays `(samples,)`.

    Args:
        samples: errors, features and blocks.
        coverage: of the bounds.
        bounds: by level.
        unconditional: bounds of `coverage` without a feature.
        inside: whether the sample is in the fitted range.
        calibration_blocks: smallest number of blocks that a bound is calibrated on.
    """

    samples: ErrorSamples
    coverage: float
    bounds: Mapping[float, Floats]
    unconditional: Floats
    inside: NDArray[np.bool_]
    calibration_blocks: int

    @property
    def bound(self) -> Floats:
        """The bounds of `coverage`."""
        return self.bounds[self.coverage]

    @property
    def relative(self) -> Floats:
        """The bounds over those of the same fits without a feature, `(samples,)`.

        Samples are ranked by these. Bounds of different fits are not comparable: a fit without the
        largest errors has lower bounds, so that a feature without information would have an area
        under the ROC curve below 0.5 (0.42 to 0.46 in simulations, and 0.48 to 0.51 for the ratio).
        """
        plain = self.unconditional
        return self.bound / np.where(plain > 0, plain, 1.0)

    @cached_property
    def weights(self) -> Floats:
        """Equal for all blocks; 0 outside the fitted range."""
        return np.where(self.inside, block_weights(self.samples.blocks), 0.0)

    def covered(self, level: float | None = None) -> Floats:
        """1 where the error is at most its bound, else 0."""
        bound = self.bounds[self.coverage if level is None else level]
        return (self.samples.errors <= bound).astype(np.float64)


def held_out_bounds(
    samples: ErrorSamples,
    coverage: float,
    *,
    choice: Choice | None = None,
    seed: int = 0,
    splits: int = NUM_SPLITS,
) -> HeldOut:
    """Cross-validate the bound: each fit holds out a share of the blocks, and one of several runs.

    Several runs are tested on the same samples, so a fit without one run would still know from the
    others how hard each sample is. Partitions are not held out: the bound is meant for samples like
    those of all of them together.

    Args:
        samples: all samples.
        coverage: of the bounds.
        choice: of features and error model; by default each fit makes its own, on its blocks.
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
            choice=choice,
            training=[quantity.training for quantity in samples.quantities],
            num=splits,
            seed=seed,
        )
        features = samples.features[held_out]
        within[held_out] = inside(found[coverage], features)
        plain[held_out] = np.median([split.unconditional for split in found[coverage]])
        each = median_bounds(list(found.values()), features)
        for level, of_level in zip(found, each, strict=True):
            bounds[level][held_out] = of_level
    return HeldOut(samples, coverage, bounds, plain, within, fewest)


def num_groups(samples: ErrorSamples) -> int:
    """Number of combinations of run and partition."""
    return int(samples.groups.max()) + 1


def _folds(blocks: NDArray, coverage: float) -> int:
    """The smallest number of folds that leaves enough blocks to fit."""
    count = block_numbers(blocks)[1]
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

    Runs are held out in fifths, like blocks, or one by one if there are fewer than five.
    """
    runs = samples.runs % FOLDS
    alone = not samples.runs.any()
    for fold in np.unique(folds):
        for run in np.unique(runs):
            held_out = (folds == fold) & (runs == run)
            others = np.ones_like(held_out) if alone else runs != run
            if held_out.any():
                yield held_out, others & (folds != fold)


def _num_calibrating(samples: ErrorSamples, kept: NDArray, coverage: float, seed: int) -> int:
    """Number of blocks that calibrate a fit to these samples."""
    count = block_numbers(samples.blocks[kept])[1]
    return int(calibration_blocks(np.arange(count), coverage, seed).sum())
