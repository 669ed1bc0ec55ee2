"""Entry points. Heavy imports wait for the command that needs them."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from saibench.errors import NotHeldByData, PartFailed, UserError
from saibench.home import ensure_home
from saibench.imports.own_names import word_of_one_command
from saibench.printable import printable

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from saibench.config.compose import Command
    from saibench.runs.execute import Outcome
    from saibench.runs.point import Point

FAILED = 1
USER_ERROR = 2
INTERRUPTED = 130


def train() -> None:
    """`python train.py …`, `saibench-train …`: train and test one point, or a sweep of them."""
    sys.exit(_guarded(_train))


def evaluate() -> None:
    """`python evaluate.py run=<point folder> …`: test trained points on further partitions."""
    sys.exit(_guarded(_evaluate))


def main() -> None:
    """`python -m saibench report | trust | studies | reproduce …`."""
    sys.exit(_guarded(_commands))


def _guarded(command: Callable[[Sequence[str]], int]) -> int:
    warnings.formatwarning = _one_sentence(warnings.formatwarning)
    try:
        ensure_home()
        with word_of_one_command():
            status = command(sys.argv[1:])
        sys.stdout.flush()
        return status
    except UserError as error:
        print(printable(str(error)), file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `--help | head`; what is left would fail to be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        from saibench.datamodules.downloads.disk import FORBIDDEN, FULL

        if error.errno not in (*FULL, *FORBIDDEN):
            raise
        where = "a file" if error.filename is None else error.filename
        print(f"{where} cannot be read or written: {error.strerror}.", file=sys.stderr)
        return USER_ERROR


def _one_sentence(otherwise: Callable[..., str]) -> Callable[..., str]:
    """How warnings are printed: saibench's own without the line of code that gives them."""

    def formatted(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
        if issubclass(category, PartFailed):
            return f"warning: {printable(str(message))}\n"
        return otherwise(message, category, *place, **line)

    return formatted


def _train(arguments: Sequence[str]) -> int:
    from saibench.config.compose import compose_command, runs_points
    from saibench.config.launch import show

    if not runs_points(arguments):
        show("train", arguments)
        return 0
    return train_points(compose_command("train", arguments))


def train_points(command: Command) -> int:
    """Bring all points of a command to completion and report their studies; the exit code.

    Raises:
        UserError: a point that cannot work; nothing is written.
    """
    from saibench.config.launch import launch
    from saibench.runs.stopping import STOP

    points = _checked_points(command)
    outcomes, interrupted = [], False
    with STOP.heard():
        try:
            outcomes = launch(command, train_point)
        except KeyboardInterrupt:  # what is done so far is on the disk
            interrupted = True
        except SystemExit:  # on_failure=stop
            pass
        except Exception:  # a worker that had not yet begun was ended by the signal
            if not STOP.is_made:
                raise
    if not command.multirun and outcomes:
        _refuse_alone(outcomes[0])
    if not (interrupted or STOP.is_made):
        return _concluded(points, outcomes)
    _concluded(points, outcomes, reports=False)  # a page may take longer than one is given
    print("Interrupted: the same command goes on from each run's last checkpoint.")
    return INTERRUPTED if STOP.number is None else 128 + STOP.number


def _checked_points(command: Command) -> list[Point]:
    """The points of a command, refused before anything is written if one of them cannot work.

    A sweep may hold points that its data cannot, but not only such points.
    """
    from saibench.config.check import check_point, refuse_if_none_is_held
    from saibench.config.content import identified
    from saibench.runs.point import Point

    points, not_held = [], []
    for config in command.points:
        try:
            check_point(config)
        except NotHeldByData as error:
            not_held.append(error)
        directory = config.hydra.sweep.dir if command.multirun else config.hydra.run.dir
        points.append(Point(identified(config), Path(directory).absolute()))
    refuse_if_none_is_held(len(points), not_held)
    _refuse_twins(points)
    return points


def _refuse_twins(points: Sequence[Point]) -> None:
    """Side by side, the second of two equal points would find its folder busy."""
    seen = set()
    for point in points:
        if point.folder in seen:
            raise UserError(
                f"two points of this sweep are one, {point.name}: what they differ in, if in "
                "anything, cannot change a result, as a folder of equal data cannot. Give each "
                "point once."
            )
        seen.add(point.folder)


def train_point(config: DictConfig) -> Outcome:
    """Hydra's task function: one point of the command. It never raises for a failure.

    In a process of a pool it does not raise for an interrupt either: the pool would kill the
    others before they have saved what they trained.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from saibench.config.check import take_word
    from saibench.config.content import identified
    from saibench.evidence.run_record import COMPLETE, NOT_APPLICABLE
    from saibench.runs.execute import execute
    from saibench.runs.point import Point
    from saibench.runs.stopping import STOP

    point = Point(identified(config), Path(HydraConfig.get().runtime.output_dir))
    take_word(point.settings)  # a launcher's worker is another process
    sweeps = HydraConfig.get().mode == RunMode.MULTIRUN
    done = execute if STOP.is_heard else _executed_in_pool
    outcome = done(point, keep_refused=sweeps)
    if sweeps and config.on_failure == "stop" and outcome.state not in (COMPLETE, NOT_APPLICABLE):
        raise SystemExit(FAILED)  # Hydra goes on after any Exception
    return outcome


def _executed_in_pool(point: Point, keep_refused: bool) -> Outcome:
    from saibench.evidence.run_record import STOPPED
    from saibench.runs.execute import Outcome, execute
    from saibench.runs.stopping import STOP
    from saibench.runs.study import NOT_RUN

    with STOP.heard_in_worker():
        if STOP.is_made:
            return Outcome(point.folder, NOT_RUN)
        try:
            return execute(point, keep_refused=keep_refused)
        except KeyboardInterrupt:
            return Outcome(point.folder, STOPPED)


def _refuse_alone(outcome: Outcome) -> None:
    """What a sweep lists and passes over is an error for a point that was asked for alone."""
    if outcome.is_users:
        raise UserError(outcome.cause)


def _concluded(points: Sequence[Point], outcomes: Sequence[Outcome], reports: bool = True) -> int:
    """List, and report, every study that the command touched; the worst status of all."""
    from saibench.runs.point import Point
    from saibench.runs.study import conclude

    if outcomes:  # where the points are in truth: a folder may be named by the clock
        folders = [outcome.folder for outcome in outcomes]
        points = [Point(p.settings, f.parent) for p, f in zip(points, folders, strict=True)]
    by_folder = {outcome.folder: outcome for outcome in outcomes}
    studies: dict[Path, list[Point]] = {}
    for point in points:
        studies.setdefault(point.study, []).append(point)
    return max(conclude(group, by_folder, reports) for group in studies.values())


def _evaluate(arguments: Sequence[str]) -> int:
    from saibench.config.compose import compose_command, runs_points
    from saibench.config.launch import launch, show

    if not runs_points(arguments):
        show("evaluate", arguments)
        return 0
    from saibench.runs.retest import check_retest
    from saibench.runs.study import report

    command = compose_command("evaluate", arguments)
    for config in command.points:
        check_retest(config)
    outcomes = launch(command, evaluate_point)
    if not command.multirun:
        _refuse_alone(outcomes[0])
    failures = [outcome for outcome in outcomes if outcome.cause is not None]
    for outcome in failures:
        print(printable(f"{outcome.folder}: {outcome.cause}"), file=sys.stderr)
    reported = [report(study) for study in dict.fromkeys(o.folder.parent for o in outcomes)]
    return 0 if all(reported) and not failures else FAILED


def evaluate_point(config: DictConfig) -> Outcome:
    """Hydra's task function: test one trained point on further partitions."""
    from saibench.runs.retest import retest_point

    return retest_point(config)


class _OneSentence(argparse.ArgumentParser):
    """A parser that answers a mistake as all of saibench does, not with how it is used as well."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message.rstrip('.')}; {self.prog} --help says what would work.")


def _commands(arguments: Sequence[str]) -> int:
    from saibench.commands import COMMANDS
    from saibench.commands.config_dir import use_config_dir

    parser = _OneSentence(
        prog="saibench",
        description="Reports, trusted ranges, data and panels of saibench's studies.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    use_config_dir(options)
    return options.run(options)
