"""`config.yaml` of a run's folder: plain data, in which nothing is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from saibench.errors import UserError, first_line
from saibench.files.bounded_yaml import MAX_CHARACTERS, load_bounded
from saibench.files.integrity import check_file
from saibench.files.plain import read_text
from saibench.renamed import current_keys, current_name

CONFIG = "config.yaml"
RESOLVER = "${"
"""Start of an interpolation, which could read a variable of the user's environment."""


def read_frozen(path: Path) -> dict[str, Any]:
    """Return the settings that were frozen in a file, as builtins.

    Raises:
        UserError: the file is damaged, differs from its record, has no settings, or has `${…}`.
    """
    check_file(path)
    try:
        settings = load_bounded(read_text(path, 4 * MAX_CHARACTERS))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(
            f"{path} is damaged ({first_line(error)}). Repeat the run to write it again."
        ) from error
    if not isinstance(settings, dict):
        raise UserError(f"{path} contains no settings. Repeat the run to write it again.")
    refuse_resolvers(settings, path)
    workload = settings.get("workload")
    name = str(workload.get("name") or "") if isinstance(workload, dict) else ""
    current = {str(key): _in_current_names(value, name) for key, value in settings.items()}
    found = current_keys(current)
    if isinstance(found.get("datamodule"), dict):
        found["datamodule"] = current_keys(found["datamodule"])
    return found


def _in_current_names(node: Any, workload: str) -> Any:
    if isinstance(node, dict):
        return {key: _in_current_names(value, workload) for key, value in node.items()}
    if isinstance(node, list):
        return [_in_current_names(value, workload) for value in node]
    return current_name(node, workload) if isinstance(node, str) else node


def refuse_resolvers(settings: Any, of: Path | str) -> None:
    """Refuse settings with `${…}` in a text.

    Args:
        settings: builtins, of any depth.
        of: their source, for the message.

    Raises:
        UserError: the first such key.
    """
    for key, value in leaves(settings):
        if isinstance(value, str) and RESOLVER in value:
            raise UserError(
                f"{of}: {key} contains '{RESOLVER}…}}', which could read the environment of this "
                "machine. Use a plain value."
            )


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path of each value in nested settings, and the value."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list | tuple):
        for number, value in enumerate(node):
            yield from leaves(value, f"{path}[{number}]")
    else:
        yield path, node
