"""Refuse to train a model without trainable weights."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from saibench.errors import UserError
from saibench.imports.user_code import place_of_function


class TrainableGuard(Callback):
    """Refuses models without trainable weights, and losses without a gradient.

    Raises:
        UserError: names the model or net, and the location of its `forward`.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and not any(one.requires_grad for one in pl_module.parameters()):
            raise _nothing_to_train(pl_module, "it has no parameter with requires_grad")

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        if not loss.requires_grad:
            raise _nothing_to_train(
                pl_module, "its loss has no gradient, as after detach(), no_grad() or numpy"
            )


def _nothing_to_train(module: LightningModule, why: str) -> UserError:
    net: Any = getattr(module, "net", None)
    key, what = ("model._target_", module) if net is None else ("model.net", net)
    place = place_of_function(type(what).forward)
    where = f" ({place})" if place else ""
    return UserError(
        f"{key}={type(what).__module__}.{type(what).__name__} has nothing to train: {why}{where}. "
        "Use a net whose output depends on its weights, or trainer.max_steps=0 to test it "
        "untrained."
    )
