"""What Hydra and OmegaConf do anew for each run, done once.

Runs of a sweep, and commands of one process, mostly choose the same options of config groups and
differ in values. OmegaConf parses `${…}` in Python each time that it is read, Hydra each setting
of a command line each time that it composes, and the choices of groups are looked up in all files.
A config is copied several times; half of that was the metadata of its nodes.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import omegaconf.base
from hydra._internal import config_loader_impl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.defaults_list import DefaultsList, Overrides, create_defaults_list
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf.base import Metadata
from omegaconf.grammar_parser import parse

Lists = dict[tuple[Any, ...], DefaultsList]
"""Lists of the files that are merged, by the primary config and the choices of groups."""
_LISTS = "lists_of_defaults"
_parse_rule: Callable[[OverridesParser, str, str], Any] = OverridesParser.parse_rule


def register() -> None:
    """Make Hydra and OmegaConf do so in this process."""
    omegaconf.base.parse = _parsed_interpolation  # type: ignore[attr-defined]
    OverridesParser.parse_rule = _parsed_override  # type: ignore[assignment, method-assign]
    config_loader_impl.create_defaults_list = _defaults_list  # type: ignore[attr-defined]
    Metadata.__deepcopy__ = _copied  # type: ignore[attr-defined]


def know(repository: CachingConfigRepository, lists: Lists) -> None:
    """Let lists of defaults that are made with a repository be looked up and kept in `lists`."""
    setattr(repository, _LISTS, lists)


_parsed_interpolation = lru_cache(maxsize=4096)(parse)
"""The tree of an interpolation, which is only read."""


@lru_cache(maxsize=4096)
def _override(text: str) -> Override:
    parsed = _parse_rule(OverridesParser.create(), text, "override")
    assert isinstance(parsed, Override)
    return parsed


def _parsed_override(parser: OverridesParser, s: str, rule_name: str) -> Any:
    """A setting that was parsed before; Hydra adds its loader of configs, hence a copy."""
    is_setting = rule_name == "override"
    return copy.copy(_override(s)) if is_setting else _parse_rule(parser, s, rule_name)


def _defaults_list(
    repo: Any,
    config_name: str | None,
    overrides_list: list[Override],
    prepend_hydra: bool,
    skip_missing: bool,
) -> DefaultsList:
    """Hydra's `create_defaults_list`, of which only the values differ between runs."""
    lists: Lists = getattr(repo, _LISTS, {})
    values = Overrides(repo=repo, overrides_list=overrides_list).config_overrides
    of_values = {id(one) for one in values}
    choices = [one.input_line for one in overrides_list if id(one) not in of_values]
    key = config_name, *choices, prepend_hydra, skip_missing
    if key not in lists:
        lists[key] = create_defaults_list(
            repo, config_name, overrides_list, prepend_hydra, skip_missing
        )
    return replace(lists[key], config_overrides=values)


def _copied(metadata: Metadata, memo: dict[int, Any]) -> Metadata:
    """A copy of a node's metadata: types, a key, flags and cached values of resolvers."""
    copied: Metadata = object.__new__(type(metadata))
    vars(copied).update(vars(metadata))
    copied.flags = None if metadata.flags is None else dict(metadata.flags)
    cached = metadata.resolver_cache
    copied.resolver_cache = copy.deepcopy(cached, memo) if cached else defaultdict(dict)
    return copied
