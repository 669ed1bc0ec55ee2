"""Synthetic learning curves of a known law, with noise of the test and of the trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from saibench.analysis.bootstrap import contiguous_blocks
from saibench.analysis.learning_curve.curve import LearningCurve

LAWS: dict[str, Callable[[float], float]] = {
    "log-linear": lambda n: 60 - 3.5 * float(np.log2(n)),
    "power": lambda n: 500 * n**-0.45,
    "power with offset": lambda n: 500 * n**-0.5 + 10,
    "saturating": lambda n: 30 * float(np.exp(-n / 3000)) + 15,
}
SIZES = (200, 400, 800, 1600, 3200, 6400)


def curve_of(
    rng: np.random.Generator,
    law: Callable[[float], float],
    sizes: Sequence[int] = SIZES,
    trainings: int = 1,
    noise: float = 0.03,
    samples: int = 400,
    num_blocks: int = 20,
    hardness: float = 0.3,
) -> LearningCurve:
    """Errors of `samples` test samples with the expected value law(size).

    Samples of a block share a factor of spread `hardness`, the same for all sizes; each training
    has a factor of spread `noise`.
    """
    hard = hardness * np.repeat(rng.standard_normal(num_blocks), samples // num_blocks)
    hard = np.exp(hard + 0.2 * rng.standard_normal(samples) - (hardness**2 + 0.2**2) / 2)
    columns, means = [], []
    for size in sizes:
        luck = np.exp(noise * rng.standard_normal(trainings))
        own = np.exp(0.1 * rng.standard_normal((samples, trainings)) - 0.005)
        errors = law(size) * hard[:, None] * own * luck
        columns.append(errors.mean(axis=1))
        means.append(tuple(errors.mean(axis=0).tolist()))
    blocks = contiguous_blocks(np.arange(samples), num_blocks)
    return LearningCurve(np.array(sizes, float), np.stack(columns, 1), blocks, tuple(means))


def exact_curve(law: Callable[[float], float], sizes: Sequence[int] = SIZES) -> LearningCurve:
    """A curve without any noise."""
    errors = np.tile([law(size) for size in sizes], (40, 1))
    blocks = contiguous_blocks(np.arange(40), 20)
    trainings = tuple((float(law(size)),) for size in sizes)
    return LearningCurve(np.array(sizes, float), errors, blocks, trainings)
