"""The base of the shipped modules: a net that is trained by one optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from hydra.utils import instantiate
from torchmetrics import Metric

from saibench.errors import UserError
from saibench.imports.targets import build
from saibench.models.base import BenchmarkModule
from saibench.models.external.model import ExternalModel
from saibench.models.latent.space import LatentLayer, LatentSpace

LOG_EVERY = 50
"""Steps between two logged training losses; logging every step takes as long as a small net."""

Transform = TypeVar("Transform")


class NetModule(BenchmarkModule):
    """A module with a `net` and the hyperparameters `optimizer` and `lr_schedule`.

    A net may have a method `latent_layers()` → list of `LatentLayer`, its latent space, and
    `last_layer()` → the `LatentLayer` of its last linear layer.
    """

    net: Any

    @property
    def trains(self) -> bool:
        """Whether the net is trained; False with the setting `steps: 0`."""
        return self.hparams.get("steps") != 0

    def parameter_groups(self) -> Any:
        """Parameters or parameter groups of the optimizer."""
        return self.net.parameters()

    def configure_optimizers(self) -> Any:
        optimizer = instantiate(self.hparams["optimizer"], self.parameter_groups())
        schedule = self.hparams["lr_schedule"]
        if schedule is None:
            return optimizer
        scheduler = instantiate(schedule["scheduler"], optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {**schedule, "scheduler": scheduler}}

    def latent_layers(self) -> list[LatentLayer]:
        """Layers of the net's latent space; empty for a net without `latent_layers()`."""
        declared = getattr(self.net, "latent_layers", None)
        return [] if declared is None else list(declared())

    def last_layer(self) -> LatentLayer | None:
        """What the net's last linear layer gets; None for a net without `last_layer()`."""
        declared = getattr(self.net, "last_layer", None)
        return None if declared is None else declared()

    def latent_space(self) -> LatentSpace | None:
        layers = self.latent_layers()
        name = type(self.net).__name__
        return LatentSpace(layers, name, self.last_layer()) if layers else None

    def on_validation_epoch_start(self) -> None:
        for metric in self.children():
            if isinstance(metric, Metric):
                metric.reset()

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(self.net, ExternalModel) and data.evaluation is not None:
            self.net.check_transform(data.evaluation.transform)

    def tested_transforms(self, kind: type[Transform]) -> list[Transform]:
        """Transforms of this class of the partitions that are being tested."""
        if self._trainer is None:
            return []
        passes = self.trainer.datamodule.passes()  # type: ignore[attr-defined]
        return [one.transform for one in passes if isinstance(one.transform, kind)]


def check_optimizer(settings: Mapping[str, Any], max_steps: int | None) -> None:
    """Build the optimizer and the learning-rate schedule of a node `model` that is trained.

    Raises:
        UserError: one of them cannot be built.
    """
    if settings.get("steps") == 0:
        return
    weights = [torch.nn.Parameter(torch.zeros(1))]
    optimizer = build(settings["optimizer"], "model.optimizer", weights)
    schedule = settings.get("lr_schedule")
    if schedule is not None and max_steps != 0:
        build(schedule["scheduler"], "lr_schedule.scheduler", optimizer)


def check_checkpoint(settings: Mapping[str, Any]) -> None:
    """Raise `UserError` if `model.checkpoint` is not null and not a file."""
    checkpoint = settings.get("checkpoint")
    if checkpoint is not None and not Path(checkpoint).is_file():
        raise UserError(
            f"model.checkpoint={checkpoint} is not a file. Use the path of a checkpoint, or null."
        )
