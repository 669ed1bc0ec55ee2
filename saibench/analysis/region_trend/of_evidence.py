"""Trends of a study's runs over regions along the feature that its workload's card names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars

from saibench.analysis.blocks import block_columns
from saibench.analysis.region_trend.regions import RegionTrend, TooFewRegions, region_trend
from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.of_evidence import chosen_points, point_label
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.rows import ERROR, known_features, rows_of
from saibench.errors import UserError
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import joined


@dataclass(frozen=True)
class RunTrend:
    """The trend of one run; `refused` says why it is missing.

    Args:
        label: settings that distinguish the run.
        feature: along which the regions are.
        statistic: of the errors.
        tolerance: largest accepted error, if the card has one.
        samples: number of tested samples.
        partitions: that they are from.
    """

    label: str
    feature: Quantity
    statistic: Quantity
    tolerance: float | None
    samples: int
    partitions: tuple[str, ...]
    found: RegionTrend | None = None
    refused: str = ""


@once
def run_trends(evidence: StudyEvidence) -> list[RunTrend]:
    """The trend of each run, from the samples of all its partitions that it was not trained on.

    Raises:
        UserError: the card names no such feature, or the evidence has none of them.
    """
    name = trend_feature(evidence)
    return [_run_trend(evidence, point, name) for point in chosen_points(evidence)]


def trend_feature(evidence: StudyEvidence) -> str:
    """The first of the features under `workload.trust.regions` that varies between samples.

    Raises:
        UserError: there is none.
    """
    recorded: dict[str, Any] = next(
        (record["trust"] for record in evidence.records.values() if record.get("trust")), {}
    )
    names = recorded.get("regions") or []
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise UserError(f"{evidence.study} names no feature of regions under workload.trust.")
    known = set(known_features(evidence))
    for name in names:
        if name in known and name in evidence.samples.columns:
            values = evidence.samples[name].drop_nulls()
            if values.n_unique() > 1:
                return name
    raise UserError(f"no sample has a varying {joined(names)} that could divide regions.")


def _run_trend(evidence: StudyEvidence, point: str, name: str) -> RunTrend:
    config = trust_config(evidence)
    partitions = list(evidence.metrics[point])
    _, field, rows, (feature,) = rows_of(
        evidence, config.statistic, [name], [point], partitions, config.ideal
    )
    own = _unseen(rows, name, partitions)
    quantity = Quantity(config.statistic, field.unit, field.per, field.describe)
    run = RunTrend(
        label=point_label(evidence, point),
        feature=feature,
        statistic=quantity.distance_from(config.ideal) if config.ideal else quantity,
        tolerance=config.tolerance,
        samples=own.height,
        partitions=tuple(partitions),
    )
    try:
        found = region_trend(own[name].to_numpy(), own[ERROR].to_numpy(), own)
    except TooFewRegions as error:
        return replace(run, refused=str(error))
    return replace(run, found=found)


def _unseen(rows: polars.DataFrame, feature: str, partitions: Sequence[str]) -> polars.DataFrame:
    """Each sample that the run was not trained on once, with the mean of its error on an axis.

    A sample of several partitions is taken from the first of them: further ones may be transformed.
    """
    rank = {name: number for number, name in enumerate(partitions)}
    order = polars.col("partition").replace_strict(rank, return_dtype=polars.Int64)
    first = order == order.min().over("sample_id")
    unseen = rows.filter(~polars.col("seen_in_training").fill_null(False), first)
    return (
        unseen.drop_nulls([ERROR, feature])
        .group_by("sample_id", *block_columns(rows))
        .agg(polars.col(ERROR, feature).mean())
        .filter(polars.col(ERROR).is_finite())
        .sort("sample_id")
    )
