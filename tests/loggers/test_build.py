from __future__ import annotations

import importlib
import json
from pathlib import Path

import polars
import pytest
from hydra.utils import get_object
from imported_anew import imported_anew
from lightning.pytorch.loggers import CSVLogger, Logger
from omegaconf import DictConfig, OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from saibench.imports.targets import check_targets
from saibench.loggers.build import build_logger, finish, log_results

CONF = Path(__file__).parents[2] / "conf" / "logger"


def shipped(name: str) -> DictConfig:
    node = OmegaConf.load(CONF / f"{name}.yaml")
    assert isinstance(node, DictConfig)
    return node


def build(name: str, folder: Path, job_type: str = "train") -> Logger:
    logger = build_logger(shipped(name), folder, job_type)
    assert logger is not None
    return logger


@pytest.mark.parametrize("name", [path.stem for path in CONF.glob("*.yaml")])
def test_shipped_config_passes_the_checks_and_builds(name: str, point: Path) -> None:
    node = shipped(name)
    check_targets({"logger": OmegaConf.to_container(node)})
    logger = build_logger(node, point, "train")
    assert (logger is None) == (name == "none")
    if logger is not None:
        assert isinstance(logger, get_object(node["_target_"]))
    finish(logger)


def test_csv_holds_curves_and_results(point: Path) -> None:
    metrics = json.loads((point / "metrics.json").read_text())
    logger = build("csv", point)
    logger.log_metrics({"val/loss": 0.5}, step=200)
    log_results(logger, point, metrics)
    finish(logger)
    table = polars.read_csv(point / "logs/train/version_0/metrics.csv")
    assert table["val/loss"].drop_nulls().to_list() == [0.5]
    force_mae = table["last_tenth/force_mae"].drop_nulls().to_list()
    assert force_mae == [metrics["last_tenth"]["force_mae"]["value"]]


def test_resumed_and_evaluated_runs_keep_their_earlier_csv(point: Path) -> None:
    for job_type in ("train", "train", "evaluate"):
        logger = build("csv", point, job_type)
        logger.log_metrics({"val/loss": 0.5}, step=200)
        finish(logger)
    written = sorted(str(path.relative_to(point)) for path in point.glob("logs/**/metrics.csv"))
    assert written == [
        "logs/evaluate/version_0/metrics.csv",
        "logs/train/version_0/metrics.csv",
        "logs/train/version_1/metrics.csv",
    ]


def test_folder_and_name_from_the_config_are_kept(tmp_path: Path) -> None:
    node = OmegaConf.merge(shipped("csv"), {"save_dir": str(tmp_path / "there"), "name": "mine"})
    assert isinstance(node, DictConfig)
    logger = build_logger(node, tmp_path, "train")
    assert isinstance(logger, CSVLogger)
    assert Path(logger.log_dir) == tmp_path / "there/mine/version_0"


def test_tensorboard_holds_curves_and_results(point: Path) -> None:
    metrics = json.loads((point / "metrics.json").read_text())
    metrics["last_tenth"]["undefined"] = metrics["last_tenth"]["force_mae"] | {"value": None}
    (point / "metrics.json").write_text(json.dumps(metrics))
    logger = build("tensorboard", point)
    logger.log_metrics({"val/loss": 0.5}, step=200)
    log_results(logger, point, metrics)
    finish(logger)
    events = EventAccumulator(str(point / "logs/train/version_0"))
    events.Reload()
    (loss,) = events.Scalars("val/loss")
    assert (loss.step, loss.value) == (200, 0.5)
    (force_mae,) = events.Scalars("last_tenth/force_mae")
    assert force_mae.value == pytest.approx(metrics["last_tenth"]["force_mae"]["value"])
    assert "last_tenth/undefined" not in events.Tags()["scalars"]


def test_other_loggers_do_not_import_wandb(point: Path) -> None:
    metrics = json.loads((point / "metrics.json").read_text())
    with imported_anew(without="wandb"):
        fresh = importlib.import_module("saibench.loggers.build")
        for name in ("none", "csv", "tensorboard"):
            logger = fresh.build_logger(shipped(name), point, "train")
            if logger is not None:
                fresh.log_results(logger, point, metrics)
            fresh.finish(logger)
    assert fresh.build_logger is not build_logger, "it was not imported again"
