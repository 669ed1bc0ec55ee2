"""Suppress warnings of Lightning and PyTorch that saibench expects."""

from __future__ import annotations

import logging
import warnings

_EXPECTED = (
    r"Checkpoint directory .* exists and is not empty",
    r".*does not have many workers which may be a bottleneck",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    r".*torch\.jit\..* is deprecated",
    r"It is recommended to use `self\.log\(.*sync_dist=True\)`",
    r".*Found .* module\(s\) in eval mode at the start of training",
    # a resumed training starts at the end of an epoch, whose validation is not repeated
    r"`ModelCheckpoint\(monitor='val/loss'\)` could not find the monitored key",
    r"ReduceLROnPlateau conditioned on metric val/loss which is not available but strict",
    r"The `srun` command is available",  # ranks are started by PyTorch's launcher
    # our loaders continue at the trainer's step
    r"You're resuming from a checkpoint that ended before the epoch ended and your dataloader",
    r"Grad strides do not match bucket view strides",
    r"Total length of .* across ranks is zero, but local rank has zero length",
)


def quiet_lightning() -> None:
    """Keep Lightning's warnings except expected ones; suppress its info messages."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    for message in _EXPECTED:
        warnings.filterwarnings("ignore", message=message)
