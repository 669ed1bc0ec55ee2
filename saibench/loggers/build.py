"""From a logger's config to the logger of one point, and its end."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from saibench.config.check import build


@dataclass(frozen=True)
class LogContext:
    """What a logger may want to know of the point: its folder, and `train` or `evaluate`."""

    folder: Path
    job_type: str


def build_logger(node: DictConfig | None, context: LogContext) -> Logger | None:
    """The logger of this rank. A `_target_` is given `context` or `save_dir` if it takes them."""
    if not node:
        return None
    offered = {"context": context, "save_dir": str(context.folder)}
    parameters = inspect.signature(get_object(node["_target_"])).parameters
    taken = {name: value for name, value in offered.items() if name in parameters}
    return build(node, "logger", **taken)


@rank_zero_only
def log_results(logger: Logger, folder: Path, metrics: dict[str, Any]) -> None:
    """Log the test metrics, and whatever more the logger knows to do with a point's evidence."""
    flat = {
        f"{partition}/{name}": entry["value"]
        for partition, entries in metrics.items()
        for name, entry in entries.items()
    }
    logger.log_metrics(flat)
    if hasattr(logger, "log_evidence"):
        logger.log_evidence(folder)


@rank_zero_only
def finish(logger: Logger | None) -> None:
    """End the run: the next point of a sweep would log into it otherwise."""
    if logger is not None:
        logger.finalize("success")
        if hasattr(logger, "finish"):
            logger.finish()
