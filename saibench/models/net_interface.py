"""Checks of a net: of its inputs when it is built, and of its output shapes at every batch.

A wrong signature or shape of a user's net would otherwise raise an IndexError or, by broadcasting,
give a wrong number.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from hydra.utils import get_object
from torch import Tensor
from torch.nn import Module

from saibench.errors import UserError
from saibench.imports.targets import build, parameters_of
from saibench.models.external.model import ExternalModel


def built_net(node: Mapping[str, Any], inputs: Mapping[str, str], **given: Any) -> Any:
    """Build the net of a node `model.net`.

    Args:
        node: `_target_` and settings.
        inputs: name → description of the positional arguments of its `forward`.
        given: information on the data, and the seed; the net gets the arguments that its
            constructor accepts.

    Raises:
        UserError: it cannot be built, is not a `torch.nn.Module`, or has other inputs; those of an
            `ExternalModel` are not known.
    """
    net = build(node, "model.net", **_accepted(get_object(node["_target_"]), given))
    if not isinstance(net, Module):
        raise UserError(
            f"model.net={node['_target_']} makes a {type(net).__name__}. Use a torch.nn.Module."
        )
    if not isinstance(net, ExternalModel):
        _check_inputs(net, inputs)
    return net


def checked_output(
    net: Module, output: Any, name: str, shape: tuple[int, ...], meaning: str
) -> Tensor:
    """The output of a net, checked to be a tensor of this shape.

    Args:
        net: the net.
        output: its output.
        name: of the output.
        shape: expected.
        meaning: the shape in letters and the unit, such as `(B, 2) logits`.

    Raises:
        UserError: it is not.
    """
    if isinstance(output, Tensor) and output.shape == shape:
        return output
    kind = type(output)
    found = f"a {kind.__name__}"
    if hasattr(output, "shape"):
        given = tuple(output.shape) if isinstance(output, Tensor) else output.shape
        found = f"a {kind.__module__}.{kind.__name__} of shape {given}"
    raise UserError(
        f"model.net={_name(net)} returned {found} as {name}. Return a torch.Tensor of shape "
        f"{shape}: {meaning}."
    )


def checked_outputs(net: Module, output: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """The outputs of a net, checked to be as many as the names.

    Raises:
        UserError: they are not.
    """
    if isinstance(output, tuple | list) and len(output) == len(names):
        return tuple(output)
    count = f" of {len(output)}" if isinstance(output, tuple | list) else ""
    raise UserError(
        f"model.net={_name(net)} returned a {type(output).__name__}{count}. Return a tuple "
        f"({', '.join(names)})."
    )


def _accepted(target: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a target has parameters for."""
    parameters = parameters_of(target)
    return {name: v for name, v in given.items() if parameters is None or name in parameters}


def _check_inputs(net: Module, inputs: Mapping[str, str]) -> None:
    try:
        signature = inspect.signature(net.forward)
    except ValueError:  # compiled code has no signature
        return
    try:
        signature.bind(*inputs)
    except TypeError as error:
        needed = ", ".join(f"{name} {what}".rstrip() for name, what in inputs.items())
        raise UserError(
            f"model.net={_name(net)} has forward{signature}, which does not accept ({needed}). "
            f"Use forward(self, {', '.join(inputs)})."
        ) from error


def _name(net: Module) -> str:
    return f"{type(net).__module__}.{type(net).__name__}"
