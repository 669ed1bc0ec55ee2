"""The settings that a study varies, as pairs of runs that differ in one of them only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.errors import UserError, closest
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    SEED,
    differing,
    is_trained,
    setting_name,
    setting_value,
    settings_of,
    tested,
)

WINDOW = "window"
MAX_PAIRS = 200
"""Pairs of runs per setting: seeds are paired each with each, so that pairs would grow with their
square. Of more, each level has its first seeds only, or else every k-th pair is compared."""
Repeats = Sequence[NDArray[np.int64] | None]
"""By axis: how often each pair counts if a setting had one seed only; None if it has no pair."""


@dataclass(frozen=True)
class Axis:
    """A setting, the pairs of points (worse, better) that differ in it only, and their levels."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    levels: tuple[tuple[str, str], ...]


def axes_of(evidence: StudyEvidence, across: Sequence[str] = ()) -> tuple[Axis, ...]:
    """The two axes of a study: `across`, else the first two settings that have pairs.

    Raises:
        UserError: the study has a single axis, or none; the message names what is missing.
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
    example = f" (train.py -m … {missing}=200,1000)" if missing in named.sizes else ""
    if missing == WINDOW and named.window is not None:
        example = f" (train.py -m … {named.window.start}=0 '{named.window.size}=0.3,0.9')"
    raise UserError(
        f"{evidence.study} varies {varied} alone, so there is no second effect to compare. Add "
        f"runs that differ in {missing} only{example}."
    )


def with_few_pairs(axes: Sequence[Axis], points: polars.DataFrame) -> tuple[Axis, ...]:
    """At most about `MAX_PAIRS` pairs of each axis."""
    largest = max(len(axis.pairs) for axis in axes)
    if largest <= MAX_PAIRS:
        return tuple(axes)
    settings = [name for name in settings_of(points) if name != SEED]
    groups = points.group_by(settings, maintain_order=True) if settings else [((), points)]
    seeds = [group["point"].to_list() for _, group in groups]
    kept_seeds = max(1, int(max(map(len, seeds)) * math.sqrt(MAX_PAIRS / largest)))
    kept = {point for of_setting in seeds for point in of_setting[:kept_seeds]}
    found = []
    for axis in axes:
        at = [n for n, pair in enumerate(axis.pairs) if kept.issuperset(pair)]
        if kept_seeds == 1:  # no variance between seeds can be told
            at = at[:: max(1, -(-len(at) // MAX_PAIRS))]
        pairs, levels = (tuple(one[n] for n in at) for one in (axis.pairs, axis.levels))
        found.append(Axis(axis.name, pairs, levels))
    return tuple(found)


def _axis_of(points: polars.DataFrame, name: str) -> Axis:
    """All points of other levels paired with those of the fullest level, all else being equal.

    The fullest level is the widest window (the latest of several), the largest number, or the
    first word; points that differ in their seed only are paired each with each.
    """
    others = [one for one in differing(points) if one not in (name, SEED)]
    groups = points.group_by(others, maintain_order=True) if others else [((), points)]
    pairs, levels = [], []
    for _, group in groups:
        known = group.filter(polars.col(name).is_not_null())
        members = {level: own for (level,), own in known.group_by([name], maintain_order=True)}
        fullest = max(members, key=lambda level: _fullness(name, level, members[level]), default="")
        for level, own in members.items():
            if level != fullest:
                of_pair = list(product(own["point"], members[fullest]["point"]))
                pairs += of_pair
                worse, best = (setting_value(name, one) for one in (level, fullest))
                setting = setting_name(name)
                levels += [(f"{setting} {worse}", f"{setting} {best}")] * len(of_pair)
    return Axis(name, tuple(pairs), tuple(levels))


def _fullness(name: str, level: Any, members: polars.DataFrame) -> tuple[float, ...]:
    if name == WINDOW:
        start, end = members["window_start"][0], members["window_end"][0]
        return round(end - start, 6), end
    return (float(level),) if isinstance(level, (int, float)) else (0.0,)


def runs_of(axes: Sequence[Axis]) -> list[str]:
    return list(dict.fromkeys(point for axis in axes for pair in axis.pairs for point in pair))


def repeats_of_seeds(evidence: StudyEvidence, axes: Sequence[Axis]) -> list[list[Repeats]]:
    """The repeats of the axes' pairs for each seed of each trained setting."""
    points = tested(evidence).filter(polars.col("point").is_in(runs_of(axes)))
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
    """A pair with this seed also replaces those with the other seeds."""
    if not any(point in seeds for pair in axis.pairs for point in pair):
        return None
    others = set(seeds) - {seed}
    counts = [0 if others & {*pair} else len(seeds) if seed in pair else 1 for pair in axis.pairs]
    return np.array(counts, dtype=np.int64)
