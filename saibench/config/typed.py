"""Keys that a user types on the command line."""

from __future__ import annotations

import re
from typing import Any

from omegaconf import DictConfig, OmegaConf

_INTERPOLATION = re.compile(r"\$\{(?:oc\.select:)?([\w.]+)(?:,[^}]*)?\}")


def is_typed(config: DictConfig, key: str) -> bool:
    """Whether the command line sets this very key."""
    given = OmegaConf.select(config, "hydra.overrides.task") or []
    return any(override.lstrip("+").startswith(f"{key}=") for override in given)


def typed_key(config: DictConfig, key: str) -> str:
    """Return `window.start` for `datamodule.training.start`, if that is an interpolation of it.

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
