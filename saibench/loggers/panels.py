"""The comparison panels of a study as a saved Weights & Biases workspace.

The object tree is built from the study's records and evidence, without a connection; only saving
it needs a login. Importing this module needs the extra `panels`.
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
from saibench.loggers.account import logged_in
from saibench.loggers.results import STEP, numeric_features
from saibench.report.headline import Metric, metrics_on

CELL = wr.Config("cell")
"""Runs that differ in their seed alone: panels show their mean and range."""

MAX_BARS = 50


@dataclass(frozen=True)
class Place:
    """Where runs are: a project, and its team or user if it is known."""

    project: str
    entity: str | None = None


def place_of(evidence: StudyEvidence) -> Place:
    """Where the study's points were logged.

    Raises:
        UserError: none of them was logged to Weights & Biases.
    """
    for record in evidence.records.values():
        noted = record.get("wandb") or {}
        if "project" in noted:
            return Place(noted["project"], noted.get("entity"))
    raise UserError(
        f"no point of {evidence.folder} was logged to Weights & Biases: run it with logger=wandb, "
        "or give --project; `python -m saibench report` needs no logger."
    )


def offline_runs(evidence: StudyEvidence) -> list[Path]:
    """Folders of the study's runs that were logged offline; panels are empty without them."""
    folders = [*evidence.folder.glob("wandb/offline-run-*")]
    return sorted([*folders, *evidence.folder.glob("*/wandb/offline-run-*")])


def save_workspace(evidence: StudyEvidence, place: Place) -> str:
    """Save the panels of the study and return their address.

    Raises:
        UserError: nobody is logged in, or the server does not take them.
    """
    if not logged_in():
        raise UserError(
            "saving panels needs a Weights & Biases login: run `wandb login`, or set "
            "WANDB_API_KEY; `python -m saibench report` shows the study without one."
        )
    try:
        return build_workspace(evidence, place.project, _entity(place)).save().url
    except (wandb.Error, requests.RequestException, ValueError) as error:
        raise UserError(
            f"Weights & Biases did not take the panels ({str(error).splitlines()[0]}); is there a "
            f"project '{place.project}', with runs, that you may write to?"
        ) from error


def build_workspace(evidence: StudyEvidence, project: str, entity: str) -> ws.Workspace:
    """Test errors, the trusted range, settings against errors, and learning curves.

    Args:
        evidence: the study; what its points differ in becomes the axes of the panels.
        project, entity: where the runs are.

    Raises:
        UserError: the study has no results yet.
    """
    metrics = _metrics(evidence)
    if not metrics:
        raise UserError(f"{evidence.folder} has no complete point to compare.")
    settings = [name.removeprefix("setting.") for name in differing(evidence.points)]
    curves = _curves(evidence)
    sections = [
        _section(_error_title(settings), [_bars(*metric) for metric in metrics]),
        _section("Trusted range", _scatters(evidence, metrics)),
        _section("Settings", [_lines(settings, metrics), wr.RunComparer(diff_only="split")]),
        _section("Learning curves", [_curve(name) for name in curves]),
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
    """The filter for a study's runs; escaped, since quotes and signs would be taken for its own."""
    text = "".join(sign if sign.isalnum() else f"\\u{ord(sign):04x}" for sign in study)
    return f"Metric('Group') == '{text}'"


def _without_symbols(study: str) -> str:
    """The study's name as the name of a workspace, which may hold no signs such as `=` and `<`."""
    return "".join(sign for sign in study if not unicodedata.category(sign).startswith("S"))


def _section(name: str, panels: Sequence[Any]) -> ws.Section:
    return ws.Section(name=name, panels=list(panels), is_open=True)


def _error_title(settings: Sequence[str]) -> str:
    """`Test error by window` where the points differ in `window.start` and `window.size`."""
    varied = dict.fromkeys(name.partition(".")[0] for name in settings if name != SEED)
    return f"Test error by {', '.join(varied)}" if varied else "Test error"


def _metrics(evidence: StudyEvidence) -> list[tuple[str, Metric]]:
    """Every partition that points were tested on, with each metric to compare."""
    partitions = dict.fromkeys(name for tested in evidence.metrics.values() for name in tested)
    return [(name, metric) for name in partitions for metric in metrics_on(evidence, name)]


def _bars(partition: str, metric: Metric) -> wr.BarPlot:
    return wr.BarPlot(
        title=f"{metric.label} on {partition}",
        title_x=_axis_label(metric),
        metrics=[f"{partition}/{metric.name}"],
        groupby=CELL,
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        max_bars_to_show=MAX_BARS,
    )


def _scatters(
    evidence: StudyEvidence, metrics: Sequence[tuple[str, Metric]]
) -> list[wr.ScatterPlot]:
    """Error against each data feature of the test whose mean depends on the point."""
    return [
        wr.ScatterPlot(
            title=f"{metric.label} against {feature} on {partition}",
            x=wr.SummaryMetric(f"{partition}/{feature}"),
            y=wr.SummaryMetric(f"{partition}/{metric.name}"),
            regression=True,
        )
        for partition, metric in metrics
        for feature in _telling_features(evidence, partition)
    ]


def _telling_features(evidence: StudyEvidence, partition: str) -> list[str]:
    samples = evidence.samples.filter(polars.col("partition") == partition)
    names = numeric_features(evidence)
    means = samples.group_by("point").agg(polars.col(names).cast(polars.Float64).mean())
    return [name for name in names if means[name].drop_nulls().n_unique() > 1]


def _lines(
    settings: Sequence[str], metrics: Sequence[tuple[str, Metric]]
) -> wr.ParallelCoordinatesPlot:
    column = wr.ParallelCoordinatesPlotColumn
    return wr.ParallelCoordinatesPlot(
        title="settings and test error",
        columns=[
            *(column(metric=wr.Config(config_key(name)), display_name=name) for name in settings),
            *(
                column(
                    metric=wr.SummaryMetric(f"{partition}/{metric.name}"),
                    display_name=f"{_axis_label(metric)} on {partition}",
                )
                for partition, metric in metrics
            ),
        ],
    )


def _curves(evidence: StudyEvidence) -> list[str]:
    """What the runs logged by step: losses, validation metrics."""
    noted = (record.get("wandb") or {} for record in evidence.records.values())
    return sorted({name for entries in noted for name in entries.get("curves", ())})


def _curve(name: str) -> wr.LinePlot:
    return wr.LinePlot(
        title=name,
        x=STEP,
        y=[name],
        log_y=True,
        groupby=CELL,
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        max_runs_to_show=MAX_BARS,
    )


def _axis_label(metric: Metric) -> str:
    return f"{metric.label} [{metric.unit}]" if metric.unit else metric.label


def _entity(place: Place) -> str:
    return place.entity or os.environ.get("WANDB_ENTITY") or str(wandb.Api().default_entity)
