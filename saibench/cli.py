"""Entry points. Heavy imports wait for the command that needs them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.errors import NotHeldByData, UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from saibench.runs.point import Point

USER_ERROR = 2


def train() -> None:
    """`python train.py …`, `saibench-train …`: train and test one point, or a sweep of them."""
    sys.exit(_guarded(_train))


def evaluate() -> None:
    """`python evaluate.py run=<point folder> …`: test trained points on further partitions."""
    sys.exit(_guarded(_evaluate))


def main() -> None:
    """`python -m saibench report | data | panels …`."""
    sys.exit(_guarded(_commands))


def _guarded(command: Callable[[Sequence[str]], int]) -> int:
    try:
        return command(sys.argv[1:])
    except UserError as error:
        print(error, file=sys.stderr)
        return USER_ERROR


def _train(arguments: Sequence[str]) -> int:
    from saibench.config.compose import compose_command, runs_points

    points: list[Point] = []
    if runs_points(arguments):
        command = compose_command("train", arguments)
        points = [_checked(config, command.multirun) for config in command.points]
    status = _hydra("train", train_point, arguments)
    return _concluded(points, status) if points else status


def _checked(config: DictConfig, multirun: bool) -> Point:
    """The point of a config, refused before anything is written if it cannot work."""
    from saibench.config.check import check_point, resolved
    from saibench.runs.point import Point

    try:
        check_point(config)
    except NotHeldByData:
        if not multirun:
            raise
    directory = config.hydra.sweep.dir if multirun else config.hydra.run.dir
    return Point(resolved(config), Path(directory).absolute())


def train_point(config: DictConfig) -> str:
    """Hydra's task function: one point of the command. It never raises for a failure.

    Returns:
        the state that the point ended in.
    """
    from hydra.core.hydra_config import HydraConfig

    from saibench.config.check import resolved
    from saibench.runs.execute import execute
    from saibench.runs.point import Point
    from saibench.runs.record import COMPLETE, NOT_APPLICABLE

    point = Point(resolved(config), Path(HydraConfig.get().runtime.output_dir))
    outcome = execute(point)
    if config.on_failure == "stop" and outcome.state not in (COMPLETE, NOT_APPLICABLE):
        raise PointFailed(f"{point.name}: {outcome.cause}")
    return outcome.state


class PointFailed(RuntimeError):
    """A point failed and `on_failure=stop` ends the sweep."""


def _hydra(config_name: str, task: Callable[[DictConfig], object], arguments: Sequence[str]) -> int:
    """Let Hydra run the task on every point; its exit code."""
    import hydra

    from saibench.config.locations import conf, register_studies

    if "--help" not in arguments:  # help lists every folder of the search path
        register_studies()
    sweep_flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    rest = [argument for argument in arguments if argument not in sweep_flags]
    sys.argv = [sys.argv[0], *sweep_flags, *rest]  # argparse wants flags before overrides
    try:
        hydra.main(version_base="1.3", config_path=str(conf()), config_name=config_name)(task)()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _concluded(points: list[Point], status: int) -> int:
    """Report every study that the command touched; the worst status of all."""
    from saibench.runs.study import conclude

    studies: dict[Path, list[Point]] = {}
    for point in points:
        studies.setdefault(point.study, []).append(point)
    return max([status, *(conclude(group) for group in studies.values())])


def _evaluate(arguments: Sequence[str]) -> int:
    from saibench.config.compose import compose_command, runs_points

    if runs_points(arguments):
        from saibench.runs.retest import check_retest

        for config in compose_command("evaluate", arguments).points:
            check_retest(config)
    return _hydra("evaluate", evaluate_point, arguments)


def evaluate_point(config: DictConfig) -> None:
    """Hydra's task function: test one trained point on further partitions."""
    from saibench.runs.retest import retest_point

    retest_point(config)


def _commands(arguments: Sequence[str]) -> int:
    from saibench.commands import COMMANDS

    parser = argparse.ArgumentParser(
        prog="saibench", description="Reports, data and panels of saibench's studies."
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    return options.run(options)
