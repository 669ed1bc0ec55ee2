"""Who a point is: the hash of everything that can change what is trained, and a readable name.

Where a point runs, who logs it, where its files are, what it is tested on and how it is reported
do not change the trained model, so they do not change the point.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from saibench.datamodules.files import file_sha256
from saibench.errors import UserError

_BESIDE_THE_RESULT = {
    "study",
    "logger",
    "on_failure",
    "test",
    "partitions",
    "workload",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.threads",
    "trainer.progress",
    "shown",
    "datamodule.test",
    "datamodule.shown",
    "datamodule.partitions",
    "datamodule.evaluation_batch_size",
}
_OF_TRAINING = ("window.", "subset.")
_PATHS = {"root", "cache"}
"""Keys that hold a folder, wherever they stand."""
WEIGHTS = "checkpoint"
"""Key of a file of weights, wherever it stands: it is its content that changes a result."""


def canonical(settings: dict[str, Any]) -> dict[str, Any]:
    """The resolved settings that can change a result, with the definition of the held-out test.

    Numbers are floats, so that `window.start=0` and `window.start=0.0` are one point.
    """
    kept = _kept(settings, "")
    kept["workload"] = settings["workload"].get("name")
    kept["held_out_partition"] = _kept(settings["partitions"].get(settings["held_out"]), "held_out")
    return kept


def moved(settings: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """A point's settings with the folders, no part of its name, that are asked for now."""
    data = ("data", "datamodule")
    return {**settings, **{key: _moved(settings.get(key), asked.get(key)) for key in data}}


def _moved(node: Any, asked: Any) -> Any:
    if isinstance(node, dict) and isinstance(asked, dict):
        return {
            key: asked[key] if key in _PATHS and key in asked else _moved(value, asked.get(key))
            for key, value in node.items()
        }
    return node


def point_hash(settings: dict[str, Any]) -> str:
    """12 hexadecimal digits of SHA-256 over the canonical settings."""
    text = json.dumps(canonical(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def slug(settings: dict[str, Any]) -> str:
    """A readable name of `[A-Za-z0-9._-]` from the keys that `workload.label` lists.

    Raises:
        UserError: `workload.label` lists a key that the settings do not have.
    """
    parts = [_named(key, value) for key, value in labels(settings).items() if value is not None]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))


def labels(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that `workload.label` lists: what tells the points of a study apart.

    Those of a training are null for a model that is not trained, and an option of a shipped class
    is where a class of the user's own stands in its place.
    """
    listed = settings["workload"].get("label") or ["seed"]
    untrained = settings.get("datamodule", {}).get("steps") == 0
    return {
        key: None if untrained and key.startswith(_OF_TRAINING) else _lookup(settings, key)
        for key in listed
    }


def _named(key: str, value: Any) -> str:
    name = key.rpartition(".")[2]
    if isinstance(value, str):
        return value.rpartition(".")[2] if name == "_target_" else value
    return f"{name}{value:g}" if isinstance(value, float) else f"{name}{value}"


def _lookup(settings: dict[str, Any], key: str) -> Any:
    value: Any = settings
    target = ""
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            if target and not target.startswith("saibench."):
                return None  # a class of the user's own, which has options of its own
            raise UserError(
                f"workload={settings['workload'].get('name')} names a point by '{key}', which "
                "these settings do not have: the data or the model may be another workload's."
            )
        value = value[part]
        target = value.get("_target_", target) if isinstance(value, dict) else target
    return value


def _kept(node: Any, path: str) -> Any:
    if isinstance(node, dict):
        children = {key: (f"{path}.{key}" if path else str(key), node[key]) for key in node}
        return {
            key: _content(value) if key == WEIGHTS else _kept(value, where)
            for key, (where, value) in children.items()
            if where not in _BESIDE_THE_RESULT and key not in _PATHS
        }
    if isinstance(node, list):
        return [_kept(value, path) for value in node]
    if isinstance(node, int | float) and not isinstance(node, bool):
        return float(node) + 0.0  # adding 0.0 turns -0.0 into 0.0
    return node


def _content(path: Any) -> Any:
    """The hash of a file of weights; what is no file is refused elsewhere."""
    is_file = isinstance(path, str) and Path(path).is_file()
    return f"sha256:{file_sha256(Path(path))}" if is_file else path
