"""From a command line to the configs of all its points, before any of them runs.

Hydra refuses unknown keys one job at a time, after it has written to disk, and with exit code 1.
Here the whole command is composed first, and what Hydra has to say is put into one sentence.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from saibench.config.locations import ShippedSource, UserSource, register_studies, user_folder
from saibench.config.replaced import is_awaited, path_of, register
from saibench.config.sentences import not_composed, not_yaml, unknown_key
from saibench.errors import UserError, first_line
from saibench.imports.user_names import trust_modules
from saibench.shipped import conf

OPEN_NODES = ("partitions", "metrics", "trainer.callbacks", "sweeps", "hydra")
"""Where `+key=value` may add: named partitions, metrics, callbacks and whole studies. A node with a
`_target_` is open too, since its options are checked against what it configures."""

TRUST_MODULE = "--trust-module"

_NOT_COMPOSED = (HydraException, OmegaConfBaseException, ValueError)
"""What Hydra raises for settings that do not go together."""


@dataclass(frozen=True)
class Command:
    """A command line, composed.

    Args:
        config_name: the primary config, `train` or `evaluate`.
        overrides: the settings as they were given.
        config_dir: the user's own folder of configs, searched first.
        multirun: whether it is a sweep.
        points: one config a point, Hydra's own node included, not yet resolved.
    """

    config_name: str
    overrides: list[str]
    config_dir: str | None
    multirun: bool
    points: list[DictConfig]


def runs_points(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for a run, and not for help or a look at the config."""
    args = parse(arguments)
    looks = (args.help, args.hydra_help, args.cfg, args.info, args.shell_completion)
    return not any(looks)


def compose_command(config_name: str, arguments: Sequence[str]) -> Command:
    """Compose every point of a command line.

    Raises:
        UserError: an unknown key or option, a value that does not parse, a list without `-m`, a
            module to be trusted that there is not.
    """
    args = parse(arguments)
    with started_hydra(args.config_dir) as hydra:
        trust_modules(args.trust_module)
        composer = _Composer(hydra, config_name)
        overrides = composer.parse(args.overrides)
        composer.refuse_additions(overrides)
        master = composer.compose(overrides)
        multirun = args.multirun or master.hydra.mode == RunMode.MULTIRUN
        if multirun:
            params = master.hydra.sweeper.params or {}
            swept = [f"{key}={value}" for key, value in params.items()]
            every = composer.expanded(composer.parse([*swept, *args.overrides]))
            points = [composer.compose(point) for point in every]
            if not points:
                raise UserError("the sweep has no point: one of its lists is empty.")
        else:
            _refuse_lists(overrides)
            points = [master]
    return Command(config_name, args.overrides, args.config_dir, multirun, points)


def check_user_configs(config_name: str, arguments: Sequence[str]) -> None:
    """Compose what the command line names of the user's own folder, if it names one.

    Raises:
        UserError: as `compose_command`.
    """
    args = parse(arguments)
    if args.config_dir is not None:
        with started_hydra(args.config_dir) as hydra:
            composer = _Composer(hydra, config_name)
            composer.compose(composer.parse(args.overrides))


def parse(arguments: Sequence[str]) -> Namespace:
    """Hydra's own flags and `--trust-module`, in any order with the settings.

    Raises:
        UserError: a flag that is not known, or that would lead away from the shipped config.
    """
    parser = get_args_parser()
    parser.add_argument(TRUST_MODULE, action="append", default=[])
    parser.error = _refuse_flag  # type: ignore[method-assign]
    args, unknown = parser.parse_known_intermixed_args(list(arguments))
    if unknown:
        raise UserError(f"{unknown[0]} is not a flag; --help says how to give a setting.")
    if args.config_name or args.config_path:
        raise UserError(
            "--config-name and --config-path have no use here; --config-dir=<folder> adds configs "
            "of your own to the shipped ones."
        )
    if args.experimental_rerun:
        raise UserError("--experimental-rerun has no use here; the same command goes on by itself.")
    if (args.resolve or args.package) and not args.cfg:
        raise UserError("--resolve and --package say how --cfg shows a config; --cfg job would do.")
    if args.multirun and (args.cfg or args.info):
        raise UserError(
            "--cfg and --info show one point, and -m asks for several: without -m, and with one "
            "value of each setting, they would."
        )
    return args


def _refuse_flag(message: str) -> NoReturn:
    raise UserError(f"{message.rstrip('.')}; --help says how flags and settings are given.")


@contextmanager
def started_hydra(config_dir: str | None) -> Iterator[Hydra]:
    """A Hydra that finds the shipped configs and studies, and the user's own."""
    register_studies()
    register()
    GlobalHydra.instance().clear()
    search_path = create_config_search_path(f"{ShippedSource.scheme()}://{conf()}")
    if config_dir is not None:
        search_path.prepend(
            "command-line", f"{UserSource.scheme()}://{user_folder(config_dir)}", "main"
        )
    try:
        yield Hydra.create_main_hydra2("saibench", search_path)
    finally:
        GlobalHydra.instance().clear()


@dataclass(frozen=True)
class _Composer:
    """One primary config, composed in different ways."""

    hydra: Hydra
    config_name: str

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        parser = OverridesParser.create(self.hydra.config_loader)
        try:
            return parser.parse_overrides(list(overrides))
        except HydraException as error:
            raise UserError(
                f"the command line does not parse: {first_line(error)}; a setting is key=value, "
                "and a value with spaces, brackets or '=' goes into quotes."
            ) from error

    def compose(self, overrides: Sequence[Override]) -> DictConfig:
        """The config of these overrides, without those that list several values."""
        try:
            return self._load(overrides)
        except _NOT_COMPOSED as error:
            names = self._names(overrides)
            raise UserError(not_composed(self.hydra, names, list(overrides), error)) from error

    def expanded(self, overrides: list[Override]) -> list[list[Override]]:
        """The overrides of each point, exactly as Hydra's basic sweeper will expand them."""
        try:
            batches = BasicSweeper.split_arguments(overrides, None)
        except HydraException as error:
            raise UserError(f"the sweep cannot be expanded: {first_line(error)}.") from error
        return [self.parse(point) for batch in batches for point in batch]

    def refuse_additions(self, overrides: Sequence[Override]) -> None:
        """Refuse `+key=value` where nothing would read the key."""
        added = [
            override.key_or_group
            for override in overrides
            if (override.is_add() or override.is_force_add()) and not _below_open_node(override)
        ]
        names = self._names(overrides) if added else OmegaConf.create()
        for key in added:
            path, _, name = key.rpartition(".")
            parent = OmegaConf.select(names, path) if path else names
            is_open = isinstance(parent, DictConfig) and (name in parent or "_target_" in parent)
            if not is_open and not is_awaited(names, path_of(key)):
                raise UserError(unknown_key(names, key))

    def _names(self, overrides: Sequence[Override]) -> DictConfig:
        """A config of all names that there are: they depend on the options of config groups."""
        groups = set(self.hydra.config_loader.list_groups(""))
        choices = [o for o in overrides if o.key_or_group in groups and not o.is_delete()]
        try:
            return self._load(choices)
        except _NOT_COMPOSED:  # one of them is not an option
            return self._load([])

    def _load(self, overrides: Sequence[Override]) -> DictConfig:
        given = [override.input_line or "" for override in overrides]
        try:
            return self.hydra.compose_config(self.config_name, given, RunMode.MULTIRUN)
        except YAMLError as error:
            raise UserError(not_yaml(error)) from error


def _below_open_node(override: Override) -> bool:
    key = override.key_or_group
    return any(key == node or key.startswith((f"{node}.", f"{node}/")) for node in OPEN_NODES)


def _refuse_lists(overrides: Sequence[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            raise UserError(
                f"{override.input_line} lists several values; add -m to run one point for each."
            )
