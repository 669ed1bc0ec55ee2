"""Errors of Hydra and OmegaConf as one sentence with the closest name."""

from __future__ import annotations

import re

from hydra._internal.hydra import Hydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from yaml import MarkedYAMLError, YAMLError

from saibench.config.locations import STUDIES
from saibench.errors import closest, first_line

_LAUNCHERS = {
    "joblib": "parallel",
    "submitit_local": "cluster",
    "submitit_slurm": "cluster",
}
"""Extras of saibench by the option of `hydra/launcher` that they install."""


def not_composed(
    hydra: Hydra, base: DictConfig, overrides: list[Override], error: Exception
) -> str:
    """Explain why Hydra does not compose a command line.

    Args:
        base: the config with the command's options of config groups, and none of its values.
        error: what composing raised.
    """
    text = str(error)
    if found := re.search(r"Could not (?:override|delete from config\.) '([^']+)'", text):
        # the cause names a key inside a value, `sise` of `window={start: 0, sise: 0.3}`
        key = getattr(error.__cause__, "full_key", None) or found[1]
        return _deleted_key(base, key, overrides) or unknown_key(base, key)
    if found := re.search(r"(?:In '([^']+)': )?Could not (?:find|load) '([^']+)'", text):
        reason = _unknown_option(hydra, found[2], overrides)
        is_in_a_group = "/" in (found[1] or "")  # else it is the command line's
        return f"{found[1]}.yaml, defaults: {reason}" if is_in_a_group else reason
    groups = hydra.config_loader.list_groups("")
    for group in (o.key_or_group for o in overrides if o.value() is None and not o.is_delete()):
        if group in groups:
            return _unknown_option(hydra, f"{group}/null", overrides)
    lines = [override.input_line or "" for override in overrides]
    given = " ".join([line for line in lines if line and line in text] or lines)
    return f"{given} does not compose: {first_line(error.__cause__ or error)}."


def not_yaml(error: YAMLError) -> str:
    """Name the file, line and column of invalid YAML."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        place = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}"
        return f"{place} is not YAML: {error.problem}."
    place = getattr(error, "name", "a config file")
    return f"{place} is not YAML: {' '.join(str(error).split())}."


def unknown_key(base: DictConfig, key: str) -> str:
    """Explain that `base` has no such key, with the closest name."""
    if key == STUDIES:
        return f"{STUDIES}=… needs a plus. Use +{STUDIES}=<workload>/<study>."
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(base, parent) if parent else base
    if isinstance(node, DictConfig):
        known = [str(option) for option in node if option not in ("hydra", "_target_")]
        where = f"'{parent}'" if parent else "the settings"
        return (
            f"'{key}' is an unknown key of {where}: "
            f"{closest(name, known if parent else [*known, STUDIES])}"
        )
    if node is not None:
        return f"'{key}' is an unknown key: '{parent}' is a value and has no keys."
    return unknown_key(base, parent)


def _deleted_key(base: DictConfig, key: str, overrides: list[Override]) -> str | None:
    """Explain that an override deletes a key that another one sets; None if none does."""
    deletions = [override.input_line for override in overrides if override.is_delete()]
    if not deletions or OmegaConf.select(base, key) is None:
        return None
    return f"'{key}' is set and deleted. Remove {' and '.join(map(str, deletions))}."


def _unknown_option(hydra: Hydra, path: str, overrides: list[Override]) -> str:
    """Explain that `group/option` does not exist, with the closest option."""
    groups = [o.key_or_group for o in overrides if path.startswith(f"{o.key_or_group}/")]
    group = groups[0] if groups else path.rpartition("/")[0]
    option = path.removeprefix(f"{group}/")
    known = _options(hydra, group)
    if group == "hydra/launcher" and option in _LAUNCHERS and option not in known:
        extra = f"pip install 'saibench[{_LAUNCHERS[option]}]'"
        return f"{group}={option} needs a plugin of Hydra that is not installed. Use {extra}."
    nearest = closest(option, known)
    return f"{group}={option} is not an option of '{group}': {nearest}"


def _options(hydra: Hydra, group: str) -> list[str]:
    """Return the options of a config group and of its folders."""
    loader = hydra.config_loader
    inner = loader.get_group_options(group, ObjectType.GROUP)
    return [
        *loader.get_group_options(group),
        *(f"{name}/{option}" for name in inner for option in _options(hydra, f"{group}/{name}")),
    ]
