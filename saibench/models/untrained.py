"""Models that are tested without a training: not with the random weights of a new net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saibench.errors import UserError


def refuse_random_weights(settings: Mapping[str, Any], max_steps: int | None) -> None:
    """Refuse to test a net of saibench whose weights nothing has given a meaning.

    A net from elsewhere may bring weights of its own.

    Args:
        settings: the node `model` of a run.
        max_steps: the budget; None where it is wall time.

    Raises:
        UserError: the net, or its last layer, would be tested as it was drawn at random.
    """
    if max_steps != 0 or settings.get("steps") == 0:
        return
    if settings.get("fresh_head"):
        raise UserError(
            "model.fresh_head=true with trainer.max_steps=0 tests a last layer of random weights: "
            "its scores mean nothing. Use model.fresh_head=false, or train it."
        )
    target = str(settings["net"].get("_target_", ""))
    if settings.get("checkpoint") is None and target.startswith("saibench."):
        name = settings.get("name") or target.rpartition(".")[2]
        weights = "model.checkpoint=<a file of weights>, or " if "checkpoint" in settings else ""
        raise UserError(
            f"trainer.max_steps=0 leaves model={name} with the random weights that it begins "
            f"with. Use {weights}a number of steps."
        )
