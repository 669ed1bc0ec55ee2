"""Compares the effects of two settings on the error: local or global (paper, figure 5).

Two models are tested on the same samples, divided into regions (stretches of time, or bins of a
feature). In region r of n samples the worse model has the mean squared error A(r), the better one
B(r), and they have the mean errors a(r) and b(r).

- **Amplitude** α: log α² is a robust mean over regions of log A(r) / B(r): Tukey's biweight mean,
  weighted by n, which ignores outlying regions.
- **Global share** of the change: (α² − 1) Σ n B / Σ n (A − B).
- **Local share**: the rest, Σ n (A − α² B) / Σ n (A − B). Its **signed** part, Σ n (a² − α² b²) /
  Σ n (A − B), is bias of one sign within a region.

An effect on more than half of the regions is global by this definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Floats, Interval, block_bootstraps
from saibench.analysis.checks import refuse_different_samples, refuse_failed
from saibench.analysis.seeds import with_seeds
from saibench.analysis.setting_axes import (
    Axis,
    Repeats,
    axes_of,
    repeats_of_seeds,
    runs_of,
    with_few_pairs,
)
from saibench.analysis.tracing.columns import column_of, feature_along, rows_of_point
from saibench.analysis.tracing.ranges import rank_bins
from saibench.analysis.tracing.reading import MIN_BLOCKS
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested

NUM_BINS = 20
REACH = 3.0
"""Robust standard deviations beyond which a region has no weight."""
STEPS = 8
CHUNK = 200_000
"""Ratios by pair, region and resampling in memory at once, as fit into a processor's cache."""
NUMBERS = 7
"""Intervals of a `Change`."""
ROOTS = (0, 1, 3)
"""Those of them that are never negative."""


@dataclass(frozen=True)
class Change:
    """The change of the error along one axis, over all pairs of models that differ in it only.

    Args:
        trainings: the smallest number of seeds of a setting; None if none was trained.
        worse, better: root mean squared error of either end.
        mean_square: change of the mean squared error.
        amplitude: α, root of the mean over pairs of α².
        local: share of the change.
        signed: part of `local` that is bias within regions.
        global_share: 1 − local.
    """

    trainings: int | None
    worse: Interval
    better: Interval
    mean_square: Interval
    amplitude: Interval
    local: Interval
    signed: Interval
    global_share: Interval

    @property
    def is_change(self) -> bool:
        """Whether the worse end is significantly worse."""
        return self.mean_square.low > 0


@dataclass(frozen=True, eq=False)
class TwoAxes:
    """The changes of an error along two settings.

    Args:
        more_local: local share of the first change minus that of the second.
        is_signed: whether the error has both signs; else the signed part is meaningless.
        num_omitted: pairs of runs beyond `MAX_PAIRS`.
        places: mean of `along` in each region.
        ratios: of each axis, root mean square of the worse over the better models by region.
    """

    statistic: Quantity
    along: Quantity
    axes: tuple[Axis, ...]
    changes: tuple[Change, ...]
    more_local: Interval
    is_signed: bool
    num_omitted: int
    places: Floats
    ratios: tuple[Floats, ...]


def two_axes(
    evidence: StudyEvidence, statistic: str, along: str, across: Sequence[str] = ()
) -> TwoAxes:
    """Compare the effects of two settings.

    Args:
        evidence: the study.
        statistic: the error, preferably signed.
        along: feature that defines the regions; the declared time for samples in order of time.
        across: the two settings; by default the first two in which the runs differ.

    Raises:
        UserError: the study lacks an axis, runs, or samples.
    """
    every_axis = axes_of(evidence, across)
    axes = with_few_pairs(every_axis, tested(evidence))
    names = runs_of(axes)
    tables = [rows_of_point(evidence, point, evidence.held_out)[0] for point in names]
    refuse_different_samples(evidence, names, [table.select("sample_id") for table in tables])
    columns = [column_of(evidence, table, statistic) for table in tables]
    every = np.stack([column.values for column in columns])
    refuse_failed(every.T, statistic, evidence.held_out, "its change is undefined")
    order = feature_along(evidence, tables[0], along)
    defined = np.isfinite(every.sum(axis=0)) & np.isfinite(order.values)
    positions, errors = order.values[defined], dict(zip(names, every[:, defined], strict=True))
    pairs = [[(errors[worse], errors[good]) for worse, good in axis.pairs] for axis in axes]
    better = dict.fromkeys(good for axis in axes for _, good in axis.pairs)
    blocks = _blocks(tables[0].filter(polars.Series(defined)), [errors[good] for good in better])
    timed = along in evidence.order_columns
    region = np.unique(blocks if timed else rank_bins(positions, NUM_BINS), return_inverse=True)[1]
    changed, more_local = changes(pairs, region, blocks, repeats_of_seeds(evidence, axes))
    return TwoAxes(
        statistic=columns[0].quantity,
        along=order.quantity,
        axes=axes,
        changes=tuple(changed),
        more_local=more_local,
        is_signed=bool((every[:, defined] < 0).any()),
        num_omitted=sum(len(axis.pairs) for axis in every_axis) - sum(len(a.pairs) for a in axes),
        places=np.bincount(region, positions) / np.bincount(region),
        ratios=tuple(_ratios(of_axis, region) for of_axis in pairs),
    )


def changes(
    axes: Sequence[Sequence[tuple[Floats, Floats]]],
    regions: NDArray[np.int64],
    blocks: NDArray[np.int64],
    settings: Sequence[Sequence[Repeats]] = (),
) -> tuple[list[Change], Interval]:
    """The change along each axis, from the same resampled blocks.

    Args:
        axes: by axis, the errors `(N,)` of the worse and the better model of its pairs.
        regions, blocks: `(N,)` labels.
        settings: by trained setting and seed; with several seeds intervals cover them.

    Returns:
        the changes, and the local share of the first minus that of the last.
    """
    region, block = (np.unique(labels, return_inverse=True)[1] for labels in (regions, blocks))
    ends = np.cumsum([len(pairs) for pairs in axes])[:-1]
    tables = np.stack([_sums(*pair, region, block) for pairs in axes for pair in pairs], axis=1)

    def statistic(values: Floats, weights: Floats) -> Floats:
        rows = max(1, CHUNK // (tables.shape[1] * tables.shape[2]))
        parts = np.array_split(weights, -(-len(weights) // rows))
        totals = ((part @ values).reshape(len(part), *tables.shape[1:]) for part in parts)
        return np.vstack([_numbers(np.split(own, ends, axis=1)) for own in totals])

    flat = tables.reshape(len(tables), -1)
    found = block_bootstraps(flat, np.arange(len(flat)), statistic)
    totals = np.split(tables.sum(axis=0), ends)
    by_seed = [np.vstack([_with(totals, seed) for seed in seeds]) for seeds in settings]

    def interval(at: int, own: Iterable[int]) -> Interval:
        values = [
            numbers[:, at].tolist()
            for numbers, seeds in zip(by_seed, settings, strict=True)
            if any(seeds[0][axis] is not None for axis in own)
        ]
        one = found[at].within(0.0) if at % NUMBERS in ROOTS else found[at]
        return with_seeds(replace(one, count=len(regions)), values)

    changed = []
    for axis in range(len(axes)):
        trainings = [len(seeds) for seeds in settings if seeds[0][axis] is not None]
        numbers = [interval(NUMBERS * axis + number, [axis]) for number in range(NUMBERS)]
        changed.append(Change(min(trainings, default=None), *numbers))
    return changed, interval(-1, range(len(axes)))


def _with(totals: Sequence[Floats], repeats: Repeats) -> Floats:
    """The numbers `(1, …)` with one seed of a setting only; totals `(pairs, regions, 5)`."""
    pairs = zip(totals, repeats, strict=True)
    return _numbers([(all_ if own is None else all_.repeat(own, 0))[None] for all_, own in pairs])


def _blocks(rows: polars.DataFrame, better: Sequence[Floats]) -> NDArray[np.int64]:
    """Labels from the squared errors of the better models, which have no local excess."""
    blocks = find_blocks(rows, np.square(np.stack(better, axis=1)), replicates=True)
    if blocks.num_blocks < MIN_BLOCKS:
        raise UserError(
            f"{rows.height} samples make {blocks.num_blocks} independent blocks, too few to "
            f"distinguish local from global errors. Test on at least {MIN_BLOCKS} blocks."
        )
    return blocks.labels


def _ratios(pairs: Sequence[tuple[Floats, Floats]], region: NDArray[np.intp]) -> Floats:
    worse, better = (
        np.sum([np.bincount(region, errors**2) for errors in ends], axis=0)
        for ends in zip(*pairs, strict=True)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(worse / better), dtype=np.float64)


def _sums(
    worse: Floats, better: Floats, region: NDArray[np.intp], block: NDArray[np.intp]
) -> Floats:
    """`(blocks, regions, 5)`: n, Σ e² and Σ e of the worse model, and of the better one."""
    shape = int(block.max() + 1), int(region.max() + 1)
    cell = block * shape[1] + region
    columns = np.ones(len(cell)), worse**2, worse, better**2, better
    return np.stack([np.bincount(cell, one, np.prod(shape)).reshape(shape) for one in columns], 2)


def _numbers(totals: Sequence[Floats]) -> Floats:
    """`(resamplings, NUMBERS · axes + 1)` from `(resamplings, pairs, regions, 5)` of each axis."""
    found = np.hstack([_of_axis(*np.moveaxis(of_axis, -1, 0)) for of_axis in totals])
    local = found[:, 4::NUMBERS]
    return np.hstack([found, local[:, :1] - local[:, -1:]])


def _of_axis(
    count: Floats, worse: Floats, of_worse: Floats, better: Floats, of_better: Floats
) -> Floats:
    """The numbers of a `Change`, `(resamplings, 7)`, from sums `(resamplings, pairs, regions)`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        squared = _typical_ratio(worse, better, count)
        factor = squared[:, :, None]
        signed = np.nan_to_num(of_worse**2 / count - factor * of_better**2 / count)
        rest = worse - factor * better
        whole, first, last, signed, rest = (
            one.sum(axis=(1, 2)) for one in (count, worse, better, signed, rest)
        )
        change = first - last
        means = np.sqrt(first / whole), np.sqrt(last / whole), change / whole
        amplitude = np.sqrt(squared.mean(axis=1))
        shares = rest / change, signed / change, 1 - rest / change
        return np.stack([*means, amplitude, *shares], axis=1)


def _typical_ratio(worse: Floats, better: Floats, weights: Floats) -> Floats:
    """Tukey's biweight mean of the log ratio over the last axis, as a ratio.

    Regions without weight or error are ignored. If most ratios are equal, it is their median.

    Source: Mosteller and Tukey, Data Analysis and Regression (1977), §10.
    """
    logs = np.log(worse / better)
    weights = np.where(np.isfinite(logs), weights, 0.0)
    logs = np.where(np.isfinite(logs), logs, 0.0)
    typical = _weighted_median(logs, weights)
    spread = _weighted_median(np.abs(logs - typical[..., None]), weights) / 0.6745
    reach = np.where(spread > 0, REACH * spread, np.inf)[..., None]
    for _ in range(STEPS):
        far = (logs - typical[..., None]) / reach
        near = weights * np.where(np.abs(far) < 1, (1 - far**2) ** 2, 0.0)
        moved = (near * logs).sum(axis=-1) / near.sum(axis=-1)
        typical = np.where(spread > 0, moved, typical)
    return np.exp(typical)


def _weighted_median(values: Floats, weights: Floats) -> Floats:
    """The median over the last axis."""
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1)
    half = reached[..., -1:] / 2
    at = np.argmax(reached >= half - 1e-12, axis=-1)[..., None]
    after = np.minimum(np.argmax(reached > half + 1e-12, axis=-1)[..., None], values.shape[-1] - 1)
    middle = [np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in (at, after)]
    return np.asarray(0.5 * (middle[0] + middle[1]), dtype=np.float64)
