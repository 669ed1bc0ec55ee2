"""Compose the configs of all runs of a command line before any of them starts.

Hydra refuses unknown keys one job at a time, after it has written to disk, and with exit code 1.
Here the whole command is composed first, and an error of Hydra's becomes one sentence.
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
from saibench.config.replaced import (
    Composed,
    is_awaited,
    path_of,
    register,
    share_composed,
)
from saibench.config.sentences import not_composed, not_yaml, unknown_key
from saibench.errors import UserError, first_line
from saibench.imports.user_names import trust_modules
from saibench.shipped import conf

OPEN_NODES = ("partitions", "metrics", "trainer.callbacks", "sweeps", "hydra")
"""Where `+key=value` may add keys. A node with a `_target_` is open too: its options are checked
against the parameters of the target. In an empty mapping the user chooses the names."""

TRUST_MODULE = "--trust-module"
DRY_RUN = "--dry-run"

_NOT_COMPOSED = (HydraException, OmegaConfBaseException, ValueError)
"""Errors that Hydra raises for settings that cannot be combined."""


@dataclass(frozen=True)
class Command:
    """A composed command line.

    Args:
        config_name: the primary config, `train` or `evaluate`.
        overrides: the settings as they were typed.
        config_dir: the user's folder of configs, searched first.
        multirun: whether it is a sweep.
        dry_run: whether to print what it would do, and do nothing.
        points: one config per run, with Hydra's own node, not yet resolved.
        composed: copies of them for the launcher.
    """

    config_name: str
    overrides: list[str]
    config_dir: str | None
    multirun: bool
    dry_run: bool
    points: list[DictConfig]
    composed: Composed


def runs_points(arguments: Sequence[str]) -> bool:
    """Whether the command line requests a run, and not help or the composed config."""
    args = parse(arguments)
    return not any((args.help, args.hydra_help, args.cfg, args.info, args.shell_completion))


def compose_command(config_name: str, arguments: Sequence[str]) -> Command:
    """Compose every run of a command line.

    Raises:
        UserError: an unknown key or option, a value that does not parse, a list without `-m`, or
            a `--trust-module` that does not exist.
    """
    args = parse(arguments)
    composed: Composed = {}
    with started_hydra(args.config_dir, composed) as hydra:
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
                raise UserError("The sweep has no runs: one of its lists is empty.")
        else:
            _refuse_lists(overrides)
            points = [master]
    return Command(
        config_name, args.overrides, args.config_dir, multirun, args.dry_run, points, composed
    )


def check_user_configs(config_name: str, arguments: Sequence[str]) -> None:
    """Compose the command line once if it has a `--config-dir`, to report mistakes there.

    Raises:
        UserError: as `compose_command`.
    """
    args = parse(arguments)
    if args.config_dir is not None:
        with started_hydra(args.config_dir) as hydra:
            composer = _Composer(hydra, config_name)
            composer.compose(composer.parse(args.overrides))


def parse(arguments: Sequence[str]) -> Namespace:
    """Parse Hydra's flags, `--trust-module` and `--dry-run`, in any order with the settings.

    Raises:
        UserError: an unknown flag, one that replaces the shipped config, or flags that exclude
            each other.
    """
    parser = get_args_parser()
    parser.add_argument(TRUST_MODULE, action="append", default=[])
    parser.add_argument(DRY_RUN, action="store_true")
    parser.error = _refuse_flag  # type: ignore[method-assign]
    args, unknown = parser.parse_known_intermixed_args(list(arguments))
    if unknown:
        raise UserError(f"{unknown[0]} is an unknown flag. Use key=value for settings; see --help.")
    if args.config_name or args.config_path:
        raise UserError(
            "--config-name and --config-path are not supported. Use --config-dir=<folder> to add "
            "your configs to the shipped ones."
        )
    if args.experimental_rerun:
        raise UserError("--experimental-rerun is not supported. Repeat the command to resume it.")
    if (args.resolve or args.package) and not args.cfg:
        raise UserError("--resolve and --package are options of --cfg. Add --cfg job.")
    if args.dry_run and (args.cfg or args.info):
        raise UserError(f"{DRY_RUN} excludes --cfg and --info. Remove one of them.")
    if args.multirun and (args.cfg or args.info):
        raise UserError(
            "--cfg and --info show the config of one run. Remove -m and lists of values."
        )
    return args


def _refuse_flag(message: str) -> NoReturn:
    raise UserError(f"{message.rstrip('.')}. See --help for flags and settings.")


@contextmanager
def started_hydra(config_dir: str | None, composed: Composed | None = None) -> Iterator[Hydra]:
    """Start a Hydra that finds the shipped configs and studies, and the user's.

    Args:
        config_dir: the user's folder.
        composed: filled with the composed configs, and read by a launcher.
    """
    register_studies()
    register()
    GlobalHydra.instance().clear()
    search_path = create_config_search_path(f"{ShippedSource.scheme()}://{conf()}")
    if config_dir is not None:
        search_path.prepend(
            "command-line", f"{UserSource.scheme()}://{user_folder(config_dir)}", "main"
        )
    try:
        started = Hydra.create_main_hydra2("saibench", search_path)
        share_composed(started.config_loader, composed)
        yield started
    finally:
        GlobalHydra.instance().clear()


@dataclass(frozen=True)
class _Composer:
    """Composes one primary config with different overrides."""

    hydra: Hydra
    config_name: str

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        parser = OverridesParser.create(self.hydra.config_loader)
        try:
            return parser.parse_overrides(list(overrides))
        except HydraException as error:
            raise UserError(
                f"The command line does not parse: {first_line(error)}. Use key=value, with quotes "
                "around spaces, brackets or '='."
            ) from error

    def compose(self, overrides: Sequence[Override]) -> DictConfig:
        """Compose the config of these overrides, without those that list several values."""
        try:
            return self._load(overrides)
        except _NOT_COMPOSED as error:
            names = self._names(overrides)
            raise UserError(not_composed(self.hydra, names, list(overrides), error)) from error

    def expanded(self, overrides: list[Override]) -> list[list[Override]]:
        """Return the overrides of each run, expanded as by Hydra's basic sweeper."""
        try:
            batches = BasicSweeper.split_arguments(overrides, None)
        except HydraException as error:
            raise UserError(f"The sweep cannot be expanded: {first_line(error)}.") from error
        return [self.parse(point) for batch in batches for point in batch]

    def refuse_additions(self, overrides: Sequence[Override]) -> None:
        """Refuse `+key=value` if nothing reads the key."""
        added = [
            override.key_or_group
            for override in overrides
            if (override.is_add() or override.is_force_add()) and not _below_open_node(override)
        ]
        names = self._names(overrides) if added else OmegaConf.create()
        for key in added:
            path, _, name = key.rpartition(".")
            parent = OmegaConf.select(names, path) if path else names
            # names by iteration, since `in` does not find a key whose value is ???
            is_open = isinstance(parent, DictConfig) and (
                not parent or bool({name, "_target_"} & {str(one) for one in parent})
            )
            if not is_open and not is_awaited(names, path_of(key)):
                raise UserError(unknown_key(names, key))

    def _names(self, overrides: Sequence[Override]) -> DictConfig:
        """Compose a config of all known names, which depend on the chosen config groups."""
        groups = set(self.hydra.config_loader.list_groups(""))
        choices = [
            override
            for override in overrides
            if (override.key_or_group in groups or override.key_or_group.startswith("hydra/"))
            and not override.is_delete()
        ]
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
                f"{override.input_line} lists several values. Add -m for one run per value."
            )
