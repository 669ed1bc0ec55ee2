"""Hashes of the data, files and code of a run, kept in its settings as `identity`.

They are added before anything is written, and frozen with the settings, so that a run's hash can
be computed without the files. Keys of `identity`:

rule: version of these rules; settings frozen by saibench 0.1 have no `identity`
data: 12 digits of the hash of the data's content (a file, or the recipe of a simulation), and of
    their folder if the recipe contains no hash of a file; null if their class does not know it,
    and then the folder is part of the run's hash
files: dotted path of a setting that names an input file → `sha256:` and the hash of its content
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
from saibench.files.frozen_config import leaves
from saibench.identity import IDENTITY, TRAINED, canonical, digest, locations
from saibench.imports.allow_list import targets
from saibench.imports.targets import build

RULE = 2
WEIGHTS = "checkpoint"
"""Key of a file of weights, anywhere in a model."""
IDS = ("seen", "datamodule.seen")
"""Keys of a file of sample ids."""


def identified(config: DictConfig) -> dict[str, Any]:
    """Return the resolved settings of a run with its `identity` and absolute paths of files."""
    settings = resolved(config)
    files = dict(_files(settings))
    settings = with_files(settings, files)
    data, trains = _data(config, settings)
    if not trains and "steps" in settings["datamodule"]:
        settings["datamodule"]["steps"] = 0  # no sample is drawn
    content = {
        "rule": RULE,
        "data": data,
        "files": {where: f"sha256:{file_sha256(path)}" for where, path in files.items()},
    }
    source = source_of(canonical({**settings, IDENTITY: content}))
    return {**settings, IDENTITY: {**content, "source": source}}


def source_of(settings: Any) -> dict[str, str]:
    """Return the hash of each module from outside the package that settings name."""
    return user_source(node["_target_"] for _, node in targets(settings))


def _data(config: DictConfig, settings: dict[str, Any]) -> tuple[str | None, bool]:
    """Return the hash of the data's content, None if unknown, and whether the model is trained.

    Errors of a user's class are reported when the run itself meets them.
    """
    content = info = None
    with contextlib.suppress(Exception):
        data = build(config.datamodule, "datamodule")
        content = data.content()
        info = data.preview_dataset_info()
    trains = True
    if info is not None:
        with contextlib.suppress(Exception):
            trains = is_trained(settings["model"], info)
    if content is None:
        return None, trains
    folders = {} if _knows_files(content) else locations(settings)
    return digest({"recipe": content, "folders": folders} if folders else content), trains


def _knows_files(recipe: Any) -> bool:
    """Whether a recipe contains the hash of a file: 32 or more hexadecimal digits."""
    return re.search(r"\b[0-9a-f]{32,}\b", json.dumps(recipe)) is not None


def _files(settings: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield the files that a model reads, and files of ids of samples in its training data.

    A text in the model's settings is a file if it has a suffix or the key `checkpoint`.
    """
    named = (*IDS, f"{TRAINED}.weights")
    for where, value in leaves(settings):
        key = where.rpartition(".")[2]
        is_input = where in named or (where.startswith("model.") and not key.startswith("_"))
        if is_input and isinstance(value, str) and len(value) < 4096:
            path = Path(value).expanduser()
            if (where in named or key == WEIGHTS or path.suffix) and path.is_file():
                yield where, path.absolute()


def with_files(node: Any, files: Mapping[str, Path], path: str = "") -> Any:
    """Return settings with other paths of files, by the dotted path of the setting."""
    if path in files:
        return str(files[path])
    if isinstance(node, dict):
        return {
            key: with_files(value, files, f"{path}.{key}" if path else str(key))
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [with_files(value, files, f"{path}[{place}]") for place, value in enumerate(node)]
    return node
