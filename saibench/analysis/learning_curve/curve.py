"""Errors of the same test samples after training on more and more, and what may vary in them."""

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
    """How far the error of one training lies from that of another on as many other samples.

    Args:
        relative: standard deviation of the logarithm of a training's error.
        freedom: degrees of freedom that it was estimated with.
        origin: what it was estimated from.
    """

    relative: float
    freedom: int
    origin: str


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """The error of N test samples by training set size.

    Args:
        sizes: `(K,)` samples trained on, ascending.
        values: `(N, K)` not negative, the mean over the trainings of a size.
        blocks: `(N,)` stretches of time, or groups of samples.
        trainings: mean error of each training, by size.
        points: the same trainings' points.
        statistic: what the errors are.
        ideal: the statistic's value where there is no error.
        partition: what was tested on.
        label: what the points share, where the study varies it.
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
        """The most trainings of a size: from two on, how far trainings differ is measured."""
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
        """What trainings of equal size differ by, or None where no size was trained twice."""
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
        """`(R, K)` mean errors of resampled blocks of the test, the same blocks for all sizes."""
        labels, block_of = np.unique(self.blocks, return_inverse=True)
        sums = np.zeros((len(labels), len(self.sizes)))
        np.add.at(sums, block_of, self.values)
        draws = draw_blocks(len(labels), seed, num_resamples)
        return (draws @ sums) / (draws @ np.bincount(block_of).astype(np.float64))[:, None]

    def noisy(
        self, noise: TrainingNoise, seed: int = 0, num_resamples: int = NUM_RESAMPLES
    ) -> Floats:
        """`(R, K)` factors by which other trainings of these sizes would have other errors.

        Student's t of the noise's degrees of freedom, since the noise itself is only estimated.
        """
        rng = np.random.default_rng([seed, 1])
        normal = rng.standard_normal((num_resamples, len(self.sizes)))
        widened = np.sqrt(noise.freedom / rng.chisquare(noise.freedom, (num_resamples, 1)))
        return np.exp(noise.relative * normal * widened / np.sqrt(self.counts))

    def intervals(self) -> list[Interval]:
        """Of the mean error of each size: of other tests, and of other trainings if several are."""
        found = block_bootstraps(self.values, self.blocks, weighted_means, of_means=True)
        return [
            with_seeds(one, [of_size]).within(0.0)
            for one, of_size in zip(found, self.trainings, strict=True)
        ]

    def interval(self, estimate: float, resampled: Sequence[float] | Floats) -> Interval:
        """The interval of a number from its values over resampled blocks."""
        draws = np.asarray(resampled, dtype=np.float64)
        return percentile_interval(float(estimate), draws, self.num_blocks, len(self.values))
