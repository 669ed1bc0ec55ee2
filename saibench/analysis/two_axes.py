"""How the error changes along two settings: in some regions alone, or everywhere (paper, figure 5).

Two models are tested on the same samples, which fall into regions (stretches of time, or bins of a
feature). In region r of n samples the worse one has the mean squared error A(r), the better one
B(r), and signed means a(r) and b(r).

- **Amplitude**: log α² is the typical value of log A(r) / B(r): Tukey's biweight mean over regions,
  weighed by n, which passes over regions that are far from most.
- **Global share** of the change: (α² − 1) Σ n B / Σ n (A − B).
- **Local share**: the rest, Σ n (A − α² B) / Σ n (A − B), which only some regions err more. Its
  **signed** part, Σ n (a² − α² b²) / Σ n (A − B), is bias that holds its sign through a region.

An effect on more than half of the regions is global by this definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import block_columns
from saibench.analysis.bootstrap import Floats, Interval, block_bootstraps
from saibench.analysis.checks import refuse_failed
from saibench.analysis.seeds import with_seeds
from saibench.analysis.tracing.columns import column_of, feature_along, rows_of_point
from saibench.analysis.tracing.reading import MIN_BLOCKS
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.stretches import block_labels
from saibench.errors import UserError, closest
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    SEED,
    differing,
    is_trained,
    same_data,
    setting_name,
    setting_value,
    settings_of,
    tested,
)

WINDOW = "window"
NUM_BINS = 20
REACH = 3.0
"""Robust standard deviations beyond which a region counts nothing."""
STEPS = 8
NUMBERS = 7
"""Intervals of a `Change`."""
ROOTS = (0, 1, 3)
"""Those of them that are never negative."""
Repeats = Sequence[NDArray[np.int64] | None]
"""By axis: how often each pair counts if a setting had one seed alone; None if it has no such."""


@dataclass(frozen=True)
class Change:
    """The change of the error along one axis, over all pairs of models that differ in it alone.

    Args:
        trainings: the fewest seeds of a setting; None where none was trained.
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
        """Whether the worse end is significantly worse, so that there is a change to be parted."""
        return self.mean_square.low > 0


@dataclass(frozen=True)
class Axis:
    """A setting, the pairs of points (worse, better) that differ in it alone, and their levels."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    levels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class TwoAxes:
    """The changes of a signed error along two settings.

    Args:
        more_local: local share of the first change less that of the second.
        is_signed: whether the error has both signs; else bias in a region says nothing.
        places: mean of `along` in each region.
        ratios: of each axis, root mean square of the worse over the better models by region.
    """

    statistic: Quantity
    along: Quantity
    axes: tuple[Axis, ...]
    changes: tuple[Change, ...]
    more_local: Interval
    is_signed: bool
    places: Floats
    ratios: tuple[Floats, ...]


def two_axes(
    evidence: StudyEvidence, statistic: str, along: str, across: Sequence[str] = ()
) -> TwoAxes:
    """Part the effects of two settings.

    Args:
        evidence: the study.
        statistic: signed error; of an unsigned one the signed part says nothing.
        along: feature whose regions errors may be local to; of samples with a time, `time`.
        across: the two settings; by default the first two in which the points differ.

    Raises:
        UserError: the study lacks an axis, points, or samples.
    """
    axes = axes_of(evidence, across)
    names = dict.fromkeys(point for axis in axes for pair in axis.pairs for point in pair)
    if not same_data(evidence, names):
        raise UserError(f"the points were tested on different data sets ({evidence.held_out}).")
    tables = [rows_of_point(evidence, point, evidence.held_out)[0] for point in names]
    rows = tables[0]
    if any(own["sample_id"].to_list() != rows["sample_id"].to_list() for own in tables):
        raise UserError(f"the points were tested on different samples of {evidence.held_out}.")
    columns = [column_of(evidence, own, statistic) for own in tables]
    every = np.stack([column.values for column in columns])
    refuse_failed(every.T, statistic, evidence.held_out, "its changes are none")
    order = feature_along(evidence, rows, along)
    defined = np.isfinite(every.sum(axis=0)) & np.isfinite(order.values)
    errors = dict(zip(names, every[:, defined], strict=True))
    positions = order.values[defined]
    better = dict.fromkeys(pair[1] for axis in axes for pair in axis.pairs)
    blocks = _blocks(rows.filter(polars.Series(defined)), [errors[point] for point in better])
    region = np.unique(
        blocks if along in evidence.order_columns else _bins(positions), return_inverse=True
    )[1]
    pairs = [[(errors[worse], errors[good]) for worse, good in axis.pairs] for axis in axes]
    changed, more_local = changes(pairs, region, blocks, _seeds(evidence, axes))
    return TwoAxes(
        statistic=columns[0].quantity,
        along=order.quantity,
        axes=axes,
        changes=tuple(changed),
        more_local=more_local,
        is_signed=bool((every[:, defined] < 0).any()),
        places=np.bincount(region, positions) / np.bincount(region),
        ratios=tuple(_ratios(of_axis, region) for of_axis in pairs),
    )


def changes(
    axes: Sequence[Sequence[tuple[Floats, Floats]]],
    regions: NDArray[np.int64],
    blocks: NDArray[np.int64],
    settings: Sequence[Sequence[Repeats]] = (),
) -> tuple[list[Change], Interval]:
    """The change along each axis, all from the same resampled blocks.

    Args:
        axes: of each, the errors `(N,)` of the worse and the better model of its pairs.
        regions, blocks: `(N,)` labels.
        settings: of those that were trained, each seed's; with several, intervals cover them.

    Returns:
        the changes, and the local share of the first less that of the last.
    """
    region, block = (np.unique(labels, return_inverse=True)[1] for labels in (regions, blocks))
    ends = np.cumsum([len(pairs) for pairs in axes])[:-1]
    tables = np.stack([_sums(*pair, region, block) for pairs in axes for pair in pairs], axis=1)

    def statistic(values: Floats, weights: Floats) -> Floats:
        totals = (weights @ values).reshape(len(weights), *tables.shape[1:])
        return _numbers(np.split(totals, ends, axis=1))

    flat = tables.reshape(len(tables), -1)
    found = block_bootstraps(flat, np.arange(len(flat)), statistic)
    totals = np.split(tables.sum(axis=0), ends)
    by_setting = [np.vstack([_with(totals, seed) for seed in seeds]) for seeds in settings]
    intervals = []
    for at, one in enumerate(found):
        if at < NUMBERS * len(axes) and at % NUMBERS in ROOTS:
            one = one.within(0.0)
        own = [at // NUMBERS] if at < NUMBERS * len(axes) else range(len(axes))
        with_own = [
            numbers[:, at].tolist()
            for numbers, seeds in zip(by_setting, settings, strict=True)
            if any(seeds[0][axis] is not None for axis in own)
        ]
        intervals.append(with_seeds(replace(one, count=len(regions)), with_own))
    changed = []
    for axis in range(len(axes)):
        trainings = [len(seeds) for seeds in settings if seeds[0][axis] is not None]
        own_intervals = intervals[NUMBERS * axis : NUMBERS * (axis + 1)]
        changed.append(Change(min(trainings, default=None), *own_intervals))
    return changed, intervals[-1]


def _with(totals: Sequence[Floats], repeats: Repeats) -> Floats:
    """The numbers `(1, …)` with one seed of a setting alone; totals `(pairs, regions, 5)`."""
    found = zip(totals, repeats, strict=True)
    return _numbers(
        [(whole if own is None else whole.repeat(own, axis=0))[None] for whole, own in found]
    )


def axes_of(evidence: StudyEvidence, across: Sequence[str] = ()) -> tuple[Axis, ...]:
    """The two axes of a study: those asked for, else the first two settings that have pairs.

    Raises:
        UserError: the study has a single axis, or none; the sentence says what is missing.
    """
    points = tested(evidence)
    settings = settings_of(points)
    for name in across:
        if name not in settings:
            raise UserError(
                f"'{name}' is no setting of {evidence.study}: {closest(name, settings)}"
            )
    names = across or [name for name in differing(points) if name != SEED]
    axes = [axis for axis in (_axis_of(points, name) for name in names) if axis.pairs]
    if len(axes) >= 2:
        return tuple(axes[:2])
    varied = axes[0].name if axes else "no setting"
    named = evidence.training
    usual = [*named.sizes[:1], *([WINDOW] if named.window else [])]
    missing = next((name for name in (*across, *usual) if name != varied), "another setting")
    raise UserError(
        f"{evidence.study} varies {varied} alone, so that its effect cannot be compared with "
        f"another's. Add points that differ in {missing} and nothing else"
        f"{_example(missing, evidence)}."
    )


def _example(missing: str, evidence: StudyEvidence) -> str:
    """A command that varies a setting, where it is one of training."""
    named = evidence.training
    if missing == WINDOW and named.window is not None:
        return f": train.py -m … {named.window.start}=0 '{named.window.size}=0.3,0.9'"
    return f": train.py -m … {missing}=200,1000" if missing in named.sizes else ""


def _axis_of(points: polars.DataFrame, name: str) -> Axis:
    """All points of other levels against those of the fullest level, all else being equal.

    The fullest level is the widest window (the latest of several), the largest number, or of words
    the first; points that differ in their seed alone are paired each with each.
    """
    others = [one for one in differing(points) if one not in (name, SEED)]
    groups = points.group_by(others, maintain_order=True) if others else [((), points)]
    pairs, levels = [], []
    for _, group in groups:
        known = group.filter(polars.col(name).is_not_null())
        members = {level: own for (level,), own in known.group_by([name], maintain_order=True)}
        if len(members) < 2:
            continue
        fullest = max(members, key=lambda level: _fullness(name, level, members[level]))
        for level, own in members.items():
            if level != fullest:
                of_pair = list(product(own["point"], members[fullest]["point"]))
                pairs += of_pair
                levels += [(_text(name, level), _text(name, fullest))] * len(of_pair)
    return Axis(name, tuple(pairs), tuple(levels))


def _fullness(name: str, level: Any, members: polars.DataFrame) -> tuple[float, ...]:
    if name == WINDOW:
        start, end = members["window_start"][0], members["window_end"][0]
        return round(end - start, 6), end
    return (float(level),) if isinstance(level, (int, float)) else (0.0,)


def _text(name: str, level: Any) -> str:
    return f"{setting_name(name)} {setting_value(name, level)}"


def _seeds(evidence: StudyEvidence, axes: Sequence[Axis]) -> list[list[Repeats]]:
    """Of each trained setting of the axes' points, what each of its seeds would be alone."""
    used = {point for axis in axes for pair in axis.pairs for point in pair}
    points = tested(evidence).filter(polars.col("point").is_in(used))
    settings = [name for name in settings_of(points) if name != SEED]
    groups = [
        group["point"].to_list() for _, group in points.group_by(settings, maintain_order=True)
    ]
    return [
        [[_repeats(axis, seed, seeds) for axis in axes] for seed in seeds]
        for seeds in groups
        if is_trained(evidence.records[seeds[0]])
    ]


def _repeats(axis: Axis, seed: str, seeds: Sequence[str]) -> NDArray[np.int64] | None:
    """A pair with this seed stands for those with the others too."""
    if not any(point in seeds for pair in axis.pairs for point in pair):
        return None
    others = set(seeds) - {seed}
    counts = [0 if others & {*pair} else len(seeds) if seed in pair else 1 for pair in axis.pairs]
    return np.array(counts, dtype=np.int64)


def _blocks(rows: polars.DataFrame, errors: Sequence[Floats]) -> NDArray[np.int64]:
    """By the memory of the squared errors of the better models: what is local to others is none."""
    keys = ["sample_id", "partition", *block_columns(rows)]
    series = polars.concat(
        rows.select(keys).with_columns(
            point=polars.lit(str(number)), __error=polars.Series(values**2)
        )
        for number, values in enumerate(errors)
    )
    labels = block_labels(series, "__error", None)[: rows.height]
    if len(np.unique(labels)) < MIN_BLOCKS:
        raise UserError(
            f"{rows.height} samples fall into {len(np.unique(labels))} independent blocks, too few "
            f"to tell local from global errors. Test on at least {MIN_BLOCKS} blocks."
        )
    return labels


def _bins(values: Floats) -> NDArray[np.int64]:
    rank = np.searchsorted(np.sort(values), values, side="left")
    return rank * NUM_BINS // len(values)


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
    """`(resamplings, NUMBERS)`, those of `Change`, from sums `(resamplings, pairs, regions)`."""
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

    Regions of no weight, or without an error, count nothing. Where most ratios are equal, so that
    they have no spread, it is their median.

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
    """Over the last axis."""
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1)
    half = reached[..., -1:] / 2
    at = np.argmax(reached >= half - 1e-12, axis=-1)[..., None]
    after = np.minimum(np.argmax(reached > half + 1e-12, axis=-1)[..., None], values.shape[-1] - 1)
    middle = [np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in (at, after)]
    return np.asarray(0.5 * (middle[0] + middle[1]), dtype=np.float64)
