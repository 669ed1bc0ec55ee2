"""Checkpoints of a point: tensors and builtins, refused in one sentence where they do not fit."""

from __future__ import annotations

import io
import os
import pickle
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
from saibench.models.published import misfits_of, told

_DAMAGED = (RuntimeError, EOFError, OSError, LookupError, TypeError, pickle.UnpicklingError)
"""What torch raises for a file that is cut short, garbled, or was written by something else."""


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint aside, in the same folder, and renames it: a kill leaves the one before.

    Lightning writes it to the system's temporary folder, from where it may have to be copied.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        path = Path(path)
        aside = path.with_name(f".{path.name}")  # one rank writes, and holds the point alone
        try:
            aside.write_bytes(_packed(checkpoint))
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def save_untrained(module: LightningModule, path: Path) -> None:
    """Write the initial weights as the checkpoint of a point that is not trained."""
    content = {
        "state_dict": module.state_dict(),
        "hyper_parameters": dict(module.hparams),
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": version("lightning"),
    }
    with atomic_write(path) as aside:  # every rank writes the same
        aside.write_bytes(_packed(content))


def _packed(checkpoint: dict[str, Any]) -> memoryview:
    """The bytes of a checkpoint's file.

    torch does not say why it could not write to a file, and puts the file's name into it, here that
    of a process.
    """
    content = io.BytesIO()
    torch.save(checkpoint, content)
    return content.getbuffer()


def check_whole(path: Path) -> None:
    """Refuse a checkpoint that was changed since it was written.

    Its SHA-256 is in the record once training has ended. Before that the checkpoint may be newer
    than the record, of a process that was killed, and its own checksums are looked at.

    Raises:
        UserError: it was changed.
    """
    if not check_file(path, _fix(path)):
        check_zip(path, _fix(path))


def _fix(path: Path) -> str:
    return f"remove {path.parent} and train the point again"


def check_checkpoint(path: Path, module: nn.Module) -> None:
    """Refuse a checkpoint that cannot be loaded into this module.

    Raises:
        UserError: the file is missing, damaged, holds other objects than tensors and builtins,
            or is another model's.
    """
    _fitting_state(path, module)


def load_weights(path: Path, module: nn.Module) -> None:
    """Load a checkpoint's weights, refused as by `check_checkpoint`."""
    module.load_state_dict(_fitting_state(path, module))


def _fitting_state(path: Path, module: nn.Module) -> dict[str, Any]:
    fix = _fix(path)
    state = _state(path, fix)
    if misfits := misfits_of(state, module.state_dict()):
        raise UserError(f"{path} is a checkpoint of another model ({told(misfits)}): {fix}.")
    return state


def _state(path: Path, fix: str) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"{path} is missing: {fix}.")
    check_whole(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]
    except _DAMAGED as error:
        cause = first_line(error)
        raise UserError(f"{path} is not a whole checkpoint ({cause}): {fix}.") from error
