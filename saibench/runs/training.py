"""One rank of a point: data, module, trainer, fit, test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from saibench.config.check import build
from saibench.datamodules.structural import StructuralDataModule
from saibench.loggers.build import LogContext, build_logger, finish, log_results
from saibench.models.base import BenchmarkModule
from saibench.runs.evaluation import evaluate, missing_tests
from saibench.runs.point import BEST, LAST, load_point
from saibench.runs.quiet import quiet_lightning
from saibench.runs.record import read_record, update_record


@dataclass(frozen=True)
class Rank:
    """Everything one process of a point works with."""

    folder: Path
    point: str
    config: DictConfig
    data: StructuralDataModule
    module: BenchmarkModule
    trainer: Trainer
    logger: Logger | None

    def fit(self) -> None:
        last = self.folder / LAST
        self.trainer.fit(
            self.module,
            datamodule=self.data,
            ckpt_path=last if last.exists() else None,
            weights_only=True,
        )

    def test(self) -> None:
        metrics = evaluate(self.folder, self.point, self.module, self.data, self.trainer)
        if self.logger is not None and self.trainer.is_global_zero:
            log_results(self.logger, self.folder, metrics)


def train_and_test(folder: Path) -> None:
    """Train the point frozen in `folder`, resuming where it stopped, and test it.

    Every rank calls this with the same folder; rank 0 alone writes the record, the evidence and
    the log.
    """
    clock = _Clock()
    with _rank(folder, OmegaConf.create(load_point(folder).settings), "train") as rank:
        if rank.trainer.is_global_zero:
            update_record(folder, data=rank.data.describe_data())
        clock.lap("prepare")
        rank.fit()
        clock.lap("train")
        rank.test()
        clock.lap("test")
        if rank.trainer.is_global_zero:
            _record_budget(folder, clock.seconds, rank.trainer.global_step)


def test_again(folder: Path, changes: dict[str, Any]) -> None:
    """Test a trained point on the partitions that `changes` name and its evidence lacks.

    Args:
        changes: `test`, `partitions`, `trainer` and `logger` in place of the point's own.
    """
    config = OmegaConf.create(load_point(folder).settings)
    OmegaConf.update(config, "trainer", changes.get("trainer", {}), merge=True)
    config.logger = changes.get("logger")
    config.datamodule.test = changes["test"]
    config.datamodule.partitions = {
        **config.datamodule.partitions,
        **changes.get("partitions", {}),
    }
    with _rank(folder, config, "evaluate") as rank:
        if missing_tests(folder, rank.data):
            rank.test()


@contextmanager
def _rank(folder: Path, config: DictConfig, job_type: str) -> Iterator[Rank]:
    seed_everything(config.seed, workers=True, verbose=False)
    if config.trainer.threads is not None:
        torch.set_num_threads(config.trainer.threads)
    quiet_lightning()
    data = build(config.datamodule, "datamodule")
    module = build(config.model, "model", facts=data.facts(), _recursive_=False)
    logger = build_logger(config.logger, LogContext(folder, job_type))
    trainer = _trainer(config, folder, logger)
    point = read_record(folder)["point"]
    try:
        yield Rank(folder, point, config, data, module, trainer, logger)
    finally:
        finish(logger)


def _trainer(config: DictConfig, folder: Path, logger: Logger | None) -> Trainer:
    settings = config.trainer
    steps = settings.max_steps
    return Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy="auto" if settings.devices == 1 else "ddp",
        precision=settings.precision,
        max_steps=-1 if steps is None else steps,
        max_epochs=-1,
        max_time=settings.max_time,
        check_val_every_n_epoch=1,
        num_sanity_val_steps=0,
        gradient_clip_val=settings.gradient_clip,
        deterministic=settings.deterministic,
        inference_mode=False,  # forces are gradients, in evaluation too
        log_every_n_steps=1,
        use_distributed_sampler=False,  # loaders deal their own samples, without padding
        enable_model_summary=False,
        enable_progress_bar=settings.progress,
        logger=False if logger is None else logger,
        callbacks=_callbacks(config, folder),
        default_root_dir=folder,
    )


def _callbacks(config: DictConfig, folder: Path) -> list[Callback]:
    checkpoint = ModelCheckpoint(
        dirpath=folder,
        filename=BEST.removesuffix(".ckpt"),
        monitor="val/loss",
        mode="min",
        save_last=True,
        enable_version_counter=False,
    )
    bar = [TQDMProgressBar(refresh_rate=20)] if config.trainer.progress else []
    extra = [
        build(node, f"trainer.callbacks.{name}") for name, node in config.trainer.callbacks.items()
    ]
    return [checkpoint, *bar, *extra]


class _Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self.last
        self.last = now


def _record_budget(folder: Path, seconds: dict[str, float], steps: int) -> None:
    """Add this session's seconds to those of the sessions that it resumed."""
    before = read_record(folder).get("seconds", {})
    spent = {name: before.get(name, 0.0) + value for name, value in seconds.items()}
    spent["total"] = sum(value for name, value in spent.items() if name != "total")
    update_record(
        folder, seconds={name: round(value, 2) for name, value in spent.items()}, steps=steps
    )
