"""A committee from one training: the weights of its last validations (a snapshot ensemble).

Huang et al. 2017 (arXiv:1704.00109) average the predictions of snapshots; here their disagreement
is a feature of each sample.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

MIN_MEMBERS = 2
"""Fewest members of a committee whose predictions have a standard deviation."""
Weights = Mapping[str, Tensor]
"""Parameters of a module by name."""


class Snapshots(Callback):
    """Keeps the validated weights of the last validations in every checkpoint.

    The best checkpoint has those of the validations up to its own, which are the last.

    Args:
        count: of the kept validations.
    """

    def __init__(self, count: int) -> None:
        self.kept: deque[Weights] = deque(maxlen=count)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the weights, averaged ones if the module averages them for its validation."""
        if not trainer.sanity_checking:
            self.kept.append(
                {name: one.detach().cpu().clone() for name, one in pl_module.named_parameters()}
            )

    def state_dict(self) -> dict[str, Any]:
        return {"kept": [dict(one) for one in self.kept]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.kept.extend(state_dict["kept"])


def snapshots_of(path: Path, module: nn.Module) -> list[Weights]:
    """The snapshots in a checkpoint, on the device of the module; empty if it has none.

    Args:
        path: of a checkpoint that was checked to be whole and of this module.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    kept = (checkpoint.get("callbacks") or {}).get(Snapshots.__name__, {}).get("kept", [])
    device = next(module.parameters()).device if kept else None
    return [{name: one.to(device) for name, one in weights.items()} for weights in kept]


@contextmanager
def exchanged(module: nn.Module, weights: Weights) -> Iterator[None]:
    """The module with other weights, in place, so that compiled code sees them too."""
    parameters = dict(module.named_parameters())
    own = {name: one.detach().clone() for name, one in parameters.items()}
    try:
        _copy(weights, parameters)
        yield
    finally:
        _copy(own, parameters)


@torch.no_grad()
def _copy(weights: Weights, parameters: Mapping[str, Tensor]) -> None:
    for name, one in parameters.items():
        one.copy_(weights[name])


@torch.no_grad()
def committee_predictions(
    module: LightningModule, members: Sequence[Weights], batch: Any, own: Any = None
) -> list[Any]:
    """What `forward` returns for a batch with the weights of each member.

    Args:
        module: with the weights of the last member.
        members: the committee.
        batch: of samples.
        own: what `forward` has returned with the module's own weights, or None.
    """
    found = []
    for member in members[:-1]:
        with exchanged(module, member):
            found.append(module(batch))
    return [*found, module(batch) if own is None else own]
