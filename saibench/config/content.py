"""What a run is made of beside its settings: data, files and code, known by their content.

They are put into the settings before anything is written, and frozen with them, so that a run's
name can be told without the files. What `identity` holds:

rule: of this module; settings frozen by saibench 0.1 have no `identity`
data: 12 digits of the hash of what the data are made from (a file's content, or the recipe of a
    simulation); null where their class does not know it, and then their folder tells runs apart,
    as it does, within this hash, where the recipe holds no hash of any file's content
files: dotted path of a setting that names a file to start from → `sha256:` and its content's hash
source: module from outside the package → 12 digits of the hash of its code
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from saibench.config.check import resolved
from saibench.config.reported import is_trained
from saibench.config.source import user_source
from saibench.datamodules.files import file_sha256
from saibench.identity import IDENTITY, canonical, digest, locations
from saibench.imports.allow_list import targets
from saibench.imports.targets import build

RULE = 2
WEIGHTS = "checkpoint"
"""Key of a file of weights, wherever it stands in a model."""
IDS = ("seen", "datamodule.seen")
"""Keys of a file of ids."""


def identified(config: DictConfig) -> dict[str, Any]:
    """The resolved settings of a run with its `identity`; its files have absolute paths."""
    settings = resolved(config)
    files = dict(_files(settings))
    settings = _absolute(settings, "", files)
    data, trains = _data(config, settings)
    if not trains and "steps" in settings["datamodule"]:
        settings["datamodule"]["steps"] = 0  # of a model of the user's own: no sample is drawn
    content = {
        "rule": RULE,
        "data": data,
        "files": {where: f"sha256:{file_sha256(path)}" for where, path in files.items()},
    }
    source = source_of(canonical({**settings, IDENTITY: content}))
    return {**settings, IDENTITY: {**content, "source": source}}


def source_of(settings: Any) -> dict[str, str]:
    """Module from outside the package → hash of its code, of a node of canonical settings."""
    return user_source(node["_target_"] for _, node in targets(settings))


def _data(config: DictConfig, settings: dict[str, Any]) -> tuple[str | None, bool]:
    """The hash of the data's content, None where it is not known; whether the model is trained.

    What a user's class raises here is told by the run itself.
    """
    content = facts = None
    with contextlib.suppress(Exception):
        data = build(config.datamodule, "datamodule")
        content = data.content()
        facts = data.preview_dataset_info()
    trains = True
    if facts is not None:
        with contextlib.suppress(Exception):
            trains = is_trained(settings["model"], facts)
    if content is None:
        return None, trains
    folders = {} if _knows_files(content) else locations(settings)
    return digest({"recipe": content, "folders": folders} if folders else content), trains


def _knows_files(recipe: Any) -> bool:
    """Whether a recipe holds a hash of 32 hexadecimal digits or more, as that of a file is."""
    return re.search(r"\b[0-9a-f]{32,}\b", json.dumps(recipe)) is not None


def _files(settings: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """The files that a model starts from, and of the ids that it has seen.

    In a model each text that names a file is one, if it has a suffix or is called a checkpoint.
    """
    for where, value in _texts(settings.get("model"), "model"):
        path, key = Path(value).expanduser(), where.rpartition(".")[2]
        if (key == WEIGHTS or path.suffix) and not key.startswith("_") and path.is_file():
            yield where, path.absolute()
    for where in IDS:
        value = _at(settings, where)
        if isinstance(value, str) and Path(value).expanduser().is_file():
            yield where, Path(value).expanduser().absolute()


def _texts(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _texts(value, f"{path}.{key}")
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _texts(value, f"{path}[{place}]")
    elif isinstance(node, str) and len(node) < 4096:
        yield path, node


def _at(settings: Mapping[str, Any], path: str) -> Any:
    value: Any = settings
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def with_files(settings: dict[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """The settings with other paths of files, by the dotted path of the setting."""
    return _absolute(settings, "", files)


def _absolute(node: Any, path: str, files: Mapping[str, Path]) -> Any:
    if path in files:
        return str(files[path])
    if isinstance(node, dict):
        return {
            key: _absolute(value, f"{path}.{key}" if path else str(key), files)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_absolute(value, f"{path}[{place}]", files) for place, value in enumerate(node)]
    return node
