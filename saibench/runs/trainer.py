"""Build the Lightning Trainer of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.fabric.plugins.environments import ClusterEnvironment, TorchElasticEnvironment
from lightning.pytorch.callbacks import ModelCheckpoint, Timer, TQDMProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from saibench.imports.targets import build
from saibench.models.base import BenchmarkModule
from saibench.models.committee import Snapshots
from saibench.runs.checkpoints import AtomicCheckpointIO
from saibench.runs.divergence import MONITORED, DivergenceGuard
from saibench.runs.gradients import TrainableGuard
from saibench.runs.last_step import StopBetweenSteps
from saibench.runs.node_place import num_nodes_of
from saibench.runs.one_process import OneProcess
from saibench.runs.point import BEST, LAST
from saibench.runs.short_round import ShortLastRound
from saibench.runs.writes_progress import WritesProgress


def build_trainer(
    settings: DictConfig, folder: Path, module: BenchmarkModule, logger: Logger | None
) -> Trainer:
    """Build a Trainer that stops at the budget and saves checkpoints in the run's folder.

    Args:
        settings: the node `trainer` of a run's settings.
        folder: of the run.
        module: the model; one with manual optimization also clips its gradients.
        logger: of the run, or None.
    """
    strategy = "auto"
    environment: ClusterEnvironment = OneProcess()
    num_nodes = num_nodes_of(settings)
    if settings.devices * num_nodes > 1:
        environment = TorchElasticEnvironment()
        unused = "_find_unused_parameters_true" if module.finds_unused_parameters else ""
        strategy = f"ddp{unused}"
    steps, round_ = settings.max_steps, settings.val_every
    if steps:
        round_ = min(round_, steps)
    return Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=num_nodes,
        strategy=strategy,
        sync_batchnorm=_synchronizes_batches(settings),
        precision=settings.precision,
        # An epoch is the round of steps up to a validation. A step is one batch; Lightning counts
        # one step for each optimizer that a batch uses.
        max_epochs=-1 if steps is None else -(-steps // round_) if steps else 0,
        limit_train_batches=round_,
        check_val_every_n_epoch=1,
        num_sanity_val_steps=0,
        gradient_clip_val=settings.gradient_clip if module.automatic_optimization else None,
        deterministic=settings.deterministic,
        inference_mode=module.inference_mode,
        log_every_n_steps=1,
        use_distributed_sampler=False,  # loaders distribute samples without padding
        enable_model_summary=False,
        enable_progress_bar=settings.progress,
        logger=False if logger is None else logger,
        callbacks=_callbacks(settings, folder, round_, module.snapshots),
        plugins=[AtomicCheckpointIO(), environment],
        default_root_dir=folder,
    )


def _synchronizes_batches(settings: DictConfig) -> bool:
    """Whether to use SyncBatchNorm, which needs GPUs."""
    on_gpus = settings.accelerator != "cpu" and torch.cuda.is_available()
    return settings.devices * num_nodes_of(settings) > 1 and on_gpus


def steps_trained(trainer: Trainer) -> int:
    """Number of training batches in all sessions."""
    return trainer.fit_loop.epoch_loop.total_batch_idx + 1


def seconds_trained(trainer: Trainer) -> tuple[float, float]:
    """Wall time of training, in this session and in all sessions of these weights."""
    timer = next(c for c in trainer.callbacks if isinstance(c, Timer))  # type: ignore[attr-defined]
    start, end = timer.start_time(), timer.end_time()
    session = 0.0 if start is None or end is None else end - start
    return session, timer.time_elapsed()


def _callbacks(settings: DictConfig, folder: Path, round_: int, snapshots: int) -> list[Callback]:
    bar = [TQDMProgressBar(refresh_rate=20)] if settings.progress else []
    extra = [build(node, f"trainer.callbacks.{name}") for name, node in settings.callbacks.items()]
    short = [ShortLastRound(settings.max_steps, round_)] if settings.max_steps else []
    return [
        Timer(settings.max_time),
        *bar,
        *short,
        *extra,
        *([Snapshots(snapshots)] if snapshots else []),
        TrainableGuard(),
        DivergenceGuard(),
        WritesProgress(folder),
        StopBetweenSteps(folder / LAST),
        PointCheckpoint(folder, BEST, MONITORED),
        # the last comes after the best, whose score it stores; Lightning's `save_last` writes
        # nothing after a validation that is not the best so far
        PointCheckpoint(folder, LAST, None),
    ]


class PointCheckpoint(ModelCheckpoint):
    """Keeps one checkpoint in the run's folder, which may be moved between sessions."""

    def __init__(self, folder: Path, name: str, monitor: str | None) -> None:
        super().__init__(
            dirpath=folder,
            filename=name.removesuffix(".ckpt"),
            monitor=monitor,
            enable_version_counter=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Adapt paths to a moved folder, for which Lightning would drop the best score."""
        scores = {self._here(path): score for path, score in state_dict["best_k_models"].items()}
        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        moved = {name: self._here(state_dict[name]) for name in paths}
        super().load_state_dict(
            {**state_dict, **moved, "best_k_models": scores, "dirpath": self.dirpath}
        )

    def _here(self, path: str) -> str:
        return str(Path(self.dirpath or "", Path(path).name)) if path else path
