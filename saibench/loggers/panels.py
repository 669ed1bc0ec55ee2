"""The comparison panels of a study as a saved Weights & Biases workspace.

The object tree is built from the study's own settings and evidence, without a connection; only
saving it needs a login.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

CURVES = ("val/loss", "val/force_mae", "val/energy_mae_per_atom", "train/loss")


def save_workspace(folder: Path, project: str, entity: str | None) -> str:
    """Save the panels of the study in `folder`, and return their address.

    Raises:
        UserError: the extra is not installed, or nobody is logged in.
    """
    workspace = build_workspace(StudyEvidence.load(folder), project, entity or _entity())
    return workspace.save().url


def build_workspace(evidence: StudyEvidence, project: str, entity: str) -> Workspace:
    """Test errors by point, learning curves, parallel coordinates, and the trusted-range scatter.

    Args:
        evidence: the study; its settings and metrics become the axes of the panels.
        project, entity: where the runs are.
    """
    try:
        import wandb_workspaces.reports.v2 as wr
        import wandb_workspaces.workspaces as ws
    except ModuleNotFoundError as error:
        raise UserError(
            "panels need an extra package: pip install 'saibench[panels]' would do."
        ) from error

    settings, metrics = _varied_settings(evidence), _test_metrics(evidence)
    bars: list[Any] = [
        wr.BarPlot(title=metric, metrics=[metric], max_bars_to_show=50) for metric in metrics
    ]
    curves = [wr.LinePlot(title=name, y=[name], log_y=True, x="Step") for name in CURVES]
    lines = wr.ParallelCoordinatesPlot(
        title="settings against test error",
        columns=[
            *(wr.ParallelCoordinatesPlotColumn(metric=f"c::{name}") for name in settings),
            *(wr.ParallelCoordinatesPlotColumn(metric=metric) for metric in metrics),
        ],
    )
    scatters = [
        wr.ScatterPlot(title=f"trusted range: {metric}", x=feature, y=metric, regression=True)
        for metric in metrics
        for feature in _similarities(evidence)
    ]
    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"saibench: {evidence.study}",
        sections=[
            ws.Section(name="Test error by point", panels=bars, is_open=True, pinned=True),
            ws.Section(name="Trusted range", panels=scatters, is_open=True),
            ws.Section(name="Settings", panels=[lines, wr.RunComparer(diff_only="split")]),
            ws.Section(name="Learning curves", panels=curves),
        ],
        runset_settings=ws.RunsetSettings(
            filters=[ws.Config("study") == evidence.study],
            groupby=[ws.Config(name) for name in settings[:1]],
        ),
    )


def _varied_settings(evidence: StudyEvidence) -> list[str]:
    """Settings that tell the points of the study apart."""
    every = [record["settings"] for record in evidence.records.values()]
    names = dict.fromkeys(name for settings in every for name in settings)
    return [name for name in names if len({str(settings.get(name)) for settings in every}) > 1]


def _test_metrics(evidence: StudyEvidence) -> list[str]:
    """`partition/metric` as runs log them, for every metric of the first complete point."""
    found: Sequence[Any] = list(evidence.metrics.values())
    if not found:
        raise UserError(f"{evidence.folder} has no complete point to compare.")
    return [f"{partition}/{name}" for partition, entries in found[0].items() for name in entries]


def _similarities(evidence: StudyEvidence) -> list[str]:
    """Data features that the runs log as means over the test, to set against their error."""
    columns = evidence.samples.columns
    return [f"last_tenth/{name}" for name in columns if name.startswith("soap_similarity")]


def _entity() -> str:
    import wandb

    if not (os.environ.get("WANDB_API_KEY") or wandb.api.api_key):
        raise UserError(
            "saving panels needs a Weights & Biases login: run `wandb login`, or set "
            "WANDB_API_KEY; the static report of the study needs none."
        )
    return os.environ.get("WANDB_ENTITY") or str(wandb.Api().default_entity)
