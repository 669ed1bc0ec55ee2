"""Exact bounds for classes of samples whose errors are 0 or 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.proportions import ratio_bounds

Bounds = tuple[float, float]


@dataclass(frozen=True)
class WrongShare:
    """Bounds of the errors of one class.

    Args:
        mean: its share of wrong samples.
        relative: the same divided by the share of wrong samples overall.
        share: its share of all wrong samples, for its fixed size.
    """

    mean: Bounds
    relative: Bounds
    share: Bounds


def wrong_shares(
    errors: Floats, member: NDArray[np.bool_], blocks: NDArray[np.int64], independent: bool
) -> list[WrongShare]:
    """Bounds of each class, assuming that it is independent of the other samples.

    Args:
        errors: `(N,)`, 0 or 1.
        member: `(N, K)`, each sample in one class at most; samples in none are ignored.
        blocks: `(N,)` labels.
        independent: whether the samples within a block are independent.
    """
    inside = member.any(axis=1)
    found = []
    for own in member.T:
        rest = inside & ~own
        first, second = (_bounds(errors[one], blocks[one], independent) for one in (own, rest))
        ends = ratio_bounds(first, second) if rest.any() else (1.0, 1.0)
        low, high = (_of_all(end, int(own.sum()), int(rest.sum())) for end in ends)
        size = float(own.sum() / inside.sum())
        found.append(WrongShare((first[0], first[2]), (low, high), (size * low, size * high)))
    return found


def bounded(intervals: Sequence[Interval], bounds: Sequence[Bounds]) -> list[Interval]:
    """The intervals with their bounds replaced."""
    return [
        replace(one, low=low, high=high) for one, (low, high) in zip(intervals, bounds, strict=True)
    ]


def _of_all(ratio: float, count: int, others: int) -> float:
    """The ratio of a class to all samples, from its ratio to the other samples."""
    if math.isinf(ratio):
        return (count + others) / count
    return (count + others) * ratio / (count * ratio + others)


def _bounds(
    errors: Floats, blocks: NDArray[np.int64], independent: bool
) -> tuple[float, float, float]:
    found = block_bootstrap(errors, blocks, share=True, independent=independent)
    return found.low, found.estimate, found.high
