"""The page of a study: evidence and figures in, one self-contained HTML file out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import differing, setting_name, setting_value, settings_of
from saibench.figures import FigureModule, figure_module
from saibench.interpretation.finding import Finding, study_findings
from saibench.report.drawn import DrawnFigure, draw_figures, drawable, study_figures
from saibench.report.explorers import Explored, explored
from saibench.report.failures import raise_failures
from saibench.report.headline import (
    Metric,
    Value,
    headline_metrics,
    headline_partition,
    headline_values,
)
from saibench.report.text import FILTERS

__all__ = ["drawable", "render", "write_report"]

Figures = Sequence[str | FigureModule | ModuleType]


@dataclass(frozen=True)
class Row:
    """A point in the study's table, and its record for those who look further."""

    point: str
    slug: str
    state: str
    cause: str | None
    seconds: float | None
    record: Mapping[str, Any]
    settings: Mapping[str, Any]
    """Those in which the study's points differ."""
    train_count: int | None
    values: Mapping[str, Value]
    metrics: Mapping[str, Any]


def write_report(folder: Path, figures: Figures | None = None) -> Path:
    """Writes `report.html` of the study in `folder`, all or nothing; returns its path.

    Raises:
        UserError: the study has no point or a damaged file, or a figure asked for is unknown.
        ExceptionGroup: findings or figures failed for a defect; the page says which.
    """
    for name in (figure for figure in figures or () if isinstance(figure, str)):
        figure_module(name)
    evidence = StudyEvidence.load(folder)
    findings, drawn = study_findings(evidence), _drawn(evidence, figures)
    explorers = explored(evidence)
    page = _rendered(evidence, findings, drawn, explorers)
    path = folder / "report.html"
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(page, encoding="utf-8")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    raise_failures(path, [*findings, *drawn, *explorers])
    return path


def render(evidence: StudyEvidence, figures: Figures | None = None) -> str:
    """The page as HTML; of findings and figures that fail it says why.

    Args:
        figures: modules or dotted names of modules; by default those that the study names.
    """
    findings, drawn = study_findings(evidence), _drawn(evidence, figures)
    return _rendered(evidence, findings, drawn, explored(evidence))


def _drawn(evidence: StudyEvidence, figures: Figures | None) -> list[DrawnFigure]:
    return draw_figures(evidence, study_figures(evidence) if figures is None else figures)


def _rendered(
    evidence: StudyEvidence,
    findings: Sequence[Finding],
    figures: Sequence[DrawnFigure],
    explorers: Sequence[Explored],
) -> str:
    partition = headline_partition(evidence)
    metrics = headline_metrics(evidence)
    rows = _rows(evidence, metrics)
    points = evidence.points
    records = [evidence.records[point] for point in points["point"]]
    varying = differing(points)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("saibench.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS, setting_name=setting_name, setting_value=setting_value)
    environment.globals["sections"] = record_sections
    return environment.get_template("study.html.j2").render(
        study=evidence.study,
        workloads=_distinct(record.get("workload") for record in records),
        data=_distinct(_described(record.get("data")) for record in records),
        commits=_distinct(record.get("commit") for record in records),
        states=Counter(record["state"] for record in records),
        varying=varying,
        shared={name: points[name][0] for name in settings_of(points) if name not in varying},
        partition=partition,
        tested=_tested(evidence, metrics),
        metrics=metrics,
        largest=_largest(metrics, rows),
        rows=rows,
        findings=findings,
        figures=figures,
        explorers=explorers,
    )


def record_sections(record: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The parts of a point's record that read as names and values, those that it has."""
    run = {name: record.get(name) for name in ("command", "commit", "started", "ended", "steps")}
    sections = {
        "Settings": record["settings"],
        "Data": record.get("data"),
        "Run": run,
        "Weights & Biases": record.get("wandb"),
        "Seconds": record.get("seconds"),
        "Versions": record.get("versions"),
        "Hardware": record.get("hardware"),
    }
    return [(heading, dict(content)) for heading, content in sections.items() if content]


def _rows(evidence: StudyEvidence, metrics: Sequence[Metric]) -> list[Row]:
    values = headline_values(evidence, metrics)
    varying = differing(evidence.points)
    return [
        Row(
            point=point["point"],
            slug=point["slug"],
            state=point["state"],
            cause=point["cause"],
            seconds=point["seconds_total"],
            record=evidence.records[point["point"]],
            settings={name: point[name] for name in varying},
            train_count=point["train_count"],
            values=values.get(point["point"], {}),
            metrics=evidence.metrics.get(point["point"], {}),
        )
        for point in evidence.points.iter_rows(named=True)
    ]


def _tested(evidence: StudyEvidence, metrics: Sequence[Metric]) -> dict[str, str]:
    """The headline's partitions, and what each holds as the first point that says it recorded."""
    found = dict.fromkeys((metric.partition for metric in metrics), "")
    for record in evidence.records.values():
        for name, partition in (record.get("partitions") or {}).items():
            if name in found and not found[name]:
                found[name] = str(partition.get("describe") or "")
    return found


def _largest(metrics: Sequence[Metric], rows: Sequence[Row]) -> dict[str, float]:
    """The largest absolute value of each metric, for the length of its bars."""
    values = {
        metric.key: [abs(row.values[metric.key].value) for row in rows if metric.key in row.values]
        for metric in metrics
    }
    return {name: max(filter(isfinite, column), default=0.0) for name, column in values.items()}


def _described(data: Mapping[str, Any] | None) -> str | None:
    if not data:
        return None
    short_hash = str(data.get("hash") or "")[:12]
    return " · ".join(str(part) for part in (data.get("describe"), short_hash) if part)


def _distinct(values: Any) -> list[Any]:
    return [value for value in dict.fromkeys(values) if value]
