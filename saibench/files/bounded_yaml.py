"""YAML from anywhere: plain data, of a size and depth that no config has a reason to exceed."""

from __future__ import annotations

from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

MAX_CHARACTERS = 2**20
MAX_DEPTH = 64


def load_bounded(text: str) -> Any:
    """The data in a YAML text, as OmegaConf reads it: builtins alone.

    PyYAML builds nested nodes recursively, and a few lines of aliases can stand for gigabytes
    where they are walked through; a config that saibench froze has no alias.

    Raises:
        yaml.YAMLError: no YAML, an alias, a tag of an object, or more than the bounds.
        ValueError: a value that its tag does not allow.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"it has {len(text):,} characters of at most {MAX_CHARACTERS:,}")
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"it has the alias *{event.anchor}, which no frozen config has")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} deep")
    return yaml.load(text, Loader=get_yaml_loader())  # noqa: S506  # a SafeLoader
