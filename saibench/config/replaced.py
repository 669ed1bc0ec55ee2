"""Compose configs in which one `_target_` replaces another.

Hydra merges: a node with a new `_target_` keeps the options of the old one, which the new one
mostly refuses. Here a node drops the options that its new target does not take, in a file and on
the command line. Keys below `???` may be set one by one.

A run's config is composed before any run starts, and Hydra's launchers would compose it again: they
get the one that was composed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from hydra._internal import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from saibench.config import done_once
from saibench.config.locations import UserSource, shipped_version
from saibench.config.metric_choices import in_options_and_nodes
from saibench.imports.allow_list import TARGET
from saibench.imports.targets import options_of

Path = tuple[str, ...]
Composed = dict[tuple[str, ...], DictConfig]
"""Configs of the runs of one command by their overrides."""
MULTIRUN = "hydra.mode=MULTIRUN"
"""The setting that `launch` adds for a sweep."""


def register() -> None:
    """Make every Hydra of this process compose by these rules."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # Hydra imports it anew

    done_once.register()
    hydra.ConfigLoaderImpl = Loader  # type: ignore[misc, attr-defined]
    # it would compose every run once more, to see whether that is possible
    BasicSweeper.validate_batch_is_legal = lambda self, batch: None  # type: ignore[method-assign]


def share_composed(loader: ConfigLoader, composed: Composed | None) -> None:
    """Let a loader of `register` fill `composed`, and a launcher's take its configs from there."""
    if isinstance(loader, Loader):
        loader.composed = composed


@dataclass
class _Known:
    """What runs share that choose the same options of groups.

    Args:
        merged: content of all files, by their names and replaced targets.
        lists: names of the files, by the choices.
    """

    merged: dict[str, DictConfig] = field(default_factory=dict)
    lists: done_once.Lists = field(default_factory=dict)


class Loader(ConfigLoaderImpl):
    """Hydra's loader of configs with these rules."""

    _of_shipped: ClassVar[dict[Any, _Known]] = {}
    """Of commands that find configs in the shipped folders alone, by the version of their files."""

    _given: Mapping[str, Any]
    """What the command line sets: dotted key → value."""
    _loaded: Iterator[Any]
    """The files of a config in the order of merging, without dropped options."""
    _adds_folders = False
    """Whether the command line adds folders of configs."""
    composed: Composed | None = None
    """Filled as configs are composed, and emptied as they are launched; None for neither."""

    def __getstate__(self) -> dict[str, Any]:
        """A worker process composes its own run."""
        return {**vars(self), "composed": None, "_known": _Known()}

    @cached_property
    def _known(self) -> _Known:
        paths = [one.path or "" for one in self.config_search_path.get_path()]
        if any(path.startswith(f"{UserSource.scheme()}:") for path in paths):
            return _Known()
        return self._of_shipped.setdefault((*paths, shipped_version()), _Known())

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        of_hydra = [one for one in overrides if one.lstrip("+~").startswith(("hydra.", "hydra/"))]
        others = [one for one in overrides if one not in of_hydra]
        key = str(config_name), *others, *(one for one in of_hydra if one != MULTIRUN)
        if self.composed is not None and run_mode == RunMode.RUN and key in self.composed:
            config = self.composed.pop(key)
            config.hydra.overrides.hydra = of_hydra
            if MULTIRUN in of_hydra:
                config.hydra.mode = RunMode.MULTIRUN
            return config
        config = super().load_configuration(
            config_name, overrides, run_mode, from_shell, validate_sweep_overrides
        )
        if self.composed is not None and run_mode != RunMode.RUN:
            self.composed[key] = copy.deepcopy(config)
        return config

    def _load_configuration_impl(
        self, config_name: str | None, overrides: list[str], *others: Any, **named: Any
    ) -> DictConfig:
        self._adds_folders = any("hydra.searchpath" in one for one in overrides)
        overrides = in_options_and_nodes(OverridesParser.create().parse_overrides(overrides))
        parsed = OverridesParser.create().parse_overrides(overrides)
        set_here = [one for one in parsed if not one.is_delete() and not one.is_sweep_override()]
        self._given = {one.key_or_group: one.value() for one in set_here}
        return super()._load_configuration_impl(config_name, overrides, *others, **named)

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> Any:
        parsed, repo = super()._parse_overrides_and_create_caching_repo(config_name, overrides)
        if not self._adds_folders:
            done_once.know(repo, self._known.lists)
        return parsed, repo

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        given = [
            leaf for key, value in self._given.items() for leaf in _leaves(value, path_of(key))
        ]
        replaced = {path[:-1]: value for path, value in given if path[-1] == TARGET}
        known = self._known.merged
        if self._adds_folders or not all(
            name.startswith("saibench.") for name in replaced.values()
        ):
            known = {}  # a user's class may be another one in the next command
        key = repr((defaults, replaced))
        if key not in known:
            known[key] = self._merge(defaults, repo, replaced)
        composed = copy.deepcopy(known[key])
        for path, _ in given:
            if path[:-1] in replaced or is_awaited(composed, path):
                _make_room(composed, path)
        return composed

    def _merge(self, defaults: Any, repo: Any, replaced: Mapping[Path, str]) -> DictConfig:
        loaded = [super(Loader, self)._load_single_config(one, repo) for one in defaults]
        configs = [one.config for one in loaded if isinstance(one.config, DictConfig)]
        for place, config in enumerate(configs):
            for path, target in _targets(OmegaConf.to_container(config)):
                _drop_options(configs[:place], path, target)
        for path, target in replaced.items():
            _drop_options(configs, path, target)
        self._loaded = iter(loaded)
        return super()._compose_config_from_defaults_list(defaults, repo)

    def _load_single_config(self, default: Any, repo: Any) -> Any:
        return next(self._loaded)


def path_of(key: str) -> Path:
    """The parts of a dotted key."""
    return tuple(key.split("."))


def _leaves(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield path, node


def _targets(node: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the path and name of each target; lists are not merged, so they are skipped."""
    if isinstance(node, Mapping):
        if isinstance(node.get(TARGET), str):
            yield path, node[TARGET]
        for key, value in node.items():
            yield from _targets(value, (*path, str(key)))


def _drop_options(configs: Sequence[DictConfig], path: Path, target: str) -> None:
    """Drop the options that a new target does not take from the nodes merged before it."""
    nodes = [node for node in (_at(config, path) for config in configs) if node is not None]
    written = [OmegaConf.to_container(node) for node in nodes]
    before = [node[TARGET] for node in written if isinstance(node, dict) and TARGET in node]
    if not before or before[-1] == target or (taken := options_of(target)) is None:
        return
    for node in nodes:
        for key in [str(key) for key in node]:
            if key not in taken and not (key.startswith("_") and key.endswith("_")):
                del node[key]


def _at(config: DictConfig, path: Path) -> DictConfig | None:
    """Return a node as it is written, without following interpolations."""
    node: Any = config
    for part in path:
        if not _is_open(node) or part not in node:
            return None
        node = node._get_node(part)
    return node if _is_open(node) else None


def _is_open(node: Any) -> bool:
    is_dict = isinstance(node, DictConfig)
    return is_dict and not (node._is_none() or node._is_missing() or node._is_interpolation())


def is_awaited(config: DictConfig, path: Path) -> bool:
    """Whether a key lies below one that is `???`."""
    for depth in range(1, len(path)):
        above = _at(config, path[: depth - 1])
        if above is not None and OmegaConf.is_missing(above, path[depth - 1]):
            return True
    return False


def _make_room(config: DictConfig, path: Path) -> None:
    """Let a key be set without a `+`; its target checks it."""
    node: Any = config
    for part in path[:-1]:
        if part not in node or OmegaConf.is_missing(node, part):
            node[part] = {}
        if not _is_open(node._get_node(part)):
            return
        node = node._get_node(part)
    if path[-1] not in node:
        node[path[-1]] = "???"
