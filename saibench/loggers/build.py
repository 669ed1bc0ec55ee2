"""Build the logger of a run, log its results and end it."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hydra.utils import get_object
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics
from saibench.imports.targets import build
from saibench.loggers.results import scalars


@runtime_checkable
class EvidenceLogger(Protocol):
    """A logger that logs more than numbers, and whose run must be ended."""

    def log_evidence(self, evidence: StudyEvidence) -> None:
        """Log the evidence that no earlier job of this run has logged."""

    def finish(self, failed: bool) -> None:
        """End the run."""


def build_logger(node: DictConfig | None, folder: Path, job_type: str) -> Logger | None:
    """Build the logger of this rank; None without a config.

    `folder` and `job_type` (`train` or `evaluate`) are passed to the `_target_` if it takes them.
    `save_dir` and `name`, as Lightning's loggers have, default to `logs/<job type>` in the run's
    folder, where each session writes a new `version_<n>`.
    """
    if not node:
        return None
    defaults = {
        "folder": folder,
        "job_type": job_type,
        "save_dir": str(folder / "logs"),
        "name": job_type,
    }
    parameters = inspect.signature(get_object(node["_target_"])).parameters
    taken: dict[Any, Any] = {key: value for key, value in defaults.items() if key in parameters}
    return build(OmegaConf.create(taken | dict(node)), "logger")


@rank_zero_only
def log_results(logger: Logger, folder: Path, metrics: dict[str, Any]) -> None:
    """Log the metrics of a tested run, the means of its data features, and its evidence.

    Args:
        logger: an `EvidenceLogger` also logs rows and figures.
        folder: of the run, with its evidence.
        metrics: of the partitions to log, `{partition: {metric: {"value": …}}}`.
    """
    evidence = StudyEvidence.load(folder)
    if isinstance(logger, EvidenceLogger):
        logger.log_evidence(evidence)
    else:
        logger.log_metrics(scalars(evidence, list(metrics)))


def log_run(node: DictConfig, folder: Path) -> None:
    """Log the evidence of a complete run that was not trained here.

    Args:
        node: config of the logger, such as that of `conf/logger/wandb.yaml`.
        folder: of the run.
    """
    logger = build_logger(node, folder, "train")
    if logger is None:
        return
    try:
        log_results(logger, folder, read_metrics(folder))
    finally:
        finish(logger)


@rank_zero_only
def finish(logger: Logger | None) -> None:
    """End the run, as failed if an exception is being raised.

    Otherwise the next run of a sweep would log into this one.
    """
    if logger is None:
        return
    failed = sys.exception() is not None
    logger.finalize("failed" if failed else "success")
    if isinstance(logger, EvidenceLogger):
        logger.finish(failed)
