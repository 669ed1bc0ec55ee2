"""Shares of an error by named components (species, lead times, classes, bins) and by causes."""

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
"""Samples of a component below which it is not tested: five without an error say nothing."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """What the components of one kind add to the error of each of N samples.

    Args:
        of: the axis or feature.
        names: of K components.
        errors: `(N, K)`, error times size.
        sizes: `(N, K)`, what the error is averaged over: atoms, lead times; 1 where a sample is of
            the component, else 0.
        counted: what sizes count.
        exclusive: whether a sample is of one component at most.
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
    """Share of the whole error, and mean error over that of all, of each component.

    How large the components are is not left to chance: their means are resampled. Whether a
    component errs like the others is tested as `component_tests` says.

    Args:
        blocks: `(N,)` labels of what is independent.
        piece: neighbouring samples that stay together in a permutation; 1 if all are independent.
            Of declared groups, how many neighbouring ones.
        groups: `(N,)` labels of declared groups, which change places as a whole.
        share: whether errors are declared to be 0 or 1: classes have the bounds of shares.
        independent: whether the samples of a block are.
    """
    count = len(contributions.names)
    columns = np.hstack([contributions.errors, contributions.sizes])

    sizes = contributions.sizes.sum(axis=0)
    size = sizes / sizes.sum()

    def statistic(values: Floats, weights: Floats) -> Floats:
        total = weights @ values
        with np.errstate(invalid="ignore", divide="ignore"):
            carried = size * total[:, :count] / total[:, count:]
            shares = carried / carried.sum(axis=1, keepdims=True)
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
    """Of each component against the others; NaN of one that has too few samples."""
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
    """Components to which samples belong as a whole.

    Args:
        member: `(N,)` number of the sample's component in `names`; −1 in none.
        errors: `(N,)`.
    """
    sizes = (member[:, None] == np.arange(len(names))).astype(np.float64)
    kept: list[bool] = (sizes.sum(axis=0) > 0).tolist()
    names = [name for name, used in zip(names, kept, strict=True) if used]
    own = (sizes * errors[:, None])[:, kept]
    return Contributions(of, tuple(names), own, sizes[:, kept], exclusive=True)


def binned(edges: Sequence[float], values: Floats) -> tuple[list[str], NDArray[np.int64]]:
    """Names of bins and the bin of each value; bins hold their lower edge, the last both.

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

    With both true a rest is left (none if it is not given), with one of them predicted there is
    `alone`, with both `whole`. A cause's share is the mean of what it adds to the rest and to the
    other, over the whole: (aloneᵢ − rest + whole − aloneⱼ) / (2 whole); with the rest's they sum
    to 1.

    Args:
        whole: `(N,)` error of each sample.
        alone: `(N,)` of each of two causes, and of the rest, if there is one, as the third.

    Raises:
        ValueError: there are not two causes.
    """
    if len(alone) not in (2, 3):
        raise ValueError(f"shares of {len(alone)} causes are not defined, of 2 and a rest they are")
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
