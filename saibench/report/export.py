"""Export of a study's results as small files: figures, tables, text, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import jinja2
import polars

from saibench.errors import UserError, closest
from saibench.evidence.known import listed
from saibench.evidence.reader import JOINED, StudyEvidence
from saibench.evidence.schema import write_tables
from saibench.figures.style import page_png
from saibench.findings.finding import Finding, study_findings
from saibench.report import markdown
from saibench.report.drawn import DrawnFigure, draw_figure, study_figures
from saibench.report.failures import warn_of_failures
from saibench.report.headline import headline_metrics, headline_partition, headline_values
from saibench.report.measured import MeasuredMetrics
from saibench.report.reproduce import recipe
from saibench.report.seed_means import setting_rows
from saibench.report.text import FILTERS


def export(
    evidence: StudyEvidence,
    target: Path,
    tables: Sequence[str] | None = None,
    *,
    svg: bool = False,
) -> Path:
    """Write `figures/` (PNG), `tables/` (CSV) and `README.md`, and `evidence/` on request.

    Args:
        evidence: the study.
        target: a folder; files of an earlier export are replaced.
        tables: evidence tables to copy, in float32, with `points`; None for no tables, empty for
            all except those that the workload lists as `not_exported`.
        svg: also write each figure as SVG.

    Returns:
        the folder; with evidence, `StudyEvidence.load` reads it.

    Raises:
        UserError: the study has no such table, or the folder is not writable.

    Warns:
        PartFailed: a finding or figure failed for a defect; the text says which.
    """
    for name in tables or ():
        if name not in evidence.sources:
            raise UserError(f"--evidence {name}: {closest(name, evidence.sources)}")
    findings, measured = study_findings(evidence), MeasuredMetrics(evidence)
    try:
        target.mkdir(parents=True, exist_ok=True)
        if tables is not None:
            excluded = listed(evidence.records.values(), "not_exported")
            chosen = tables or [name for name in evidence.sources if name not in excluded]
            _write_tables(evidence, target / JOINED, chosen)
        figures = [_figure(evidence, name, target, svg) for name in study_figures(evidence)]
        text = _text(evidence, findings, figures, measured)
        (target / "README.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write results to {target}: {error}.") from error
    warn_of_failures(target / "README.md", [*findings, *figures, *measured.missing])
    return target


def _write_tables(evidence: StudyEvidence, folder: Path, tables: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    times = evidence.order_columns
    chosen = (
        (name, _single(evidence.stored(name), times), evidence.fields(name)) for name in tables
    )
    points = ("points", *evidence.points_and_fields)
    write_tables(folder, chain(chosen, [points]))


def _single(table: polars.DataFrame, times: Sequence[str]) -> polars.DataFrame:
    """The table in float32, at half the size; times keep their precision."""
    doubles = [
        name for name, kind in table.schema.items() if kind == polars.Float64 and name not in times
    ]
    return table.with_columns(polars.col(doubles).cast(polars.Float32))


def _figure(evidence: StudyEvidence, name: str, target: Path, svg: bool) -> DrawnFigure:
    """Draw one figure and write its files, or say why it is not drawn."""
    drawn = draw_figure(evidence, name)
    if drawn.figure is not None:
        files = [("figures", "png", page_png(drawn.figure)), ("tables", "csv", drawn.csv)]
        files += [("figures", "svg", drawn.image)] if svg else []
        for folder, suffix, content in files:
            (target / folder).mkdir(exist_ok=True)
            (target / folder / f"{drawn.name}.{suffix}").write_bytes(content)
    return drawn


def _text(
    evidence: StudyEvidence,
    findings: Sequence[Finding],
    figures: Sequence[DrawnFigure],
    measured: MeasuredMetrics,
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
        setting_rows=setting_rows(evidence, metrics, measured),
        missing=measured.missing,
        findings=findings,
        features=[field for field in evidence.fields("samples") if field.role == "feature"],
        figures=figures,
    )
