"""Weights & Biases: one run a point and job, grouped by study; offline without an account."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf

from saibench.errors import UserError
from saibench.loggers.build import LogContext
from saibench.runs.point import CONFIG
from saibench.runs.record import read_record, update_record

EVIDENCE_ROWS = 200
"""Rows of the evidence that are logged as a table; the whole is in the point's folder."""


class PointWandbLogger(WandbLogger):
    """A WandbLogger that also logs a sample of the evidence and the figures, and ends its run."""

    @rank_zero_only
    def log_evidence(self, folder: Path) -> None:
        """A table of evenly spaced samples, and every figure that one point can fill."""
        import wandb

        from saibench.evidence.reader import StudyEvidence
        from saibench.report.page import drawable

        evidence = StudyEvidence.load(folder)
        samples = evidence.samples
        chosen = samples.gather_every(max(1, -(-samples.height // EVIDENCE_ROWS)))
        table = wandb.Table(columns=chosen.columns, data=[list(row) for row in chosen.rows()])
        images = {
            f"figures/{name}": wandb.Image(figure) for name, figure in drawable(evidence).items()
        }
        self.experiment.log({"evidence/samples": table, **images})

    @rank_zero_only
    def finish(self) -> None:
        self.experiment.finish()


def wandb_logger(
    context: LogContext,
    project: str = "saibench",
    entity: str | None = None,
    mode: str | None = None,
) -> WandbLogger:
    """The run of a point: a new one, or the one it had before it was stopped.

    Args:
        context: the point's folder and the job type, `train` or `evaluate`.
        project, entity: where the run goes.
        mode: `online`, `offline`, or None: online when logged in, else offline.
    """
    if mode not in (None, "online", "offline"):
        raise UserError(f"logger.mode={mode} is unknown; online, offline or null would work.")
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    record = read_record(context.folder)
    runs = record.get("wandb") or {}
    run_id = runs.get(context.job_type) or wandb.util.generate_id()
    if rank_zero_only.rank == 0:
        update_record(context.folder, wandb={**runs, context.job_type: run_id})
    offline = (mode or _mode()) == "offline"
    return PointWandbLogger(
        name=record["slug"],
        save_dir=str(context.folder),
        id=run_id,
        project=project,
        entity=entity,
        offline=offline,
        group=record["study"],
        job_type=context.job_type,
        tags=[record["workload"]],
        resume=None if offline else "allow",
        reinit="finish_previous",
        config={"point": record["point"], **_settings(context.folder)},
    )


def _settings(folder: Path) -> dict[str, Any]:
    settings = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    return json.loads(json.dumps(settings))


def _mode() -> str:
    """Online only where that asks no question: logged in, and not told otherwise."""
    import wandb

    told = os.environ.get("WANDB_MODE")
    if told in ("online", "offline"):
        return told
    return "online" if wandb.api.api_key else "offline"
