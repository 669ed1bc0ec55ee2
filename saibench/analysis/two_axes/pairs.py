"""The pairs of models of a study that differ along one axis alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import block_columns
from saibench.analysis.bootstrap import Floats
from saibench.analysis.failed import refuse_failed
from saibench.analysis.tracing.columns import column_of, feature_along, rows_of_point
from saibench.analysis.tracing.reading import FEWEST_BLOCKS
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.stretches import block_labels
from saibench.analysis.two_axes.local_and_global import PairErrors
from saibench.errors import UserError, closest
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    SEED,
    differing,
    same_data,
    setting_name,
    setting_value,
    settings_of,
    tested,
)

WINDOW = "window"
NUM_BINS = 20
SIZE = "subset.count"


@dataclass(frozen=True, eq=False)
class Axis:
    """A setting, and the pairs of points that differ in it alone (and in their seed).

    Args:
        name: the setting; `window` for start and size together.
        pairs: points of the worse and of the better level.
        levels: what the levels are, in words, worse and better of each pair.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    levels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class TestedPairs:
    """Signed errors of all points `(N,)`, how the N samples are parted, and the feature."""

    statistic: Quantity
    along: Quantity
    errors: dict[str, Floats]
    regions: NDArray[np.int64]
    blocks: NDArray[np.int64]
    positions: Floats

    @property
    def places(self) -> Floats:
        """Mean of the feature in each region, ascending by region."""
        region = np.unique(self.regions, return_inverse=True)[1]
        means = np.bincount(region, self.positions) / np.bincount(region)
        return np.asarray(means, dtype=np.float64)

    def of(self, axis: Axis) -> list[PairErrors]:
        return [PairErrors(self.errors[worse], self.errors[better]) for worse, better in axis.pairs]


def axes_of(evidence: StudyEvidence, across: Sequence[str] = ()) -> tuple[Axis, Axis]:
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
    if across and len(across) != 2:
        raise UserError(f"effects are told apart of two settings, not of {len(across)}.")
    names = across or [name for name in differing(points) if name != SEED]
    axes = [axis for axis in (axis_of(points, name) for name in names) if axis.pairs]
    if len(axes) >= 2:
        return axes[0], axes[1]
    varied = axes[0].name if axes else "no setting"
    missing = next(name for name in (*across, SIZE, WINDOW) if name != varied)
    example = "window.start=0 'window.size=0.3,0.9'" if missing == WINDOW else f"{missing}=200,1000"
    raise UserError(
        f"{evidence.study} varies {varied} alone, so that its effect cannot be set against that of "
        f"another; points that differ in {missing} and nothing else would work: train.py -m … "
        f"{example}."
    )


def axis_of(points: polars.DataFrame, name: str) -> Axis:
    """All points of other levels against those of the fullest level, all else being equal.

    The fullest level is the widest window (the latest of several), the largest number, or of words
    the first; points that differ in their seed alone are paired each with each.
    """
    others = [one for one in settings_of(points) if one not in (name, SEED)]
    groups = points.group_by(others, maintain_order=True) if others else [((), points)]
    pairs: list[tuple[str, str]] = []
    levels: list[tuple[str, str]] = []
    for _, group in groups:
        members = {
            key[0]: level for key, level in group.group_by([name], maintain_order=True) if key[0]
            is not None
        }  # fmt: skip
        if len(members) < 2:
            continue
        fullest = max(members, key=lambda level: _fullness(name, level, members[level]))
        for level, own in members.items():
            if level != fullest:
                of_pair = list(product(own["point"], members[fullest]["point"]))
                pairs += of_pair
                levels += [(_text(name, level), _text(name, fullest))] * len(of_pair)
    return Axis(name, tuple(pairs), tuple(levels))


def tested_pairs(
    evidence: StudyEvidence, axes: Sequence[Axis], statistic: str, along: str
) -> TestedPairs:
    """Signed errors of the points of all axes on the held-out samples that they share.

    Raises:
        UserError: a name is unknown, samples differ between points, or they are too few.
    """
    names = dict.fromkeys(point for axis in axes for pair in axis.pairs for point in pair)
    columns, rows = {}, None
    if not same_data(evidence, names):
        raise UserError(f"the points were tested on different data sets ({evidence.held_out}).")
    for point in names:
        own, _ = rows_of_point(evidence, point, evidence.held_out)
        if rows is not None and own["sample_id"].to_list() != rows["sample_id"].to_list():
            raise UserError(f"the points were tested on different samples of {evidence.held_out}.")
        rows = own
        columns[point] = column_of(evidence, own, statistic)
    assert rows is not None
    order = feature_along(evidence, rows, along)
    errors = {point: column.values for point, column in columns.items()}
    every = np.stack(list(errors.values()), axis=1)
    refuse_failed(every, statistic, evidence.held_out, "its changes are none")
    defined = np.isfinite(np.sum(list(errors.values()), axis=0)) & np.isfinite(order.values)
    rows = rows.filter(polars.Series(defined))
    errors = {point: values[defined] for point, values in errors.items()}
    better = dict.fromkeys(pair[1] for axis in axes for pair in axis.pairs)
    blocks = _blocks(rows, [errors[point] for point in better])
    by_time = along in evidence.order_columns
    return TestedPairs(
        statistic=next(iter(columns.values())).quantity,
        along=order.quantity,
        errors=errors,
        regions=blocks if by_time else _bins(order.values[defined]),
        blocks=blocks,
        positions=order.values[defined],
    )


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
    if len(np.unique(labels)) < FEWEST_BLOCKS:
        raise UserError(
            f"{rows.height} samples fall into {len(np.unique(labels))} independent blocks, too few "
            f"to part local from global errors: at least {FEWEST_BLOCKS} would work."
        )
    return labels


def _bins(values: Floats) -> NDArray[np.int64]:
    rank = np.searchsorted(np.sort(values), values, side="left")
    return np.unique(rank * NUM_BINS // len(values), return_inverse=True)[1].astype(np.int64)


def _fullness(name: str, level: Any, members: polars.DataFrame) -> tuple[float, ...]:
    if name == WINDOW:
        start, end = members.row(0, named=True)["window_start"], members["window_end"][0]
        return round(end - start, 6), end
    return (float(level),) if isinstance(level, (int, float)) else (0.0,)


def _text(name: str, level: Any) -> str:
    return f"{setting_name(name)} {setting_value(name, level)}"
