"""Errors of the same test samples by training set size, with their sources of variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import (
    NUM_RESAMPLES,
    Floats,
    Interval,
    block_bootstraps,
    draw_blocks,
    percentile_interval,
    weighted_means,
)
from saibench.analysis.seeds import with_seeds
from saibench.analysis.trusted_range.records import Quantity


@dataclass(frozen=True)
class TrainingNoise:
    """Variability of the error between trainings of the same size.

    Args:
        relative: standard deviation of the logarithm of a training's error.
        freedom: degrees of freedom of its estimate.
        origin: what it was estimated from, in words.
    """

    relative: float
    freedom: int
    origin: str


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """The error of N test samples by training set size.

    Args:
        sizes: `(K,)` numbers of training samples, ascending.
        values: `(N, K)` not negative, the mean over the trainings of a size.
        blocks: `(N,)` labels of independent blocks.
        trainings: mean error of each training, by size.
        points: hashes of the same trainings' runs.
        statistic: the error.
        ideal: error-free value of the statistic.
        partition: the test partition.
        label: settings that the runs share, if the study varies them.
    """

    sizes: Floats
    values: Floats
    blocks: NDArray[np.int64]
    trainings: tuple[tuple[float, ...], ...]
    points: tuple[tuple[str, ...], ...] = ()
    statistic: Quantity = field(default_factory=lambda: Quantity("error"))
    ideal: float = 0.0
    partition: str = ""
    label: str = ""

    @property
    def errors(self) -> Floats:
        """`(K,)` mean errors."""
        return self.values.mean(axis=0)

    @property
    def counts(self) -> Floats:
        """`(K,)` trainings of each size."""
        return np.array([len(of_size) for of_size in self.trainings], dtype=np.float64)

    @property
    def seeds(self) -> int:
        """The largest number of trainings of one size."""
        return max(map(len, self.trainings))

    @property
    def num_blocks(self) -> int:
        return len(np.unique(self.blocks))

    def upto(self, count: int) -> LearningCurve:
        """The curve of its smallest sizes."""
        return replace(
            self,
            sizes=self.sizes[:count],
            values=self.values[:, :count],
            trainings=self.trainings[:count],
            points=self.points[:count],
        )

    def seed_noise(self) -> TrainingNoise | None:
        """The variability between trainings of equal size; None if no size was trained twice."""
        spread, freedom = 0.0, 0
        for of_size in self.trainings:
            logarithms = np.log(np.array(of_size))
            spread += float(((logarithms - logarithms.mean()) ** 2).sum())
            freedom += len(of_size) - 1
        if not freedom:
            return None
        trained = sum(len(of_size) > 1 for of_size in self.trainings)
        origin = f"{freedom + trained} trainings of {trained} sizes"
        return TrainingNoise(math.sqrt(spread / freedom), freedom, origin)

    def of_blocks(self, seed: int = 0, num_resamples: int = NUM_RESAMPLES) -> Floats:
        """Mean errors of resampled test blocks, `(R, K)`, the same blocks for all sizes."""
        labels, block_of = np.unique(self.blocks, return_inverse=True)
        sums = np.zeros((len(labels), len(self.sizes)))
        np.add.at(sums, block_of, self.values)
        draws = draw_blocks(len(labels), seed, num_resamples)
        return (draws @ sums) / (draws @ np.bincount(block_of).astype(np.float64))[:, None]

    def noisy(
        self, noise: TrainingNoise, seed: int = 0, num_resamples: int = NUM_RESAMPLES
    ) -> Floats:
        """Random factors, `(R, K)`, of the errors of other trainings of these sizes.

        From Student's t with the degrees of freedom of the noise, which is itself an estimate.
        """
        rng = np.random.default_rng([seed, 1])
        normal = rng.standard_normal((num_resamples, len(self.sizes)))
        widened = np.sqrt(noise.freedom / rng.chisquare(noise.freedom, (num_resamples, 1)))
        return np.exp(noise.relative * normal * widened / np.sqrt(self.counts))

    def intervals(self) -> list[Interval]:
        """Intervals of the mean error of each size, over test blocks and seeds if several."""
        found = block_bootstraps(self.values, self.blocks, weighted_means, of_means=True)
        return [
            with_seeds(one, [of_size]).within(0.0)
            for one, of_size in zip(found, self.trainings, strict=True)
        ]

    def interval(self, estimate: float, resampled: Sequence[float] | Floats) -> Interval:
        """The interval of a number from its values over resampled blocks."""
        draws = np.asarray(resampled, dtype=np.float64)
        return percentile_interval(float(estimate), draws, self.num_blocks, len(self.values))
