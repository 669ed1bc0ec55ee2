"""What Hydra and OmegaConf say over several lines, in one sentence with the closest name."""

from __future__ import annotations

import re

from hydra._internal.hydra import Hydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from yaml import MarkedYAMLError, YAMLError

from saibench.config.locations import STUDIES
from saibench.errors import closest, first_line


def not_composed(
    hydra: Hydra, base: DictConfig, overrides: list[Override], error: Exception
) -> str:
    """The sentence for a command line that Hydra does not compose.

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
        said = _unknown_option(hydra, found[2], overrides)
        is_in_a_group = "/" in (found[1] or "")  # else it is the command line's
        return f"{found[1]}.yaml, defaults: {said}" if is_in_a_group else said
    groups = hydra.config_loader.list_groups("")
    for group in (o.key_or_group for o in overrides if o.value() is None and not o.is_delete()):
        if group in groups:
            return _unknown_option(hydra, f"{group}/null", overrides)
    lines = [override.input_line or "" for override in overrides]
    given = " ".join([line for line in lines if line and line in text] or lines)
    return f"{given} does not compose: {first_line(error.__cause__ or error)}."


def not_yaml(error: YAMLError) -> str:
    """The sentence for a config file that is no YAML, with its place."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        place = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}"
        return f"{place} is not YAML: {error.problem}."
    place = getattr(error, "name", "a config file")
    return f"{place} is not YAML: {' '.join(str(error).split())}."


def unknown_key(base: DictConfig, key: str) -> str:
    """The sentence for a key that `base` does not have, or that nobody would read."""
    if key == STUDIES:
        return f"'{STUDIES}' is added to the settings: +{STUDIES}=<workload>/<study> would work."
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
        return f"'{key}' is an unknown key: '{parent}' is a value without keys of its own."
    return unknown_key(base, parent)


def _deleted_key(base: DictConfig, key: str, overrides: list[Override]) -> str | None:
    """The sentence for a key that there is, but for an override that takes it away."""
    deletions = [override.input_line for override in overrides if override.is_delete()]
    if not deletions or OmegaConf.select(base, key) is None:
        return None
    return f"'{key}' cannot be set beside {' and '.join(map(str, deletions))}, which takes it away."


def _unknown_option(hydra: Hydra, path: str, overrides: list[Override]) -> str:
    """The sentence for `group/option` of which there is no file."""
    groups = [o.key_or_group for o in overrides if path.startswith(f"{o.key_or_group}/")]
    group = groups[0] if groups else path.rpartition("/")[0]
    option = path.removeprefix(f"{group}/")
    nearest = closest(option, _options(hydra, group))
    return f"{group}={option} is not an option of '{group}': {nearest}"


def _options(hydra: Hydra, group: str) -> list[str]:
    """The options of a config group, those in its folders included."""
    loader = hydra.config_loader
    inner = loader.get_group_options(group, ObjectType.GROUP)
    return [
        *loader.get_group_options(group),
        *(f"{name}/{option}" for name in inner for option in _options(hydra, f"{group}/{name}")),
    ]
