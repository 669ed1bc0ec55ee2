"""Refuses to test the random weights of a new net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saibench.errors import UserError


def refuse_random_weights(settings: Mapping[str, Any], max_steps: int | None) -> None:
    """Raise `UserError` if an untrained net, or its new last layer, would be tested.

    Nets from outside the package may have weights of their own.

    Args:
        settings: the node `model` of a run.
        max_steps: the budget; None for a wall-time budget.
    """
    if max_steps != 0 or settings.get("steps") == 0:
        return
    if settings.get("fresh_head"):
        raise UserError(
            "model.fresh_head=true with trainer.max_steps=0 tests a last layer of random weights. "
            "Use model.fresh_head=false, or trainer.max_steps > 0."
        )
    target = str(settings["net"].get("_target_", ""))
    if settings.get("checkpoint") is None and target.startswith("saibench."):
        name = settings.get("name") or target.rpartition(".")[2]
        weights = "model.checkpoint=<a file of weights>, or " if "checkpoint" in settings else ""
        raise UserError(
            f"trainer.max_steps=0 tests model={name} with random weights. Use {weights}"
            "trainer.max_steps > 0."
        )
