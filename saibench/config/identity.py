"""Who a point is: the hash of everything that can change what is trained, and a readable name.

Where a point runs, who logs it, where its files are and which partitions it is tested on do not
change the trained model, so they do not change the point.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from saibench.errors import UserError

_BESIDE_THE_RESULT = {
    "study",
    "logger",
    "on_failure",
    "test",
    "partitions",
    "workload.label",
    "workload.figures",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.threads",
    "trainer.progress",
    "datamodule.test",
    "datamodule.partitions",
    "datamodule.evaluation_batch_size",
}
_PATHS = {"root", "cache"}
"""Keys that hold a folder, wherever they stand."""


def canonical(settings: dict[str, Any]) -> dict[str, Any]:
    """The resolved settings that can change a result, with the definition of the held-out test."""
    kept = _kept(settings, "")
    kept["held_out_partition"] = _kept(settings["partitions"].get(settings["held_out"]), "held_out")
    return kept


def point_hash(settings: dict[str, Any]) -> str:
    """12 hexadecimal digits of SHA-256 over the canonical settings."""
    text = json.dumps(canonical(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def slug(settings: dict[str, Any]) -> str:
    """A readable name of `[A-Za-z0-9._-]` from the keys that `workload.label` lists."""
    parts = []
    for key in settings["workload"].get("label") or ["seed"]:
        value = lookup(settings, key)
        if value is not None:
            parts.append(value if isinstance(value, str) else _named(key, value))
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))


def _named(key: str, value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return key.rpartition(".")[2] + text


def labels(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that `workload.label` lists: what tells the points of a study apart."""
    return {key: lookup(settings, key) for key in settings["workload"].get("label") or ["seed"]}


def lookup(settings: dict[str, Any], key: str) -> Any:
    """The value at a dotted key; a missing one is refused."""
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise UserError(f"workload.label names '{key}', which the settings do not have.")
        value = value[part]
    return value


def _kept(node: Any, path: str) -> Any:
    if isinstance(node, dict):
        children = {key: (f"{path}.{key}" if path else str(key), node[key]) for key in node}
        return {
            key: _kept(value, where)
            for key, (where, value) in children.items()
            if where not in _BESIDE_THE_RESULT and key not in _PATHS
        }
    if isinstance(node, list):
        return [_kept(value, path) for value in node]
    if isinstance(node, bool):
        return node
    return float(node) if isinstance(node, int) else node
