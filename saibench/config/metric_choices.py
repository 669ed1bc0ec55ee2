"""Metrics on the command line: options of the group `metrics`, or nodes with a `_target_`.

Hydra reads `group=value` as the name of an option, or a list of such, and adds a second option
only to a group that has none. Here `+metrics=rmse +metrics=r2`, `metrics=[rmse,r2]` and
`metrics=[{_target_: my.Metric}]` all work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from saibench.errors import UserError
from saibench.imports.allow_list import TARGET

METRICS = "metrics"


def in_options_and_nodes(overrides: Sequence[Override]) -> list[str]:
    """Return the overrides with their metrics in Hydra's form: one choice and one value.

    Raises:
        UserError: a list with other entries than names and nodes, or two nodes of one name.
    """
    options: list[str] = []
    nodes: dict[str, Any] = {}
    others: list[str] = []
    for one in overrides:
        is_choice = one.key_or_group == METRICS and not (one.is_delete() or one.is_sweep_override())
        if not is_choice:
            others.append(one.input_line or "")
            continue
        value = one.value()
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str):
                options.append(part)
            elif isinstance(part, Mapping) and not isinstance(value, list) and TARGET not in part:
                nodes |= _new(part, nodes)
            elif isinstance(part, Mapping):
                nodes |= _new({_name(part): part}, nodes)
            else:
                raise UserError(
                    f"{one.input_line}: {part} is not a metric. Use the name of one, or "
                    "{_target_: torchmetrics.MeanSquaredError}."
                )
    found = [f"{METRICS}=[{','.join(dict.fromkeys(options))}]"] if options else []
    if nodes:
        found.append(f"{METRICS}={Override._get_value_element_as_str(nodes)}")
    return [*others, *found]


def _new(added: Mapping[Any, Any], nodes: Mapping[str, Any]) -> dict[str, Any]:
    for name in added:
        if name in nodes:
            raise UserError(
                f"metrics: two are named {name}. Use metrics={{one: {{{TARGET}: …}}, another: "
                f"{{{TARGET}: …}}}}."
            )
    return {str(name): node for name, node in added.items()}


def _name(node: Mapping[Any, Any]) -> str:
    """`mean_squared_error` of `torchmetrics.MeanSquaredError`."""
    target = node.get(TARGET)
    if not isinstance(target, str):
        raise UserError(
            f"metrics: {dict(node)} has no {TARGET}. Use "
            f"{{{TARGET}: torchmetrics.MeanSquaredError}}."
        )
    last = target.rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", last).lower()
