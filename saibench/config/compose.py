"""From a command line to the configs of all its points, before any of them runs.

Hydra refuses unknown keys one job at a time, after it has written to disk, and with exit code 1.
Here the whole command is composed first, and what Hydra has to say is put into one sentence.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path, get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from saibench.config.locations import conf, register_studies
from saibench.errors import UserError, closest

OPEN_NODES = ("partitions", "trainer.callbacks", "sweeps", "hydra")
"""Where `+key=value` may add: named partitions, callbacks and whole studies. Nodes with a
`_target_` are open too, since their options are checked against what they configure."""


@dataclass(frozen=True)
class Command:
    """A command line, composed.

    Args:
        points: one config a point, Hydra's own node included, not yet resolved.
        multirun: whether it is a sweep.
    """

    points: list[DictConfig]
    multirun: bool


def runs_points(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for a run, and not for help or a look at the config."""
    args = _parse(arguments)
    looks = (args.help, args.hydra_help, args.cfg, args.info, args.shell_completion)
    return not any(looks)


def compose_command(config_name: str, arguments: Sequence[str]) -> Command:
    """Compose every point of a command line.

    Raises:
        UserError: an unknown key or option, a value that does not parse, a list without `-m`.
    """
    args = _parse(arguments)
    with _hydra(args) as hydra:
        overrides = _parse_overrides(hydra, args.overrides)
        base = _compose(hydra, config_name, _group_choices(hydra, overrides), RunMode.MULTIRUN)
        _refuse_additions(base, overrides)
        master = _compose(hydra, config_name, args.overrides, RunMode.MULTIRUN)
        multirun = args.multirun or master.hydra.mode == RunMode.MULTIRUN
        if not multirun:
            _refuse_lists(overrides)
            return Command([_compose(hydra, config_name, args.overrides, RunMode.RUN)], False)
        points = [
            _compose(hydra, config_name, list(point), RunMode.RUN)
            for point in _expand(hydra, master, args.overrides)
        ]
        return Command(points, True)


def _parse(arguments: Sequence[str]) -> Namespace:
    return get_args_parser().parse_intermixed_args(list(arguments))


@contextmanager
def _hydra(args: Namespace) -> Iterator[Hydra]:
    register_studies()
    GlobalHydra.instance().clear()
    search_path = create_automatic_config_search_path(None, None, str(conf()))
    if args.config_dir is not None:
        _prepend(search_path, Path(args.config_dir))
    try:
        yield Hydra.create_main_hydra2("saibench", search_path)
    finally:
        GlobalHydra.instance().clear()


def _prepend(search_path: ConfigSearchPathImpl, folder: Path) -> None:
    if not folder.is_dir():
        raise UserError(f"--config-dir {folder} is not a folder.")
    search_path.prepend("command-line", f"file://{folder.resolve()}", "main")


def _parse_overrides(hydra: Hydra, overrides: Sequence[str]) -> list[Override]:
    try:
        return OverridesParser.create(hydra.config_loader).parse_overrides(list(overrides))
    except HydraException as error:
        raise UserError(
            f"the command line does not parse: {_first_line(error)}; a setting is key=value, and "
            "a value with spaces, brackets or '=' goes into quotes."
        ) from error


def _group_choices(hydra: Hydra, overrides: list[Override]) -> list[str]:
    """The overrides that choose an option of a config group."""
    groups = set(hydra.config_loader.list_groups(""))
    return [
        override.input_line or ""
        for override in overrides
        if override.key_or_group in groups
        and not override.is_delete()
        and not override.is_sweep_override()
    ]


def _compose(
    hydra: Hydra, config_name: str, overrides: Sequence[str], mode: RunMode
) -> DictConfig:
    try:
        return hydra.compose_config(
            config_name=config_name,
            overrides=list(overrides),
            run_mode=mode,
            with_log_configuration=False,
        )
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_sentence(hydra, config_name, overrides, error)) from error


def _expand(hydra: Hydra, master: DictConfig, overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of each point, exactly as Hydra's basic sweeper will expand them."""
    params = [f"{key}={value}" for key, value in (master.hydra.sweeper.params or {}).items()]
    parsed = _parse_overrides(hydra, [*params, *overrides])
    try:
        return [point for batch in BasicSweeper.split_arguments(parsed, None) for point in batch]
    except HydraException as error:
        raise UserError(f"the sweep cannot be expanded: {_first_line(error)}.") from error


def _refuse_lists(overrides: list[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            raise UserError(
                f"{override.input_line} lists several values; add -m to run one point for each."
            )


def _refuse_additions(base: DictConfig, overrides: list[Override]) -> None:
    """Refuse `+key=value` where nothing would read the key."""
    for override in overrides:
        if not (override.is_add() or override.is_force_add()):
            continue
        key = override.key_or_group
        if any(key.split("@")[0].split("/")[0].split(".")[0] == node for node in OPEN_NODES):
            continue
        if OmegaConf.select(base, key, default=None) is None and not _is_open(base, key):
            raise UserError(_unknown_key(base, key))


def _is_open(base: DictConfig, key: str) -> bool:
    parts = key.split(".")
    parents = [".".join(parts[:depth]) for depth in range(1, len(parts))]
    nodes = [OmegaConf.select(base, parent, default=None) for parent in parents]
    return any(parent in OPEN_NODES for parent in parents) or any(
        isinstance(node, DictConfig) and "_target_" in node for node in nodes
    )


def _sentence(
    hydra: Hydra, config_name: str, overrides: Sequence[str], error: Exception
) -> str:
    """What Hydra says over several lines, in one."""
    text = str(error)
    if found := re.search(r"Could not override '([^']+)'", text):
        base = hydra.compose_config(config_name, [], RunMode.MULTIRUN, with_log_configuration=False)
        return _unknown_key(base, found[1])
    if found := re.search(r"(?:Could not find|In .*: Could not find) '([^']+)'", text):
        group, _, option = found[1].rpartition("/")
        options = hydra.config_loader.get_group_options(group)
        return f"{group}={option} is not an option of '{group}': {closest(option, options)}"
    if found := re.search(r"Could not load '([^']+)'|No match in the defaults list", text):
        return f"{_first_line(error)} in {' '.join(overrides)}."
    return f"the settings {' '.join(overrides)} do not compose: {_first_line(error)}."


def _unknown_key(base: DictConfig, key: str) -> str:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(base, parent) if parent else base
    if isinstance(node, DictConfig):
        known = [str(option) for option in node if parent or option != "hydra"]
        if name not in known:
            where = f"'{parent}'" if parent else "the settings"
            return f"'{key}' is an unknown key of {where}: {closest(name, known)}"
    return f"'{key}' is an unknown key: {closest(key.split('.')[0], [str(k) for k in base])}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
