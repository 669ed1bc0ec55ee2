"""The page of one or several studies: a self-contained HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import polars

from saibench.analysis.dependence import dependence_warnings
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    SEED,
    differing,
    setting_name,
    setting_value,
    settings_of,
)
from saibench.figures import FigureModule, figure_module
from saibench.files.atomic import atomic_write
from saibench.findings.finding import Finding, study_findings
from saibench.imports.user_names import name_targets
from saibench.report.attribution import attribution_table
from saibench.report.cards import Card, study_cards
from saibench.report.claims import Claim, claims
from saibench.report.drawn import DrawnFigure, draw_figure, drawable, study_figures
from saibench.report.failures import warn_of_failures
from saibench.report.heading import model_line, page_title
from saibench.report.headline import headline_partition
from saibench.report.packed import Packer
from saibench.report.page_data import PageStudy, all_points, page_data, page_studies
from saibench.report.point_rows import (
    headline_columns,
    largest_values,
    point_rows,
    tested_partitions,
)
from saibench.report.reproduce import Recipe, distinct, recipe
from saibench.report.scripts import script
from saibench.report.sections import Section, page_sections
from saibench.report.seed_means import setting_rows
from saibench.report.text import FILTERS, as_json
from saibench.report.viewers import RenderedExplorer, html_environment, rendered_explorers

__all__ = ["drawable", "render", "write_comparison", "write_report"]

Figures = Sequence[str | FigureModule | ModuleType]


@dataclass(frozen=True)
class Part:
    """The parts of a page about one study, except its runs."""

    name: str
    title: str
    cards: Sequence[Card]
    findings: Sequence[Finding]
    attribution: bytes
    figures: Sequence[DrawnFigure]
    explorers: Sequence[RenderedExplorer]
    recipe: Recipe
    seeds: str

    @property
    def claims(self) -> list[Claim]:
        return claims(self.findings)

    @property
    def all(self) -> list[Card | Finding | DrawnFigure | RenderedExplorer]:
        return [*self.cards, *self.findings, *self.figures, *self.explorers]


def write_report(study: Path | StudyEvidence, figures: Figures | None = None) -> Path:
    """Write `report.html` into the folder of a study, atomically; returns its path.

    Raises:
        UserError: the study has no run or a damaged file, or a requested figure is unknown.

    Warns:
        PartFailed: a finding, figure or viewer failed for a defect; the page says which.
    """
    evidence = study if isinstance(study, StudyEvidence) else StudyEvidence.load(study)
    return write_comparison([evidence], evidence.folder / "report.html", figures)


def write_comparison(
    evidences: Sequence[StudyEvidence], target: Path, figures: Figures | None = None
) -> Path:
    """Write one page that compares the runs of several studies; returns its path.

    Raises:
        UserError: a study has a damaged file, or a requested figure is unknown.

    Warns:
        PartFailed: a finding, figure or viewer failed for a defect; the page says which.
    """
    requested = [figure for figure in figures or () if isinstance(figure, str)]
    name_targets(requested)
    for name in requested:
        figure_module(name)
    studies = page_studies(evidences)
    parts = [_part(study, figures) for study in studies]
    page = _rendered(studies, parts)
    with atomic_write(target) as aside:
        aside.write_text(page, encoding="utf-8")
    missing = [one for study in studies for one in study.measured.missing]
    warn_of_failures(target, [*(one for part in parts for one in part.all), *missing])
    return target


def render(
    evidence: StudyEvidence | Sequence[StudyEvidence], figures: Figures | None = None
) -> str:
    """The page as HTML, with the reason for each finding and figure that fails.

    Args:
        evidence: of one or several studies.
        figures: modules or dotted names of modules; by default those that each study names.
    """
    evidences = [evidence] if isinstance(evidence, StudyEvidence) else evidence
    studies = page_studies(evidences)
    return _rendered(studies, [_part(study, figures) for study in studies])


def _part(study: PageStudy, figures: Figures | None) -> Part:
    evidence = study.evidence
    names = study_figures(evidence) if figures is None else figures
    return Part(
        name=study.name,
        title=page_title(evidence),
        cards=study_cards(evidence),
        findings=study_findings(evidence),
        attribution=attribution_table(evidence),
        figures=[draw_figure(evidence, name) for name in names],
        explorers=rendered_explorers(evidence),
        recipe=recipe(evidence),
        seeds=_seeds(evidence),
    )


def _seeds(evidence: StudyEvidence) -> str:
    """The numbers of seeds per setting: `1`, `3`, or `1 to 3`."""
    points = evidence.points.filter(polars.col("point").is_in(list(evidence.metrics)))
    apart = [name for name in differing(points) if name != SEED] if points.height else []
    counts = points.group_by(apart).len()["len"].to_list() if apart else [points.height]
    return f"{min(counts)}" if len({*counts}) == 1 else f"{min(counts)} to {max(counts)}"


@cache
def _template() -> jinja2.Template:
    """The page's template, compiled once per process."""
    environment = html_environment("saibench.report", "templates")
    environment.filters.update(FILTERS, setting_name=setting_name, setting_value=setting_value)
    environment.globals["record_sections"] = record_sections
    return environment.get_template("study.html.j2")


def _rendered(studies: Sequence[PageStudy], parts: Sequence[Part]) -> str:
    metrics = headline_columns(studies)
    rows = point_rows(studies, metrics)
    points = all_points(studies)
    records = [row.record for row in rows]
    varying = differing(points)
    packer = Packer()
    data = page_data(studies, packer)
    sections = page_sections(parts, packer)
    return _template().render(
        title=" and ".join(distinct(part.title for part in parts)),
        studies=[study.name for study in studies],
        data=distinct((record.get("data") or {}).get("describe") for record in records),
        models=distinct(model_line(study.evidence) for study in studies),
        contents=_contents(parts, sections),
        sections=sections,
        states=Counter(record["state"] for record in records),
        varying=varying,
        shared={name: points[name][0] for name in settings_of(points) if name not in varying},
        partitions=distinct(headline_partition(study.evidence) for study in studies),
        tested=tested_partitions(studies, metrics),
        metrics=metrics,
        largest=largest_values(metrics, rows),
        rows=rows,
        setting_rows=[
            row
            for study in studies
            for row in setting_rows(study.evidence, metrics, study.measured, study.name)
        ],
        parts=parts,
        notes=[
            *(text for study in studies for text in dependence_warnings(study.evidence)),
            *(str(one) for study in studies for one in study.measured.missing),
        ],
        page_data=as_json(data),
        script=script(),
        packer=packer,
    )


def record_sections(record: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The sections of a run's record, as names and values."""
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


def _contents(parts: Sequence[Part], sections: Sequence[Section]) -> list[tuple[str, str]]:
    """The id and the name of each section, for the page's navigation."""
    several = len(parts) > 1
    explorers = [
        (f"explorer-{number}-{part.name}", f"{one.title}{f' of {part.name}' * several}")
        for part in parts
        for number, one in enumerate(part.explorers, start=1)
    ]
    return [
        ("runs", "Runs"),
        *([("across", "Studies compared")] if several else []),
        *((section.key, section.short) for section in sections),
        *([("claims", "Claims")] if any(part.findings for part in parts) else []),
        *explorers,
        ("provenance", "Provenance"),
    ]
