"""By which key a user gives a value that is read under another."""

from __future__ import annotations

import re
from typing import Any

from omegaconf import DictConfig, OmegaConf

_INTERPOLATION = re.compile(r"\$\{(?:oc\.select:)?([\w.]+)(?:,[^}]*)?\}")


def typed_key(config: DictConfig, key: str) -> str:
    """`window.start` for `datamodule.training.start`, where that is its interpolation.

    Args:
        config: not yet resolved.
        key: dotted, with positions in lists in brackets.
    """
    parts = re.findall(r"[^.\[\]]+", key)
    node: Any = config
    for depth, part in enumerate(parts):
        place: Any = int(part) if OmegaConf.is_list(node) else part
        if OmegaConf.is_dict(node) and place not in node:
            return key
        if OmegaConf.is_interpolation(node, place):
            found = _INTERPOLATION.fullmatch(str(node._get_node(place)._value()))
            if found is None:
                return key
            return typed_key(config, ".".join([found[1], *parts[depth + 1 :]]))
        if not OmegaConf.is_config(node) or node._get_node(place) is None:
            return key
        node = node._get_node(place)
    return key
