"""Contributions of components (species, lead times, classes, bins) and causes to an error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval, block_bootstraps, weighted_means
from saibench.analysis.tracing.component_tests import axis_p_values, class_p_values
from saibench.analysis.tracing.records import Component, Part, Tested
from saibench.analysis.tracing.wrong_shares import bounded, wrong_shares

MIN_SAMPLES = 20
"""Components with fewer samples are not tested."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contributions of the components of one kind to the error of each of N samples.

    Args:
        of: the axis or feature.
        names: of K components.
        errors: `(N, K)`, error times size.
        sizes: `(N, K)`, the number of atoms or lead times that the error is averaged over; for
            classes 1 if a sample belongs to the component, else 0.
        counted: unit of the sizes.
        exclusive: whether a sample belongs to at most one component.
    """

    of: str
    names: tuple[str, ...]
    errors: Floats
    sizes: Floats
    counted: str = "samples"
    exclusive: bool = False


def component_shares(
    contributions: Contributions,
    blocks: NDArray[np.int64],
    piece: int = 1,
    groups: NDArray[np.int64] | None = None,
    *,
    share: bool = False,
    independent: bool = False,
) -> tuple[Component, ...]:
    """Share of the whole error, and ratio to the mean error, of each component.

    The sizes of the components are fixed; their means are resampled. `component_tests` tests
    whether the error of a component differs from that of the others.

    Args:
        blocks: `(N,)` labels of independent blocks.
        piece: neighbouring samples, or declared groups, permuted together; 1 if independent.
        groups: `(N,)` labels of declared groups, which are permuted as a whole.
        share: whether errors are declared to be 0 or 1, so that classes have bounds of shares.
        independent: whether the samples within a block are independent.
    """
    count = len(contributions.names)
    columns = np.hstack([contributions.errors, contributions.sizes])
    sizes = contributions.sizes.sum(axis=0)
    size = sizes / sizes.sum()

    def statistic(values: Floats, weights: Floats) -> Floats:
        total = weights @ values
        with np.errstate(invalid="ignore", divide="ignore"):
            contributed = size * total[:, :count] / total[:, count:]
            shares = contributed / contributed.sum(axis=1, keepdims=True)
            return np.hstack([shares, shares / size])

    intervals = block_bootstraps(columns, blocks, statistic, of_means=True)
    if share and contributions.exclusive:
        member = contributions.sizes > 0
        wrong = wrong_shares(contributions.errors.sum(axis=1), member, blocks, independent)
        ends = [*(one.share for one in wrong), *(one.relative for one in wrong)]
        intervals = bounded(intervals, ends)
    p_values = _p_values(contributions, blocks, piece, groups)
    return tuple(
        Component(
            of=contributions.of,
            name=name,
            share=intervals[number],
            size=float(size[number]),
            counted=contributions.counted,
            relative=Tested(intervals[count + number], p_values[number]),
        )
        for number, name in enumerate(contributions.names)
    )


def _p_values(
    contributions: Contributions,
    blocks: NDArray[np.int64],
    piece: int,
    groups: NDArray[np.int64] | None,
) -> list[float]:
    """p-value of each component against the others; NaN if it has too few samples."""
    errors, sizes = contributions.errors, contributions.sizes
    if contributions.exclusive:
        found = class_p_values(errors.sum(axis=1), sizes > 0, piece, groups)
    else:
        found = axis_p_values(errors, sizes, blocks)
    enough = np.count_nonzero(sizes, axis=0) >= MIN_SAMPLES
    return [p if many else math.nan for p, many in zip(found, enough, strict=True)]


def of_classes(
    of: str, names: Sequence[str], member: NDArray[np.int64], errors: Floats
) -> Contributions:
    """Contributions of classes, to which samples belong as a whole; empty classes are dropped.

    Args:
        member: `(N,)` index of the sample's class in `names`, or −1.
        errors: `(N,)`.
    """
    sizes = (member[:, None] == np.arange(len(names))).astype(np.float64)
    kept: list[bool] = (sizes.sum(axis=0) > 0).tolist()
    names = [name for name, used in zip(names, kept, strict=True) if used]
    own = (sizes * errors[:, None])[:, kept]
    return Contributions(of, tuple(names), own, sizes[:, kept], exclusive=True)


def binned(edges: Sequence[float], values: Floats) -> tuple[list[str], NDArray[np.int64]]:
    """Names of bins and the bin of each value; bins include their lower edge, the last both edges.

    >>> names, member = binned([0, 60, 120], np.array([0.0, 60.0, 120.0, 130.0]))
    >>> names, member.tolist()
    (['0 to 60', '60 to 120'], [0, 1, 1, -1])
    """
    bounds = np.asarray(edges, dtype=np.float64)
    member = np.searchsorted(bounds, values, side="right") - 1
    member[values == bounds[-1]] = len(bounds) - 2
    member[(values < bounds[0]) | (values > bounds[-1]) | np.isnan(values)] = -1
    names = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    return names, member.astype(np.int64)


def cause_shares(
    whole: Floats, alone: Mapping[str, Floats], blocks: NDArray[np.int64]
) -> tuple[Part, ...]:
    """Shapley shares of two causes of an error, each of which can be replaced by the truth.

    The error is `whole` if both are predicted, `alone` if one of them is, and `rest` (0 by default)
    if neither is. The share of cause i is (aloneᵢ − rest + whole − aloneⱼ) / (2 whole), the mean of
    its contributions to the rest and to the other cause; with that of the rest they sum to 1.

    Args:
        whole: `(N,)` error of each sample.
        alone: `(N,)` of each of two causes, and optionally of the rest, as the third.

    Raises:
        ValueError: there are not two causes.
    """
    if len(alone) not in (2, 3):
        raise ValueError(f"{len(alone)} causes: shares are defined for 2, with or without a rest")
    columns = np.stack([whole, *alone.values()], axis=1)

    def statistic(values: Floats, weights: Floats) -> Floats:
        both, first, second, *rest = weighted_means(values, weights).T
        with np.errstate(invalid="ignore", divide="ignore"):  # no error: its shares are NaN
            left = rest[0] / both if rest else np.zeros_like(both)
            more = (first - second) / (2 * both)
        shares = [0.5 - left / 2 + more, 0.5 - left / 2 - more, *([left] if rest else [])]
        return np.stack([first, second, *rest, *shares], axis=1)

    found: list[Interval] = block_bootstraps(columns, blocks, statistic, of_means=True)
    shares = found[len(alone) :]
    return tuple(Part(name, found[at], shares[at]) for at, name in enumerate(alone))
