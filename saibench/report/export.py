"""A study's results as small files for a paper or a repository: evidence, figures, tables, text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import jinja2
import polars

from saibench.errors import UserError, closest
from saibench.evidence.known import listed
from saibench.evidence.points import points_table
from saibench.evidence.reader import JOINED, StudyEvidence
from saibench.evidence.schema import write_tables
from saibench.figures.style import save_images
from saibench.findings.finding import Finding, study_findings
from saibench.report import markdown
from saibench.report.drawn import DrawnFigure, draw_figure, study_figures
from saibench.report.failures import warn_of_failures
from saibench.report.headline import headline_metrics, headline_partition, headline_values
from saibench.report.measured import Measured
from saibench.report.reproduce import recipe
from saibench.report.text import FILTERS


def export(evidence: StudyEvidence, target: Path, tables: Sequence[str] | None = None) -> Path:
    """Write `evidence/`, `figures/` (SVG and PNG), `tables/` (CSV) and `README.md` to `target`.

    Args:
        evidence: the study.
        target: a folder; files of an earlier export are replaced.
        tables: evidence tables to copy, in float32, by default all but those that the
            workload lists as `not_exported`; `points` always goes with them.

    Returns:
        the folder; `StudyEvidence.load` reads it.

    Raises:
        UserError: the study has no such table, or the folder cannot be written.

    Warns:
        PartFailed: a finding or figure failed for a defect; the text says which.
    """
    if tables is None:
        left_out = listed(evidence.records.values(), "not_exported")
        tables = [name for name in evidence.sources if name not in left_out]
    for name in tables:
        if name not in evidence.sources:
            raise UserError(f"--tables {name}: {closest(name, evidence.sources)}")
    findings, measured = study_findings(evidence), Measured(evidence)
    try:
        _write_tables(evidence, target / JOINED, tables)
        figures = [_figure(evidence, name, target) for name in study_figures(evidence)]
        text = _text(evidence, findings, figures, measured)
        (target / "README.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{target} cannot take the results: {error}.") from error
    warn_of_failures(target / "README.md", [*findings, *figures, *measured.missing])
    return target


def _write_tables(evidence: StudyEvidence, folder: Path, tables: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    times = evidence.order_columns
    chosen = (
        (name, _single(evidence.stored(name), times), evidence.fields(name)) for name in tables
    )
    points = ("points", *points_table(evidence.records, evidence.metrics))
    write_tables(folder, chain(chosen, [points]))


def _single(table: polars.DataFrame, times: Sequence[str]) -> polars.DataFrame:
    """Errors and similarities to seven digits: half the bytes; times keep their own."""
    doubles = [
        name for name, kind in table.schema.items() if kind == polars.Float64 and name not in times
    ]
    return table.with_columns(polars.col(doubles).cast(polars.Float32))


def _figure(evidence: StudyEvidence, name: str, target: Path) -> DrawnFigure:
    """Draw one figure and write its numbers, or say why it is not drawn."""
    drawn = draw_figure(evidence, name)
    if drawn.figure is not None:
        stem = target / "figures" / drawn.name
        save_images(drawn.figure, stem)
        (target / "tables").mkdir(parents=True, exist_ok=True)
        (target / "tables" / f"{drawn.name}.csv").write_bytes(drawn.csv)
    return drawn


def _text(
    evidence: StudyEvidence,
    findings: Sequence[Finding],
    figures: Sequence[DrawnFigure],
    measured: Measured,
) -> str:
    partition = headline_partition(evidence)
    metrics = headline_metrics(evidence)
    values = headline_values(evidence, metrics, measured)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("saibench.report"),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=markdown.plain,
    )
    environment.filters.update(FILTERS, code=markdown.code)
    return environment.get_template("results.md.j2").render(
        evidence=evidence,
        points=list(evidence.points.iter_rows(named=True)),
        records=evidence.records,
        made=recipe(evidence),
        hardware=next((r["hardware"] for r in evidence.records.values() if r.get("hardware")), {}),
        partition=partition,
        metrics=metrics,
        values=values,
        missing=measured.missing,
        findings=findings,
        features=[field for field in evidence.fields("samples") if field.role == "feature"],
        figures=figures,
    )
