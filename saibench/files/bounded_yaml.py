"""YAML of plain data: written as by OmegaConf, and read from untrusted sources within limits."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml
from omegaconf._utils import get_omega_conf_dumper, get_yaml_loader

MAX_CHARACTERS = 2**20
MAX_DEPTH = 64
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_bounded(text: str) -> Any:
    """Return the data in a YAML text as builtins, read as by OmegaConf.

    PyYAML builds nested nodes recursively, and a few lines of aliases can expand to gigabytes;
    configs frozen by saibench have no aliases.

    Raises:
        yaml.YAMLError: not YAML, an alias, a tag of an object, too large or too deep.
        ValueError: a value that its tag does not allow.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"it has {len(text):,} characters of at most {MAX_CHARACTERS:,}")
    depth = 0
    for event in yaml.parse(text, Loader=_PARSER):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"it has the alias *{event.anchor}, which no frozen config has")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} deep")
    return yaml.load(text, Loader=_loader())  # noqa: S506  # a SafeLoader


def as_yaml(data: Any) -> str:
    """Return builtins as YAML, without aliases, for `load_bounded`."""
    return str(
        yaml.dump(
            data,
            Dumper=_dumper(),
            default_flow_style=False,
            allow_unicode=True,
            sort_keys=False,
        )
    )


@cache
def _dumper() -> Any:
    """A dumper with OmegaConf's quotes and libyaml's emitter, which is ten times faster."""
    fast = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper = type("Dumper", (fast,), {"ignore_aliases": lambda self, data: True})
    dumper.add_representer(str, get_omega_conf_dumper().str_representer)  # type: ignore[attr-defined]
    return dumper


@cache
def _loader() -> Any:
    """OmegaConf's loader with libyaml's parser, which is ten times faster, if there is one."""
    of_omegaconf = get_yaml_loader()
    if not yaml.__with_libyaml__:
        return of_omegaconf
    return type("Loader", (yaml.CSafeLoader, of_omegaconf), {})
