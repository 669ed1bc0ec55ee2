"""Train and test on one rank: data, module, trainer, fit, test."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from saibench.config.added_metrics import added_metrics
from saibench.datamodules.structural import StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.run_record import read_record, update_record
from saibench.files.integrity import FILES
from saibench.identity import TRAINED, digest
from saibench.imports.allow_list import refuse_targets
from saibench.imports.targets import build
from saibench.loggers.build import build_logger, finish, log_results
from saibench.models.base import BenchmarkModule
from saibench.models.metrics import check_added
from saibench.runs.checkpoints import (
    check_checkpoint,
    check_whole,
    copy_checkpoint,
    save_untrained,
)
from saibench.runs.evaluation import evaluate
from saibench.runs.inputs import check_inputs
from saibench.runs.other_data import adopted_info, record_of_training
from saibench.runs.point import BEST, CONFIG, LAST, OF_A_COMMAND, load_point
from saibench.runs.quiet import quiet_lightning
from saibench.runs.stopping import STOP
from saibench.runs.trainer import build_trainer, seconds_trained, steps_trained

FILE = "file"
"""Setting of a net that is a file of a program."""


@dataclass(frozen=True)
class Rank:
    """Data, model, trainer and logger of one process of a run.

    `weights` is the checkpoint of a training on other data, if it has taken place.
    """

    folder: Path
    data: StructuralDataModule
    module: BenchmarkModule
    trainer: Trainer
    logger: Logger | None
    weights: Path | None = None

    @property
    def writes(self) -> bool:
        """Whether this rank writes the record, the evidence and the log."""
        return self.trainer.is_global_zero

    def fit(self) -> None:
        """Train or resume from the last checkpoint; without steps, save the initial weights."""
        if self.weights is not None:
            copy_checkpoint(self.weights, self.folder / BEST)
            return
        last = self.folder / LAST
        if not last.exists():
            self.module.load_initial_weights()
        if self.trainer.max_epochs == 0 or not self.module.trains:
            save_untrained(self.module, self.folder / BEST)
            return
        if last.exists():
            check_checkpoint(last, self.module)
            if (best := self.folder / BEST).exists():
                check_whole(best)
            if self.writes:
                _forget_checkpoints(self.folder)
        with STOP.deferred():  # until the end of a step
            self.trainer.fit(
                self.module,
                datamodule=self.data,
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )

    def test(self) -> None:
        """Test the best checkpoint on the partitions of `data`."""
        metrics = evaluate(self.folder, self.module, self.data, self.trainer)
        if self.logger is not None and self.writes:
            log_results(self.logger, self.folder, metrics)


def train_and_test(folder: Path) -> None:
    """Train or resume the run frozen in `folder`, and test it, on every rank."""
    start = time.perf_counter()
    settings = load_point(folder).settings
    refuse_targets({key: settings.get(key) for key in OF_A_COMMAND}, folder / CONFIG)
    check_inputs(settings)
    config = OmegaConf.create(settings)
    with rank_of(folder, config, "train") as rank:
        if (folder / LAST).exists():
            check_data(folder, rank.data)
        if rank.writes:
            blocks = rank.data.independence().to_json()
            named = {"data": rank.data.describe_data(), "model": _class_of(settings["model"])}
            update_record(folder, blocks=blocks, **named, **record_of_training(settings))
        rank.fit()
        if rank.writes:
            update_record(folder, *(name for name in (BEST, LAST) if (folder / name).exists()))
        fitted, steps = time.perf_counter(), steps_trained(rank.trainer)
        session, trained = seconds_trained(
            rank.trainer
        )  # a test loads the timer of the best checkpoint
        rank.test()
        if rank.writes:
            prepare, test = fitted - start - session, time.perf_counter() - fitted
            _record_budget(folder, steps, prepare, trained, test)


def _class_of(model: Mapping[str, Any]) -> str:
    """The class of the net, such as `NequIP`; that of the model if it has no net.

    Of a calculator, a function or a file that is tested as it is, its own name.
    """
    node = model.get("net") or model
    given = node.get("calculator") or node.get("function") or node
    if isinstance(given, str):
        return given
    if FILE in given:
        return str(given.get("name") or Path(given[FILE]).name)
    return str(given["_target_"]).rpartition(".")[2]


def _forget_checkpoints(folder: Path) -> None:
    """Remove their SHA-256 from the record: training replaces them, and may be killed."""
    files = read_record(folder).get(FILES) or {}
    kept = {name: sha256 for name, sha256 in files.items() if name not in (BEST, LAST)}
    update_record(folder, **{FILES: kept})


def _record_budget(folder: Path, steps: int, prepare: float, train: float, test: float) -> None:
    """Record steps and seconds; those of preparing and testing add up over sessions."""
    before = read_record(folder).get("seconds", {})
    seconds = {
        "prepare": before.get("prepare", 0.0) + prepare,
        "train": train,
        "test": before.get("test", 0.0) + test,
    }
    seconds["total"] = sum(seconds.values())
    update_record(
        folder, steps=steps, seconds={name: round(value, 2) for name, value in seconds.items()}
    )


def check_data(folder: Path, data: StructuralDataModule) -> None:
    """Refuse data other than those of the training.

    Raises:
        UserError: the data have changed.
    """
    trained_on = (read_record(folder).get("data") or {}).get("hash")
    now = data.data_hash()
    if trained_on not in (None, now):
        before, after = trained_on[:12], now[:12]
        if before == after:  # the hash of a user's class may be any text
            before, after = digest(trained_on), digest(now)
        raise UserError(
            f"the data have changed since {folder} was trained (hash {before}, now {after}). "
            "Restore them, or remove that folder to train again."
        )


@contextmanager
def rank_of(folder: Path, config: DictConfig, job_type: str) -> Iterator[Rank]:
    """Build all that this process needs to train or test the run; end its logger at exit."""
    threads = torch.get_num_threads()
    seed_everything(config.seed, workers=True, verbose=False)
    quiet_lightning()
    if config.trainer.threads is not None:
        torch.set_num_threads(config.trainer.threads)
    logger = None
    try:
        data = build(config.datamodule, "datamodule")
        weights = None if (trained := config.get(TRAINED)) is None else Path(trained.weights)
        info = data.dataset_info() if weights is None else adopted_info(data, trained)
        module = build(config.model, "model", dataset_info=info, _recursive_=False)
        if config.trainer.get("max_steps") == 0 or not getattr(module, "trains", True):
            data.without_training()
        module.added_metrics = added_metrics(config.get("metrics"))
        for one in module.added_metrics:
            check_added(one, module.metric_inputs())
        logger = build_logger(config.logger, folder, job_type)
        trainer = build_trainer(config.trainer, folder, module, logger)
        yield Rank(folder, data, module, trainer, logger, weights)
    finally:
        finish(logger)
        torch.set_num_threads(threads)
