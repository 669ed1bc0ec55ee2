"""The data of a page's script: runs, partitions, metrics by block, and blocks of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars

from saibench.analysis.block_means import BlockMeans
from saibench.analysis.bootstrap import student_t
from saibench.analysis.proportions import MIN_BLOCKS
from saibench.evidence.points import Record, points_table
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import differing, setting_name, setting_text, setting_value
from saibench.evidence.settings import all_settings
from saibench.evidence.titles import titled
from saibench.report.headline import headline_metrics
from saibench.report.measured import MeasuredMetrics, MetricValue
from saibench.report.packed import Packer
from saibench.report.sample_columns import SampleColumns
from saibench.report.sample_errors import SampleErrors, error_statistics, ideals
from saibench.report.viewers import viewer_samples

BLOCK_BUDGET = 3_000_000
"""Characters for the blocks of metrics; headline metrics come first."""


@dataclass(frozen=True, eq=False)
class PageStudy:
    """One of the studies of a page.

    Args:
        name: unique on the page.
        prefix: of the keys of its points; empty for a single study.
        evidence: of the study.
    """

    name: str
    prefix: str
    evidence: StudyEvidence

    @cached_property
    def measured(self) -> MeasuredMetrics:
        return MeasuredMetrics(self.evidence)

    @cached_property
    def saved(self) -> dict[str, list[int]]:
        """By point the saved samples that viewers display."""
        return viewer_samples(self.evidence)

    @cached_property
    def errors(self) -> SampleErrors:
        """The error that ranks the samples."""
        return SampleErrors(error_statistics(self.measured), ideals(self.evidence))

    def key(self, point: str) -> str:
        """Unique name of a point on the page, as two studies may share a point."""
        return f"{self.prefix}{point}"


def page_studies(evidences: Sequence[StudyEvidence]) -> list[PageStudy]:
    """The studies in order; those of the same name are named by their folders."""
    if len(evidences) == 1:
        return [PageStudy(evidences[0].study, "", evidences[0])]
    names = [evidence.study for evidence in evidences]
    if len(set(names)) < len(names):
        names = [evidence.folder.resolve().name for evidence in evidences]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return [
        PageStudy(name, f"{number}.", evidence)
        for number, (name, evidence) in enumerate(zip(names, evidences, strict=True), start=1)
    ]


def all_points(studies: Sequence[PageStudy]) -> polars.DataFrame:
    """The table of points of all studies; `point` is the key, and `study` a setting of several.

    A setting that one study varies is filled in for the others, if their configs have it.
    """
    if len(studies) == 1:
        return studies[0].evidence.points
    of_points = [
        (study, point, record)
        for study in studies
        for point, record in study.evidence.records.items()
    ]
    names = dict.fromkeys(name for _, _, record in of_points for name in record["settings"])
    known: dict[str, Record] = {}
    for study, point, record in of_points:  # points of the same hash are copies of one run
        of_run = all_settings(record, study.evidence.configs.get(point))
        known[point] = {**known.get(point, {}), **of_run}
    records: dict[str, Record] = {}
    metrics: dict[str, Record] = {}
    for study, point, record in of_points:
        filled = {name: known[point][name] for name in names if name in known[point]}
        settings = {"study": study.name, **filled, **record["settings"]}
        records[study.key(point)] = {**record, "settings": settings}
    for study in studies:
        metrics |= {study.key(p): m for p, m in study.evidence.metrics.items()}
    return points_table(records, metrics)[0]


def page_data(studies: Sequence[PageStudy], packer: Packer) -> dict[str, Any]:
    """The data of the page's script; the samples go to `packer`."""
    points = all_points(studies)
    varying = differing(points)
    study_of = {study.key(point): study for study in studies for point in study.evidence.records}
    sums = _PackedBlocks(studies, packer)
    cells: dict[str, dict[str, Any]] = {}
    for study in studies:
        columns = SampleColumns(study.measured, study.saved, study.errors, 1 / len(studies))
        for point, partition in study.measured.cells():
            cells.setdefault(study.key(point), {})[partition] = {
                **_described(study.evidence.records[point], partition),
                "metrics": sums.metrics(study, point, partition),
                "samples": columns.of(point, partition, packer),
            }
    return {
        "studies": [study.name for study in studies],
        "settings": [setting_name(name) for name in varying],
        "points": [_point(row, varying, study_of) for row in points.iter_rows(named=True)],
        "cells": cells,
        "fields": _fields(studies),
        "headline": list(
            dict.fromkeys(m.name for s in studies for m in headline_metrics(s.evidence))
        ),
        "errors": list(dict.fromkeys(name for s in studies for name in s.errors.names)),
        "orders": list(dict.fromkeys(name for s in studies for name in s.evidence.order_columns)),
        "ideals": {name: value for s in studies for name, value in s.errors.ideals.items()},
        "student": {str(n): student_t(n) for n in sorted(sums.numbers)},
    }


class _PackedBlocks:
    """Metrics by block, as many per cell as fit into the budget."""

    def __init__(self, studies: Sequence[PageStudy], packer: Packer) -> None:
        self.packer = packer
        self.numbers: set[int] = set()
        cells = [(s, point, partition) for s in studies for point, partition in s.measured.cells()]
        sizes = [
            5 * blocks.means.size
            for study, point, partition in cells
            for number in study.measured.numbers(point, partition).values()
            if (blocks := _resampled(number)) is not None
        ]
        self.share = min(1.0, BLOCK_BUDGET / max(1, sum(sizes)))
        self.headlines = {
            study.name: [metric.name for metric in headline_metrics(study.evidence)]
            for study in studies
        }

    def metrics(self, study: PageStudy, point: str, partition: str) -> dict[str, Any]:
        """By metric: value `v`, interval `i`, count `n`, unit and normalisation, blocks `b`."""
        numbers = study.measured.numbers(point, partition)
        headline = self.headlines[study.name]
        order = sorted(numbers, key=lambda name: name not in headline)
        found = {name: _metric(number) for name, number in numbers.items()}
        # equal ids of different data are different samples
        data = str(_data_hash(study.evidence.records[point]) or f"of {study.name}")
        for name in order[: int(np.ceil(self.share * len(order)))]:
            if (blocks := _resampled(numbers[name])) is not None:
                found[name]["b"] = self._packed(blocks, data)
        return found

    def _packed(self, blocks: BlockMeans, data: str) -> dict[str, Any]:
        self.numbers.add(blocks.num_blocks)
        return {
            "means": self.packer.numbers(blocks.means.T),
            "counts": self.packer.numbers(blocks.counts.T),
            "size": len(blocks.means),
            "blocks": blocks.num_blocks,
            "factors": list(blocks.factors),
            "offset": blocks.offset,
            "share": blocks.share,
            "samples": f"{data[:12]} {blocks.samples}",
        }


def _resampled(number: MetricValue) -> BlockMeans | None:
    """The blocks of a metric that has an interval; fewer are of no use to the script."""
    blocks = number.blocks
    return None if blocks is None or blocks.num_blocks < MIN_BLOCKS else blocks


def _metric(number: MetricValue) -> dict[str, Any]:
    interval = number.interval
    return {
        "v": number.value,
        "i": None if interval is None else [interval.low, interval.high, interval.num_blocks],
        "n": number.count,
        "unit": number.unit,
        "per": number.per,
        **({} if number.above is None else {"above": number.above}),
    }


def _described(record: Mapping[str, Any], partition: str) -> dict[str, Any]:
    """A partition as in the record, with the hash of its data."""
    found = (record.get("partitions") or {}).get(partition) or {}
    return {
        "describe": found.get("describe") or "",
        "hash": found.get("hash") or "",
        "count": found.get("count"),
        "data": _data_hash(record),
    }


def _data_hash(record: Mapping[str, Any]) -> str:
    return (record.get("data") or {}).get("hash") or ""


def _point(
    row: Mapping[str, Any], varying: Sequence[str], study_of: Mapping[str, PageStudy]
) -> dict[str, Any]:
    study = study_of[row["point"]]
    point = row["point"].removeprefix(study.prefix)
    record = study.evidence.records[point]
    own = [name for name in varying if row[name] is not None]
    return {
        "key": row["point"],
        "point": point,
        "study": study.name,
        "slug": row["slug"],
        "state": row["state"],
        "folder": f"outputs/{record.get('study') or study.name}/{row['slug']}-{point}",
        "words": ", ".join(setting_text(name, row[name]) for name in own) or row["slug"],
        "settings": {setting_name(name): setting_value(name, row[name]) for name in varying},
        "data": _data_hash(record),
        "train": row["train_count"],
        "saved": study.saved.get(point, []),
    }


def _fields(studies: Sequence[PageStudy]) -> dict[str, dict[str, str]]:
    """By column what the script reads of it, as far as it is known."""
    found: dict[str, dict[str, str]] = {}
    for study in studies:
        for name, field in study.evidence.units.items():
            field = {**field, "title": titled(name, study.evidence)}
            read = ("unit", "per", "role", "describe", "title")
            found.setdefault(name, {key: field[key] for key in read if field[key]})
    return found
