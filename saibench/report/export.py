"""A study's results as small files for a paper or a repository: evidence, figures, tables, text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
import polars

from saibench.evidence.reader import JOINED, StudyEvidence
from saibench.evidence.schema import write_table
from saibench.figures import figure_module
from saibench.figures.style import svg
from saibench.interpretation.finding import study_findings
from saibench.report.drawn import study_figures
from saibench.report.headline import headline_metrics, headline_partition, headline_values
from saibench.report.text import FILTERS

PNG_DPI = 150


def export(evidence: StudyEvidence, target: Path, tables: Sequence[str]) -> Path:
    """Write `evidence/`, `figures/` (SVG and PNG), `tables/` (CSV) and `README.md` to `target`.

    Args:
        evidence: the study.
        target: a folder; files of an earlier export are replaced.
        tables: evidence tables to copy, in float32; `points` always goes with them.

    Returns:
        the folder; `StudyEvidence.load` reads it.
    """
    evidence.join()
    joined = target / JOINED
    for name in tables:
        if name in evidence.sources:
            write_table(joined / f"{name}.parquet", _single(evidence.table(name)),
                        evidence.fields(name))  # fmt: skip
    points = evidence.folder / JOINED / "points.parquet"
    (joined / points.name).write_bytes(points.read_bytes())
    figures = [_figure(evidence, name, target) for name in study_figures(evidence)]
    (target / "README.md").write_text(_text(evidence, figures))
    return target


def _single(table: polars.DataFrame) -> polars.DataFrame:
    """Errors and similarities to seven digits: half the bytes; time keeps its own."""
    doubles = [
        name for name, kind in table.schema.items() if kind == polars.Float64 and name != "time"
    ]
    return table.with_columns(polars.col(doubles).cast(polars.Float32))


def _figure(evidence: StudyEvidence, name: str, target: Path) -> dict[str, str]:
    """Draw one figure and write its numbers; what the text needs to know of it."""
    module = figure_module(name)
    about = {"name": name.rpartition(".")[2], "title": module.title, "paper": module.paper}
    reason = module.needs(evidence)
    if reason is not None:
        return {**about, "reason": reason}
    for folder in ("figures", "tables"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    figure = module.draw(evidence)
    image = target / "figures" / about["name"]
    image.with_suffix(".svg").write_bytes(svg(figure))
    figure.savefig(image.with_suffix(".png"), dpi=PNG_DPI)
    module.table(evidence).write_csv(target / "tables" / f"{about['name']}.csv")
    return {**about, "caption": module.caption(evidence)}


def _text(evidence: StudyEvidence, figures: Sequence[dict[str, str]]) -> str:
    partition = headline_partition(evidence)
    metrics = headline_metrics(evidence, partition) if partition else []
    values = headline_values(evidence, partition, metrics) if partition else {}
    environment = jinja2.Environment(  # Markdown, not HTML: nothing to escape for
        loader=jinja2.PackageLoader("saibench.report"), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(FILTERS)
    return environment.get_template("results.md.j2").render(
        evidence=evidence,
        points=list(evidence.points.iter_rows(named=True)),
        records=evidence.records,
        partition=partition,
        metrics=metrics,
        values=values,
        findings=study_findings(evidence),
        figures=figures,
    )
