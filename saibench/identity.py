"""Who a run is: the hash of everything that can change its result, and a readable name.

Where a run is computed, who logs it, where its files are, what it is tested on and how it is
reported do not change the trained model, so they do not change the run. What stands in files and
not in settings (data, weights, code of one's own) is known by its content, which
`saibench.config.content` puts into the settings as `identity`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saibench.errors import UserError
from saibench.renamed import first_name

IDENTITY = "identity"
"""Key of the frozen settings: `rule`, `data`, `files` and `source`, see `saibench.config.content`.
Settings that saibench 0.1 froze have none."""

_BESIDE_THE_RESULT = {
    "study",
    "logger",
    "metrics",
    "on_failure",
    "test",
    "partitions",
    "workload",
    "trainer.accelerator",
    "trainer.devices",
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
}
_SHORT = len("sha256:") + 12
_TRAINING_SETTINGS = ("window", "subset")
"""Settings of a training where a workload does not list them, as in saibench 0.1."""
_LOCATIONS = {"root", "cache"}
"""Keys that hold a folder, below the data and nowhere else: `model.net.cache` is a setting."""


def canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved settings that can change a result, with the definition of the held-out test.

    Numbers are floats, so that `window.start=0` and `window.start=0.0` are one run, but for whole
    numbers that no float holds. A file is its content's hash. Where the data lie is left out if
    their content is known, which `identity.data` is then the hash of, or was never asked for.
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
    """What the settings say of their files; nothing where they were damaged."""
    content = settings.get(IDENTITY)
    return content if isinstance(content, Mapping) else {}


def _files(content: Mapping[str, Any]) -> Mapping[str, Any]:
    files = content.get("files")
    return files if isinstance(files, Mapping) else {}


def refuse_misshapen(content: Any) -> None:
    """Refuse what is no `identity` of settings or of a record; None is that of saibench 0.1.

    Raises:
        ValueError: it has another shape than `saibench.config.content` gives.
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


def moved(settings: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """A run's settings with the folders, no part of its name, that are asked for now."""
    data = ("data", "datamodule")
    return {**settings, **{key: _moved(settings.get(key), asked.get(key), key) for key in data}}


def with_root(settings: dict[str, Any], root: str | None) -> dict[str, Any]:
    """A run's settings with its data in the folder `root`; as they are where that is None.

    Raises:
        UserError: its data are read from no folder.
    """
    if root is None:
        return settings
    source = settings["datamodule"].get("source")
    if not (isinstance(source, dict) and "root" in source):
        raise UserError(
            f"data.root={root}: the data of this run are read from no folder that its settings "
            "name; without data.root they are found."
        )
    return moved(settings, {"data": {"root": root}, "datamodule": {"source": {"root": root}}})


def _moved(node: Any, asked: Any, path: str) -> Any:
    if not (isinstance(node, dict) and isinstance(asked, dict)):
        return node
    found = {}
    for key, value in node.items():
        where = f"{path}.{key}"
        there = key in asked and _is_location(where, value) and _is_location(where, asked[key])
        found[key] = asked[key] if there else _moved(value, asked.get(key), where)
    return found


def locations(settings: Mapping[str, Any]) -> dict[str, str]:
    """Dotted path → folder of the source of the data, where one is set."""
    source = settings.get("datamodule", {}).get("source")
    return dict(_locations({"data": settings.get("data"), "datamodule": {"source": source}}, ""))


def _locations(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _locations(value, f"{path}.{key}" if path else str(key))
    elif node is not None and _is_location(path, node):
        yield path, node


def point_hash(settings: Mapping[str, Any]) -> str:
    """12 hexadecimal digits of SHA-256 over the canonical settings."""
    return digest(canonical(settings))


def settings_hash(settings: Mapping[str, Any]) -> str:
    """The hash of the settings alone: equal for runs that differ in data, weights or code."""
    files = dict.fromkeys(_files(_content(settings)))
    return digest(canonical({**settings, IDENTITY: {"files": files, "data": ""}}))


def digest(content: Any) -> str:
    """12 hexadecimal digits of SHA-256 over JSON with sorted keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
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

    Those of a training (`workload.training_settings`) are null for a model that is not trained, and
    an option of a shipped class
    is where a class of the user's own stands in its place.
    """
    workload = settings["workload"]
    listed = workload.get("label") or ["seed"]
    of_training = workload.get("training_settings")
    of_training = _TRAINING_SETTINGS if of_training is None else of_training
    untrained = settings.get("datamodule", {}).get("steps") == 0
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
            if target and not target.startswith("saibench."):
                return None  # a class of the user's own, which has options of its own
            raise UserError(
                f"workload.label lists '{key}', which the settings of this run do not have. Use "
                "keys of its settings, such as seed."
            )
        value = value[part]
        target = value.get("_target_", target) if isinstance(value, dict) else target
    return value


class _Kept:
    """What of a node can change a result.

    Args:
        files: dotted path of a setting that names a file → its content's hash.
        moves: whether the data's folders are left out.
    """

    def __init__(self, files: Mapping[str, Any], moves: bool) -> None:
        self.files = files
        self.moves = moves

    def of(self, node: Any, path: str) -> Any:
        if path in self.files:
            content = self.files[path]
            return content if content is None else str(content)[:_SHORT]  # it stands in tables, too
        if isinstance(node, dict):
            children = {key: (f"{path}.{key}" if path else str(key), node[key]) for key in node}
            return {
                key: self.of(value, where)
                for key, (where, value) in children.items()
                if where not in _BESIDE_THE_RESULT
                and not (self.moves and _is_location(where, value))
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
    """A float, unless that is another number: 2^53 + 1 is none."""
    try:
        as_float = float(value) + 0.0  # adding 0.0 turns -0.0 into 0.0
    except OverflowError:
        return value
    return as_float if as_float == value or value != value else value
