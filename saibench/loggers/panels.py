"""Comparison panels of a study as a Weights & Biases workspace.

Panels are built offline from the study's records and evidence; saving them needs a login. This
module needs the extra `panels`.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars
import requests
import wandb
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import SEED, differing
from saibench.evidence.settings import config_key
from saibench.loggers.account import is_reachable, logged_in
from saibench.loggers.results import STEP, numeric_features
from saibench.report.headline import Metric, metrics_on

CELL = wr.Config("cell")
"""Groups runs that differ only in their seed: panels show their mean and range."""
MAX_GROUPS = 50
_BY_CELL: dict[str, Any] = {
    "groupby": CELL,
    "groupby_aggfunc": "mean",
    "groupby_rangefunc": "minmax",
}


@dataclass(frozen=True)
class Place:
    """A W&B project, and its team or user if known."""

    project: str
    entity: str | None = None


def place_of(evidence: StudyEvidence) -> Place:
    """Return the project that the study was logged to.

    Raises:
        UserError: no run of it was logged to Weights & Biases.
    """
    for record in evidence.records.values():
        logged = record.get("wandb") or {}
        if "project" in logged:
            return Place(logged["project"], logged.get("entity"))
    raise UserError(
        f"{evidence.folder} has no run that was logged to Weights & Biases. Train with "
        "logger=wandb, or use --project; `python -m saibench report` needs no logger."
    )


def offline_runs(evidence: StudyEvidence) -> list[Path]:
    """W&B folders of runs that are not uploaded, and so are missing in panels."""
    patterns = ("wandb/offline-run-*", "*/wandb/offline-run-*")
    found = (path for pattern in patterns for path in evidence.folder.glob(pattern))
    return sorted(path for path in found if not any(path.glob("*.synced")))


def save_workspace(evidence: StudyEvidence, place: Place) -> str:
    """Save the panels of the study and return their URL.

    Raises:
        UserError: there is no login or no server, or the server rejects them.
    """
    if not logged_in():
        raise UserError(
            "saving panels needs a Weights & Biases login. Run `wandb login`, or set "
            "WANDB_API_KEY; `python -m saibench report` needs none."
        )
    if not is_reachable():
        raise UserError(
            "Weights & Biases cannot be reached. Save panels from a machine with a network."
        )
    try:
        entity = place.entity or os.environ.get("WANDB_ENTITY") or wandb.Api().default_entity
        return build_workspace(evidence, place.project, str(entity)).save().url
    except (wandb.Error, requests.RequestException, ValueError) as error:
        raise UserError(
            f"Weights & Biases rejected the panels ({str(error).splitlines()[0]}). Check that the "
            f"project '{place.project}' exists, has runs and is yours to write to."
        ) from error


def build_workspace(evidence: StudyEvidence, project: str, entity: str) -> ws.Workspace:
    """Panels of test errors, trusted range, settings against errors, and learning curves.

    Args:
        evidence: of the study; settings that differ between its runs become axes.
        project, entity: of the runs.

    Raises:
        UserError: the study has no results yet.
    """
    metrics = _metrics(evidence)
    if not metrics:
        raise UserError(f"{evidence.folder} has no complete run to compare.")
    settings = [name.removeprefix("setting.") for name in differing(evidence.points)]
    sections = [
        _section(_error_title(settings), [_bars(*metric) for metric in metrics]),
        _section("Trusted range", _scatters(evidence, metrics)),
        _section("Settings", [_lines(settings, metrics), wr.RunComparer(diff_only="split")]),
        _section("Learning curves", [_curve(name) for name in _logged_curves(evidence)]),
    ]
    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"saibench: {_without_symbols(evidence.study)}",
        sections=[section for section in sections if section.panels],
        settings=ws.WorkspaceSettings(max_runs=max(10, len(evidence.records))),
        runset_settings=ws.RunsetSettings(filters=_of_study(evidence.study)),
        auto_generate_panels=True,
    )


def _of_study(study: str) -> str:
    """A filter for runs of this study; the name is escaped, as quotes would end it."""
    text = "".join(sign if sign.isalnum() else f"\\u{ord(sign):04x}" for sign in study)
    return f"Metric('Group') == '{text}'"


def _without_symbols(study: str) -> str:
    """The study's name without symbols such as `=` and `<`, which workspace names exclude."""
    return "".join(sign for sign in study if not unicodedata.category(sign).startswith("S"))


def _section(name: str, panels: Sequence[Any]) -> ws.Section:
    return ws.Section(name=name, panels=list(panels), is_open=True)


def _error_title(settings: Sequence[str]) -> str:
    """`Test error by window` if runs differ in `window.start` or `window.size`."""
    varied = dict.fromkeys(name.partition(".")[0] for name in settings if name != SEED)
    return f"Test error by {', '.join(varied)}" if varied else "Test error"


def _metrics(evidence: StudyEvidence) -> list[tuple[str, Metric]]:
    """Each tested partition with each of its headline metrics."""
    partitions = dict.fromkeys(name for tested in evidence.metrics.values() for name in tested)
    return [(name, metric) for name in partitions for metric in metrics_on(evidence, name)]


def _bars(partition: str, metric: Metric) -> wr.BarPlot:
    return wr.BarPlot(
        title=f"{metric.label} on {partition}",
        title_x=_axis_label(metric),
        metrics=[f"{partition}/{metric.name}"],
        max_bars_to_show=MAX_GROUPS,
        **_BY_CELL,
    )


def _scatters(
    evidence: StudyEvidence, metrics: Sequence[tuple[str, Metric]]
) -> list[wr.ScatterPlot]:
    """Error against each data feature whose test mean differs between runs."""
    return [
        wr.ScatterPlot(
            title=f"{metric.label} against {feature} on {partition}",
            x=wr.SummaryMetric(f"{partition}/{feature}"),
            y=wr.SummaryMetric(f"{partition}/{metric.name}"),
            regression=True,
        )
        for partition, metric in metrics
        for feature in _varying_features(evidence, partition)
    ]


def _varying_features(evidence: StudyEvidence, partition: str) -> list[str]:
    samples = evidence.samples.filter(polars.col("partition") == partition)
    names = numeric_features(evidence)
    means = samples.group_by("point").agg(polars.col(names).cast(polars.Float64).mean())
    return [name for name in names if means[name].drop_nulls().n_unique() > 1]


def _lines(
    settings: Sequence[str], metrics: Sequence[tuple[str, Metric]]
) -> wr.ParallelCoordinatesPlot:
    column = wr.ParallelCoordinatesPlotColumn
    columns = [column(metric=wr.Config(config_key(name)), display_name=name) for name in settings]
    for partition, metric in metrics:
        value = wr.SummaryMetric(f"{partition}/{metric.name}")
        columns.append(column(value, display_name=f"{_axis_label(metric)} on {partition}"))
    return wr.ParallelCoordinatesPlot(title="settings and test error", columns=columns)


def _logged_curves(evidence: StudyEvidence) -> list[str]:
    """Names that runs logged by step: losses, validation metrics."""
    logged = (record.get("wandb") or {} for record in evidence.records.values())
    return sorted({name for entries in logged for name in entries.get("curves", ())})


def _curve(name: str) -> wr.LinePlot:
    return wr.LinePlot(
        title=name,
        x=STEP,
        y=[name],
        log_y=True,
        max_runs_to_show=MAX_GROUPS,
        **_BY_CELL,
    )


def _axis_label(metric: Metric) -> str:
    return f"{metric.label} [{metric.unit}]" if metric.unit else metric.label
