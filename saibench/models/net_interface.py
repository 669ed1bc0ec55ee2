"""What a module asks of its net: checked when the net is built, and at every batch by shape.

A net is often somebody else's. A wrong signature or shape would else end as an IndexError or, by
broadcasting, as a wrong number.
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


def built_net(node: Mapping[str, Any], inputs: Mapping[str, str], **given: Any) -> Any:
    """Build the net of a node `model.net`.

    Args:
        node: `_target_` and settings.
        inputs: name → what it is, of the positional arguments of its `forward`.
        given: what saibench knows of the data and seed; of it a net gets what its constructor
            takes.

    Raises:
        UserError: it cannot be built, is no `torch.nn.Module`, or takes other inputs.
    """
    net = build(node, "model.net", **_taken(get_object(node["_target_"]), given))
    if not isinstance(net, Module):
        raise UserError(
            f"model.net={node['_target_']} makes a {type(net).__name__}. Use a torch.nn.Module."
        )
    _check_inputs(net, inputs)
    return net


def checked_output(
    net: Module, output: Any, name: str, shape: tuple[int, ...], meaning: str
) -> Tensor:
    """What a net returned, if it is a tensor of this shape.

    Args:
        net: what returned it.
        output: what it returned.
        name: of the output.
        shape: expected.
        meaning: the shape in letters and the unit, as `(B, 2) logits`.

    Raises:
        UserError: it is not.
    """
    if isinstance(output, Tensor) and output.shape == shape:
        return output
    if isinstance(output, Tensor):
        found = f"a tensor of shape {tuple(output.shape)}"
    elif hasattr(output, "shape"):
        found = f"a {type(output).__module__}.{type(output).__name__} of shape {output.shape}"
    else:
        found = f"a {type(output).__name__}"
    raise UserError(
        f"model.net={_name(net)} returned {found} as {name}, where a torch.Tensor of shape {shape} "
        f"is expected: {meaning}."
    )


def checked_outputs(net: Module, output: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """The several things that a net returned, as many as there are names.

    Raises:
        UserError: they are not.
    """
    if isinstance(output, tuple | list) and len(output) == len(names):
        return tuple(output)
    count = f" of {len(output)}" if isinstance(output, tuple | list) else ""
    raise UserError(
        f"model.net={_name(net)} returned a {type(output).__name__}{count}, where a tuple is "
        f"expected: ({', '.join(names)})."
    )


def _taken(target: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Of `given`, what a target has parameters for."""
    taken = parameters_of(target)
    return {name: value for name, value in given.items() if taken is None or name in taken}


def _check_inputs(net: Module, inputs: Mapping[str, str]) -> None:
    try:
        signature = inspect.signature(net.forward)
    except ValueError:  # compiled code does not tell
        return
    try:
        signature.bind(*inputs)
    except TypeError as error:
        needed = ", ".join(f"{name} {what}".rstrip() for name, what in inputs.items())
        raise UserError(
            f"model.net={_name(net)} has forward{signature}, which cannot be called with "
            f"({needed}). Use forward(self, {', '.join(inputs)})."
        ) from error


def _name(net: Module) -> str:
    return f"{type(net).__module__}.{type(net).__name__}"
