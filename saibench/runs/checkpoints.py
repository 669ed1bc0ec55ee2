"""Save and load the checkpoints of a run, which hold tensors and builtins."""

from __future__ import annotations

import io
import os
import pickle
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import nn

from saibench.errors import UserError, first_line
from saibench.files.atomic import atomic_write
from saibench.files.integrity import check_file, check_zip
from saibench.models.published import listed, mismatches

_DAMAGED = (RuntimeError, EOFError, OSError, LookupError, TypeError, pickle.UnpicklingError)
"""Errors of torch for a file that is truncated, corrupt or of another format."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to a hidden file in its folder, and renames it.

    A killed process thus leaves the checkpoint before. Lightning writes to the system's temporary
    folder, which may be on another file system.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        path = Path(path)
        aside = path.with_name(f".{path.name}")  # one rank writes, and holds the lock
        try:
            aside.write_bytes(_packed(checkpoint))
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def save_untrained(module: LightningModule, path: Path) -> None:
    """Write the initial weights as the checkpoint of a run without training."""
    content = {
        "state_dict": module.state_dict(),
        "hyper_parameters": dict(module.hparams),
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": version("lightning"),
    }
    with atomic_write(path) as aside:  # every rank writes the same bytes
        aside.write_bytes(_packed(content))


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy a checkpoint as it is, with the committee of its training."""
    with atomic_write(target) as aside:  # every rank writes the same bytes
        shutil.copyfile(source, aside)


def dataset_info_of(path: Path) -> dict[str, Any]:
    """Information on the training partition that a checkpoint was trained with.

    Checkpoints of saibench 0.1 call it `facts`.

    Raises:
        UserError: the file is damaged or has none.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        settings = content["hyper_parameters"]
        return dict(settings["facts"] if "facts" in settings else settings["dataset_info"])
    except _DAMAGED as error:
        raise UserError(
            f"{path} holds no dataset_info of its training ({first_line(error)}). Call "
            "save_hyperparameters() in the model, and train again."
        ) from error


def _packed(checkpoint: dict[str, Any]) -> memoryview:
    """The bytes of a checkpoint file.

    Written to a file, torch would hide the cause of a failure and store the temporary name.
    """
    content = io.BytesIO()
    torch.save(checkpoint, content)
    return content.getbuffer()


def check_whole(path: Path) -> None:
    """Refuse a checkpoint that was changed since it was written.

    The record has its SHA-256 once training has ended. Before, the checkpoint of a killed process
    may be newer than the record; then its own checksums are verified.

    Raises:
        UserError: it was changed.
    """
    if not check_file(path, _fix(path)):
        check_zip(path, _fix(path))


def _fix(path: Path) -> str:
    return f"remove {path.parent} and train again"


def check_checkpoint(path: Path, module: nn.Module) -> None:
    """Refuse a checkpoint that does not fit this module.

    Raises:
        UserError: the file is missing, damaged, holds objects other than tensors and builtins, or
            belongs to another model.
    """
    _fitting_state(path, module)


def load_weights(path: Path, module: nn.Module) -> None:
    """Load a checkpoint's weights; raises as `check_checkpoint`."""
    module.load_state_dict(_fitting_state(path, module))


def trained_until(path: Path) -> tuple[int, float]:
    """Batches and seconds that a checkpoint was trained, in all sessions.

    Raises:
        UserError: it is damaged, or no checkpoint of a training.
    """
    check_whole(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        progress = content["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        seconds = content["callbacks"]["Timer"]["time_elapsed"]["train"]
        return int(progress["total"]["completed"]), float(seconds)
    except _DAMAGED as error:
        cause = first_line(error)
        raise UserError(f"{path} is not a readable checkpoint ({cause}): {_fix(path)}.") from error


def _fitting_state(path: Path, module: nn.Module) -> dict[str, Any]:
    fix = _fix(path)
    if not path.exists():
        raise UserError(f"{path} is missing: {fix}.")
    check_whole(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]
    except _DAMAGED as error:
        cause = first_line(error)
        raise UserError(f"{path} is not a readable checkpoint ({cause}): {fix}.") from error
    if found := mismatches(state, module.state_dict()):
        raise UserError(f"{path} is a checkpoint of another model ({listed(found)}): {fix}.")
    return state
