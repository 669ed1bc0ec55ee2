"""Ending a training in which there is nothing to train, before its first step."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from saibench.errors import UserError
from saibench.imports.user_code import place_of_function


class TrainableGuard(Callback):
    """Refuses models without weights, and losses that depend on none.

    Raises:
        UserError: which model or net it is, and where its `forward` begins.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and not any(one.requires_grad for one in pl_module.parameters()):
            raise _nothing_to_train(pl_module, "it has no parameter with requires_grad")

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        if not loss.requires_grad:
            raise _nothing_to_train(
                pl_module, "the loss has no gradient, as after detach(), no_grad() or numpy"
            )


def _nothing_to_train(module: LightningModule, why: str) -> UserError:
    net: Any = getattr(module, "net", None)
    key, what = ("model._target_", module) if net is None else ("model.net", net)
    place = place_of_function(type(what).forward)
    where = f" ({place})" if place else ""
    return UserError(
        f"{key}={type(what).__module__}.{type(what).__name__} has nothing to train: {why}{where}. "
        "Use a net of which the output depends on its weights, or trainer.max_steps=0 to test it "
        "as it is."
    )
