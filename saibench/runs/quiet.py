"""Silence for what Lightning says of choices that saibench made on purpose."""

from __future__ import annotations

import logging
import warnings

_ON_PURPOSE = (
    r"The '.*dataloader' does not have many workers",
    r"Checkpoint directory .* exists and is not empty",
    r".*does not have many workers which may be a bottleneck",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    r".*torch\.jit\..* is deprecated",
    r"It is recommended to use `self\.log\(.*sync_dist=True\)`",
    r".*Found .* module\(s\) in eval mode at the start of training",
    # a training that resumes begins at the end of a round, whose validation is not done again
    r"`ModelCheckpoint\(monitor='val/loss'\)` could not find the monitored key",
    r"ReduceLROnPlateau conditioned on metric val/loss which is not available but strict",
    # ours go on at the step that the trainer has come to
    r"You're resuming from a checkpoint that ended before the epoch ended and your dataloader",
    r"Grad strides do not match bucket view strides",
    r"Total length of .* across ranks is zero, but local rank has zero length",
)


def quiet_lightning() -> None:
    """Keep Lightning's warnings, without its greetings and without the known ones."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    for message in _ON_PURPOSE:
        warnings.filterwarnings("ignore", message=message)
