"""From a logger's config to the logger of one point, what it is given, and its end."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hydra.utils import get_object
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from saibench.config.check import build
from saibench.evidence.reader import StudyEvidence
from saibench.loggers.results import scalars

FILES = "logs"
"""Subfolder of a point for loggers that write files."""


@dataclass(frozen=True)
class LogContext:
    """What a logger may want to know of the point: its folder, and `train` or `evaluate`."""

    folder: Path
    job_type: str


@runtime_checkable
class EvidenceLogger(Protocol):
    """A logger that takes more than numbers, and whose run has an end of its own."""

    def log_evidence(self, evidence: StudyEvidence) -> None:
        """Log what the point's evidence holds beyond what an earlier job of it logged."""

    def finish(self, failed: bool) -> None:
        """End the run."""


def build_logger(node: DictConfig | None, context: LogContext) -> Logger | None:
    """The logger of this rank, or None.

    A `_target_` that takes `folder` or `job_type` is given them. One of Lightning's that takes
    `save_dir` and `name` writes to `logs/<job type>/version_<n>` in the point's folder, a new
    version each time that the point is resumed, unless the config says otherwise.
    """
    if not node:
        return None
    offered = {
        "folder": context.folder,
        "job_type": context.job_type,
        "save_dir": str(context.folder / FILES),
        "name": context.job_type,
    }
    parameters = inspect.signature(get_object(node["_target_"])).parameters
    taken: dict[Any, Any] = {key: value for key, value in offered.items() if key in parameters}
    return build(OmegaConf.create(taken | dict(node)), "logger")


@rank_zero_only
def log_results(logger: Logger, folder: Path, metrics: dict[str, Any]) -> None:
    """Log a tested point: its metrics, the means of its data features, and what else fits.

    Args:
        folder: the point's, with its evidence.
        metrics: those of the partitions to log, `{partition: {metric: {"value": …}}}`.
    """
    evidence = StudyEvidence.load(folder)
    if isinstance(logger, EvidenceLogger):
        logger.log_evidence(evidence)
    else:
        logger.log_metrics(scalars(evidence, list(metrics)))


@rank_zero_only
def finish(logger: Logger | None) -> None:
    """End the run, as failed if an exception is on its way out.

    Without an end, the next point of a sweep would log into this one's run.
    """
    if logger is None:
        return
    failed = sys.exception() is not None
    logger.finalize("failed" if failed else "success")
    if isinstance(logger, EvidenceLogger):
        logger.finish(failed)
