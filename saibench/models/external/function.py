"""A Python function of a batch as a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from hydra.utils import get_object

from saibench.errors import UserError
from saibench.imports.targets import build
from saibench.models.external.model import Batch, ExternalModel


class Function(ExternalModel):
    """`f(batch) -> dict`, tested as it is.

    Args:
        function: `_target_` of a function, called with the batch and the node's other settings; or
            of a class, built of them, whose object is called with the batch.
    """

    def __init__(self, function: dict[str, Any]) -> None:
        super().__init__()
        self.name = str(function.get("_target_"))
        self.function = _built(function)
        self._target = get_object(self.name)

    def declared(self, name: str) -> Any:
        """An attribute of the function, or of the class or its object; None without it."""
        return getattr(self.function, name, getattr(self._target, name, None))

    @torch.enable_grad()
    def predict(self, batch: Batch) -> Any:
        return self.function(batch)


def _built(node: Mapping[str, Any]) -> Callable[[Batch], Any]:
    target = get_object(str(node["_target_"]))
    partial = {} if inspect.isclass(target) else {"_partial_": True}
    function = build({**node, **partial}, "model.net.function")
    if not callable(function):
        raise UserError(
            f"model.net.function._target_={node['_target_']} makes a {type(function).__name__}, "
            "which cannot be called. Use a function f(batch), or a class with __call__(batch)."
        )
    return function  # type: ignore[no-any-return]
