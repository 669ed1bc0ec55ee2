"""Identity of a run: the hash of everything that can change its result, and a readable name.

Devices, loggers, locations of files, test partitions and reports do not change the trained model,
so they are not part of the hash. Data, weights and user code count by their content, which
`saibench.config.content` adds to the settings as `identity`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saibench.errors import UserError
from saibench.files.frozen_config import leaves
from saibench.renamed import first_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IDENTITY = "identity"
"""Key of the frozen settings: `rule`, `data`, `files` and `source`, see `saibench.config.content`.
Settings that saibench 0.1 froze have none."""

TRAINED = "trained"
"""Key of the settings of a run on other data than those of its training, about this training:
`run`, its id; `study`; `weights`, its checkpoint; `datamodule`, its settings; `partitions`, its
record of the samples that were trained and validated on."""

_NOT_HASHED = {
    "study",
    "logger",
    "metrics",
    "on_failure",
    "report",
    "test",
    "partitions",
    "workload",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.threads",
    "trainer.progress",
    "save_samples",
    "shown",  # as saibench 0.1 called it
    "datamodule.test",
    "datamodule.save_samples",
    "datamodule.shown",
    "datamodule.partitions",
    "datamodule.evaluation_batch_size",
    "datamodule.workers",
    "trained.run",  # its weights count
    "trained.study",
    "trained.datamodule",
    "trained.partitions",
}
_SHORT = len("sha256:") + 12
_TRAINING_SETTINGS = ("window", "subset")
"""Settings of a training if the workload does not list them, as in saibench 0.1."""
_OTHER_OPTIONS = ("saibench.models.external.", "saibench.models.force_field.calculator_module.")
"""Shipped classes that stand for a user's, without the options of a net."""
_LOCATIONS = {"root", "cache"}
"""Keys of folders of data; elsewhere, as in `model.net.cache`, they are ordinary settings."""


def canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolved settings that can change a result, with the held-out partition.

    Numbers become floats, except integers that no float represents: `window.start=0` and
    `window.start=0.0` are one run. Files are replaced by the hash of their content. Folders of data
    are omitted if `identity.data` is the hash of the data's content, or in saibench 0.1.
    """
    content = _content(settings)
    settings = {key: value for key, value in settings.items() if key != IDENTITY}
    kept = _Kept(_files(content), not content or content.get("data") is not None)
    found = kept.of(settings, "")
    found["workload"] = settings["workload"].get("name")
    held_out = settings["partitions"].get(settings["held_out"])
    found["held_out_partition"] = kept.of(held_out, "held_out")
    if content:
        found[IDENTITY] = {key: content[key] for key in sorted(content) if key != "files"}
    return found


def _content(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings' `identity`; empty if it is damaged."""
    content = settings.get(IDENTITY)
    return content if isinstance(content, Mapping) else {}


def _files(content: Mapping[str, Any]) -> Mapping[str, Any]:
    files = content.get("files")
    return files if isinstance(files, Mapping) else {}


def refuse_misshapen(content: Any) -> None:
    """Check the form of an `identity` of settings or of a record; saibench 0.1 has None.

    Raises:
        ValueError: it has not the form of `saibench.config.content`.
    """
    if content is None:
        return
    if not isinstance(content, Mapping):
        raise ValueError(f"{IDENTITY} holds no settings")
    if not isinstance(content.get("data"), str | None):
        raise ValueError(f"{IDENTITY}.data is no hash")
    for part, pattern in (("files", r"sha256:[0-9a-f]{64}"), ("source", r"\w+")):
        entries = content.get(part) or {}
        if not isinstance(entries, Mapping):
            raise ValueError(f"{IDENTITY}.{part} holds no settings")
        for name, value in entries.items():
            is_hash = isinstance(value, str) and re.fullmatch(pattern, value)
            if not (isinstance(name, str) and is_hash):
                raise ValueError(f"{IDENTITY}.{part} has {name!r} without a hash")


def moved(settings: dict[str, Any], requested: dict[str, Any]) -> dict[str, Any]:
    """Return a run's settings with the folders of data that are requested now."""
    data = ("data", "datamodule")
    return {**settings, **{key: _moved(settings.get(key), requested.get(key), key) for key in data}}


def with_root(settings: dict[str, Any], root: str | None) -> dict[str, Any]:
    """Return a run's settings with its data in the folder `root`, unless that is None.

    Raises:
        UserError: its data have no folder.
    """
    if root is None:
        return settings
    source = settings["datamodule"].get("source")
    if not (isinstance(source, dict) and "root" in source):
        raise UserError(f"data.root={root}: the data of this run have no folder. Remove data.root.")
    return moved(settings, {"data": {"root": root}, "datamodule": {"source": {"root": root}}})


def _moved(node: Any, requested: Any, path: str) -> Any:
    if not (isinstance(node, dict) and isinstance(requested, dict)):
        return node
    found = {}
    for key, value in node.items():
        where = f"{path}.{key}"
        there = (
            key in requested and _is_location(where, value) and _is_location(where, requested[key])
        )
        found[key] = requested[key] if there else _moved(value, requested.get(key), where)
    return found


def locations(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders of the data's source by dotted path."""
    source = settings.get("datamodule", {}).get("source")
    values = leaves({"data": settings.get("data"), "datamodule": {"source": source}})
    return {
        path: value
        for path, value in values
        if value is not None and "[" not in path and _is_location(path, value)
    }


def point_hash(settings: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits of SHA-256 over the canonical settings."""
    return digest(canonical(settings))


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Return the hash of the settings without the content of data, weights and code."""
    files = dict.fromkeys(_files(_content(settings)))
    return digest(canonical({**settings, IDENTITY: {"files": files, "data": ""}}))


def digest(content: Any) -> str:
    """Return 12 hexadecimal digits of SHA-256 over JSON with sorted keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def digest_of_ids(ids: NDArray[np.integer[Any]], transform: str = "") -> str:
    """Return 12 hexadecimal digits of SHA-256 over sample ids in this order and a transform."""
    content = ids.astype("<i8").tobytes() + transform.encode()
    return hashlib.sha256(content).hexdigest()[:12]


def slug(settings: dict[str, Any]) -> str:
    """Return a readable name of `[A-Za-z0-9._-]` from the settings in `workload.label`.

    Raises:
        UserError: `workload.label` lists a key that the settings do not have.
    """
    parts = [_named(key, value) for key, value in labels(settings).items() if value is not None]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))


def labels(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in `workload.label`, which distinguish the runs of a study.

    Those in `workload.training_settings` are None for a model that is not trained; options of a
    shipped class are None if a user's class replaces it.
    """
    workload = settings["workload"]
    listed = workload.get("label") or ["seed"]
    of_training = workload.get("training_settings")
    of_training = _TRAINING_SETTINGS if of_training is None else of_training
    is_elsewhere = TRAINED in settings
    untrained = settings.get("datamodule", {}).get("steps") == 0 and not is_elsewhere
    return {
        key: None if untrained and _is_below(key, of_training) else _lookup(settings, key)
        for key in listed
    }


def _is_below(key: str, nodes: Sequence[str]) -> bool:
    return any(key == node or key.startswith(f"{node}.") for node in nodes)


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
            if target.startswith(_OTHER_OPTIONS) or (target and not target.startswith("saibench.")):
                return None  # a user's class has other options
            raise UserError(
                f"workload.label lists '{key}', which the settings of this run do not have. Use "
                "keys of its settings, such as seed."
            )
        value = value[part]
        target = value.get("_target_", target) if isinstance(value, dict) else target
    return value


class _Kept:
    """Selects the settings that can change a result.

    Args:
        files: dotted path of a setting that names a file → its content's hash.
        moves: whether to omit the folders of data.
    """

    def __init__(self, files: Mapping[str, Any], moves: bool) -> None:
        self.files = files
        self.moves = moves

    def of(self, node: Any, path: str) -> Any:
        if path in self.files:
            content = self.files[path]
            return content if content is None else str(content)[:_SHORT]  # it is also in tables
        if isinstance(node, dict):
            children = {key: (f"{path}.{key}" if path else str(key), node[key]) for key in node}
            return {
                key: self.of(value, where)
                for key, (where, value) in children.items()
                if where not in _NOT_HASHED and not (self.moves and _is_location(where, value))
            }
        if isinstance(node, list):
            return [self.of(value, f"{path}[{place}]") for place, value in enumerate(node)]
        if isinstance(node, int | float) and not isinstance(node, bool):
            return _number(node)
        return first_name(node) if isinstance(node, str) else node


def _is_location(path: str, value: Any) -> bool:
    """Whether a setting is a folder of data: `data.root`, `datamodule.source.root`, …"""
    parts = path.split(".")
    is_of_data = parts[0] == "data" or parts[:2] == ["datamodule", "source"]
    of_data = is_of_data or path == "datamodule.cache"
    return of_data and parts[-1] in _LOCATIONS and (value is None or isinstance(value, str))


def _number(value: int | float) -> int | float:
    """Return a float, unless none equals the number, such as 2^53 + 1."""
    try:
        as_float = float(value) + 0.0  # adding 0.0 turns -0.0 into 0.0
    except OverflowError:
        return value
    return as_float if as_float == value or value != value else value
