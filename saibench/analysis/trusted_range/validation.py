"""Honesty and use of a bound on runs, partitions and blocks that were held out of the fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap, weighted_mean
from saibench.analysis.trusted_range.conditional import ConditionalCoverage, conditional_coverage
from saibench.analysis.trusted_range.conformal import TooFewBlocks
from saibench.analysis.trusted_range.held_out import (
    NUM_SPLITS,
    HeldOut,
    held_out_bounds,
)
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.usefulness import Usefulness, usefulness


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
        oracle_gain: what it would be if each bound was the sample's own error.
        calibration_blocks: smallest number of blocks that a bound is calibrated on.
        usefulness: which samples are recognised as good, and how the bound ranks errors.
        conditional: coverage by feature bin, by run and partition, and in the worst slab.
    """

    coverage: float
    levels: tuple[float, ...]
    observed: tuple[Interval, ...]
    what: str
    mean_bound: float
    unconditional: float
    gain: Interval
    oracle_gain: Interval
    calibration_blocks: int
    usefulness: Usefulness
    conditional: ConditionalCoverage

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
    def width_differs(self) -> bool:
        """Whether the bounds are significantly narrower or wider than without the feature."""
        return self.gain.low > 0 or self.gain.high < 0

    @property
    def contains_nominal(self) -> bool:
        """Whether the interval of the observed coverage contains the nominal one."""
        return self.at_coverage.low <= self.coverage <= self.at_coverage.high


def validate(
    samples: ErrorSamples,
    coverage: float,
    *,
    tolerance: float | None = None,
    seed: int = 0,
    splits: int = NUM_SPLITS,
) -> Validation:
    """Cross-validate the bound, see `held_out_bounds`.

    Args:
        samples: all samples.
        coverage: of the bounds.
        tolerance: at which samples are declared trusted.
        seed: of the random splits.
        splits: of the blocks in each fit; the bound is their median.

    Raises:
        TooFewBlocks: the blocks do not allow this coverage, or no held-out sample is inside the
            range of the features.
    """
    held = held_out_bounds(samples, coverage, seed=seed, splits=splits)
    weights = held.weights
    if not weights.any():
        names = ", ".join(quantity.name for quantity in samples.quantities)
        raise TooFewBlocks(
            f"no held-out sample is inside the range of all features ({names}) of the others. Use "
            "fewer features or more data."
        )
    observed = [
        block_bootstrap(held.covered(level), samples.blocks, weights=weights, share=True)
        for level in held.bounds
    ]
    return Validation(
        coverage=coverage,
        levels=tuple(held.bounds),
        observed=tuple(observed),
        what=_what(samples),
        mean_bound=_mean(held.bound, weights),
        unconditional=_mean(held.unconditional, weights),
        gain=_gain(held, held.bound),
        oracle_gain=_gain(held, samples.errors),
        calibration_blocks=held.calibration_blocks,
        usefulness=usefulness(held, tolerance),
        conditional=conditional_coverage(held, seed=seed),
    )


def _gain(held: HeldOut, bounds: Floats) -> Interval:
    """Relative difference of the mean bounds from those without features, inside the range."""
    return block_bootstrap(
        np.stack([bounds, held.unconditional], axis=1),
        held.samples.blocks,
        _relative_gain,
        weights=held.weights,
        of_means=True,
    )


def _relative_gain(values: Floats, weights: Floats) -> Floats:
    conditional, plain = (weighted_mean(values[:, column], weights) for column in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - conditional / plain


def _mean(values: Floats, weights: Floats) -> float:
    return float(weights @ values / weights.sum()) if weights.sum() else math.nan


def _what(samples: ErrorSamples) -> str:
    if not samples.runs.any():
        return "held-out blocks"
    return "held-out runs and the blocks that they were tested on"
